"""Records from a database: one snapshot counted and read, everything as text, and what is said when something goes wrong."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import pytest
import sqlalchemy as sa
from servers import Server, mariadb, postgresql

from assets.sources import database
from assets.sources.connector import Incomplete, Pulled, Secret
from assets.sources.database import Database
from assets.sources.database_adbc import AdbcSession, adbc_session
from assets.sources.database_errors import Passing, Unreadable
from assets.sources.database_session import SqlSession, sql_session, texts
from assets.sources.files import Rejected, read
from assets.sources.parquet import Parts
from warehouse.subjects import SUBJECTS

FEES, APPLICATIONS = SUBJECTS["fees"], SUBJECTS["applications"]
READER, PASSWORD = "gouji_reader", "p@ss:/wörd#%1"
SINCE = datetime(2024, 5, 20, 10, 0, 0, 500000)


def rows_of(pulled: Pulled, columns: dict[str, str] | None = None, subject: str = "applications") -> list[dict[str, object]]:
    """The rows as the warehouse reads them from the kept parts."""
    parts = [read(part.file, part.name, SUBJECTS[subject], columns or {}, 1 << 30, is_part=True) for part in pulled.parts]
    return [row for landed in parts for chunk in landed.chunks for row in chunk.to_dicts()]


def bytes_of(pulled: Pulled) -> list[tuple[str, str]]:
    return [(part.name, hashlib.sha256(part.file.read_bytes()).hexdigest()) for part in pulled.parts]


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


# --- any database: SQLite and DuckDB need no server ------------------------------------------------------------------------------------


@pytest.fixture
def oa(tmp_path: Path) -> Database:
    """A database file with an empty table of fees."""
    source = Database(
        f"sqlite:///{tmp_path / 'oa.db'}", None, {"fees": "sf"}, {"fees": {"pjh": "receipt_no", "je": "amount_yuan"}}, attempts=1
    )
    execute(source, 'CREATE TABLE sf (pjh, je, "更新时间", "备注 %s ""x""")')
    return source


def execute(source: Database, statement: str, *rows: tuple[object, ...]) -> None:
    engine = sa.create_engine(source.url, poolclass=sa.NullPool)
    with engine.begin() as con:
        for row in rows or [()]:
            con.exec_driver_sql(statement, row)


def refused(source: Database, spool: Path, since: datetime | None = None, subject: str = "fees") -> Incomplete:
    with pytest.raises(Incomplete) as caught:
        source.pull(SUBJECTS[subject], since, spool)
    return caught.value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", ""),
        (" 测试甲 ", " 测试甲 "),
        ("a\0b", "ab"),
        (True, "1"),
        (False, "0"),
        (12345678901234567890, "12345678901234567890"),
        (0.1, "0.1"),
        (1e16, "1e+16"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.00"), "-0.00"),
        (date(2024, 3, 5), "2024-03-05"),
        (datetime(2024, 3, 5, 10, 0), "2024-03-05 10:00:00"),
        (datetime(2024, 3, 5, 10, 0, 0, 500000), "2024-03-05 10:00:00.500000"),
        (datetime(2024, 3, 5, 10, tzinfo=timezone(timedelta(hours=8))), "2024-03-05 10:00:00+08:00"),
        (time(10, 0), "10:00:00"),
        (timedelta(hours=10), "10:00:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({"名": [1, None, date(2024, 3, 5)]}, '{"名":[1,null,"2024-03-05"]}'),
    ],
)
def test_values_as_text(value: object, text: str | None) -> None:
    assert texts("x", [value, None]).to_pylist() == [text, None]
    assert texts("x", [value, "y", 1]).to_pylist() == [text, "y", "1"]


@pytest.mark.parametrize("value", [b"x", bytearray(b"x"), object()])
def test_a_value_without_text_is_refused(value: object) -> None:
    with pytest.raises(Unreadable, match="je"):
        texts("je", ["a", value])


