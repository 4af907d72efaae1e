"""Every way in which a platform brings no whole answer: a reason code, its name, its sentence.

Belongs here: the codes and the words. Does not belong here: when one of them is the case (`rest_request.py`, `rest_page.py`, `rest.py`).

Nothing of a request or an answer gets into a sentence but counts, status and code: addresses carry parameters, and a platform's own
message may carry anything.
"""

from __future__ import annotations

from collections.abc import Mapping

from assets.sources.connector import Incomplete

# Reason → its name on a screen, and the sentence that says what happened and what to do.
_REASONS = {
    "timeout": ("平台没有回答", "平台没有在规定时间内回答（{how}）；请确认平台在运行、网络通畅，再重新取数。"),
    "connection_failed": ("连接不上", "连不上平台，或连接中途断开；请确认地址、端口和网络，再重新取数。"),
    "too_slow": ("传送太慢", "{seconds:g} 秒内没有传完；请把每页条数调小，或请平台方检查网络。"),
    "unauthorized": ("令牌不被接受", "平台不接受令牌（HTTP 401）；请检查令牌是否已配置、是否过期，换成有效的令牌。"),
    "bad_token": ("令牌写法不对", "令牌里有空白、换行或非 ASCII 字符，没有发出；请重新填写令牌。"),
    "forbidden": ("没有权限", "令牌没有取这类记录的权限（HTTP 403）；请向平台方申请权限。"),
    "not_found": ("地址不存在", "平台上没有这个地址（HTTP {status}）；请检查配置中的地址和路径。"),
    "bad_request": ("请求不被接受", "平台不接受这样的请求（HTTP {status}）；请检查配置中的路径和参数名称。"),
    "rate_limited": ("请求太密", "平台要求放慢（HTTP 429），放慢后仍不接受；请调大请求间隔，或换个时间取数。"),
    "server_error": ("平台故障", "平台出错（HTTP {status}）；请联系平台方，恢复后重新取数。"),
    "error_code": ("平台返回错误码", "平台返回错误码{code}，不是数据；请按平台的接口说明查明原因，再重新取数。"),
    "not_json": ("返回的不是数据", "返回的不是约定的 JSON（可能是登录页、提示页，或信封的写法与配置不同）；请检查地址、令牌和信封的配置。"),
    "truncated_json": ("数据不完整", "返回的 JSON 不完整或无效，可能没有传完；请重新取数，仍然如此请联系平台方。"),
    "bad_encoding": ("文字编码不对", "返回的文字不是所声明的编码，或含有无效字符；请平台方统一用 UTF-8 输出。"),
    "no_total": ("没有总条数", "平台没有给出总条数，无法核对是否取全；请检查配置中总条数的位置，或请平台方提供。"),
    "total_changed": ("总条数在变", "取数过程中总条数由 {before} 变为 {after}；请换个没有人录入的时间取数。"),
    "fewer_rows": ("条数不足", "平台说共有 {total} 条，只给出 {rows} 条；请平台方核对总条数与分页。"),
    "more_rows": ("条数超出", "平台说共有 {total} 条，给出的更多；请平台方核对总条数与分页。"),
    "duplicate_page": ("页面重复", "返回的内容与前面某一页完全相同；请检查页码参数的名称，或请平台方核对分页。"),
    "rows_moved": ("记录换页", "同一记录出现在不同的页上，可能有记录因此漏取；请平台方按固定顺序分页，或换个没有人录入的时间取数。"),
    "empty_page": ("中间有空页", "这一页是空的，而平台说共有 {total} 条，前面只有 {rows} 条；请平台方核对分页。"),
    "too_many_pages": ("页数太多", "页数超过上限 {pages}；请调大每页条数或页数上限，或请平台方核对总条数。"),
    "page_too_large": ("单页太大", "超过单页上限 {limit} 字节；请把每页条数调小，或调高上限。"),
    "redirect_elsewhere": ("转向别处", "平台要求转到另一个地址（HTTP {status}），令牌没有发过去；确认新地址可信后，请写进配置。"),
    "too_many_redirects": ("反复转向", "平台转向超过 {hops} 次；请检查配置中的地址，或联系平台方。"),
    "tls_error": ("证书不可信", "平台的 HTTPS 证书无法验证；请检查地址和证书有效期，使用自建 CA 时请在配置中写明 CA 证书文件。"),
    "bad_address": ("地址无效", "配置中的地址或路径写得不对（{what}）；请改正。"),
}

REASONS: Mapping[str, str] = {reason: name for reason, (name, _) in _REASONS.items()}
"""Reason code → Chinese short name, for a screen. A page may be refused for the reasons of `json_rows` as well."""


class Trouble(Exception):  # noqa: N818 - a verdict on one try, as Incomplete is on the load
    """A try that brought no page: why, whether the same request may do better, the seconds the platform asks to wait."""

    def __init__(self, reason: str, detail: str = "", *, again: bool = False, wait: float = 0, **told: object) -> None:
        super().__init__(reason)
        self.reason, self.again, self.wait = reason, again, wait
        self.detail = detail or _REASONS[reason][1].format(**told)

    def verdict(self, where: str) -> Incomplete:
        """The refusal of the load."""
        return Incomplete(self.reason, where + self.detail)
