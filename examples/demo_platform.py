"""An enforcement platform to try things out on: it serves the records of a drop page by page and breaks on demand.

Belongs here: the platform's side of the contract (paging, token, envelope) and every way in which a platform fails, as a switch. Does not
belong here: anything of the job; this file needs the standard library alone.

    python examples/demo_platform.py RECORDS [--port 8088] [--token-env NAME | --token TOKEN] [--fault NAME] [--tls CERT KEY]

RECORDS is a folder with `rest/<subject>/page-N.json`, or with `enforcement/<subject>-….json` (arrays). Records are held as the bytes
that are sent, so that a page is a join. Listens on the loopback address unless told otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import ssl
import struct
import sys
import threading
import time
import unicodedata
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

FAULTS = {
    "none": "一切正常",
    "timeout": "收到请求后不回答",
    "reset": "内容传到一半，连接被重置",
    "slow_body": "内容一点一点地传，总也传不完",
    "401": "不接受令牌（HTTP 401）",
    "403": "没有权限（HTTP 403）",
    "404": "没有这个地址（HTTP 404）",
    "429": "要求放慢（HTTP 429，带 Retry-After）",
    "500": "内部错误（HTTP 500）",
    "503": "暂停服务（HTTP 503）",
    "error_code": "HTTP 200，但返回码不是 0",
    "html": "HTTP 200，但内容是登录页",
    "truncated": "内容只有一半",
    "invalid_json": "内容不是有效的 JSON",
    "wrong_charset": "声明 UTF-8，实为 GB18030",
    "invalid_bytes": "内容里有不成文字的字节",
    "total_changes": "总条数每次都不同",
    "rows_move": "翻页时后面的记录挪到了前面",
    "duplicate_page": "给出的是前一页",
    "empty_page": "给出空页",
    "fewer_rows": "末页少一条",
    "more_rows": "末页之后还有一条",
    "ignores_page_size": "不理会要求的每页条数",
    "caps_page_size": "每页条数有上限",
    "endless": "总有下一页",
    "redirect_elsewhere": "转向另一个端口，该端口记录是否收到令牌",
    "redirect_same": "转向本机的另一个路径",
    "redirect_loop": "转来转去",
    "clock_skew": "平台的时钟快一天",
    "no_total": "不给总条数",
}

_DATE = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?"
    r"(?:[T\s]*(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?"
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2}))?()")
_LOCAL = timezone(timedelta(hours=8))
_UPDATED = ("GXSJ", "updatedAt")
_KEYS = ("CF_WSH", "XK_WSH", "QZ_WSH", "raninsTaskId")
_STEADY = 1000  # rows of a page that ignores what was asked for


def instant(text: Any) -> datetime | None:
    """An update time as an instant, None where it cannot be read; without zone it is Asia/Shanghai."""
    clean = unicodedata.normalize("NFKC", str(text or "")).strip()
    if re.fullmatch(r"\d{5}(\.\d+)?", clean):  # a day number of Excel
        return datetime(1899, 12, 30, tzinfo=_LOCAL) + timedelta(days=float(clean))
    found = _DATE.fullmatch(clean) or _COMPACT.fullmatch(clean)
    if not found:
        return None
    *parts, zone = found.groups()
    try:
        return datetime.fromisoformat(
            "{}-{:0>2}-{:0>2}T{:0>2}:{}:{}".format(*(part or "00" for part in parts)) + (zone or "+08:00").replace("Z", "+00:00")
        )
    except ValueError:
        return None


class Records:
    """The records of one subject, in order, as the bytes that are sent."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = [_bytes(row) for row in rows]
        self._updated = [instant(next((row[name] for name in _UPDATED if name in row), None)) for row in rows]
        extra = rows[0] if rows else {}
        self.surplus = _bytes({name: f"{value}之外" if name in _KEYS else value for name, value in extra.items()})
        self.since = lru_cache(maxsize=4)(self._since)

    def _since(self, since: datetime | None) -> list[bytes]:
        """The records that changed then or later, and those whose time cannot be read."""
        if since is None:
            return self.rows
        return [row for row, at in zip(self.rows, self._updated, strict=True) if at is None or at >= since]


