"""The auditors' file: everything public and nothing else, equal to the warehouse, named by content, swapped under its readers."""

from __future__ import annotations

import ast
import errno
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from building import AGENCY, House, fetch
from published import ADDRESS, PERSONAL, folder_of, house_of, more, publish, snap

from assets.sources import database_errors, rest_trouble, sftp, tree
from warehouse import audit, snapshot, tables
from warehouse.model import TYPES
from warehouse.snapshot import SnapshotError


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Not to be changed by a test."""
    house = house_of(tmp_path_factory.mktemp("kept") / "house")
    snap(house)
    return house


@pytest.fixture(scope="module")
def file(kept: House) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file as an auditor opens it."""
    with duckdb.connect(folder_of(kept) / "current.duckdb", read_only=True) as con:
        yield con


@pytest.fixture
def house(kept: House, tmp_path: Path) -> House:
    """A copy that a test may change."""
    house = kept.copy(tmp_path / "house")
    current = folder_of(house) / "current.duckdb"
    current.unlink()  # a copy of a folder has a file in place of the link
    current.symlink_to((folder_of(kept) / "current.duckdb").readlink())
    return house


def pointed(house: House) -> str:
    return str((folder_of(house) / "current.duckdb").readlink())


def names(house: House) -> list[str]:
    return sorted(p.name for p in folder_of(house).iterdir())


# ---- what stands in it ------------------------------------------------------------------------------------------------------


def test_it_holds_the_public_tables_and_no_other(file: duckdb.DuckDBPyConnection) -> None:
    found = {row[0] for row in file.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall()}
    core = {name for name, t in tables.TABLES.items() if t.layer == "core"} - {"core.cleaned"}
    report = {name for name in found if name.startswith("report.")}
    assert found == core | report | set(audit.TABLES)
    assert {"report.versions", "report.findings", "report.sources", "report.access_log_places"} < report
    assert not report & {"report.verdicts", "report.suite_rows", "report.suite_results"}
    schemas = {row[0] for row in file.execute("SELECT schema_name FROM duckdb_schemas() WHERE NOT internal").fetchall()}
    assert schemas - {"main"} == {"core", "report", "audit"}


def test_no_column_of_it_is_personal(file: duckdb.DuckDBPyConnection) -> None:
    every = [*tables.TABLES.values(), *tables.VIEWS.values()]
    personal = {c.name for t in every for c in t.columns if c.pii}
    found = {row[0] for row in file.execute("SELECT column_name FROM duckdb_columns() WHERE NOT internal").fetchall()}
    assert {"applicant_name", "phone", "id_number", "remote_addr", "line"} < personal
    assert not personal & found


def test_no_byte_of_it_is_personal(kept: House, file: duckdb.DuckDBPyConnection) -> None:
    planted = [value for fields in PERSONAL.values() for value in fields.values()] + [ADDRESS, "上官检查乙", "司徒检查丙", "垃圾"]
    raw = (kept.folder / "var" / "w.duckdb").read_bytes() + b"".join(p.read_bytes() for p in kept.folder.glob("records/**/*.csv"))
    written = (folder_of(kept) / "current.duckdb").read_bytes()
    for value in planted:
        assert value.encode() not in written
        if value not in (ADDRESS, "垃圾"):
            assert value.encode() in raw  # it was there to be found
    # compressed blocks hide text from a search of bytes: the same by way of every column
    for table, column in file.execute(
        "SELECT schema_name || '.' || table_name, column_name FROM duckdb_columns() WHERE NOT internal"
    ).fetchall():
        text = fetch(file, f"SELECT coalesce(string_agg(\"{column}\"::VARCHAR, chr(10)), '') FROM {table}")
        assert not [value for value in planted if value in text], f"{table}.{column}"