def test_rows_arrive_as_they_lie_there(oa: Database, spool: Path) -> None:
    execute(oa, "INSERT INTO sf VALUES (?, ?, ?, ?)", ("B2", 1.5, "2024-1-2", ""), ("A1", 3, "2024-1-2", "注"), ("C3", None, None, None))
    pulled = oa.pull(FEES, None, spool)
    assert (pulled.is_full, pulled.rows, pulled.control_total, [part.name for part in pulled.parts]) == (True, 3, 3, ["part-0001.parquet"])
    got = rows_of(pulled, {**oa.columns["fees"]}, "fees")
    assert [(r["row_no"], r["receipt_no"], r["amount_yuan"], r["updated_at"]) for r in got] == [
        (1, "C3", None, None),
        (2, "A1", "3", "2024-1-2"),
        (3, "B2", "1.5", "2024-1-2"),
    ]
    assert [r["extra"] for r in got] == [None, '{"备注 %s \\"x\\"": "注"}', None]


def test_the_configured_order_holds(oa: Database, spool: Path) -> None:
    execute(oa, "INSERT INTO sf VALUES (?, ?, NULL, NULL)", ("A", 1), ("B", 3), ("C", 2))
    ordered = replace(oa, order={"fees": ("je",)})
    assert [r["receipt_no"] for r in rows_of(ordered.pull(FEES, None, spool), {**oa.columns["fees"]}, "fees")] == ["A", "C", "B"]


def test_an_empty_table_is_a_whole_answer_that_keeps_its_columns(oa: Database, spool: Path) -> None:
    pulled = oa.pull(FEES, None, spool)
    assert (pulled.rows, pulled.control_total, len(pulled.parts)) == (0, 0, 1)
    landed = read(pulled.parts[0].file, "part-0001.parquet", FEES, oa.columns["fees"], 1 << 20, is_part=True)
    assert (landed.unknown_columns, list(landed.chunks)) == (('备注 %s "x"',), [])


def test_text_is_not_compared_with_a_watermark(oa: Database, spool: Path) -> None:
    execute(oa, "INSERT INTO sf VALUES (?, NULL, ?, NULL)", ("A", "2024-9-1"), ("B", "2024-10-1"))
    pulled = oa.pull(FEES, datetime(2024, 9, 15), spool)
    assert (pulled.is_full, pulled.rows) == (True, 2)


def test_equal_rows_give_equal_bytes_however_they_are_fetched(oa: Database, spool: Path, tmp_path: Path) -> None:
    count = 120_001
    series = f"WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < {count}) "
    execute(oa, series + "INSERT INTO sf SELECT printf('A%06d', value), value * 0.5, NULL, NULL FROM n")
    pulled = oa.pull(FEES, None, spool)
    assert [part.name for part in pulled.parts] == ["part-0001.parquet", "part-0002.parquet", "part-0003.parquet"]
    assert [r["receipt_no"] for r in rows_of(pulled, {**oa.columns["fees"]}, "fees")] == [f"A{n:06}" for n in range(1, count + 1)]
    other = tmp_path / "other"
    other.mkdir()
    assert bytes_of(replace(oa, fetch_size=777).pull(FEES, None, other)) == bytes_of(pulled)


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMPTZ", "DATE"])
def test_a_watermark_brings_ties_and_rows_without_time(tmp_path: Path, spool: Path, kind: str) -> None:
    source = Database(f"duckdb:///{tmp_path / 'oa.duckdb'}", None, {"fees": "main.v_sf"})
    execute(source, f"CREATE TABLE sf (receipt_no VARCHAR, updated_at {kind})")
    execute(source, 'CREATE VIEW v_sf AS SELECT receipt_no AS "票据号", updated_at FROM sf')
    execute(source, "SET TimeZone = 'Asia/Shanghai'")
    at = SINCE if kind != "DATE" else datetime(2024, 5, 20)
    moments = {"older": at - timedelta(days=1), "tie": at, "tie too": at, "newer": at + timedelta(days=1), "never": None}
    if kind == "TIMESTAMPTZ":
        moments = {name: moment and moment.replace(tzinfo=timezone(timedelta(hours=8))) for name, moment in moments.items()}
    execute(source, "INSERT INTO sf VALUES (?, ?)", *moments.items())
    pulled = source.pull(FEES, SINCE, spool)
    assert (pulled.is_full, pulled.rows, pulled.control_total) == (False, 4, 4)
    assert {r["receipt_no"] for r in rows_of(pulled, {}, "fees")} == {"tie", "tie too", "newer", "never"}


