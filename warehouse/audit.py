"""The audit schema: what the auditors' file holds beyond copies, as entries of the dictionary.

Belongs here: tables, views and macros of the schema `audit`, with their columns in Chinese and English; the words they explain codes
with. Does not belong here: how the file is made (`snapshot`), the queries themselves (`sql/snapshot`), what exists in the warehouse
(`tables`). Nothing here exists in the warehouse.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from warehouse import counting, forms, tables
from warehouse.model import Column, Table
from warehouse.tables import AGENCY, CELL_ID, FILE_ID, KEY, ROW_NO, RULE, SHEET, SUBJECT, VERSION, YEAR

_NAME = Column("agency_name", "text", "机关名称", "name of the organ")
_CURRENT = Column("is_current", "boolean", "是否现行发布的版本", "whether it is the version in force")
_LABEL = Column("label", "text", "单元格名称", "where the cell stands, in Chinese")
_UNIT = Column("unit", "text", "计量单位", "unit of the value")
_VALUE = Column("value", "amount", "数值；缺数据来源时为空，不是零", "value; null when a source is missing, never zero")
_RECORDS = Column("records", "integer", "计入的记录数", "number of records behind it")
_SOURCE = Column("source", "text", "来源名称（gouji.toml）", "source name in the configuration")
_PATH = Column("path", "text", "文件（相对于来源的路径）", "file, relative to the root of the source")
_AMOUNT = Column("amount", "amount", "计入的数量", "what the record adds to the cell")
_PLACE = Column("place", "text", "去处代码", "place")

_CELL = (CELL_ID, _LABEL, _VALUE, _UNIT, _RECORDS)
_BEHIND = (CELL_ID, _LABEL, SUBJECT, KEY, _SOURCE, _PATH, SHEET, ROW_NO, _AMOUNT)


def _described(table: str, *names: str) -> tuple[Column, ...]:
    """Columns as the warehouse's own dictionary describes them."""
    found = {c.name: c for c in {**tables.TABLES, **tables.VIEWS}[table].columns}
    return tuple(found[name] for name in names)


def _rows(place: str, zh: str) -> Column:
    return Column(place, "integer", f"{zh}的行数", f"rows that are {place}")


TABLES: Mapping[str, Table] = MappingProxyType({t.full_name: t for t in (
    Table(
        "audit", "cell_names", "表样单元格的名称和单位", "names and units of the cells of the forms",
        "one cell of one form", ("format", "cell_id"), (
            Column("format", "text", "表样版本", "version of the statutory form"), CELL_ID, _LABEL, _UNIT,
            Column("law", "text", "依据", "provision it follows from"),
        ),
    ),
    Table(
        "audit", "reasons", "代码的含义：去处、规则、退回和没有取全的原因", "what codes of places, rules, rejections and loads mean",
        "one code", ("kind", "code"), (
            Column("kind", "text", "place 去处、rule 去处的规则、rejection 退回的原因、load 没有取全的原因", "what has the code"),
            Column("code", "text", "代码", "code"), Column("meaning", "text", "含义", "meaning in Chinese"),
            Column("law", "text", "依据", "provision or contract it follows from"),
            Column("place", "text", "规则所属的去处", "place a rule leads to"),
        ),
    ),
    Table(
        "audit", "dictionary", "本文件的字典：每一张表、每一个视图的每一栏", "every column of this file",
        "one column", ("table_name", "column_name"), (
            Column("table_name", "text", "表或视图", "table or view"),
            Column("table_comment", "text", "表的含义", "meaning of the table"),
            Column("is_view", "boolean", "是否视图", "whether it is a view"),
            Column("position", "integer", "第几栏", "position of the column"),
            Column("column_name", "text", "栏目", "column"), Column("type", "text", "DuckDB 类型", "DuckDB type"),
            Column("comment", "text", "栏目的含义", "meaning of the column"),
        ),
    ),
)})  # fmt: skip

