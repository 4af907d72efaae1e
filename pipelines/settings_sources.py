"""`[[sources]]` as it is written: one source, and the ways in which it can be reached.

Belongs here: keys, defaults and single values of a source, of an inbox, a REST platform and a database; that exactly one way is given.
Does not belong here: secrets themselves (`connectors.py`; the file names a variable or a file), what a way does (`assets.sources`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from pipelines.settings_file import Normal, NotNegative, Positive, Table, Text, distinct, one_of, pattern, wrong
from pipelines.toml_lines import Place
from warehouse.subjects import ACCESS_LOG, SOURCES, SUBJECTS

KINDS = {"files": "文件夹", "inbox": "收件箱", "rest": "接口", "database": "数据库"}
_Subject = Annotated[str, one_of(SUBJECTS)]
_Subjects = Annotated[tuple[Annotated[str, one_of(SOURCES)], ...], AfterValidator(distinct)]


def _variable(text: str) -> str:
    if text and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):  # perhaps the secret itself: it is not repeated
        raise wrong("不是环境变量的名称；这里写变量名（如 GOUJI_TOKEN），密钥本身写在该环境变量中")
    return text


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and not re.search(r"\s", text)
            and not (parts.query or parts.fragment)
        )
    except ValueError:
        good = False
    if not good or parts.username or parts.password:
        raise wrong("不是平台的网址；请写以 http:// 或 https:// 开头、不带参数和密码的地址")
    return text


def _database_address(text: str) -> str:
    from sqlalchemy.engine import make_url  # imported by whoever has a database alone
    from sqlalchemy.exc import ArgumentError

    try:
        address = make_url(text)
    except ArgumentError:
        raise wrong('不是数据库的地址；请写成 "postgresql+psycopg://用户@主机/库名" 的样子，见 docs/databases.zh-CN.md') from None
    if address.password is not None or any(re.search("pass|pwd|secret|token", key, re.IGNORECASE) for key in address.query):
        raise wrong("地址中不能写密码；请删去密码，改用 password_env 或 password_file")
    return text


def _inbox_address(text: str) -> str:
    if "://" in text:
        from assets.sources.sftp import address  # imported by whoever has such an inbox alone

        try:
            address(text)
        except ValueError as error:
            raise wrong(str(error)) from None
    return text


def _word(text: str) -> str:
    if text and not re.fullmatch(r"[!#-'*+.^_`|~0-9A-Za-z-]+", text):
        raise wrong(f"“{text}”不能放在请求头里；请只用英文字母、数字和 -，不用空格")
    return text


_Variable = Annotated[str, AfterValidator(_variable)]


class InboxTable(Table):
    """`[sources.inbox]`: a folder into which others put files, here or on an SFTP server."""

    url: Annotated[Text, AfterValidator(_inbox_address)] = Field(
        description='文件夹，或 "sftp://用户@主机[:端口]/文件夹"；其中的文件只读取，不改动、不删除'
    )
    complete: Annotated[str, one_of(("stable", "marker"))] = Field(
        default="stable", description='怎样算传完：stable 为一段时间没有变化，marker 为旁边有同名加 ".done" 的标记文件'
    )
    settle_seconds: NotNegative = Field(default=60, description="stable 时：最近一次修改至少在多少秒以前")
    key_file: str = Field(default="", description="SFTP 登录用的私钥文件，权限须为 0600")
    password_env: _Variable = Field(default="", description="SFTP 密码所在的环境变量；与 key_file 二选一")
    password_file: str = Field(default="", description="SFTP 密码所在的文件，权限须为 0600")
    known_hosts: str = Field(default="", description="SFTP 服务器公钥的文件（known_hosts 格式）；用 SFTP 时必须写")


class NamesTable(Table):
    """`[sources.rest.names]`: what the platform calls things."""

    page: Text = Field(default="pageNum", description="参数：第几页")
    size: Text = Field(default="pageSize", description="参数：每页多少行")
    since: Text = Field(default="updatedSince", description="参数：只要此时之后更新过的")
    code: Text = Field(default="code", description="返回：结果代码在哪里；层次用 . 分开")
    ok: Text = Field(default="0", description="返回：表示成功的结果代码")
    rows: Text = Field(default="data.rows", description="返回：记录的列表在哪里")
    total: Text = Field(default="data.total", description="返回：总行数在哪里；用来核对是否取全，平台必须给出")
    page_no: Text = Field(default="data.pageNum", description="返回：页码在哪里；没有也可以")


class RestTable(Table):
    """`[sources.rest]`: a platform that is asked page by page."""

    url: Annotated[Text, AfterValidator(_web_address)] = Field(description="平台接口的地址，各类数据的路径接在它后面")
    token_env: _Variable = Field(default="", description="访问令牌所在的环境变量")
    token_file: str = Field(default="", description="访问令牌所在的文件，权限须为 0600；与 token_env 二选一")
    header: Annotated[Text, AfterValidator(_word)] = Field(default="Authorization", description="令牌放在哪个请求头")
    scheme: Annotated[str, AfterValidator(_word)] = Field(default="Bearer", description="令牌前面的字样；不要时写空")
    ca_file: str = Field(default="", description="平台用自己的根证书时，该证书的文件；证书总是要核对的")
    page_size: Positive = Field(default=500, description="每页要多少行")
    first_page: NotNegative = Field(default=1, description="第一页的页码")
    pause_ms: NotNegative = Field(default=0, description="两次请求之间至少停多少毫秒，以免给平台太大压力")
    timeout_seconds: Positive = Field(default=30, description="多少秒没有数据就算超时")
    deadline_seconds: Positive = Field(default=300, description="一页最多等多少秒")
    attempts: Positive = Field(default=5, description="一页最多请求几次")
    passes: Positive = Field(default=3, description="取数期间数据有变化时，整个取数最多重来几次")
    max_pages: Positive = Field(default=100_000, description="最多取多少页，防止没有尽头")
    page_mb: Positive = Field(default=50, description="一页的上限（MiB）")
    since_format: Text = Field(default="%Y-%m-%d %H:%M:%S", description="增量取数时时间的写法（strftime），北京时间")
    incremental: tuple[_Subject, ...] | None = Field(default=None, description="哪些数据可以按更新时间增量取；不写为所有有更新时间的数据")
    paths: dict[_Subject, Text] = Field(default={}, description="数据 → 接口路径；不写则与数据同名")
    parameters: dict[str, Text] = Field(default={}, description="每次请求都带的其他参数；不要写密钥")
    names: NamesTable | None = Field(default=None, description="参数和返回中各项的名称，见下；不写为约定的名称")


class DatabaseTable(Table):
    """`[sources.database]`: tables or views that are read in one snapshot."""

    url: Annotated[Text, AfterValidator(_database_address)] = Field(description="数据库的地址，不含密码；写法见 databases.zh-CN.md")
    password_env: _Variable = Field(default="", description="密码所在的环境变量")
    password_file: str = Field(default="", description="密码所在的文件，权限须为 0600；与 password_env 二选一")
    timeout_seconds: Positive = Field(default=300, description="一条查询最多多少秒")
    attempts: Positive = Field(default=3, description="连接断开时最多重来几次")
    tables: dict[_Subject, Text] = Field(default={}, description="数据 → 表或视图，可以带模式名；本来源的每类数据都要写")
    order: dict[_Subject, tuple[Text, ...]] = Field(default={}, description="数据 → 排序用的列；不写为更新时间和键")


class SourceTable(Table):
    """One `[[sources]]`; `files` has only what is configured."""

    name: Text = Field(description="来源的名称，不能重复；定下后不要再改，改名等于换了一个来源")
    agency: Normal = Field(description="这个来源属于哪个机关：该机关的统一社会信用代码")
    path: Text | None = Field(
        default=None, description="存放数据文件的文件夹；相对路径从配置文件所在的文件夹算起。path、inbox、rest、database 四者写一个"
    )
    subjects: _Subjects = Field(default=SOURCES, description="这个来源应当交来哪些数据；列出而没有文件的是严重发现，所以没有的数据不要列")
    files: dict[str, Annotated[tuple[Annotated[str, AfterValidator(pattern)], ...], AfterValidator(distinct)]] = Field(
        default={}, description="数据 → 文件名样式的列表（* 代表任意文字），代替默认的样式"
    )
    full_export: tuple[_Subject, ...] = Field(
        default=(), description="哪些数据的每个文件都是全量导出：没有变的行不再落地，最新的文件中没有了的记录另有提醒"
    )
    full_days: Positive = Field(default=7, description="接口和数据库：每隔多少天取一次全量，其间只取有更新的")
    overlap_hours: NotNegative = Field(default=48, description="接口和数据库：增量取数时往前多取多少小时，以防时钟不准和迟到的更新")
    fresh_hours: Positive = Field(default=36, description="最近一次完整取数超过多少小时算过期，在界面上标出")
    columns: dict[str, dict[str, Text]] = Field(default={}, description="数据 → 本单位文件的栏目名 → 字段的名称或代码")
    values: dict[str, dict[str, dict[str, Text]]] = Field(default={}, description="数据 → 字段 → 本单位的代码或说法 → 标准的取值")
    inbox: InboxTable | None = Field(default=None, description="收件箱，见下")
    rest: RestTable | None = Field(default=None, description="接口平台，见下")
    database: DatabaseTable | None = Field(default=None, description="数据库，见下")


def wrong_way(source: SourceTable) -> Iterator[tuple[Place, str]]:
    """What is wrong with the way a source is reached: places below the source, and what to do."""
    ways = [name for name in ("path", "inbox", "rest", "database") if getattr(source, name)]
    if len(ways) != 1:
        yield (
            (),
            ("没有写从哪里取数" if not ways else f"写了不止一种取数方式（{'、'.join(ways)}）") + "；path、inbox、rest、database 请只写一种",
        )
        return
    asked = source.rest or source.database
    if asked and ACCESS_LOG in source.subjects:
        yield ("subjects",), f"{ways[0]} 取不到访问日志；请写明 subjects，其中不含 {ACCESS_LOG}，日志另写一个 path 或 inbox 来源"
    if asked and (source.files or source.full_export):
        yield ("files" if source.files else "full_export",), f"{ways[0]} 来源没有文件；请删去这一项"
    for subject in (s for s in source.full_export if s not in source.subjects):
        yield ("full_export",), f"本来源的 subjects 中没有“{subject}”；请补入 subjects，或从这里删去"
    for name, table in (("rest", source.rest), ("inbox", source.inbox), ("database", source.database)):
        if table is not None:
            yield from (((name, *place), what) for place, what in _wrong_inside(table, source))


def _wrong_inside(table: InboxTable | RestTable | DatabaseTable, source: SourceTable) -> Iterator[tuple[Place, str]]:
    env, file = ("token_env", "token_file") if isinstance(table, RestTable) else ("password_env", "password_file")
    if getattr(table, env) and getattr(table, file):
        yield (file,), f"与 {env} 只能写一个；请删去其中之一"
    match table:
        case InboxTable() if table.url.startswith("sftp://"):
            if not table.known_hosts:
                yield (), "用 SFTP 要写 known_hosts（服务器公钥的文件，用来确认连到的是哪台服务器）；请补上"
            if bool(table.key_file) == bool(table.password_env or table.password_file):
                yield (), "用 SFTP 要写 key_file，或 password_env、password_file 之一；请只写一种"
        case DatabaseTable():
            for subject in (s for s in source.subjects if s not in table.tables):
                yield ("tables",), f"没有写 {subject} 在哪个表或视图；请补上，或从 subjects 中删去"
    named: dict[str, Collection[str]] = {"paths": table.paths} if isinstance(table, RestTable) else {}
    if isinstance(table, DatabaseTable):
        named = {"tables": table.tables, "order": table.order}
    for key, subject in ((key, s) for key, subjects in named.items() for s in subjects if s not in source.subjects):
        yield (key, subject), f"本来源的 subjects 中没有“{subject}”；请补入 subjects，或删去这一项"