def test_tables_hold_what_the_warehouse_holds(kept: House, file: duckdb.DuckDBPyConnection) -> None:
    for name, table in snapshot.copies().items():
        listed = ", ".join(f'"{c.name}"' for c in table.columns)
        here = file.execute(f"SELECT {listed} FROM {name} ORDER BY ALL").fetchall()
        assert here == kept.ask(f"FROM ({snapshot.public()[name]}) ORDER BY ALL"), name
        if name not in ("report.versions", "report.cell_versions", "report.evidence_versions"):
            assert here == kept.ask(f"SELECT {listed} FROM {name} ORDER BY ALL"), name


@pytest.mark.parametrize("name", ["core.ledger", "report.places", "report.ledger_totals", "report.judged_applications"])
def test_views_answer_as_they_do_in_the_warehouse(kept: House, file: duckdb.DuckDBPyConnection, name: str) -> None:
    rows = file.execute(f"FROM {name} ORDER BY ALL").fetchall()
    assert rows and rows == kept.ask(f"FROM {name} ORDER BY ALL")


@pytest.mark.parametrize("name", [*audit.TABLES, *audit.VIEWS])
def test_the_audit_schema_is_what_its_dictionary_says(file: duckdb.DuckDBPyConnection, name: str) -> None:
    table = {**audit.TABLES, **audit.VIEWS}[name]
    found = file.execute(
        "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE schema_name || '.' || table_name = ? ORDER BY column_index",
        [name],
    ).fetchall()
    assert [row[:2] for row in found] == [(c.name, TYPES[c.type][0]) for c in table.columns]
    assert all(row[2] for row in found)
    assert fetch(file, f"SELECT count(*) FROM {name}") > 0
    key = ", ".join(table.key)
    assert file.execute(f"SELECT {key} FROM {name} GROUP BY ALL HAVING count(*) > 1").fetchall() == []


def test_the_dictionary_describes_every_column_in_chinese(file: duckdb.DuckDBPyConnection) -> None:
    count = fetch(file, "SELECT count(*) FROM duckdb_columns() WHERE NOT internal")
    rows = file.execute("SELECT table_name, table_comment, column_name, type, comment FROM audit.dictionary").fetchall()
    assert len(rows) == count
    for table, said, column, kind, comment in rows:
        assert kind and re.search("[一-鿿]", said) and (re.search("[一-鿿]", comment) or comment == "URL"), (table, column)
        assert "raw." not in comment


def test_nothing_of_an_unpublished_version_can_be_seen(house: House) -> None:
    assert house.ask("SELECT max(version) FROM report.versions WHERE year = 2023") == [(3,)]
    with duckdb.connect(snap(house).path, read_only=True) as con:
        assert con.execute("SELECT year, version, is_current FROM audit.versions ORDER BY ALL").fetchall() == [
            (2022, 1, True), (2023, 1, False), (2023, 2, True)
        ]  # fmt: skip
        for table in ("cell_versions", "evidence_versions"):
            assert con.execute(f"SELECT DISTINCT v_from, v_to FROM report.{table} WHERE year = 2023 ORDER BY ALL").fetchall() in (
                [(1, 2), (1, None), (2, None)], [(1, None), (2, None)]
            )  # fmt: skip
        assert fetch(con, "SELECT count(*) FROM audit.evidence WHERE record_key = 'A-7'") == 0
        assert fetch(con, "SELECT count(*) FROM audit.ledger WHERE record_key = 'A-7' AND year = 2023") == 1