@pytest.mark.parametrize(
    ("statement", "reason", "shown"),
    [
        ("DROP TABLE sf", "not_found", "sf"),
        ("ALTER TABLE sf RENAME COLUMN pjh TO other", "missing_key_column", "票据号"),
        ('ALTER TABLE sf ADD COLUMN "更新 时间"', "duplicate_column", "更新时间"),
        ("INSERT INTO sf VALUES ('A', x'00', NULL, NULL)", "unreadable_column", "je"),
    ],
)
def test_refusals(oa: Database, spool: Path, statement: str, reason: str, shown: str) -> None:
    execute(oa, statement)
    verdict = refused(oa, spool)
    assert verdict.reason == reason
    assert "sf" in verdict.detail and shown in verdict.detail


def test_an_unknown_column_to_order_by_is_named(oa: Database, spool: Path) -> None:
    verdict = refused(replace(oa, order={"fees": ("nix",)}), spool)
    assert (verdict.reason, "nix" in verdict.detail) == ("missing_order_column", True)


@pytest.mark.parametrize("url", ["oracle+oracledb://u@127.0.0.1/x", "mysql+mysqldb://u@127.0.0.1/x", "dm+dmPython://u@127.0.0.1/x"])
def test_a_driver_that_is_not_installed_is_named(oa: Database, spool: Path, url: str) -> None:
    verdict = refused(replace(oa, url=url), spool)
    assert verdict.reason == "no_driver"
    assert url.split("+")[1].split(":")[0].lower().removesuffix("python") in verdict.detail.lower()


@pytest.mark.parametrize("driver", ["postgresql+psycopg", "mysql+pymysql"])
def test_nobody_at_home_is_tried_again_and_the_password_is_shown_nowhere(spool: Path, driver: str) -> None:
    with socket.socket() as bound:  # bound, not listening: every attempt is refused
        bound.bind(("127.0.0.1", 0))
        url = f"{driver}://{READER}@127.0.0.1:{bound.getsockname()[1]}/oa"
        source = Database(url, Secret(PASSWORD), {"fees": "v_sf"}, attempts=2, pause_seconds=0)
        verdict = refused(source, spool)
    assert verdict.reason == "connection_failed"
    assert isinstance(verdict, Passing)
    shown = repr(source) + "".join(traceback.format_exception(verdict)) + verdict.detail
    assert PASSWORD not in shown and quote(PASSWORD) not in shown


