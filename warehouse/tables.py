"""The dictionary: every table and column of the warehouse, once.

Belongs here: which tables exist, their columns, grain and key, in Chinese and English. DDL, Polars schemas, COMMENT ON,
`docs/dictionary.zh-CN.md` and Dagster's column metadata are all derived from it. Does not belong here: contract fields
(`subjects.py`), SQL that fills a table.

Layers: `raw` holds landed rows as text with where they stood, and is the restricted schema: personal data and free text
exist there and nowhere else. `core` holds typed rows without personal data, and what became of each. `report` holds
judgements, cells, evidence and findings, per agency and report year.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from warehouse.model import Column, Table
from warehouse.subjects import SUBJECTS, Field, Subject

AGENCY = Column("agency", "text", "填报机关统一社会信用代码", "credit code of the reporting organ that owns the source")
YEAR = Column("year", "integer", "报告年度", "report year, a calendar year in Asia/Shanghai")
VERSION = Column("version", "integer", "版本号（每一机关、年度从 1 起）", "version of a report, from 1 for each organ and year")
V_FROM = Column("v_from", "integer", "自哪一版起", "first version that has this row")
V_TO = Column("v_to", "integer", "到哪一版为止（不含）；空为至今", "first version that has it no more; null while it stands")
CELL_ID = Column("cell_id", "text", "单元格编号", "cell id")
SUBJECT = Column("subject", "text", "来源类别", "kind of record, a name of the source contracts")
FILE_ID = Column("file_id", "integer", "文件编号（见 raw.files）", "landed file the row stood in")
ROW_NO = Column("row_no", "integer", "行号（人在原文件中看到的行号）", "row number as a person sees it in the file")
SHEET = Column("sheet", "text", "工作表名", "sheet name, null outside spreadsheets")
KEY = Column("record_key", "text", "自然键（规范写法）", "natural key in normal form, parts joined by |")
UPDATED_AT = Column("updated_at", "instant", "更新时间（北京时间）", "last change at the source, Asia/Shanghai")
RULE = Column("rule", "text", "规则编号", "rule id")
SITE_PATH = Column("path", "text", "网址的路径（规范写法：已解码，不含主机名、查询串和首页文件名）", "path of the address: decoded, no host, query or index page")

# Core type of each contract kind. Personal data and free text have none: they never leave `raw`.
_CORE_TYPE = {"text": "text", "key": "text", "uscc": "text", "category": "text", "number": "amount", "date": "date", "instant": "instant"}
# Columns of a core table that are filled when the versions of a key are ranked, not when a row is cleaned.
VERSION_STATE = ("state", "is_conflicting", "conflicts_in_source", "is_latest_in_source", "ref_file_id", "ref_row_no")
_UNITS = {"fee_yuan": "元", "amount_yuan": "元", "fine_wan": "万元", "confiscated_wan": "万元"}

_DERIVED: Mapping[str, tuple[Column, ...]] = {
    "applications": (
        Column("applicant_class", "text", "申请人情况（表三的列）", "column of table 3 the applicant belongs to"),
        Column("outcome_leaf", "text", "办理结果（表三的行）", "row of table 3 the outcome belongs to"),
    ),
    "disputes": (
        Column("dispute_group", "text", "案件组别（表四的栏）", "group of table 4: review, litigation_direct, litigation_after_review"),
        Column("result_class", "text", "结果类（表四的列）", "column of table 4: upheld, corrected, other"),
    ),
    "normative_documents": (
        Column("kind_code", "text", "类别（表二的行）", "row of table 2: regulations, normative_documents; null for other documents"),
    ),
}


def in_core(field: Field) -> bool:
    """Whether a contract field may leave the restricted schema."""
    return not field.pii and field.kind != "free"


def _raw_column(f: Field) -> Column:
    code = "" if f.code in (f.name, f.zh) else f"（代码 {f.code}）"
    return Column(f.name, "text", f"{f.zh}{code}，原文", f"{f.en}, as landed", pii=f.pii or f.kind == "free")


def _raw_table(s: Subject) -> Table:
    extra = Column("extra", "text", "未列入契约的栏目及其内容（JSON）", "unknown columns and their values, JSON", pii=True)
    return Table("raw", s.name, f"{s.zh}：落地原文，一行一条", f"{s.name} as landed, all text", "one landed row",
                 ("file_id", "row_no"), (AGENCY, FILE_ID, SHEET, ROW_NO, *map(_raw_column, s.fields), extra), s.name)


def _core_table(s: Subject) -> Table:
    typed = tuple(
        Column(f.name, _CORE_TYPE[f.kind], f.zh, f.en, unit=_UNITS.get(f.name))
        for f in s.fields if in_core(f) and f.name != "updated_at"
    )
    state = (
        Column("content_md5", "text", "清洗后全部字段的摘要（判断同版本两行是否一致）", "digest of all cleaned fields"),
        Column("state", "text", "版本状态：current 现行、superseded 已被新版本取代、duplicate 重复", "place among the versions of its key"),
        Column("is_conflicting", "boolean", "重复而内容与现行行不同", "a duplicate that differs from the current row"),
        Column("conflicts_in_source", "boolean", "在同一来源内重复而内容不同（该来源自身需要更正）",
               "the same among the rows of its own source alone, for whoever keeps that source"),
        Column("is_latest_in_source", "boolean", "在同一来源内是现行行", "the current row if its own source were the only one"),
        Column("ref_file_id", "integer", "现行版本所在文件编号", "file of the current row of this key"),
        Column("ref_row_no", "integer", "现行版本行号", "row of the current row of this key"),
    )
    return Table("core", s.name, f"{s.zh}：已清洗的记录版本", f"{s.name}, typed, every readable version", "one readable landed row",
                 ("file_id", "row_no"), (AGENCY, FILE_ID, ROW_NO, KEY, UPDATED_AT, *typed, *_DERIVED.get(s.name, ()), *state), s.name)


_FIXED = (
    Table("raw", "loads", "每次取数", "one look at one source", "one look of one run at one subject of one source", ("load_id",), (
        Column("load_id", "integer", "取数编号", "load number"), AGENCY,
        Column("source", "text", "来源名称（gouji.toml）", "source name in the configuration"), SUBJECT,
        Column("run_id", "text", "运行编号", "Dagster run"),
        Column("kind", "text", "取数方式：files 文件夹、inbox 收件箱、rest 接口、database 数据库", "kind of connector"),
        Column("question", "text", "问的是什么（接口路径、表、参数）的摘要；变了就重新取全量", "digest of what a feed is asked; another one means asking for everything"),
        Column("began_at", "instant", "开始取数的时间（北京时间）", "when the source was first asked, Asia/Shanghai"),
        Column("source_at", "instant", "来源自己的时钟（北京时间）；没有告知则为空", "clock of the source when asked, null where it tells none"),
        Column("loaded_at", "instant", "落地时间（北京时间）", "when it was landed, Asia/Shanghai"),
        Column("reason", "text", "没有取全的原因代码；空为取全", "why it is not whole; null when it is"),
        Column("detail", "text", "没有取全的说明", "explanation for a clerk"),
        Column("is_full", "boolean", "是否全量：来源说这就是它的全部；文件夹为空", "whether it is everything the source holds; null for folders"),
        Column("since", "instant", "增量取数的起点（来源的更新时间）", "changes were asked for from this time of the source on"),
        Column("control_total", "integer", "来源自己报的总行数", "rows as the source itself says"),
        Column("files_seen", "integer", "看到的文件数（接口为页数）", "files, pages or parts found"),
        Column("files_new", "integer", "新落地的文件数", "files landed or rejected by this load"),
        Column("files_waiting", "integer", "还没有传完、留待下次的文件数", "files that are not finished yet"),
        Column("is_rehashed", "boolean", "是否逐个重算了文件摘要", "whether every file was hashed again"),
        Column("rows_read", "integer", "新落地的行数", "rows landed by this load"),
        Column("rows_unchanged", "integer", "与已落地的行完全相同、不再落地的行数", "rows that stand landed already, letter for letter"),
    )),
    Table("raw", "files", "落地的文件", "landed or rejected files; for logs, landed byte ranges", "one file content, or one byte range of a log",
          ("file_id",), (
        FILE_ID, Column("load_id", "integer", "取数编号", "load that brought it"),
        Column("seen_load_id", "integer", "最近一次看到它的取数编号", "load that saw it last as the content of its path"), AGENCY,
        Column("source", "text", "来源名称（gouji.toml）", "source name in the configuration"), SUBJECT,
        Column("path", "text", "相对路径", "path relative to the root of the source"),
        Column("sha256", "text", "内容的 SHA-256", "sha256 of the landed bytes"),
        Column("bytes", "integer", "原文件字节数", "size of the file at the source"),
        Column("mtime_ns", "integer", "原文件修改时间（纳秒）", "modification time at the source"),
        Column("landed_at", "instant", "落地时间（北京时间）", "when, Asia/Shanghai"),
        Column("state", "text", "landed 已落地、rejected 整份退回、same_bytes 与已落地文件内容相同、unchanged 各行都已落地", "what became of the file"),
        Column("reason", "text", "退回原因代码", "why it was rejected"),
        Column("detail", "text", "说明", "explanation for a clerk"),
        Column("stream", "text", "属于哪一路取数（接口、数据库、全量文件）；普通文件为空", "answers to one question, whose later ones replace earlier; null for files"),
        Column("pull", "integer", "属于第几次取数（该次第一份的编号）", "the pull it is a part of, by the number of its first part"),
        SHEET, Column("rows_read", "integer", "读取器自己数出的行数（不含不再落地的行）", "rows as counted by the reader, less those that stand landed already"),
        Column("rows_unchanged", "integer", "与已落地的行完全相同、不再落地的行数", "rows that stand landed already, letter for letter"),
        Column("unknown_columns", "text", "未列入契约的栏目名（JSON）", "headers that stand for no field, JSON"),
        Column("ignored_sheets", "text", "没有读取的非空工作表（JSON）", "non-empty sheets that are not read, JSON"),
        Column("reader", "text", "读取设置的摘要；变了就从留存的原件重读", "digest of the reading settings; another one means reading again"),
        Column("head_sha256", "text", "日志首段的 SHA-256（识别轮转）", "log only: identity of the growing file"),
        Column("head_bytes", "integer", "日志首段的字节数", "log only: how many first bytes that digest covers"),
        Column("tail_sha256", "text", "日志范围末段的 SHA-256（与首段一起识别轮转）", "log only: identity of the end of the range"),
        Column("byte_from", "integer", "日志范围起点（解压后字节）", "log only: first byte of the range, decompressed"),
        Column("byte_to", "integer", "日志范围终点（解压后字节）", "log only: byte after the range, decompressed"),
        Column("line_from", "integer", "日志范围首行行号", "log only: physical number of the first line"),
        Column("lines", "integer", "换行数", "log only: newlines in the range"),
        Column("hits", "integer", "可读行数", "log only: lines that became hits"),
        Column("rejects", "integer", "不可读行数", "log only: malformed lines"),
        Column("blanks", "integer", "空行数", "log only: empty lines"),
        Column("hits_file", "text", "明细文件名（Parquet）", "log only: Parquet file of the hits"),
    )),
    Table("raw", "withdrawn", "来源后来不再给出的行：全量数据中没有了，或已被改过", "rows that the source shows no more: gone from a full load, or changed",
          "one landed row", ("file_id", "row_no"), (
        AGENCY, Column("source", "text", "来源名称（gouji.toml）", "source name in the configuration"), SUBJECT, FILE_ID, ROW_NO,
        Column("load_id", "integer", "从哪次取数起没有了", "load that showed it no more"),
    )),
    Table("raw", "access_log_rejects", "访问日志中不可读的行", "malformed log lines", "one malformed line", ("file_id", "row_no"), (
        AGENCY, FILE_ID, ROW_NO, Column("line", "text", "原文", "the line", pii=True),
    )),
    Table("core", "quarantine", "隔离的行：读得到、不能计", "rows that were landed and may not count", "one quarantined row", ("file_id", "row_no"), (
        AGENCY, SUBJECT, FILE_ID, ROW_NO, KEY, UPDATED_AT,
        Column("reason", "text", "隔离原因代码", "why, a code of the contracts"),
        Column("field", "text", "有问题的字段", "the field at fault"),
        Column("value", "text", "有问题的值（个人信息不显示）", "its value; never personal data"),
    )),
    Table("core", "cleaned", "已清洗的文件", "which landed files have been cleaned, by which rules", "one landed file", ("file_id",), (
        SUBJECT, FILE_ID, Column("fingerprint", "text", "清洗规则的摘要；变了就重新清洗", "digest of the cleaning rules"),
    )),
    Table("core", "row_findings", "行内核查发现", "findings on a single landed row", "one rule on one row", ("file_id", "row_no", "rule"), (
        AGENCY, SUBJECT, FILE_ID, ROW_NO, KEY, RULE,
        Column("field", "text", "有问题的字段", "the field at fault"),
        Column("value", "text", "有问题的值（个人信息不显示）", "its value; never personal data"),
    )),
    Table("core", "access_log_days", "访问日志按日汇总", "hits per day", "one file range, day, status and kind of client",
          ("file_id", "day", "status", "is_bot"), (
        AGENCY, FILE_ID, Column("day", "date", "日期（北京时间）", "day in Asia/Shanghai"),
        Column("status", "integer", "HTTP 状态码", "HTTP status"),
        Column("is_bot", "boolean", "是否爬虫", "user agent says bot, spider or crawl"),
        Column("hits", "integer", "访问次数", "number of hits"),
    ), "access_log"),
    Table("core", "site_paths", "已发布稿件的网址（规范写法的路径）", "published addresses that are looked for in the logs", "one path of one organ",
          ("agency", "path"), (AGENCY, SITE_PATH, Column("since", "date", "最早发布的日期", "day of the first event with this address"))),
    Table("core", "site_hits", "已发布稿件网址的访问", "requests for published addresses",
          "one log range, published path, day, status and kind of client", ("file_id", "path", "day", "status", "is_bot"), (
        AGENCY, FILE_ID, SITE_PATH, Column("day", "date", "日期（北京时间）", "day in Asia/Shanghai"),
        Column("status", "integer", "HTTP 状态码", "HTTP status"),
        Column("is_bot", "boolean", "是否爬虫", "user agent says bot, spider or crawl"),
        Column("hits", "integer", "访问次数（GET）", "number of GET requests"),
        Column("first_at", "instant", "其中最早的时间（北京时间）", "the first of them, Asia/Shanghai"),
        Column("last_at", "instant", "其中最晚的时间（北京时间）", "the last of them, Asia/Shanghai"),
    )),
    Table("core", "site_page_days", "全站网页浏览按日汇总（不限已发布的稿件）", "pages shown per day, items or not", "one log range, day and kind of client",
          ("file_id", "day", "is_bot"), (
        AGENCY, FILE_ID, Column("day", "date", "日期（北京时间）", "day in Asia/Shanghai"),
        Column("is_bot", "boolean", "是否爬虫", "user agent says bot, spider or crawl"),
        Column("views", "integer", "成功的网页浏览次数（GET，2xx 或 304）", "pages shown by GET with 2xx or 304"),
    )),
    Table("core", "site_items", "网站稿件及其网页的访问情况", "published items and what the logs say of their pages", "one item of one organ",
          ("agency", "item_id"), (
        AGENCY, Column("item_id", "text", "稿件ID", "item of the content system"), Column("channel", "text", "现在的栏目", "channel now"),
        Column("publisher", "text", "发布机构", "publishing organ"), Column("disclosure", "text", "公开方式", "way of disclosure"),
        Column("host", "text", "网址中的主机名；没有写的为空串", "host of its address, empty where it names none"), SITE_PATH,
        Column("published_at", "instant", "首次发布时间（北京时间）", "first published, Asia/Shanghai"),
        Column("withdrawn_at", "instant", "撤下时间；没有撤下或又发布的为空", "withdrawn since, null while published"),
        Column("views", "integer", "浏览次数（成功的 GET，不含爬虫）", "successful GET requests, bots left out"),
        Column("bot_views", "integer", "爬虫浏览次数", "the same by bots"),
        Column("first_fetched_at", "instant", "首次成功访问（北京时间）；空为从未", "first successful answer, null for never"),
        Column("last_fetched_at", "instant", "最近一次成功访问", "last successful answer"),
        Column("last_status", "integer", "网址最近一次的 HTTP 状态码", "status of the last answer of its address"),
        Column("last_answer_at", "instant", "最近一次的时间", "when that was"),
        Column("dead_since", "date", "自哪天起打不开（404、410）；空为没有", "since when its address answers 404 or 410"),
        Column("dead_hits", "integer", "自那天起落空的访问次数", "requests that were answered so since that day"),
    )),
    Table("core", "site_daily", "网页浏览按日、按栏目", "pages shown by day and channel", "one day and channel of one organ", ("agency", "day", "channel"), (
        AGENCY, Column("day", "date", "日期（北京时间）", "day in Asia/Shanghai"),
        Column("channel", "text", "栏目；空为已发布稿件以外的网页", "channel, null for pages that are no published item"),
        Column("views", "integer", "浏览次数（成功的 GET，不含爬虫）", "successful GET requests, bots left out"),
        Column("bot_views", "integer", "爬虫浏览次数", "the same by bots"),
    )),
    Table("report", "years", "要出报告的机关和年度", "reports to produce", "one report", ("agency", "year"), (
        AGENCY, Column("agency_name", "text", "机关名称", "name of the organ"), YEAR,
        Column("format", "text", "表样版本", "version of the statutory form"),
        Column("inputs_sha256", "text", "统计时的数据的摘要（见 report.inputs）", "digest of data when its cells were counted"),
        Column("settings_sha256", "text", "统计时的口径的摘要", "digest of settings when its cells were counted"),
        Column("code_version", "text", "统计时的程序版本", "version of the code that counted them"),
    )),
    Table("report", "agency_names", "机关名称和别名", "names under which an organ appears", "one name of one organ", ("agency", "name"), (
        AGENCY, Column("name", "text", "名称（去空白）", "name in normal form"),
    )),
    Table("report", "settings", "计数口径设置", "counting settings in force", "one setting", ("name",), (
        Column("name", "text", "设置名", "name"), Column("value", "text", "取值；多个以逗号分开", "value; several are joined by a comma"),
    )),
    Table("report", "site_limits", "网站核查的期限（配置）", "limits of the rules about the web site", "one limit", ("kind", "name"), (
        Column("kind", "text", "channel 指定栏目、word 名称含此词的栏目、other 其他栏目、unfetched 无人访问的稿件", "what it is the limit of"),
        Column("name", "text", "栏目或词", "channel or word"), Column("days", "integer", "天数；0 为不核查", "days, 0 for no limit"),
    )),
    Table("report", "expected_sources", "应有的数据来源", "sources that are configured", "one subject of one source", ("source", "subject"), (
        AGENCY, Column("source", "text", "来源名称（gouji.toml）", "source name in the configuration"), SUBJECT,
    )),
    Table("report", "form_cells", "表样单元格和计数条件", "what each cell of a form counts", "one cell and one mark", ("format", "cell_id", "mark"), (
        Column("format", "text", "表样版本", "version of the statutory form"),
        Column("cell_id", "text", "单元格编号", "cell id"),
        Column("grid", "text", "表（table2、table3、table4）", "table of the form"),
        Column("row_key", "text", "行", "row key"), Column("col_key", "text", "列", "column key"), SUBJECT,
        Column("mark", "text", "计数条件", "mark a record must have; null where no record can be counted"),
        Column("class", "text", "计数类别；* 为不限", "class a record must have; * is any"),
        Column("kind", "text", "int 整数、decimal 小数", "whole number or decimal"),
        Column("label", "text", "单元格名称", "where the cell stands, in Chinese"),
    )),
    Table("report", "versions", "报告的版本：单元格或其依据变了才有新版", "versions of a report: a new one only when a cell or its evidence changes",
          "one version of one report", ("agency", "year", "version"), (
        AGENCY, YEAR, VERSION, Column("format", "text", "表样版本", "version of the statutory form"),
        Column("as_of", "date", "数字截至哪一天；已结束的年度为 12 月 31 日", "day the figures stand for; 31 December once the year is over"),
        Column("made_at", "instant", "形成时间（北京时间）", "when it was made, Asia/Shanghai"),
        Column("content_sha256", "text", "单元格和依据的摘要", "digest of cells and evidence"),
        Column("inputs_sha256", "text", "数据的摘要", "digest of the landed contents and how they were read and cleaned"),
        Column("settings_sha256", "text", "计数口径和配置的摘要", "digest of settings, names and expected sources"),
        Column("code_version", "text", "统计程序的版本", "version of the counting code"),
        Column("rules_version", "text", "核查规则的版本", "version of the rules in force"),
        Column("cells_changed", "integer", "与上一版不同的单元格数", "cells that differ from the version before"),
        Column("evidence_changed", "integer", "与上一版不同的依据行数", "rows of evidence that came or went"),
    )),
    Table("report", "cell_versions", "各版本的单元格", "cells of every version", "one value of one cell over a run of versions",
          ("agency", "year", "cell_id", "v_from"), (
        AGENCY, YEAR, CELL_ID,
        Column("value", "amount", "数值；缺数据来源时为空，不是零", "value; null when a source is missing, never zero"),
        Column("records", "integer", "计入的记录数", "number of records behind it"),
        Column("evidence_md5", "text", "依据的摘要", "digest of the evidence behind it"), V_FROM, V_TO,
    )),
    Table("report", "evidence_versions", "各版本的依据：哪条记录计入哪格", "which record feeds which cell, in every version",
          "one record in one cell over a run of versions", ("agency", "year", "cell_id", "file_id", "row_no", "v_from"), (
        AGENCY, YEAR, CELL_ID, SUBJECT, FILE_ID, ROW_NO,
        Column("amount", "amount", "计入的数量", "what the record adds to the cell"), V_FROM, V_TO,
    )),
    Table("report", "publications", "已发布的版本；只增不改", "published versions, append only", "one published version", ("agency", "year", "version"), (
        AGENCY, YEAR, VERSION, Column("published_at", "instant", "发布时间（北京时间）", "when, Asia/Shanghai"),
        Column("folder", "text", "导出文件夹名", "name of its folder among the exports"),
        Column("manifest_sha256", "text", "导出清单的 SHA-256", "sha256 of its manifest"),
    )),
    Table("report", "status", "每份报告现在的状态：发布到哪一版，为什么没有更新", "where each report stands", "one report", ("agency", "year"), (
        AGENCY, YEAR, Column("draft_version", "integer", "最新草稿的版本号", "latest version"),
        Column("published_version", "integer", "现行发布版本号", "version in force, null when none was published"),
        Column("held_since", "date", "自哪天起停留在旧版", "since when newer figures are held back"),
        Column("held_why", "text", "为什么", "titles of the rules that hold it back"),
    )),
    Table("report", "ignored", "经办人搁置的退回文件", "rejected files a clerk set aside", "one content", ("sha256",), (
        Column("sha256", "text", "文件内容的 SHA-256", "sha256 of the file"), Column("reason", "text", "理由", "why"),
        Column("until", "date", "搁置到哪天（含）", "last day of it"),
    )),
    Table("report", "given_figures", "配置中给出的以往年度已发布数字", "figures of earlier published reports, as configured", "one cell",
          ("agency", "year", "cell_id"), (AGENCY, YEAR, CELL_ID, Column("value", "amount", "已发布的数值", "published value"))),
    Table("report", "claims", "年报正文中的数字（配置）", "figures of the narrative, as configured", "one figure", ("agency", "year", "claim", "part"), (
        AGENCY, YEAR, Column("claim", "text", "正文中的哪句话", "which statement"),
        Column("part", "integer", "0 为总数，其余为“其中”各项的序号", "0 is the whole, others its parts in order"),
        Column("name", "text", "名称", "name of the figure"), Column("value", "amount", "正文中的数值", "the figure"),
        Column("cell_id", "text", "应与哪个单元格一致", "cell it must equal"),
        Column("counts", "text", "数的是什么：inspections 为双随机检查结果；空为不限", "what it counts: inspections are results of random inspections"),
    )),
    Table("report", "suite_results", "核查套件的结果；数据和规则不变就沿用", "results of the expectation suites, repeated while nothing changes",
          "one rule on one table", ("table_name", "rule"), (
        Column("table_name", "text", "表", "table"), RULE, Column("digest", "text", "数据和规则的摘要", "digest of data and rules"),
        Column("passed", "boolean", "是否通过", "whether it holds"), Column("error", "text", "没能执行的原因", "why it could not be evaluated"),
        Column("elements", "integer", "核查的行数", "rows looked at"), Column("unexpected", "integer", "不符的行数", "rows at fault"),
        Column("field", "text", "字段", "field"), Column("detail", "text", "说明", "explanation"),
    )),
    Table("report", "suite_rows", "核查套件查出的行", "rows the suites found at fault", "one rule on one row", ("table_name", "rule", "file_id", "row_no"), (
        Column("table_name", "text", "表", "table"), RULE, AGENCY, FILE_ID, ROW_NO,
    )),
    Table("report", "verdicts", "上一次核查的依据；不变就沿用其结论", "what the stored findings were judged from", "one range of years", ("years",), (
        Column("years", "text", "核查的报告年度", "report years judged"), Column("digest", "text", "数据、规则和设置的摘要", "digest of data, rules and settings"),
        Column("snapshot", "text", "据此写成的审计库文件", "auditors' file made from it"),
    )),
    Table("report", "findings", "核查发现", "findings", "one finding", ("finding_id",), (
        Column("finding_id", "text", "发现编号（规则和位置的摘要）", "digest of rule and place"), RULE,
        Column("severity", "text", "critical 严重（不得发布）、warning 提醒、info 说明", "critical, warning or info"),
        Column("agency", "text", "填报机关统一社会信用代码；空为全部机关", "organ concerned, null where it concerns every one"),
        Column("year", "integer", "报告年度；空为不限年度", "report year, null where it concerns no single year"),
        Column("version", "integer", "核查的是报告的哪一版；空为不限", "version of the report that was judged"), SUBJECT,
        Column("source", "text", "来源名称（gouji.toml）", "source name in the configuration"),
        Column("path", "text", "文件", "file"), SHEET, ROW_NO, KEY,
        Column("cell_id", "text", "单元格编号", "cell concerned"),
        Column("field", "text", "字段", "field"),
        Column("expected", "text", "应为", "what was expected"),
        Column("actual", "text", "实为（个人信息不显示）", "what was found; never personal data"),
        Column("difference", "text", "相差", "actual less expected, where both are numbers"),
        Column("records", "text", "涉及的记录（至多 20 条编号）", "keys of the records concerned, at most 20"),
        Column("detail", "text", "原因代码或说明", "reason code or explanation"),
        Column("message", "text", "说明和处理办法", "what is wrong and what to do"),
    )),
)
TABLES: Mapping[str, Table] = MappingProxyType({
    t.full_name: t for t in (*map(_raw_table, SUBJECTS.values()), *map(_core_table, SUBJECTS.values()), *_FIXED)
})
# What an auditor reads like a table and what is never stored itself (`views.py`).
VIEWS: Mapping[str, Table] = MappingProxyType({t.full_name: t for t in (
    Table("raw", "access_log", "访问日志：可读的行", "hits of the access logs, Parquet beside the warehouse", "one readable line", ("file_id", "row_no"), (
        AGENCY, FILE_ID, ROW_NO,
        Column("hit_at", "instant", "访问时间（北京时间）", "when, Asia/Shanghai"),
        Column("remote_addr", "text", "访问者地址", "remote address", pii=True),
        Column("method", "text", "请求方法", "HTTP method"), Column("path", "text", "请求地址", "requested address"),
        Column("status", "integer", "HTTP 状态码", "HTTP status"), Column("bytes", "integer", "响应字节数", "bytes sent"),
        Column("referer", "text", "来源页面", "referring page"), Column("user_agent", "text", "客户端", "user agent"),
        Column("is_bot", "boolean", "是否爬虫", "user agent says bot, spider or crawl"),
    ), "access_log"),
    Table("core", "ledger", "台账：每一落地行恰有一个去处（与年度无关的部分）", "place of every landed row among its versions", "one landed row",
          ("file_id", "row_no"), (
        AGENCY, SUBJECT, FILE_ID, ROW_NO, KEY, Column("place", "text", "去处", "place"), RULE,
        Column("ref_file_id", "integer", "现行版本所在文件编号", "file of the current row of this key"),
        Column("ref_row_no", "integer", "现行版本行号", "row of the current row of this key"),
    )),
    Table("report", "places", "台账：每一落地行在每份报告中的去处", "place of every landed row in every report", "one landed row in one report",
          ("year", "file_id", "row_no"), (
        AGENCY, YEAR, SUBJECT, FILE_ID, ROW_NO, KEY, Column("place", "text", "去处", "place"), RULE,
    )),
    Table("report", "inputs", "各机关现在的数据和口径的摘要", "digest of what counting depends on, as it is now", "one organ", ("agency",), (
        AGENCY, Column("inputs_sha256", "text", "已落地的文件及其读取、清洗规则的摘要", "digest of landed contents, readers and cleaning rules"),
        Column("settings_sha256", "text", "计数口径、名称、应有来源的摘要", "digest of settings, names and expected sources"),
    )),
    Table("report", "cells", "报告单元格（最新草稿）", "cells of the latest version", "one cell of one report", ("agency", "year", "cell_id"), (
        AGENCY, YEAR, CELL_ID, Column("value", "amount", "数值；缺数据来源时为空，不是零", "value; null when a source is missing, never zero"),
        Column("records", "integer", "计入的记录数", "number of records behind it"),
    )),
    Table("report", "evidence", "单元格的依据（最新草稿）", "which record feeds which cell, latest version", "one record in one cell",
          ("agency", "year", "cell_id", "file_id", "row_no"), (
        AGENCY, YEAR, CELL_ID, SUBJECT, FILE_ID, ROW_NO, Column("amount", "amount", "计入的数量", "what the record adds to the cell"),
    )),
    Table("report", "sources", "落地的文件（公开部分）", "landed files, what is public of them", "one file content, or one byte range of a log",
          ("file_id",), (
        FILE_ID, AGENCY, Column("source", "text", "来源名称（gouji.toml）", "source name in the configuration"), SUBJECT,
        Column("path", "text", "相对路径", "path relative to the root of the source"),
        Column("sha256", "text", "内容的 SHA-256", "sha256 of the landed bytes"),
        Column("bytes", "integer", "原文件字节数", "size of the file at the source"),
        Column("landed_at", "instant", "落地时间（北京时间）", "when, Asia/Shanghai"),
        Column("state", "text", "landed 已落地、rejected 整份退回、same_bytes 与已落地文件内容相同、unchanged 各行都已落地", "what became of the file"),
        Column("reason", "text", "退回原因代码", "why it was rejected"), SHEET,
        Column("rows_read", "integer", "读取器自己数出的行数", "rows as counted by the reader"),
    )),
    Table("report", "freshness", "各来源取数的新旧：最近一次取全是什么时候", "when each configured source was last loaded completely",
          "one subject of one source", ("source", "subject"), (
        AGENCY, Column("source", "text", "来源名称（gouji.toml）", "source name in the configuration"), SUBJECT,
        Column("kind", "text", "取数方式：files 文件夹、inbox 收件箱、rest 接口、database 数据库", "kind of connector"),
        Column("looked_at", "instant", "最近一次取数（北京时间）", "last look, whole or not"),
        Column("reason", "text", "最近一次没有取全的原因代码；空为取全", "why the last look is not whole; null when it is"),
        Column("detail", "text", "没有取全的说明", "explanation for a clerk"),
        Column("files_waiting", "integer", "还没有传完的文件数", "files that are not finished yet"),
        Column("completed_at", "instant", "最近一次取全（北京时间）；空为还没有过", "last whole look; null if there was none"),
        Column("full_at", "instant", "最近一次全量（北京时间）；文件夹为空", "last full load; null for folders"),
        Column("changed_at", "instant", "最近一次有新的行（北京时间）", "last whole look that landed rows"),
    )),
    Table("report", "access_log_places", "台账：访问日志逐文件、逐年的去处", "places of log lines", "one log range, report and place",
          ("year", "file_id", "place", "rule"), (
        AGENCY, YEAR, FILE_ID, Column("place", "text", "去处", "place"), RULE, Column("rows", "integer", "行数", "number of lines"),
    )),
    Table("report", "ledger_totals", "台账合计：每份报告、每类来源、每个去处的行数", "the ledger in numbers", "one report, subject, place and rule",
          ("agency", "year", "subject", "place", "rule"), (
        AGENCY, YEAR, SUBJECT, Column("place", "text", "去处", "place"), RULE, Column("rows", "integer", "行数", "number of rows"),
    )),
)})
LAYERS = ("raw", "core", "report")
# Who answers for a layer, as Dagster shows it.
OWNERS = {"raw": "team:data", "core": "team:data", "report": "team:disclosure"}


def raw(subject: str) -> Table:
    """The table of landed rows of a subject."""
    return TABLES[f"raw.{subject}"]


def core(subject: str) -> Table:
    """The table of typed rows of a subject."""
    return TABLES[f"core.{subject}"]