def test_a_version_between_two_published_ones_leaves_no_trace(house: House) -> None:
    house.change("DELETE FROM report.publications WHERE version = 2")
    with duckdb.connect(snap(house).path, read_only=True) as con:
        assert fetch(con, "SELECT count(*) FROM report.cell_versions WHERE v_from <> 1 OR v_to IS NOT NULL") == 0
        assert fetch(con, "SELECT max(version) FROM audit.cells") == 1
    house.change(f"INSERT INTO report.publications VALUES ('{AGENCY}', 2023, 3, TIMESTAMP '2024-03-01', 'v3', 'x')")
    with duckdb.connect(snap(house).path, read_only=True) as con:
        assert con.execute("SELECT DISTINCT v_from, v_to FROM report.cell_versions ORDER BY ALL").fetchall() == [
            (1, 3),
            (1, None),
            (3, None),
        ]
        for version, handled in ((1, 3), (3, 5)):
            assert (
                fetch(con, f"SELECT value FROM audit.cells_at('{AGENCY}', 2023, {version}) WHERE cell_id = 'table3.total_handled.total'")
                == handled
            )


def test_the_cells_in_force_are_the_sums_of_their_evidence(file: duckdb.DuckDBPyConnection) -> None:
    total = "SELECT {} FROM audit.{} WHERE year = 2023 AND cell_id = 'table3.total_handled.total'"
    assert file.execute(total.format("version, value, records", "cells")).fetchall() == [(2, 4, 4)]
    assert fetch(file, total.format("sum(amount)", "evidence")) == 4
    assert fetch(file, total.format("label", "cells")).startswith("表三 · ")
    assert {row[0] for row in file.execute("SELECT DISTINCT unit FROM audit.cells").fetchall()} == {"件", "万元", "条", "元"}
    assert fetch(file, "SELECT count(*) FROM audit.cells WHERE label IS NULL OR unit IS NULL") == 0
    assert fetch(file, f"SELECT count(*) FROM audit.evidence_at('{AGENCY}', 2023, 1) WHERE record_key = 'A-6'") == 0


def test_every_landed_row_has_a_place_and_a_reason_in_chinese(kept: House, file: duckdb.DuckDBPyConnection) -> None:
    rows = kept.ask("SELECT sum(rows_read)::BIGINT FROM raw.files WHERE state = 'landed' AND subject <> 'access_log'")[0][0]
    assert fetch(file, "SELECT count(*) FROM audit.ledger WHERE year = 2023") == rows
    assert fetch(file, "SELECT count(*) FROM audit.ledger WHERE reason IS NULL OR path IS NULL") == 0
    fates = file.execute("SELECT place, reason, field, instead_row_no FROM audit.ledger WHERE year = 2023 AND record_key IN ('A-4', 'A-5')")
    assert {row[0]: row[2:] for row in fates.fetchall()} == {
        "quarantined": ("received_on", None), "superseded": (None, 6), "duplicate": (None, 6), "counted": (None, None)
    }  # fmt: skip
    assert file.execute("FROM audit.ledger_balance WHERE difference <> 0").fetchall() == []
    assert file.execute("SELECT path, reason_zh FROM audit.sources WHERE state = 'rejected'").fetchall() == [
        ("requests/applications-空.xlsx", "文件是空的（0 字节）")
    ]