@pytest.mark.parametrize("content", [b"PAR1", b"x" * 100])
def test_a_part_that_is_no_parquet_is_rejected(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "part"
    file.write_bytes(content)
    with pytest.raises(Rejected) as caught:
        read(file, "part-0001.parquet", FEES, {}, 1 << 20, is_part=True)
    assert caught.value.reason == "bad_parquet"


def test_a_part_cut_short_is_rejected(oa: Database, spool: Path) -> None:
    execute(oa, "INSERT INTO sf VALUES ('A', 1, NULL, NULL)")
    (part,) = oa.pull(FEES, None, spool).parts
    part.file.write_bytes(part.file.read_bytes()[:-9])
    with pytest.raises(Rejected) as caught:
        read(part.file, part.name, FEES, {}, 1 << 20, is_part=True)
    assert caught.value.reason == "bad_parquet"


# --- real servers ------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bureau:
    """A server with the records in it, and how it is told what the tests need."""

    server: Server
    schema: str
    is_fast: bool
    moment: str
    sleeping: str
    sessions: str
    kill: str
    lock: str

    def source(self, view: str, **settings: object) -> Database:
        """The view as the account for reading sees it."""
        settings = {"attempts": 2, "pause_seconds": 0} | settings
        return Database(self.server.url(READER), Secret(PASSWORD), {"applications": f"{self.schema}.{view}"}, **settings)  # type: ignore[arg-type]

    def view(self, name: str, query: str, *, is_granted: bool = True) -> None:
        """A view, which the account may read."""
        self.server.run(f"CREATE VIEW {self.schema}.{name} AS {query}")
        if is_granted:
            self.server.run(f"GRANT SELECT ON {self.schema}.{name} TO {self.account}")

    @property
    def account(self) -> str:
        """The account as its server writes it."""
        return READER if self.schema == "public" else f"{READER}@'127.0.0.1'"

    def kill_reader(self) -> None:
        """End the sessions of the account for reading from outside."""
        with self.server.connection() as con:
            for (session,) in con.exec_driver_sql(self.sessions).all():
                con.exec_driver_sql(self.kill.format(session))


def load(server: Server, schema: str, moment: str, day: str) -> None:
    """20,000 applications, a hundred at each moment, with texts long enough to fill every buffer on the way."""
    server.run(
        f"CREATE TABLE {schema}.ysq (djbh varchar(20), content text, received_on {day}, fee_yuan numeric(12,2), updated_at {moment})",
    )
    with server.connection() as con:
        text = sa.text(f"INSERT INTO {schema}.ysq VALUES (:djbh, :content, :received_on, :fee_yuan, :updated_at)")
        for start in range(0, 20_000, 5_000):
            con.execute(text, [dict(zip(("djbh", "content", "received_on", "fee_yuan", "updated_at"), row, strict=True))
                               for row in map(record, range(start, start + 5_000))])  # fmt: skip


def record(n: int) -> tuple[object, ...]:
    """The values of one application; every seventh is open and was never changed."""
    moment = None if n % 7 == 0 else SINCE + timedelta(seconds=n // 100 - 100)
    return f"YSQ-{n:06}", f"测试甲 {n} " + "申请公开" * 200, date(2024, 1, 1) + timedelta(days=n % 366), Decimal(n) / 4, moment


def expected(n: int, suffix: str = "") -> tuple[object, ...]:
    no, content, day, fee, moment = record(n)
    return no, content, str(day), f"{fee:.2f}", moment and f"{moment:%Y-%m-%d %H:%M:%S.%f}{suffix}"


def got(pulled: Pulled) -> list[tuple[object, ...]]:
    rows = rows_of(pulled, {"djbh": "application_no"})
    return [tuple(r[name] for name in ("application_no", "content", "received_on", "fee_yuan", "updated_at")) for r in rows]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    # Not below pytest's folder: another pytest that starts closes that folder to other users while this one runs.
    with tempfile.TemporaryDirectory(prefix="gouji-") as folder, postgresql(Path(folder) / "server") as server:
        server.run(f"CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'")
        load(server, "public", "timestamp(6)", "date")
        yield server


@pytest.fixture(scope="module")
def maria() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="gouji-") as folder, mariadb(Path(folder) / "server") as server:
        server.run(f"CREATE USER {READER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'", f"GRANT USAGE ON *.* TO {READER}@'127.0.0.1'")
        load(server, "oa", "datetime(6)", "date")
        yield server


@pytest.fixture(params=["postgresql", "postgresql-adbc", "mariadb"])
def bureau(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bureau:
    """Each server and each session, with a fresh view `v` over the records."""
    if request.param == "mariadb":
        server = request.getfixturevalue("maria")
        found = Bureau(server, "oa", False, "timestamp(6)", "SELECT * FROM oa.ysq WHERE sleep(5) = 0",
                       f"SELECT id FROM information_schema.processlist WHERE user = '{READER}'", "KILL {}",
                       "LOCK TABLES oa.ysq WRITE")  # fmt: skip
    else:
        server = request.getfixturevalue("postgres")
        is_fast = request.param.endswith("adbc")
        found = Bureau(server, "public", is_fast, "timestamptz", "SELECT ysq.* FROM public.ysq, pg_sleep(5)",
                       f"SELECT pid FROM pg_stat_activity WHERE usename = '{READER}'", "SELECT pg_terminate_backend({})",
                       "LOCK TABLE public.ysq IN ACCESS EXCLUSIVE MODE")  # fmt: skip
        if not is_fast:
            monkeypatch.setattr(database, "suits", lambda url: False)
    with server.connection() as con:
        for name in [n for n in sa.inspect(con).get_view_names(found.schema) if n.startswith("v")]:
            con.exec_driver_sql(f"DROP VIEW {found.schema}.{name}")
    server.run(f"DELETE FROM {found.schema}.ysq WHERE djbh LIKE 'NEW%'")
    found.view("v", f"SELECT * FROM {found.schema}.ysq")
    return found


COLUMNS = {"columns": {"applications": {"djbh": "application_no"}}}


def once(action: Callable[[], object]) -> Callable[[], None]:
    left = [action]

    def run() -> None:
        if left:
            left.pop()()

    return run


def before_rows(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Do something after the rows are counted and before they are asked for."""
    for session in (SqlSession, AdbcSession):
        asked = session.batches
        monkeypatch.setattr(session, "batches", lambda self, statement, asked=asked: (action(), asked(self, statement))[1])


def amid_rows(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Do something when the first rows have come."""
    add = Parts.add
    monkeypatch.setattr(Parts, "add", lambda self, columns: (add(self, columns), action())[0])


@pytest.mark.wide
def test_what_the_administrators_page_says_works(bureau: Bureau, spool: Path, root: Path) -> None:
    flavour = "postgresql" if bureau.schema == "public" else "mariadb"
    (block,) = re.findall(rf"```sql {flavour}\n(.*?)```", (root / "docs/databases.zh-CN.md").read_text(), re.S)
    for page, here in {"gouji_reader": "gouji_page", "'10.0.0.8'": "'127.0.0.1'", "请换成口令": PASSWORD}.items():
        block = block.replace(page, here)
    account = "gouji_page" if flavour == "postgresql" else "gouji_page@'127.0.0.1'"
    text, instant = ("text", "timestamptz") if flavour == "postgresql" else ("varchar(20)", "datetime")
    fields = f"djbh {text}, sqfs {text}, sqrlx {text}, sqrmc {text}, sdrq date, dfrq date, bljg {text}, gxsj {instant}"
    bureau.server.run("CREATE SCHEMA IF NOT EXISTS oa", f"CREATE TABLE oa.ysq_sqb ({fields})")
    try:
        bureau.server.run("INSERT INTO oa.ysq_sqb (djbh, sqrmc, sdrq) VALUES ('A1', '测试甲', '2024-03-05')", *block.split(";\n")[:-1])
        source = replace(bureau.source("v_ysq_applications", **COLUMNS), url=bureau.server.url("gouji_page"))
        (row,) = rows_of(source.pull(APPLICATIONS, None, spool), {"djbh": "application_no"})
        assert (row["application_no"], row["applicant_name"], row["received_on"]) == ("A1", "测试甲", "2024-03-05")
    finally:
        owned = ["DROP OWNED BY gouji_page"] if flavour == "postgresql" else []
        bureau.server.run(f"DROP VIEW {bureau.schema}.v_ysq_applications", "DROP TABLE oa.ysq_sqb", *owned, f"DROP USER {account}")


@pytest.mark.wide
def test_everything_arrives_equal_to_what_was_loaded(bureau: Bureau, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if bureau.is_fast:
        monkeypatch.setattr(database, "sql_session", None)  # the fast session does it alone
    pulled = bureau.source("v", **COLUMNS).pull(APPLICATIONS, None, spool)
    assert (pulled.is_full, pulled.rows, pulled.control_total) == (True, 20_000, 20_000)
    assert sorted(got(pulled)) == [expected(n) for n in range(20_000)]
    assert (
        pulled.source_at is not None
        and abs(pulled.source_at - datetime.now(timezone(timedelta(hours=8))).replace(tzinfo=None)).seconds < 60
    )


@pytest.mark.wide
def test_a_watermark_on_a_server(bureau: Bureau, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if bureau.is_fast:
        monkeypatch.setattr(database, "sql_session", None)
    pulled = bureau.source("v", **COLUMNS).pull(APPLICATIONS, SINCE, spool)
    wanted = [n for n in range(20_000) if n % 7 == 0 or n >= 10_000]
    assert (pulled.is_full, pulled.rows, pulled.control_total) == (False, len(wanted), len(wanted))
    assert sorted(got(pulled)) == [expected(n) for n in wanted]


@pytest.mark.wide
def test_instants_with_zone_are_told_and_compared_in_chinese_time(bureau: Bureau, spool: Path) -> None:
    # The servers stand in UTC: what they keep as an instant must come out in Chinese time all the same.
    schema = bureau.schema
    bureau.server.run(
        f"DROP TABLE IF EXISTS {schema}.zoned", f"CREATE TABLE {schema}.zoned (application_no varchar(9), updated_at {bureau.moment} NULL)"
    )
    for no, moment in {"old": "01:59:59", "tie": "02:00:00.5"}.items():
        bureau.server.run(f"INSERT INTO {schema}.zoned VALUES ('{no}', '2024-05-20 {moment}')")
    bureau.view("v_zoned", f"SELECT * FROM {schema}.zoned")
    zone = "+08:00" if schema == "public" else ""
    assert [r["updated_at"] for r in rows_of(bureau.source("v_zoned").pull(APPLICATIONS, SINCE, spool))] == [
        f"2024-05-20 10:00:00.500000{zone}"
    ]


@pytest.mark.wide
@pytest.mark.parametrize("moment", [before_rows, amid_rows])
def test_count_and_rows_are_one_snapshot(bureau: Bureau, spool: Path, monkeypatch: pytest.MonkeyPatch, moment: Callable[..., None]) -> None:
    def change() -> None:
        bureau.server.run(
            f"INSERT INTO {bureau.schema}.ysq (djbh) VALUES ('NEW-1'), ('NEW-2')",
            f"UPDATE {bureau.schema}.ysq SET content = 'NEW' WHERE djbh = 'YSQ-019999'",
        )

    changed = once(change)
    moment(monkeypatch, changed)
    try:
        pulled = bureau.source("v", **COLUMNS).pull(APPLICATIONS, None, spool)
        assert (pulled.rows, pulled.control_total) == (20_000, 20_000)
        assert sorted(got(pulled)) == [expected(n) for n in range(20_000)]
        assert bureau.source("v", **COLUMNS).pull(APPLICATIONS, None, spool).rows == 20_002
    finally:
        with bureau.server.connection() as con:
            con.execute(sa.text(f"UPDATE {bureau.schema}.ysq SET content = :c WHERE djbh = 'YSQ-019999'"), {"c": record(19_999)[1]})


@pytest.mark.wide
@pytest.mark.parametrize(("change", "reason"), [("INSERT INTO oa.isam VALUES ('2')", "more_rows"), ("DELETE FROM oa.isam", "fewer_rows")])
def test_a_table_without_snapshots_is_found_out(
    maria: Server, spool: Path, monkeypatch: pytest.MonkeyPatch, change: str, reason: str
) -> None:
    maria.run("CREATE OR REPLACE TABLE oa.isam (application_no varchar(9)) ENGINE = MyISAM", "INSERT INTO oa.isam VALUES ('1')")
    maria.run(f"GRANT SELECT ON oa.isam TO {READER}@'127.0.0.1'")
    before_rows(monkeypatch, once(lambda: maria.run(change)))
    source = Database(maria.url(READER), Secret(PASSWORD), {"applications": "oa.isam"})
    assert refused(source, spool, subject="applications").reason == reason


@pytest.mark.wide
def test_a_connection_killed_once_is_made_again(bureau: Bureau, spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.mkdir()
    undisturbed = bytes_of(bureau.source("v", **COLUMNS).pull(APPLICATIONS, None, other))
    killed: list[int] = []
    amid_rows(monkeypatch, once(lambda: (killed.append(1), bureau.kill_reader())))
    assert bytes_of(bureau.source("v", **COLUMNS).pull(APPLICATIONS, None, spool)) == undisturbed
    assert killed == [1]


@pytest.mark.wide
def test_a_connection_killed_again_and_again_is_told(bureau: Bureau, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    amid_rows(monkeypatch, lambda: (killed.append(1), bureau.kill_reader()))
    verdict = refused(bureau.source("v", **COLUMNS), spool, subject="applications")
    assert verdict.reason == "connection_lost"
    assert len(killed) >= 2


@pytest.mark.wide
def test_a_full_disk_is_not_blamed_on_the_database(bureau: Bureau, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill() -> None:
        raise OSError(errno.ENOSPC, "no space")

    amid_rows(monkeypatch, fill)
    with pytest.raises(OSError, match="no space"):
        bureau.source("v", **COLUMNS).pull(APPLICATIONS, None, spool)


@pytest.mark.wide
def test_a_wrong_password(bureau: Bureau, spool: Path) -> None:
    verdict = refused(replace(bureau.source("v"), password=Secret("wrong-secret")), spool, subject="applications")
    assert verdict.reason == "unauthorized"
    assert not isinstance(verdict, Passing)
    assert "wrong-secret" not in "".join(traceback.format_exception(verdict))
    assert READER not in verdict.detail and "127.0.0.1" not in verdict.detail


@pytest.mark.wide
def test_a_view_that_may_not_be_read_or_is_not_there(bureau: Bureau, spool: Path) -> None:
    bureau.view("v_closed", f"SELECT * FROM {bureau.schema}.ysq", is_granted=False)
    assert refused(bureau.source("v_closed"), spool, subject="applications").reason == "forbidden"
    # MariaDB does not tell an account what there is that it may not read.
    missing = "not_found" if bureau.schema == "public" else "forbidden"
    assert refused(bureau.source("v_nix"), spool, subject="applications").reason == missing


@pytest.mark.wide
def test_a_view_that_takes_too_long(bureau: Bureau, spool: Path) -> None:
    bureau.view("v_slow", bureau.sleeping)
    assert refused(bureau.source("v_slow", timeout_seconds=1, **COLUMNS), spool, subject="applications").reason == "timeout"


@pytest.mark.wide
def test_a_locked_table_is_not_waited_for_without_end(bureau: Bureau, spool: Path) -> None:
    with sa.create_engine(bureau.server.admin, poolclass=sa.NullPool).connect() as con:
        con.exec_driver_sql(bureau.lock)
        assert refused(bureau.source("v", timeout_seconds=1, **COLUMNS), spool, subject="applications").reason == "timeout"


@pytest.mark.wide
def test_a_view_whose_rows_fail_on_the_way(bureau: Bureau, spool: Path) -> None:
    broken = "CASE WHEN djbh = 'YSQ-015000' THEN (SELECT djbh FROM {0}.ysq AS y WHERE y.djbh < 'YSQ-000002') ELSE djbh END"
    bureau.view("v_broken", f"SELECT {broken.format(bureau.schema)} AS application_no, content FROM {bureau.schema}.ysq")
    source = bureau.source("v_broken", order={"applications": ("content",)})
    verdict = refused(source, spool, subject="applications")
    assert verdict.reason == "database_error"
    assert ("21000" if bureau.schema == "public" else "1242") in verdict.detail


@pytest.mark.wide
def test_nothing_can_be_written_through_a_session(bureau: Bureau) -> None:
    insert = f"INSERT INTO {bureau.schema}.ysq (djbh) VALUES ('NEW-9')"
    if bureau.is_fast:
        with adbc_session(bureau.server.admin, 10) as fast, pytest.raises(Exception, match="25006"):
            fast._cursor.execute(insert)
    else:
        with sql_session(bureau.server.admin, 10, 100) as session, pytest.raises(sa.exc.DBAPIError, match="(?i)read.only"):
            session.connection.exec_driver_sql(insert)


EVERY_TYPE = """
    SELECT 'A' || n AS application_no, n::int2 AS i2, n::int4 AS i4, n::int8 * 10000000000 AS i8,
        n * 0.1::float8 AS f8, 1e16::float8 AS big,
        n::numeric / 3 AS num, (n * 1000)::numeric(20, 2) AS num2, n % 2 = 0 AS yes,
        DATE '0001-01-01' + n AS d0, DATE '9999-12-31' - n AS d9,
        TIMESTAMP '2024-03-05 10:00:00' + n * INTERVAL '0.25 s' AS ts, TIMESTAMP '0001-01-01 00:00:00.000001' AS ts0,
        TIMESTAMPTZ '1991-09-14 15:00:00+00' + n * INTERVAL '1 h' AS summer,
        TIMESTAMPTZ '2024-03-05 10:00:00+00' + n * INTERVAL '0.5 s' AS updated_at,
        ('00000000-0000-0000-0000-00000000000' || n % 10)::uuid AS id,
        '{"b": 1.0,  "a": "中"}'::json AS js, '{"b": 1.0, "a": "中"}'::jsonb AS jb,
        '测试甲'::varchar(10) AS vc, 'x'::char(5) AS ch, NULL::text AS nothing, NULL::date AS no_day, NULL::timestamptz AS no_moment,
        NULL::numeric AS no_number, '' AS empty, 'x' AS "列 %s ""q"" :y"
    FROM generate_series(1, 7001) AS n
"""


@pytest.mark.wide
@pytest.mark.parametrize("since", [None, datetime(2024, 3, 5, 18, 30)])
def test_both_sessions_write_the_same_bytes(
    postgres: Server, spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, since: datetime | None
) -> None:
    postgres.run("DROP VIEW IF EXISTS v_types", f"CREATE VIEW v_types AS {EVERY_TYPE}", f"GRANT SELECT ON v_types TO {READER}")
    source = Database(postgres.url(READER), Secret(PASSWORD), {"applications": "v_types"}, fetch_size=999)
    with monkeypatch.context() as patch:
        patch.setattr(database, "sql_session", None)
        fast = source.pull(APPLICATIONS, since, spool)
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setattr(database, "suits", lambda url: False)
    slow = source.pull(APPLICATIONS, since, other)
    assert bytes_of(fast) == bytes_of(slow)
    assert (fast.is_full, fast.rows, fast.control_total) == (slow.is_full, slow.rows, slow.control_total)
    extra = json.loads(str(rows_of(fast)[0]["extra"]))
    assert (extra["js"], extra['列 %s "q" :y']) == ('{"b": 1.0,  "a": "中"}', "x")


@pytest.mark.wide
@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ("12.5::money", "$12.50"),
        ("0.1::float4", "0.1"),
        ("'NaN'::numeric", "NaN"),
        ("'10.0.0.1'::inet", None),
        ("'x'::bytea", None),
        ("'infinity'::date", None),
        ("'infinity'::timestamptz", None),
        ("DATE '0044-03-15 BC'", None),
    ],
)
def test_where_the_fast_session_is_not_sure_the_slow_one_decides(postgres: Server, spool: Path, value: str, outcome: str | None) -> None:
    postgres.run("DROP VIEW IF EXISTS v_odd", f"CREATE VIEW v_odd AS SELECT 'A' AS application_no, {value} AS note")
    postgres.run(f"GRANT SELECT ON v_odd TO {READER}")
    source = Database(postgres.url(READER), Secret(PASSWORD), {"applications": "v_odd"})
    if outcome is None:
        assert refused(source, spool, subject="applications").reason == "unreadable_column"
    else:
        assert [r["note"] for r in rows_of(source.pull(APPLICATIONS, None, spool))] == [outcome]


MEMORY = """
import resource, sys
from pathlib import Path
from assets.sources import database
from assets.sources.connector import Secret
from warehouse.subjects import SUBJECTS
url, password, small, large, fast, spool = sys.argv[1:]
if fast == "False":
    database.suits = lambda url: False
peaks = []
for view in (small, large):
    source = database.Database(url, Secret(password), {"applications": view})
    rows = source.pull(SUBJECTS["applications"], None, Path(spool)).rows
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(rows, peaks[1] - peaks[0])
"""


@pytest.mark.wide
def test_memory_does_not_grow_with_the_rows(bureau: Bureau, spool: Path, root: Path) -> None:
    series = "generate_series(1, {}) AS s (n)" if bureau.schema == "public" else "(SELECT seq AS n FROM seq_1_to_{}) AS s"
    for name, count in {"v_small": 10_000, "v_large": 300_000}.items():
        bureau.view(name, f"SELECT n AS application_no, repeat('x', 2000) AS content FROM {series.format(count)}")
    views = [f"{bureau.schema}.{name}" for name in ("v_small", "v_large")]
    command = [sys.executable, "-c", MEMORY, bureau.server.url(READER), PASSWORD, *views, str(bureau.is_fast), str(spool)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, check=True)
    rows, grown_kib = map(int, done.stdout.split())
    assert rows == 300_000  # 600 MB of text
    assert grown_kib < 100 * 1024