def _bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def read_records(folder: Path) -> tuple[dict[str, Records], list[str]]:
    """Subject → records of a drop; and the files of it that are no whole JSON, as a drop may have on purpose."""
    found: dict[str, list[dict[str, Any]]] = {}
    broken = []
    pages = sorted(folder.glob("rest/*/page-*.json"), key=lambda page: (page.parent.name, int(page.stem.partition("-")[2])))
    for page in pages:
        found.setdefault(page.parent.name, []).extend(json.loads(page.read_bytes())["data"]["rows"])
    for file in [] if pages else sorted(folder.glob("enforcement/*.json")):
        try:
            rows = json.loads(file.read_bytes())
        except ValueError:
            broken.append(file.name)
        else:
            found.setdefault(file.stem.partition("-")[0], []).extend(rows)
    return {subject: Records(rows) for subject, rows in found.items()}, broken


@dataclass
class Fault:
    """The switch: which fault, how many requests it still hits (None: all), on which page alone (None: any)."""

    name: str = "none"
    times: int | None = None
    page: int | None = None
    hits: int = 0


@dataclass
class Reply:
    """What is sent: status, body, headers; then the ways of sending it badly."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    type: str = "application/json; charset=utf-8"
    badly: str | None = None


@dataclass(frozen=True)
class Asked:
    """A request for a page."""

    subject: str
    page: int
    size: int
    query: str
    rows: list[bytes]
    surplus: bytes

    @property
    def last(self) -> int:
        """Number of the last page."""
        return max(1, -(-len(self.rows) // self.size))


class Platform:
    """The platform in a thread of its own; a context manager. Port 0 takes any free one.

    `stall` is for how many seconds a fault of time goes on, `trickle` the pause between two bytes of a slow body, `retry_after` what 429
    and 503 ask for, `cap` the most rows of a page under `caps_page_size`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 8088,
        host: str = "127.0.0.1",
        token: str | None = None,
        tls: tuple[Path, Path] | None = None,
        fault: str = "none",
    ) -> None:
        self.records, self.broken = read_records(folder)
        self.token, self.tls = token, tls
        self.stall, self.trickle, self.retry_after, self.cap = 60.0, 0.05, "1", 20
        self.requests: deque[str] = deque(maxlen=10_000)  # the parameters of the last ones
        self.connections = 0
        self.elsewhere = {"requests": 0, "authorized": 0}
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._shift = 0
        self.set_fault(fault)
        self._servers = [_Server((host, port), self, _Pages), _Server((host, 0), self, _Elsewhere)]
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._servers[0].tls = context
        self.url = f"{'https' if tls else 'http'}://{host}:{self._servers[0].server_port}"
        self.elsewhere_url = f"http://{host}:{self._servers[1].server_port}"
        self._threads = [threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True) for server in self._servers]

    def start(self) -> Self:
        """Serve until `stop`."""
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """End every connection and give the ports back."""
        self.stopping.set()
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def set_fault(self, name: str, times: int | None = None, page: int | None = None) -> None:
        """Set the one fault that is in force; `none` clears.

        Raises:
            KeyError: there is no such fault.
        """
        if name not in FAULTS:
            raise KeyError(name)
        with self._lock:
            self.fault, self._shift = Fault(name, times, page), 0

    def hit(self, asked: Asked) -> Fault:
        """The fault that hits this request, with the how manyth it is; `none` where it does not."""
        with self._lock:
            fault = self.fault
            if fault.times == 0 or not _hits(fault, asked):
                return Fault()
            fault.hits += 1
            if fault.times is not None:
                fault.times -= 1
            if fault.name == "rows_move":
                self._shift += 1
            return Fault(fault.name, hits=fault.hits)

    def reply(self, asked: Asked) -> Reply:
        """The answer to a request for a page, with the fault that hits it."""
        fault = self.hit(asked)
        if fault.name in _WHOLE:
            return _WHOLE[fault.name](self, asked)
        reply = self.page(asked, fault)
        return _CONTENT[fault.name](self, reply) if fault.name in _CONTENT else reply

    def page(self, asked: Asked, fault: Fault) -> Reply:
        """A page in its envelope."""
        rows, size, page, told = asked.rows, asked.size, asked.page, len(asked.rows)
        if self._shift and rows:
            turned = self._shift % len(rows)
            rows = rows[-turned:] + rows[:-turned]
        size = {"ignores_page_size": _STEADY, "caps_page_size": min(size, self.cap)}.get(fault.name, size)
        page = max(page - 1, 1) if fault.name == "duplicate_page" else page
        rows = rows[(page - 1) * size : page * size]
        if fault.name == "fewer_rows":
            rows = rows[:-1]
        elif fault.name == "more_rows":
            rows = [*rows, asked.surplus]
        elif fault.name == "empty_page":
            rows = []
        elif fault.name == "endless":
            rows, told = rows or [asked.surplus.replace("之外".encode(), f"之外{page}".encode())], 1_000_000
        elif fault.name == "total_changes":
            told += fault.hits
        total = b"" if fault.name == "no_total" else b'"total":%d,' % told
        head = b'{"code":0,"msg":"ok","data":{%s"pageNum":%d,"pageSize":%d,"rows":[' % (total, asked.page, size)
        return Reply(head + b",".join(rows) + b"]}}")


