"""From gouji.toml to the way a source is reached: what is mistaken is told, what is secret is shown nowhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.sources.connector import Feed, Incomplete
from assets.sources.database import Database
from assets.sources.envelope import STANDARD, Envelope
from assets.sources.folder import Folder
from assets.sources.inbox import Inbox
from assets.sources.rest import Rest
from assets.sources.sftp import SftpTree
from assets.sources.tree import LocalTree
from pipelines.connectors import deliveries, watched
from pipelines.settings import Settings, SettingsError, load
from warehouse.subjects import SUBJECTS

CODE = "11990100F7AB5ABF0J"
TOKEN = "planted-token-7f3a"
REST = """
[[sources]]
name = "平台"
agency = "{code}"
subjects = ["penalties", "publications"]
full_days = 3
overlap_hours = 6
[sources.rest]
url = "https://platform.example.cn/api"
token_env = "GOUJI_TEST_TOKEN"
page_size = 200
pause_ms = 250
page_mb = 2
parameters = {{ tenant = "410700" }}
[sources.rest.paths]
penalties = "v1/cf"
[sources.rest.names]
rows = "result.items"
total = "result.count"
[sources.columns.penalties]
"文号" = "CF_WSH"
"""
INBOX = """
[[sources]]
name = "收件箱"
agency = "{code}"
subjects = ["fees", "access_log"]
full_export = ["fees"]
[sources.inbox]
url = "box"
complete = "marker"
"""
SFTP = """
[[sources]]
name = "远程"
agency = "{code}"
subjects = ["fees"]
[sources.inbox]
url = "sftp://gouji@files.example.cn/out"
known_hosts = "known_hosts"
password_file = "secret"
"""
DATABASE = """
[[sources]]
name = "数据库"
agency = "{code}"
subjects = ["applications"]
[sources.database]
url = "postgresql+psycopg://reader@db.example.cn/oa"
password_env = "GOUJI_TEST_TOKEN"
timeout_seconds = 77
[sources.database.tables]
applications = "public.v_applications"
[sources.database.order]
applications = ["id"]
"""


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., Settings]:
    def made(*sources: str) -> Settings:
        text = f'[[agencies]]\nname = "测试机关"\ncode = "{CODE}"\n' + "".join(s.format(code=CODE) for s in sources)
        (tmp_path / "gouji.toml").write_text(text, "utf-8")
        return load(tmp_path / "gouji.toml")

    return made


def secret_file(folder: Path, mode: int = 0o600, text: str = f"{TOKEN}\n") -> Path:
    file = folder / "secret"
    file.write_text(text, "utf-8")
    file.chmod(mode)
    return file


def test_a_platform_is_asked_as_it_is_configured(configured: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOUJI_TEST_TOKEN", TOKEN)
    (delivery,) = deliveries(configured(REST), "penalties")
    rest = delivery.connector
    assert isinstance(rest, Rest) and isinstance(rest, Feed) and rest.token is not None
    assert (rest.base_url, rest.paths["penalties"], rest.paths["publications"]) == (
        "https://platform.example.cn/api",
        "v1/cf",
        "publications",
    )
    assert (rest.page_size, rest.interval, rest.max_page_bytes, rest.extra) == (200, 0.25, 2 << 20, {"tenant": "410700"})
    assert rest.envelope == delivery.envelope == Envelope(rows="result.items", total="result.count")
    assert rest.token.reveal() == TOKEN and TOKEN not in repr(delivery)
    assert "penalties" in rest.incremental and "publications" not in rest.incremental  # which has no update time
    assert (delivery.full_days, delivery.overlap, delivery.columns) == (3, timedelta(hours=6), {"文号": "CF_WSH"})


def test_a_database_is_asked_as_it_is_configured(configured: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOUJI_TEST_TOKEN", TOKEN)
    (delivery,) = deliveries(configured(DATABASE), "applications")
    database = delivery.connector
    assert isinstance(database, Database) and database.password is not None and database.password.reveal() == TOKEN
    assert (database.tables, database.order, database.timeout_seconds) == (
        {"applications": "public.v_applications"},
        {"applications": ("id",)},
        77,
    )
    assert TOKEN not in repr(delivery) and delivery.envelope == STANDARD


def test_an_inbox_waits_for_markers_and_a_log_in_it_grows(configured: Callable[..., Settings], tmp_path: Path) -> None:
    made = configured(INBOX)
    (fees,), (log,) = deliveries(made, "fees"), deliveries(made, "access_log")
    assert fees.connector == Inbox(LocalTree(tmp_path / "box"), made.file_bytes, "marker", 60) and fees.full_export
    assert isinstance(log.connector, Inbox) and log.connector.complete == "growing" and not log.full_export
    ((name, store, patterns),) = watched(made)
    assert (name, store, patterns) == ("收件箱", fees.connector, list(fees.patterns))


def test_an_inbox_elsewhere_is_reached_by_sftp(configured: Callable[..., Settings], tmp_path: Path) -> None:
    secret_file(tmp_path)
    (delivery,) = deliveries(configured(SFTP), "fees")
    assert isinstance(delivery.connector, Inbox) and isinstance(delivery.connector.tree, SftpTree)
    assert TOKEN not in repr(delivery)


def test_a_folder_is_a_folder(configured: Callable[..., Settings], tmp_path: Path) -> None:
    made = configured('[[sources]]\nname = "一"\nagency = "{code}"\npath = "drop"\n')
    assert deliveries(made, "fees")[0].connector == Folder(tmp_path / "drop") and list(watched(made)) == []


# ---- secrets ---------------------------------------------------------------------------------------------------------------


def refusal(made: Settings, subject: str) -> Incomplete:
    connector: Any = deliveries(made, subject)[0].connector
    with pytest.raises(Incomplete) as refused:
        connector.pull(SUBJECTS[subject], None, Path()) if isinstance(connector, Feed) else connector.found(())
    return refused.value


def test_a_variable_without_value_is_named_and_stops_its_source_alone(
    configured: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOUJI_TEST_TOKEN", raising=False)
    made = configured(REST, INBOX)
    told = refusal(made, "penalties")
    assert told.reason == "no_secret" and "GOUJI_TEST_TOKEN" in told.detail
    assert deliveries(made, "penalties")[0].connector.kind == "rest" and isinstance(deliveries(made, "fees")[0].connector, Inbox)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606])
def test_a_file_that_others_may_read_is_refused(configured: Callable[..., Settings], tmp_path: Path, mode: int) -> None:
    secret_file(tmp_path, mode)
    told = refusal(configured(SFTP), "fees")
    assert told.reason == "no_secret" and f"{mode:04o}" in told.detail and "chmod 600" in told.detail and TOKEN not in str(told)


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_a_file_that_is_missing_or_empty_is_told(configured: Callable[..., Settings], tmp_path: Path, text: str | None) -> None:
    if text is not None:
        secret_file(tmp_path, text=text)
    told = refusal(configured(SFTP), "fees")
    assert told.reason == "no_secret" and "secret" in told.detail and str(tmp_path) not in told.detail


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(configured: Callable[..., Settings], tmp_path: Path) -> None:
    secret_file(tmp_path, 0)
    assert refusal(configured(SFTP), "fees").reason == "no_secret"


# ---- mistakes in the file --------------------------------------------------------------------------------------------------

MISTAKES = {
    "an unknown key": (REST.replace("page_size", "pagesize"), "没有“pagesize”这个设置"),
    "two ways at once": (DATABASE.replace("subjects", 'path = "drop"\nsubjects'), "不止一种取数方式（path、database）"),
    "a log over rest": (REST.replace('"publications"', '"access_log"'), "取不到访问日志"),
    "files of a platform": (
        REST.replace("[sources.rest.paths]", "[sources.files]\npenalties = ['x*']\n[sources.rest.paths]"),
        "来源没有文件",
    ),
    "a token in the file": (REST.replace("GOUJI_TEST_TOKEN", "eyJhbGciOi.Jub25lIn0"), "不是环境变量的名称"),
    "two secrets": (REST.replace("page_size = 200", 'token_file = "t"'), "与 token_env 只能写一个"),
    "a password in the address": (DATABASE.replace("reader@", "reader:hunter2@"), "地址中不能写密码"),
    "no address": (DATABASE.replace("postgresql+psycopg://reader@db.example.cn/oa", "not an address"), "不是数据库的地址"),
    "no table": (DATABASE.replace('["applications"]', '["applications", "disputes"]', 1), "没有写 disputes 在哪个表或视图"),
    "a table of another subject": (DATABASE.replace("[sources.database.order]", 'fees = "f"\n[sources.database.order]'), "没有“fees”"),
    "a platform with parameters": (REST.replace("/api", "/api?key=1"), "不是平台的网址"),
    "sftp without known hosts": (SFTP.replace('known_hosts = "known_hosts"\n', ""), "known_hosts"),
    "sftp without login": (SFTP.replace('password_file = "secret"\n', ""), "key_file"),
    "sftp with password in the address": (SFTP.replace("gouji@", "gouji:hunter2@"), "地址里不能写密码"),
    "ftp": (SFTP.replace("sftp://", "ftp://"), "不是 SFTP 地址"),
    "sftp with an impossible port": (SFTP.replace("example.cn/", "example.cn:99999/"), "SFTP 地址写错了"),
    "sftp with a number sign": (SFTP.replace("/out", "/收件#1"), "%23"),
    "a password among the parameters": (DATABASE.replace("/oa", "/oa?password=hunter2"), "地址中不能写密码"),
    "a scheme that no header can hold": (REST.replace("page_size", 'scheme = "令牌"\npage_size'), "请求头"),
    "a header with a space": (REST.replace("page_size", 'header = "X Token"\npage_size'), "请求头"),
    "how a file is finished": (INBOX.replace('"marker"', '"maybe"'), "不能写“maybe”"),
    "a full export of what is not delivered": (INBOX.replace('full_export = ["fees"]', 'full_export = ["permits"]'), "没有“permits”"),
    "an unknown key of the envelope": (REST.replace("total =", "totals ="), "没有“totals”这个设置"),
}


@pytest.mark.parametrize("text, said", MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_is_told_with_its_remedy_and_without_secrets(configured: Callable[..., Settings], text: str, said: str) -> None:
    with pytest.raises(SettingsError) as told:
        configured(text)
    message = str(told.value)
    assert said in message and "；" in message
    assert "hunter2" not in message and "eyJ" not in message and "不合要求（" not in message