# In the order in which they build on each other.
VIEWS: Mapping[str, Table] = MappingProxyType({t.full_name: t for t in (
    Table(
        "audit", "versions", "已发布的各版本", "published versions", "one published version", ("agency", "year", "version"), (
            AGENCY, _NAME, YEAR, VERSION, *_described("report.publications", "published_at"),
            *_described("report.versions", "as_of"), _CURRENT,
            *_described("report.versions", "format", "made_at", "cells_changed", "evidence_changed", "content_sha256",
                        "inputs_sha256", "settings_sha256", "code_version", "rules_version"),
            *_described("report.publications", "folder", "manifest_sha256"),
        ),
    ),
    Table(
        "audit", "cell_history", "各发布版本的单元格", "cells of every published version",
        "one cell of one published version", ("agency", "year", "version", "cell_id"),
        (AGENCY, _NAME, YEAR, VERSION, _CURRENT, *_CELL),
    ),
    Table(
        "audit", "cells", "现行发布版本的单元格", "cells of the versions in force",
        "one cell of one report", ("agency", "year", "cell_id"), (AGENCY, _NAME, YEAR, VERSION, *_CELL),
    ),
    Table(
        "audit", "evidence_history", "各发布版本的依据：哪条记录计入哪格", "which record feeds which cell, in every published version",
        "one record in one cell of one published version", ("agency", "year", "version", "cell_id", "source", "path", "row_no"),
        (AGENCY, _NAME, YEAR, VERSION, _CURRENT, *_BEHIND),
    ),
    Table(
        "audit", "evidence", "现行发布版本的依据：哪条记录计入哪格", "which record feeds which cell, in the versions in force",
        "one record in one cell of one report", ("agency", "year", "cell_id", "source", "path", "row_no"),
        (AGENCY, _NAME, YEAR, VERSION, *_BEHIND),
    ),
    Table(
        "audit", "ledger", "台账：每一落地行在每份报告中的去处和原因（访问日志除外）", "where every landed row went and why; no log lines",
        "one landed row in one report", ("agency", "year", "source", "path", "row_no"), (
            AGENCY, _NAME, YEAR, SUBJECT, KEY, _SOURCE, _PATH, SHEET, ROW_NO, _PLACE, RULE,
            Column("reason", "text", "原因：去处或规则的含义", "meaning of rule or place"),
            *_described("core.quarantine", "field", "value"),
            Column("instead_path", "text", "被取代或重复的，以哪个文件的行为准", "file of the row that counts instead"),
            Column("instead_row_no", "integer", "被取代或重复的，以哪一行为准", "number of the row that counts instead"),
        ),
    ),
    Table(
        "audit", "ledger_balance", "台账合计：各来源读到多少行，各去了哪里，相差应为零", "rows read and placed per source; no difference",
        "one report, source and kind of record", ("agency", "year", "source", "subject"), (
            AGENCY, _NAME, YEAR, _SOURCE, SUBJECT,
            Column("rows_read", "integer", "读取器数出的行数", "rows as counted by the reader"),
            _rows("counted", "计入"), _rows("pending", "未办结"), _rows("out_of_scope", "不属本报告"), _rows("superseded", "已被取代"),
            _rows("duplicate", "重复"), _rows("quarantined", "隔离"),
            Column("difference", "integer", "相差的行数；应为 0", "rows without a place; must be 0"),
        ),
    ),
    Table(
        "audit", "findings", "核查发现（也包括对尚未发布的草稿的）", "findings, those on drafts included", "one finding", ("finding_id",), (
            *_described("report.findings", "agency"), _NAME, *_described("report.findings", "year", "version", "rule", "severity"),
            Column("severity_zh", "text", "程度：严重、提醒、说明", "severity in Chinese"),
            *_described("report.findings", "subject", "source", "path", "sheet", "row_no", "record_key", "cell_id", "field", "expected",
                        "actual", "difference", "records", "detail", "message", "finding_id"),
        ),
    ),
    Table(
        "audit", "sources", "交来的文件：落地的、退回的、内容相同的", "files handed over",
        "one file content, or one byte range of a log", ("file_id",), (
            FILE_ID, AGENCY, _NAME, *_described("report.sources", "source", "subject", "path", "state", "reason"),
            Column("reason_zh", "text", "退回原因", "why it was rejected, in Chinese"),
            *_described("report.sources", "sha256", "bytes", "landed_at", "sheet", "rows_read"),
            Column("ignored_why", "text", "经办人搁置的理由", "why a clerk set it aside"),
            Column("ignored_until", "date", "搁置到哪天（含）", "last day of it"),
        ),
    ),
)})  # fmt: skip

# The same as the histories, asked by organ, year and version. Only in the file itself: a macro of an attached file finds no table.
# The parameters are not named like the columns, which a macro could not tell apart.
MACROS: Mapping[str, tuple[str, str]] = MappingProxyType({
    f"audit.{name}_at": (f"{zh}；参数：机关代码、年度、版本", f"SELECT * FROM audit.{history} AS h "
                         "WHERE h.agency = of_agency AND h.year = of_year AND h.version = of_version")
    for name, zh, history in (("cells", "某一发布版本的单元格", "cell_history"), ("evidence", "某一发布版本的依据", "evidence_history"))
})  # fmt: skip

# Columns of the judged views, which follow from queries and have no entry of their own.
JUDGED: Mapping[str, str] = MappingProxyType({
    **{c.name: c.comment for c in (AGENCY, YEAR, FILE_ID, ROW_NO, RULE)},
    "place": "去处", "is_open": "年末是否未办结", "marks": "满足的计数条件", "class": "计数类别（表样的列）", "amount": "计入的数量",
})  # fmt: skip