def _hits(fault: Fault, asked: Asked) -> bool:
    """Whether a request is one that the fault can show on: a row that is missing shows on the last page, and so on."""
    if fault.name == "none" or fault.page not in (None, asked.page):
        return False
    if fault.name in ("rows_move", "duplicate_page"):
        return 1 < asked.page <= asked.last
    if fault.name == "fewer_rows" and fault.page is None:
        return asked.page == asked.last
    if fault.name == "more_rows" and fault.page is None:
        return asked.page == asked.last + 1
    return fault.name != "empty_page" or asked.page <= asked.last


def _status(status: int, **headers: str) -> Callable[[Platform, Asked], Reply]:
    return lambda platform, _: Reply(b'{"code":%d,"msg":"","data":null}' % status, status, headers)


def _busy(status: int) -> Callable[[Platform, Asked], Reply]:
    return lambda platform, asked: _status(status, **{"Retry-After": platform.retry_after})(platform, asked)


def _redirect(to: Callable[[Platform, Asked], str]) -> Callable[[Platform, Asked], Reply]:
    return lambda platform, asked: Reply(status=302, headers={"Location": to(platform, asked)})


def _changed(change: Callable[[bytes], bytes], **how: str) -> Callable[[Platform, Reply], Reply]:
    return lambda _, reply: Reply(change(reply.body), **how)  # type: ignore[arg-type]


def _with_rubbish(body: bytes) -> bytes:
    middle = body.index(b'"ok"') + 1
    return body[:middle] + b"\xff\xfe" + body[middle:]