def codes_given_to(root: Path, *calls: str) -> set[str]:
    """The codes that stand in the code as the first argument of these calls."""
    found = set()
    for file in [*(root / "assets").rglob("*.py"), *(root / "pipelines").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in calls and node.args:
                first = [node.args[0].body, node.args[0].orelse] if isinstance(node.args[0], ast.IfExp) else [node.args[0]]
                found |= {each.value for each in first if isinstance(each, ast.Constant)}
    return found


def codes_told(root: Path, page: str, start: str, end: str) -> set[str]:
    """The codes in the first column of the tables of a section."""
    section = (root / "docs" / page).read_text("utf-8").partition(start)[2].partition(end)[0]
    return {word for line in section.splitlines() if line.startswith("| `") for word in re.findall(r"`(\w+)`", line.split("|")[1])}


def codes_explained(kind: str) -> set[str | None]:
    return {code for of_kind, code, *_ in audit.words()["audit.reasons"] if of_kind == kind}


def test_every_reason_for_a_rejection_is_explained(root: Path) -> None:
    used = codes_given_to(root, "Rejected", "RefusedArchive") | tree._REFUSALS.keys() | {"unreadable"}
    for file in ("archive", "inbox"):
        used |= set(re.findall(r'"(archive_\w+)"', (root / "assets" / "sources" / f"{file}.py").read_text("utf-8")))
    assert used == codes_explained("rejection") == codes_told(root, "contracts.zh-CN.md", "### 6.7", "### 6.8")


def test_every_reason_for_a_load_that_is_not_whole_is_explained(root: Path) -> None:
    used = codes_given_to(root, "Incomplete", "Trouble", "_incomplete") | rest_trouble.REASONS.keys() | sftp._TOLD.keys()
    used |= database_errors._DETAILS.keys() - {"unreadable_value"}  # which is told as unreadable_column
    # A page or a part that was kept is read like a file.
    used |= codes_given_to(root, "Rejected") & codes_explained("load")
    assert {"missing_key_column", "duplicate_column", "truncated_json", "not_records", "error_envelope", "bad_parquet", "too_large"} <= used
    assert used == codes_explained("load") == codes_told(root, "sources.zh-CN.md", "## 八、", "## 九、")


def test_a_warehouse_without_any_publication_gives_a_file_without_figures(tmp_path: Path) -> None:
    house = House(tmp_path / "house", ("applications",))
    house.night()
    with duckdb.connect(snap(house).path, read_only=True) as con:
        assert fetch(con, "SELECT count(*) FROM audit.cells") == fetch(con, "SELECT count(*) FROM report.versions") == 0
        assert fetch(con, "SELECT count(*) FROM audit.reasons") > 0


# ---- names, reuse, pointer --------------------------------------------------------------------------------------------------


def test_the_same_tables_give_the_same_file(house: House, tmp_path: Path) -> None:
    first = snap(house)
    assert not first.is_new  # it came with the copied folder
    elsewhere = house.copy(tmp_path / "elsewhere")
    for path in folder_of(elsewhere).iterdir():
        path.unlink()
    second = snap(elsewhere)
    assert second.is_new and second.digest == first.digest and second.path.name == first.path.name == f"gouji-{first.digest[:12]}.duckdb"
    assert names(elsewhere) == sorted([second.path.name, f"{second.path.name}.sha256", "current.duckdb"])


def test_the_file_cannot_be_changed_and_its_checksum_is_right(kept: House) -> None:
    folder = folder_of(kept)
    current = folder / "current.duckdb"
    assert current.is_symlink() and not current.readlink().is_absolute()
    sidecar = folder / f"{current.readlink()}.sha256"
    assert subprocess.run(["sha256sum", "-c", sidecar.name], cwd=folder, capture_output=True, check=False).returncode == 0
    assert {current.stat().st_mode & 0o777, sidecar.stat().st_mode & 0o777} == {0o444}


def test_a_changed_table_gives_another_file_and_the_two_newest_are_kept(house: House) -> None:
    seen = [snap(house).path.name]
    for number in ("B-1", "B-2", "B-3"):
        more(house, number)
        publish(house)
        made = snap(house)
        assert made.is_new and made.path.name not in seen
        seen.append(made.path.name)
        assert names(house) == sorted(["current.duckdb", *(name for kept in seen[-2:] for name in (kept, f"{kept}.sha256"))])
        assert pointed(house) == seen[-1]


def test_going_back_uses_the_older_file_again(house: House) -> None:
    first = snap(house)
    house.change("CREATE TABLE kept AS FROM report.claims; INSERT INTO report.ignored VALUES ('00', '空白模板', DATE '2026-01-01')")
    second = snap(house)
    house.change("DELETE FROM report.ignored")
    third = snap(house)
    assert (second.is_new, third.is_new) == (True, False) and third.path == first.path
    house.change("INSERT INTO report.ignored VALUES ('01', '空白模板', DATE '2026-01-01')")
    fourth = snap(house)
    assert {p.name for p in folder_of(house).glob("gouji-*.duckdb")} == {
        first.path.name,
        fourth.path.name,
    }  # those that were pointed to last


def test_equal_rows_do_not_cancel_each_other_out(house: House) -> None:
    first = snap(house)
    row = f"('{AGENCY}', 2023, '甲', 0, '乙', 1, NULL, NULL)"
    house.change(f"INSERT INTO report.claims VALUES {row}, {row}")
    second = snap(house)
    house.change("UPDATE report.claims SET value = 2")
    assert len({first.digest, second.digest, snap(house).digest}) == 3


@pytest.mark.parametrize("harm", ["a byte", "cut off", "no checksum", "gone"])
def test_a_damaged_file_is_made_anew(house: House, harm: str) -> None:
    made = snap(house)
    sidecar = made.path.with_name(made.path.name + ".sha256")
    made.path.chmod(0o644)
    if harm == "a byte":
        with made.path.open("r+b") as writing:
            writing.seek(20_000)
            writing.write(b"\xff")
    elif harm == "cut off":
        os.truncate(made.path, 10_000)
    else:
        (sidecar if harm == "no checksum" else made.path).unlink()
    again = snap(house)
    assert again.is_new and again.path == made.path
    assert sidecar.read_text("utf-8") == f"{again.sha256}  {made.path.name}\n"
    with duckdb.connect(folder_of(house) / "current.duckdb", read_only=True) as con:
        assert fetch(con, "SELECT count(*) FROM audit.cells") > 0
    assert not snap(house).is_new


def test_what_a_killed_run_left_is_removed(house: House) -> None:
    for name in (".tmp-1.duckdb", ".tmp-1.duckdb.wal", ".tmp-1.current"):
        (folder_of(house) / name).write_bytes(b"half")
    more(house, "B-1")
    snap(house)
    assert not [name for name in names(house) if name.startswith(".")]


# ---- what goes wrong --------------------------------------------------------------------------------------------------------


def failing(house: House, monkeypatch: pytest.MonkeyPatch, text: str) -> str:
    """Publish something new, which must fail with this text and leave everything as it was; the message."""
    before = names(house), pointed(house)
    more(house, "B-1")
    with pytest.raises(SnapshotError, match=text) as error:
        snap(house)
    assert (names(house), pointed(house)) == before
    monkeypatch.undo()
    assert snap(house).is_new  # the connection and the folder are as good as before
    return str(error.value)


def test_evidence_that_does_not_add_up_is_not_published(house: House) -> None:
    house.change("UPDATE report.evidence_versions SET amount = 7 WHERE cell_id = 'table3.total_handled.total' AND v_from = 1")
    with pytest.raises(SnapshotError, match="单元格与依据不符") as error:
        snap(house)
    assert f"{AGENCY} 2023 年度第 1 版 table3.total_handled.total" in str(error.value)
    house.change("UPDATE report.evidence_versions SET amount = 1 WHERE cell_id = 'table3.total_handled.total'")
    snap(house)


def test_a_copy_that_differs_is_not_published(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    build = snapshot._build

    def short(con: duckdb.DuckDBPyConnection, path: Path) -> None:
        build(con, path)
        with duckdb.connect(path) as made:
            made.execute("DELETE FROM core.fees")

    monkeypatch.setattr(snapshot, "_build", short)
    assert "core.fees" in failing(house, monkeypatch, "审计库与仓库不一致")


@pytest.mark.parametrize("more_of_it", ["CREATE TABLE core.people(applicant_name VARCHAR)", "CREATE SCHEMA raw; CREATE TABLE raw.x(y INT)"])
def test_a_file_with_more_than_what_is_public_is_not_published(house: House, monkeypatch: pytest.MonkeyPatch, more_of_it: str) -> None:
    build = snapshot._build

    def wide(con: duckdb.DuckDBPyConnection, path: Path) -> None:
        build(con, path)
        with duckdb.connect(path) as made:
            made.execute(more_of_it)

    monkeypatch.setattr(snapshot, "_build", wide)
    failing(house, monkeypatch, "不是应有的")


def test_no_room_for_the_link(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(snapshot, "_point", full)
    before = pointed(house)
    more(house, "B-1")
    with pytest.raises(SnapshotError, match="磁盘空间不足"):
        snap(house)
    assert pointed(house) == before
    monkeypatch.undo()
    made = snap(house)
    assert not made.is_new and pointed(house) == made.path.name  # it was whole already


CHILD = """
import resource, sys
from pathlib import Path
from warehouse import snapshot
from warehouse.store import Warehouse
with Warehouse(Path(sys.argv[1])).connect() as con:
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), hard))  # the disk takes no more than this
    try:
        snapshot.publish(con, Path(sys.argv[2]))
    except snapshot.SnapshotError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    print(con.execute("SELECT count(*) > 0 FROM report.cell_versions").fetchone())
    print(snapshot.publish(con, Path(sys.argv[2])).is_new)
"""


@pytest.mark.parametrize("room", [0, 4_096, 300_000, 3_000_000])
def test_a_full_disk_leaves_the_file_in_force_and_the_connection_as_they_were(house: House, room: int) -> None:
    more(house, "B-1")
    house.close()
    before = names(house)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(house.warehouse.path), str(folder_of(house)), str(room)],
        capture_output=True, text=True, cwd=Path(snapshot.__file__).parent.parent, check=False,
    )  # fmt: skip
    message, *rest = done.stdout.splitlines()
    assert message.startswith("审计库没有写成，现行的审计库没有变动：磁盘空间不足。请腾出空间后重新运行。"), done
    assert rest == ["(True,)", "True"], done
    assert len(names(house)) == len(before) + 2 and not [n for n in names(house) if n.startswith(".")]


# ---- readers ----------------------------------------------------------------------------------------------------------------

READER = textwrap.dedent(
    """
    import duckdb, pathlib, sys, time
    path, stop, count, seen = sys.argv[1], pathlib.Path(sys.argv[2]), 0, set()
    print("ready", flush=True)
    while not stop.exists():
        with duckdb.connect(path, read_only=True) as con:
            number, rows, cells = con.execute(
                "SELECT (SELECT value::INT FROM report.settings WHERE name = 'number'), (SELECT count(*) FROM report.ignored), "
                "count(*) FROM audit.cells").fetchone()
        assert number == rows and cells > 0, (number, rows, cells)
        seen.add(number)
        count += 1
        time.sleep(0.02)
    print(count, len(seen))
    """
)


def test_readers_see_whole_files_while_ten_are_published(house: House, tmp_path: Path) -> None:
    house.change("INSERT INTO report.settings VALUES ('number', '0')")
    snap(house)
    current, stop = folder_of(house) / "current.duckdb", tmp_path / "stop"
    with duckdb.connect(current, read_only=True) as old:
        before = old.execute("FROM audit.evidence ORDER BY ALL").fetchall()
        opened = current.resolve()
        with subprocess.Popen([sys.executable, "-c", READER, str(current), str(stop)], stdout=subprocess.PIPE, text=True) as reader:
            assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
            try:
                for i in range(1, 11):
                    house.change(f"INSERT INTO report.ignored VALUES ('{i}', '空白模板', DATE '2026-01-01')")
                    house.change(f"UPDATE report.settings SET value = '{i}' WHERE name = 'number'")
                    assert snap(house).is_new
            finally:
                stop.touch()
            said = reader.communicate(timeout=60)[0].split()
        assert reader.returncode == 0 and int(said[0]) >= 5 and int(said[1]) >= 2
        assert not opened.exists()  # ten files later
        assert old.execute("FROM audit.evidence ORDER BY ALL").fetchall() == before
