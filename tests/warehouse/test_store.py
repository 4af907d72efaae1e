"""The store: the file has the dictionary's tables, takes whole steps or nothing, and is free again after each."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest
from building import House, good, log_line, write_log

from warehouse import tables, views
from warehouse.landing import Landing
from warehouse.model import TYPES, Column, Table
from warehouse.store import Busy, Warehouse, create_schema, delete_files, insert, next_id
from warehouse.tables import TABLES, VIEWS

FILES, YEARS = TABLES["raw.files"], TABLES["report.years"]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """A new file after its first step."""
    warehouse = Warehouse(tmp_path_factory.mktemp("fresh") / "below" / "w.duckdb")
    with warehouse.step():
        pass
    return duckdb.connect(warehouse.path)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    warehouse = Warehouse(tmp_path / "w.duckdb")
    with warehouse.step():
        pass
    return warehouse


def columns(con: duckdb.DuckDBPyConnection, name: str) -> list[tuple[str, str, str | None]]:
    return con.execute(
        "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE schema_name || '.' || table_name = ? ORDER BY column_index",
        [name],
    ).fetchall()


# ---- the dictionary --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_what_the_dictionary_says(fresh: duckdb.DuckDBPyConnection, name: str) -> None:
    table = TABLES[name]
    assert columns(fresh, name) == [(c.name, TYPES[c.type][0], c.comment) for c in table.columns]
    comment = fresh.execute("SELECT comment FROM duckdb_tables() WHERE schema_name || '.' || table_name = ?", [name]).fetchone()
    assert comment == (table.zh,)


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_there_are_no_tables_and_views_but_those_of_the_dictionary(fresh: duckdb.DuckDBPyConnection) -> None:
    assert {row[0] for row in fresh.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall()} == set(TABLES)
    made = {row[0] for row in fresh.execute("SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal").fetchall()}
    judged = {f"report.judged_{s}" for s in tables.SUBJECTS}
    assert made == set(VIEWS) - {"raw.access_log"} | judged == set(views.definitions())


def test_a_view_has_the_columns_and_types_of_the_dictionary(tmp_path: Path) -> None:
    house = House(tmp_path, ("access_log",))
    with house.warehouse.step() as con:
        views.show_hits(con, tmp_path)
        for name, table in VIEWS.items():
            assert [row[:2] for row in columns(con, name)] == [(c.name, TYPES[c.type][0]) for c in table.columns], name
    write_log(house.path("access_log", ".log"), [log_line("01/May/2023:09:00:00 +0800")])
    house.land("access_log")
    with house.warehouse.connect() as con:
        names = [(c.name, TYPES[c.type][0]) for c in VIEWS["raw.access_log"].columns]
        assert [row[:2] for row in columns(con, "raw.access_log")] == names


def test_every_frame_of_a_table_can_be_stored_and_read_back(fresh: duckdb.DuckDBPyConnection) -> None:
    for name, table in TABLES.items():
        frame = pl.DataFrame({c: [None] for c in table.schema}, schema=table.schema)
        insert(fresh, table, frame)
        assert fresh.sql(f"FROM {name}").pl().schema == pl.Schema(table.schema), name
        fresh.execute(f"DELETE FROM {name}")


def test_what_a_file_does_not_have_yet_is_added_and_what_it_has_is_kept(warehouse: Warehouse) -> None:
    with warehouse.step() as con:
        insert(con, YEARS, pl.DataFrame([("A", "甲", 2023, "2021", None, None, None)], schema=YEARS.schema, orient="row"))
    with warehouse.connect() as con:
        con.execute("DROP TABLE core.quarantine")
        con.execute("CREATE OR REPLACE VIEW report.ledger_totals AS SELECT 1 AS old")
        con.execute("DROP VIEW report.judged_fees")
    with warehouse.step() as con:
        assert [row[0] for row in columns(con, "core.quarantine")] == list(TABLES["core.quarantine"].schema)
        assert [row[0] for row in columns(con, "report.ledger_totals")] == list(VIEWS["report.ledger_totals"].schema)
        assert con.execute("SELECT count(*) FROM report.judged_fees").fetchone() == (0,)
        assert con.execute("SELECT agency_name FROM report.years").fetchall() == [("甲",)]


def test_a_schema_that_stands_is_not_made_again(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Table, "ddl", lambda self: pytest.fail("made again"))
    with warehouse.step() as con:
        before = con.execute("SELECT view_oid FROM duckdb_views() WHERE NOT internal ORDER BY 1").fetchall()
        create_schema(con)
        assert con.execute("SELECT view_oid FROM duckdb_views() WHERE NOT internal ORDER BY 1").fetchall() == before


def test_a_comment_may_hold_quotation_marks_and_says_what_is_personal() -> None:
    table = Table("raw", "t", "it's", "", "", ("a",), (Column("a", "text", "名'称", "", pii=True, unit="元"),))
    with duckdb.connect() as con:
        con.execute("CREATE SCHEMA raw")
        for statement in table.ddl():
            con.execute(statement)
        assert columns(con, "raw.t") == [("a", "VARCHAR", "名'称（单位：元）【个人信息】")]


def test_a_table_with_a_column_twice_or_a_key_it_does_not_have_is_refused() -> None:
    column = Column("a", "text", "", "")
    for key, given in ((("a",), (column, column)), (("b",), (column,))):
        with pytest.raises(ValueError, match=r"raw\.t"):
            Table("raw", "t", "", "", "", key, given)


def test_personal_data_and_free_text_have_no_column_outside_the_restricted_schema() -> None:
    for table in (*TABLES.values(), *VIEWS.values()):
        if table.layer != "raw":
            assert not [c.name for c in table.columns if c.pii], table.full_name
    for subject in tables.SUBJECTS.values():
        private = {f.name for f in subject.fields if f.pii or f.kind == "free"}
        assert not private & set(tables.core(subject.name).schema), subject.name
        assert private == {c.name for c in tables.raw(subject.name).columns if c.pii} - {"extra"}


# ---- writing ---------------------------------------------------------------------------------------------------------------

GOOD_FRAME = {
    "agency": ["A"],
    "agency_name": ["甲"],
    "year": [2023],
    "format": ["2021"],
    "inputs_sha256": ["x"],
    "settings_sha256": ["y"],
    "code_version": ["1"],
}


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame(GOOD_FRAME).drop("format"),
        pl.DataFrame(GOOD_FRAME | {"more": [1]}),
        pl.DataFrame(GOOD_FRAME | {"year": ["2023"]}),
        pl.DataFrame(GOOD_FRAME).with_columns(pl.col("year").cast(pl.Int32)),
        pl.DataFrame(GOOD_FRAME).with_columns(pl.lit(None).alias("format")),
    ],
    ids=["a column less", "a column more", "another type", "a narrower type", "no type"],
)
def test_a_frame_that_does_not_fit_is_refused_and_nothing_is_written(warehouse: Warehouse, frame: pl.DataFrame) -> None:
    with warehouse.step() as con:
        with pytest.raises(ValueError, match=r"report\.years: frame does not fit the dictionary"):
            insert(con, YEARS, frame)
        assert con.execute("FROM report.years").fetchall() == []


def test_a_frame_with_its_columns_in_another_order_lands_by_name(warehouse: Warehouse) -> None:
    with warehouse.step() as con:
        insert(
            con,
            YEARS,
            pl.DataFrame(GOOD_FRAME).select("year", "format", "code_version", "inputs_sha256", "settings_sha256", "agency", "agency_name"),
        )
        assert con.execute("SELECT agency, agency_name, year, format FROM report.years").fetchall() == [("A", "甲", 2023, "2021")]


def test_numbers_go_on_from_the_last_and_rows_of_files_can_be_taken_out(warehouse: Warehouse) -> None:
    with warehouse.step() as con:
        assert next_id(con, FILES) == 1
        for file_id in (1, 2, 7):
            insert(con, FILES, pl.DataFrame([dict.fromkeys(FILES.schema) | {"file_id": file_id}], schema=FILES.schema))
        assert next_id(con, FILES) == 8
        delete_files(con, FILES, [])
        delete_files(con, FILES, [2, 5])
        assert con.execute("SELECT file_id FROM raw.files ORDER BY 1").fetchall() == [(1,), (7,)]


def test_all_of_a_step_is_committed_or_none_of_it(warehouse: Warehouse) -> None:
    for error in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(error), warehouse.step() as con:
            insert(con, YEARS, pl.DataFrame(GOOD_FRAME))
            raise error
        assert warehouse.read("FROM report.years").is_empty()
    with warehouse.step() as con:
        insert(con, YEARS, pl.DataFrame(GOOD_FRAME))
    assert warehouse.read("SELECT year FROM report.years WHERE agency = $agency", {"agency": "A"}).rows() == [(2023,)]


def test_a_failed_statement_undoes_what_the_step_did_before_it(warehouse: Warehouse) -> None:
    with pytest.raises(duckdb.Error), warehouse.step() as con:
        insert(con, YEARS, pl.DataFrame(GOOD_FRAME))
        con.execute("SELECT nothing FROM nowhere")
    assert warehouse.read("FROM report.years").is_empty()


def test_reading_cannot_write(warehouse: Warehouse) -> None:
    with warehouse.connect(read_only=True) as con, pytest.raises(duckdb.InvalidInputException):
        con.execute("DELETE FROM report.years")


# ---- one process at a time -------------------------------------------------------------------------------------------------

HOLD = """
import sys
import duckdb
con = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "reading")
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=["writing", "reading"])
def holder(request: pytest.FixtureRequest, warehouse: Warehouse) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the file open until its input ends."""
    command = [sys.executable, "-c", HOLD, str(warehouse.path), request.param]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "open\n"
        yield process
        process.communicate()


def test_a_warehouse_that_another_process_has_open_is_busy_and_the_message_names_it(
    warehouse: Warehouse, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(Busy, match=f"进程号 {holder.pid}"), warehouse.step():
        pytest.fail("opened all the same")
    holder.communicate()
    with warehouse.step() as con:
        assert con.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("fails", [False, True])
def test_the_lock_is_released_at_the_end_of_a_step(warehouse: Warehouse, fails: bool) -> None:
    try:
        with warehouse.step():
            if fails:
                raise RuntimeError
    except RuntimeError:
        assert fails
    done = subprocess.run(
        [sys.executable, "-c", HOLD, str(warehouse.path), "writing"], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "open\n"), done.stderr


def test_another_fault_of_the_file_is_not_called_busy(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(duckdb.Error), Warehouse(path).step():
        pytest.fail("opened all the same")


# ---- kept bytes ------------------------------------------------------------------------------------------------------------


def test_bytes_are_kept_once_under_their_digest(tmp_path: Path) -> None:
    landing = Landing(tmp_path / "landing")
    first, second = tmp_path / "a.CSV", tmp_path / "b.csv"
    for path in (first, second):
        path.write_bytes(b"abc" * 1000)
    assert landing.put(first) == landing.put(second) == (digest(first), 3000)
    kept = landing.path_of(digest(first), ".CSV")
    assert kept.read_bytes() == first.read_bytes()
    assert kept.relative_to(landing.folder).as_posix() == f"{digest(first)[:2]}/{digest(first)}.csv"
    assert [p for p in landing.folder.rglob("*") if p.is_file()] == [kept]


def test_what_is_kept_is_what_was_hashed_when_a_file_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import warehouse.landing

    path = tmp_path / "a.csv"
    path.write_bytes(b"before")
    chunks = warehouse.landing._chunks

    def meddle(source: Path) -> Iterator[bytes]:
        yield from chunks(source)
        path.write_bytes(b"after")

    monkeypatch.setattr(warehouse.landing, "_chunks", meddle)
    landing = Landing(tmp_path / "landing")
    sha256, size = landing.put(path)
    assert landing.path_of(sha256, ".csv").read_bytes() == b"before" and size == 6
    assert digest(landing.path_of(sha256, ".csv")) == sha256


def test_records_survive_the_process(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",))
    house.put("fees", ".csv", good("fees"))
    house.night()
    house.close()
    count = (
        "import sys, duckdb; print(duckdb.connect(sys.argv[1], read_only=True).execute('SELECT count(*) FROM report.places').fetchone()[0])"
    )
    done = subprocess.run([sys.executable, "-c", count, str(house.warehouse.path)], capture_output=True, text=True)
    assert done.stdout == "1\n", done.stderr