# Faults that take the place of the page.
_WHOLE: dict[str, Callable[[Platform, Asked], Reply]] = {
    "timeout": lambda platform, asked: Reply(badly="timeout"),
    "401": _status(401),
    "403": _status(403),
    "404": _status(404),
    "429": _busy(429),
    "500": _status(500),
    "503": _busy(503),
    "error_code": lambda platform, asked: Reply('{"code":"A0500","msg":"系统繁忙，测试甲 13800000000","data":null}'.encode()),
    "html": lambda platform, asked: Reply("<!doctype html><title>登录</title>".encode(), type="text/html; charset=utf-8"),
    "redirect_elsewhere": _redirect(lambda platform, asked: f"{platform.elsewhere_url}/{asked.subject}?{asked.query}"),
    "redirect_same": _redirect(lambda platform, asked: f"/-/moved/{asked.subject}?{asked.query}"),
    "redirect_loop": _redirect(lambda platform, asked: f"/{asked.subject}?{asked.query}"),
}
# Faults that spoil the bytes of the page, or how they are sent.
_CONTENT: dict[str, Callable[[Platform, Reply], Reply]] = {
    "reset": _changed(bytes, badly="reset"),
    "slow_body": _changed(bytes, badly="slow_body"),
    "truncated": _changed(lambda body: body[: len(body) // 2]),
    "invalid_json": _changed(lambda body: body[:-1] + b",}"),
    "wrong_charset": _changed(lambda body: body.decode().encode("gb18030")),
    "invalid_bytes": _changed(_with_rubbish),
    "clock_skew": lambda platform, reply: Reply(reply.body, headers={"Date": format_datetime(datetime.now(UTC) + timedelta(days=1), True)}),
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], platform: Platform, handler: type[BaseHTTPRequestHandler]) -> None:
        self.platform = platform
        self.tls: ssl.SSLContext | None = None
        super().__init__(address, handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.platform.connections += 1
        if self.tls:  # the handshake belongs to the connection's own thread
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up or trusts no certificate is no error of the platform."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """What both ports share: HTTP/1.1 with kept connections, each answer in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""

    def send(self, reply: Reply) -> None:
        """Send head and body."""
        self.send_response_only(reply.status)
        headers = {"Date": self.date_time_string(), "Content-Type": reply.type, "Content-Length": str(len(reply.body))}
        for name, value in (headers | reply.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)
        self.wfile.flush()


class _Elsewhere(_Handler):
    """The other port: a token must never arrive here."""

    def do_GET(self) -> None:  # noqa: N802 - the name is the protocol's
        """Answer as if all were well, and note whether a token came along."""
        seen = self.server.platform.elsewhere
        seen["requests"] += 1
        seen["authorized"] += "Authorization" in self.headers
        self.send(Reply(b'{"code":0,"msg":"ok","data":{"total":0,"pageNum":1,"pageSize":1,"rows":[]}}'))


class _Pages(_Handler):
    """The platform's port."""

    def do_GET(self) -> None:  # noqa: N802 - the name is the protocol's
        """Pages below `/<subject>`, switches below `/-/`."""
        url = urlsplit(self.path)
        platform, name = self.server.platform, url.path.strip("/")
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        if name == "-/faults":
            self.send(Reply(_bytes({"faults": FAULTS, "fault": vars(platform.fault)})))
        elif name == "-/elsewhere":
            self.send(Reply(_bytes(platform.elsewhere)))
        elif platform.token and self.headers.get("Authorization") != f"Bearer {platform.token}":
            self.send(Reply(b'{"code":401,"msg":"","data":null}', 401, {"WWW-Authenticate": "Bearer"}))
        else:
            self._send_page(name.removeprefix("-/moved/"), url.query, query, is_moved=name.startswith("-/moved/"))

    def do_POST(self) -> None:  # noqa: N802 - the name is the protocol's
        """`/-/fault/NAME` sets a fault."""
        url = urlsplit(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        numbers = {key: int(values[-1]) for key, values in parse_qs(url.query).items() if values[-1].isdigit()}
        name = url.path.removeprefix("/-/fault/")
        if name not in FAULTS:
            self.send(Reply(_bytes({"error": "没有这种故障，见 GET /-/faults"}), 404))
            return
        self.server.platform.set_fault(name, numbers.get("times"), numbers.get("page"))
        self.send(Reply(_bytes({"fault": name, "explained": FAULTS[name]})))

    def _send_page(self, subject: str, text: str, query: dict[str, str], is_moved: bool) -> None:
        platform = self.server.platform
        asked = _asked(platform.records, subject, text, query)
        platform.requests.append(text)
        if isinstance(asked, Reply):
            self.send(asked)
            return
        reply = platform.page(asked, Fault()) if is_moved else platform.reply(asked)
        if reply.badly is None:
            self.send(reply)
        else:
            self.close_connection = True
            getattr(self, f"_{reply.badly}")(reply)

    def _timeout(self, reply: Reply) -> None:
        self.server.platform.stopping.wait(self.server.platform.stall)

    def _reset(self, reply: Reply) -> None:
        self._head(reply)
        self.wfile.write(reply.body[: len(reply.body) // 2])
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())  # before the server says goodbye in good order

    def _slow_body(self, reply: Reply) -> None:
        platform, end = self.server.platform, time.monotonic() + self.server.platform.stall
        self._head(reply)
        for byte in reply.body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if time.monotonic() > end or platform.stopping.wait(platform.trickle):
                return

    def _head(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()


def _asked(records: dict[str, Records], subject: str, text: str, query: dict[str, str]) -> Asked | Reply:
    """A request for a page, or the refusal of one that is none."""
    if subject not in records:
        return Reply(b'{"code":404,"msg":"","data":null}', 404)
    page, size = query.get("pageNum", "1"), query.get("pageSize", "50")
    since = instant(query.get("updatedSince"))
    is_bad = not (page.isdigit() and size.isdigit() and int(page) and int(size)) or ("updatedSince" in query and since is None)
    if is_bad:
        return Reply(b'{"code":400,"msg":"","data":null}', 400)
    return Asked(subject, int(page), int(size), text, records[subject].since(since), records[subject].surplus)


def _told(platform: Platform, port_hint: str) -> Iterator[str]:
    yield f"演示平台在 {platform.url} 提供："
    yield from (f"  /{subject}  {len(records.rows)} 条" for subject, records in platform.records.items())
    yield from (f"  没有提供 {name}：不是完整的 JSON" for name in platform.broken)
    yield "参数：pageNum、pageSize、updatedSince" + ("；须带 Authorization: Bearer 令牌。" if platform.token else "；不需要令牌。")
    yield f"查看故障：curl {port_hint}{platform.url}/-/faults"
    yield f"制造故障：curl {port_hint}-X POST '{platform.url}/-/fault/500?times=2&page=1'（times 次数，page 页码，都可省略）"
    yield f"恢复正常：curl {port_hint}-X POST {platform.url}/-/fault/none"
    yield f"转向的去处是否收到过令牌：curl {port_hint}{platform.url}/-/elsewhere"
    yield from (f"  {name:<18} {text}" for name, text in FAULTS.items())
    yield "按 Ctrl+C 结束。"


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="演示平台：按页提供执法记录，并按需制造故障")
    parser.add_argument("records", type=Path, help="记录所在的目录（其中有 rest/ 或 enforcement/）")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8088)
    parser.add_argument("--token", help="要求的令牌")
    parser.add_argument("--token-env", metavar="NAME", help="存放令牌的环境变量")
    parser.add_argument("--fault", choices=FAULTS, default="none")
    parser.add_argument("--tls", nargs=2, type=Path, metavar=("CERT", "KEY"))
    told = parser.parse_args()
    token = os.environ.get(told.token_env) if told.token_env else told.token
    if told.token_env and not token:
        parser.error(f"环境变量 {told.token_env} 没有设置")
    tls = (told.tls[0], told.tls[1]) if told.tls else None
    try:
        platform = Platform(told.records, port=told.port, host=told.host, token=token, tls=tls, fault=told.fault)
    except OSError as error:
        parser.error(f"{told.host}:{told.port} 用不了（{error.strerror}）；请用 --port 换一个端口")
    if not platform.records:
        parser.error(f"{told.records} 里既没有 rest/<类别>/page-N.json，也没有 enforcement/<类别>-….json")
    with platform:
        print("\n".join(_told(platform, "-k " if tls else "")), flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("已结束。")


if __name__ == "__main__":
    main()