_REJECTIONS = {
    "empty_file": "文件是空的（0 字节）",
    "unsupported_type": "后缀不是 .xlsx、.xls、.csv、.json",
    "too_large": "超过配置的上限，或解压后异常地大",
    "unreadable": "打不开",
    "not_xlsx": "名为工作簿，内容不是工作簿",
    "corrupt_xlsx": "工作簿已损坏、加了密码，或有没有计算结果的公式",
    "date_1904": "工作簿使用 1904 日期系统",
    "bad_encoding": "不是 UTF-8、UTF-16 或 GB18030 文字",
    "malformed_csv": "引号不成对，无法分栏",
    "truncated_json": "JSON 不完整",
    "not_records": "JSON 不是记录的数组",
    "error_envelope": "平台返回的是错误，不是数据",
    "missing_key_column": "没有键的栏目",
    "duplicate_column": "两个栏目表示同一字段",
    "bad_parquet": "不是完整、有效的 Parquet 文件，或其中有不是文字的栏目",
    "corrupt_gzip": "日志的压缩包不完整或已损坏",
    "not_a_log": "日志不是文本",
    "symlink": "是链接，不是文件本身",
    "outside": "是通向来源文件夹之外的链接",
    "not_a_file": "不是普通文件（管道、设备等）",
    "bad_name": "名称里有换行等不可见字符",
    "archive_unsupported": "不支持的压缩包，只收普通 zip",
    "archive_unreadable": "压缩包打不开（权限或存放位置）",
    "archive_broken": "压缩包没有传完或已损坏",
    "archive_encrypted": "压缩包有密码",
    "archive_method": "压缩包用了 Deflate 以外的压缩方式",
    "archive_too_many": "压缩包里的文件太多",
    "archive_too_large": "压缩包解开后太大",
    "archive_ratio": "压缩比异常，疑似压缩炸弹",
    "archive_unsafe_name": "压缩包里有指向包外的路径",
    "archive_link": "压缩包里有链接或其他特殊文件",
    "archive_duplicate": "压缩包里有两个名称相同的文件",
    "archive_nested": "压缩包里还有压缩包",
    "archive_member_too_large": "压缩包里的这个文件解开后超过上限",
    "archive_without_records": "压缩包里没有名称符合配置的文件",
}
# Why a load is not whole. A page or part may be refused for what a file may be rejected for as well.
_LOADS = {
    "no_secret": "令牌、密码或密钥没有设好，没有登录",
    "bad_token": "令牌里有空白、换行或非 ASCII 字符",
    "unauthorized": "令牌、账号、密码或密钥不被接受",
    "forbidden": "没有读取的权限",
    "bad_address": "配置中的地址或路径写得不对",
    "not_found": "没有这个地址、文件夹、表或视图",
    "bad_request": "平台不接受这样的请求",
    "host_key_mismatch": "SFTP 服务器的公钥没有登记，或与登记的不一致",
    "tls_error": "HTTPS 证书无法验证",
    "redirect_elsewhere": "平台要求转到另一个地址，没有照办",
    "too_many_redirects": "平台反复转向",
    "no_driver": "数据库驱动没有安装",
    "connection_failed": "连接不上，或连接中途断开",
    "connection_lost": "取数途中连接中断",
    "timeout": "没有在规定时间内回答",
    "too_slow": "一页没有在规定时间内传完",
    "rate_limited": "平台要求放慢，放慢后仍不接受",
    "server_error": "平台出错",
    "error_code": "平台返回错误码，不是数据",
    "error_envelope": "平台返回的是错误，不是数据",
    "not_json": "返回的不是约定的 JSON",
    "not_records": "返回的不是记录的数组",
    "truncated_json": "返回的 JSON 不完整或无效",
    "bad_encoding": "返回的文字编码不对",
    "empty_file": "取到的一份是空的（0 字节）",
    "bad_parquet": "留存的一份不是完整、有效的 Parquet 文件",
    "no_total": "平台没有给出总条数，无法核对",
    "total_changed": "取数过程中总条数变了",
    "fewer_rows": "取到的比来源所说的少",
    "more_rows": "取到的比来源所说的多",
    "rows_lost": "读出来的与来源所说的不相等",
    "overtaken": "取数期间另一次运行已落地了较新的数据",
    "rows_moved": "同一记录出现在不同的页上，可能有记录漏取",
    "duplicate_page": "某一页与前面一页完全相同",
    "empty_page": "中间有空页",
    "too_many_pages": "页数超过上限",
    "page_too_large": "一页超过上限",
    "too_large": "取到的一份超过单个文件的上限",
    "missing_key_column": "没有键的栏目",
    "duplicate_column": "两个栏目表示同一字段",
    "missing_order_column": "没有配置中用来排序的栏目",
    "unreadable_column": "有读不成文字的栏目或值",
    "unreadable_folder": "文件夹读不了",
    "database_error": "数据库报错",
}


@cache
def words() -> Mapping[str, list[tuple[str | None, ...]]]:
    """Table of the audit schema that is filled from the code → its rows."""
    names: list[tuple[str | None, ...]] = [(form.id, c.id, c.label, c.unit, c.law) for form in forms.every() for c in form.cells.values()]
    reasons: list[tuple[str | None, ...]] = [("place", code, zh, "数据约定 5", code) for code, zh in counting.places().items()]
    reasons += [("rule", r.id, r.zh, r.law, r.place) for r in counting.rules().values()]
    reasons += [("rejection", code, zh, "数据约定 6.7", None) for code, zh in _REJECTIONS.items()]
    reasons += [("load", code, zh, "数据约定 5", None) for code, zh in _LOADS.items()]
    return MappingProxyType({"audit.cell_names": names, "audit.reasons": reasons})
