"""Suites: every file loads, every expectation can fail, each rule finds its fault and nothing else, and a broken rule is told."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pytest
from building import AGENCY, FIRM, GOOD, House, good, log_line, write_log

from expectations import catalogue, run, suites
from expectations.suites import QUERY, Expectation
from warehouse import counting, forms
from warehouse.subjects import ACCESS_LOG, SOURCES, SUBJECTS
from warehouse.tables import TABLES

SUITES = suites.suites()
USED = {e.rule for expectations in SUITES.values() for e in expectations}
PERSON = "110101199003074258"  # the shape of a resident identity number, nobody's
NEW = "2023-06-01 08:00:00"
MANY = 45  # records of a subject: each expectation breaks one of its own
KEYS = {s: next(k for k in contract.key if k not in ("organ_code", "object_uscc")) for s, contract in SUBJECTS.items()}


# ---- the files -------------------------------------------------------------------------------------------------------------


def test_every_table_that_needs_one_has_a_suite() -> None:
    wanted = {f"{layer}.{subject}" for layer in ("raw", "core") for subject in SUBJECTS}
    assert set(SUITES) == wanted | {"core.quarantine", "core.access_log_days", "raw.files"}


def test_a_suite_holds_all_that_its_file_holds_and_every_rule_of_the_catalogue_is_used() -> None:
    folder = Path(str(files("expectations.suites")))
    for table, expectations in SUITES.items():
        written = json.loads((folder / (table.replace(".", "/") + ".json")).read_text("utf-8"))["expectations"]
        assert [(e["rule"], e["type"]) for e in written] == [(e.rule, e.type) for e in expectations]
    queries = {f.name.removesuffix(".sql") for f in files("expectations.sql").iterdir() if f.name.endswith(".sql")}
    assert set(catalogue.rules()) >= USED and not USED & queries
    assert {f.stem for f in folder.glob("*.sql")} <= USED


def test_values_are_those_of_forms_contracts_and_counting_rules() -> None:
    def values(table: str, column: str) -> set[str]:
        (found,) = (e.kwargs["value_set"] for e in SUITES[table] if e.kwargs.get("column") == column and "value_set" in e.kwargs)
        assert len(set(found)) == len(found)
        return set(found)

    cells = [c for form in forms.every() for c in form.cells.values() if c.marks]
    of = {grid: {c.id.split(".")[place] for c in cells if c.id.startswith(grid)} for grid, place in (("table3", 2), ("table4", 1))}
    assert values("core.applications", "applicant_class") == of["table3"] - {"total"}
    assert values("core.applications", "outcome_leaf") == {leaf for form in forms.every() for leaf in form.leaves}
    assert values("core.disputes", "dispute_group") == of["table4"]
    assert values("core.disputes", "result_class") == {c.id.split(".")[2] for c in cells if c.id.startswith("table4")} - {
        "pending",
        "total",
    }
    assert values("core.quarantine", "reason") == {r.id for r in counting.rules().values() if r.place == "quarantined"}
    assert values("core.quarantine", "subject") == set(SUBJECTS) and values("raw.files", "subject") == set(SOURCES)


ONE = {"rule": "unplaced_row", "type": "expect_column_values_to_not_be_null", "kwargs": {"column": "file_id"}}


@pytest.mark.parametrize(
    "suite",
    [
        "no json",
        [],
        {"table": "core.fees"},
        {"table": "core.nothing", "expectations": [ONE]},
        {"table": "core.fees", "expectations": []},
        {"table": "core.fees", "expectations": [ONE], "name": "more"},
        {"table": "core.fees", "expectations": [ONE | {"rule": "nothing"}]},
        {"table": "core.fees", "expectations": [ONE | {"severity": "info"}]},
        {"table": "core.fees", "expectations": [ONE | {"kwargs": {"column": "nothing"}}]},
        {"table": "core.fees", "expectations": [ONE | {"kwargs": {"column": {"$PARAMETER": "nothing"}}}]},
        {"table": "core.fees", "expectations": [ONE | {"type": suites.BY_QUERY, "kwargs": {QUERY: "SELECT 1 FROM {batch} AS t"}}]},
    ],
)
def test_a_file_that_is_no_suite_is_refused_by_name(suite: Any) -> None:
    text = suite if isinstance(suite, str) else json.dumps(suite)
    with pytest.raises(ValueError, match=r"suites/core/fees\.json: "):
        suites.read(text, "suites/core/fees.json")


def test_a_digest_follows_what_is_expected_how_grave_it_is_and_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {table: suites.digest(table) for table in SUITES}
    assert len(set(before.values())) == len(before)
    with monkeypatch.context() as other:
        other.setattr(suites, "version", lambda _: "0")
        assert suites.digest("core.fees") != before["core.fees"]
    milder = dict(catalogue.rules()) | {"unplaced_row": replace(catalogue.rules()["unplaced_row"], severity="info")}
    with monkeypatch.context() as other:
        other.setattr(catalogue, "rules", lambda: milder)
        assert suites.digest("core.fees") != before["core.fees"]
    assert {table: suites.digest(table) for table in SUITES} == before


# ---- a house in order, and its run ------------------------------------------------------------------------------------------


def numbered(subject: str, at: int, **changes: str | None) -> dict[str, str | None]:
    return good(subject, **{KEYS[subject]: f"{GOOD[subject][KEYS[subject]]}-{at}"} | changes)


@pytest.fixture(scope="module")
def orderly(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Records of every kind, two of each with an older version or a duplicate, quarantined rows, rejected files, two logs."""
    house = House(tmp_path_factory.mktemp("orderly"), SOURCES)
    for subject, contract in SUBJECTS.items():
        house.put(subject, "-1.csv", *(numbered(subject, at) for at in range(MANY)))
        newer = {"updated_at": NEW} if contract.updated_at else {}
        house.put(subject, "-2.csv", *(numbered(subject, at, **newer) for at in (0, 1)))
    house.put("fees", "-3.csv", *(numbered("fees", at, amount_yuan="坏") for at in range(100, 112)))
    for at in range(10, 20):
        house.path("fees", f"-{at}.csv").write_bytes(f"no table {at}".encode())
    for name, day in ((".log", "01"), ("-2.log", "02")):
        write_log(house.path(ACCESS_LOG, name), [log_line(f"{day}/{month}/2023:09:00:00 +0800") for month in ("May", "Jun", "Jul", "Aug")])
    house.records()
    house.close()
    return house


@pytest.fixture(scope="module")
def in_order(orderly: House) -> list[run.Outcome]:
    """What the suites say of that house; nobody is called meanwhile."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("somebody was called")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", refuse)
        patch.setattr(socket.socket, "connect", refuse)
        return run.run_suites(orderly.warehouse.path, list(SUITES))


@pytest.fixture
def house(orderly: House, tmp_path: Path) -> Iterator[House]:
    copy = orderly.copy(tmp_path / "house")
    yield copy
    copy.close()


def run_on(house: House, *tables: str) -> list[run.Outcome]:
    house.close()
    return run.run_suites(house.warehouse.path, tables or list(SUITES))


def test_what_is_in_order_passes(in_order: list[run.Outcome]) -> None:
    assert [o for o in in_order if not o.passed] == []
    assert [(o.table, o.rule) for o in in_order] == [(t, r) for t, es in SUITES.items() for r in dict.fromkeys(e.rule for e in es)]
    assert all(not o.error and not o.unexpected and not o.rows and not o.detail and o.elements for o in in_order)
    assert {o.elements for o in in_order if o.table == "core.disputes"} == {MANY + 2}


def test_the_file_is_free_and_the_log_as_loud_as_before(orderly: House, in_order: list[run.Outcome], house: House) -> None:
    with duckdb.connect(orderly.warehouse.path) as con:
        assert con.execute("SELECT count(*) FROM core.fees").fetchone() == (MANY + 2,)
    log = logging.getLogger("great_expectations")
    level = log.level
    assert run_on(house, "core.fees") and log.level == level


# ---- every expectation can fail -----------------------------------------------------------------------------------------------


def changed(table: str, e: Expectation) -> str:
    """What an UPDATE sets so that a row breaks an expectation about one row."""
    kw = e.kwargs
    column = kw.get("column", "")
    kind = next((c.type for c in TABLES[table].columns if c.name == column), "")
    if e.type == "expect_column_values_to_not_be_null":
        return f"{column} = NULL"
    if "value_set" in kw:
        return f"{column} = 'nobody'"
    if "min_value" in kw:
        return f"{column} = -1000000000" if kind == "amount" else f"{column} = '1800-01-01'"
    if "column_A" in kw:
        return f"{kw['column_B']} = '2023-06-01', {kw['column_A']} = '2023-05-01'"
    if e.type == "expect_column_values_to_match_regex":
        return f"{column} = '1199'"
    person = f"T-1|{PERSON}" if column == "record_key" else PERSON
    bad = {"^92": FIRM.replace("91", "92", 1), "^[|]*$": "|"}.get(kw["regex"], person)
    return f"{column} = '{bad}'"


def planted(table: str, e: Expectation, row: int) -> str:
    """A statement that makes an expectation fail, at the row of this number if it is about rows."""
    here, subject = f"FROM {table} WHERE rowid = {row}", TABLES[table].subject
    if e.rule == "columns_differ":
        return f"ALTER TABLE {table} ADD COLUMN more VARCHAR"
    if e.rule == "repeated_key":
        return f"INSERT INTO {table} {here}"
    if e.rule == "landed_rows_lost":
        return f"UPDATE raw.files SET rows_read = 999 WHERE file_id = (SELECT file_id {here})"
    if e.rule == "unbalanced_rows":
        return f"INSERT INTO core.quarantine (agency, subject, file_id, row_no) SELECT agency, '{subject}', file_id, row_no {here}"
    by_rule = {
        "not_one_current_row": "state = 'superseded'",
        "updated_in_future": "updated_at = '2999-01-01'",
        "log_hits_unbalanced": "hits = 7",
    }
    return f"UPDATE {table} SET {by_rule.get(e.rule) or changed(table, e)} WHERE rowid = {row}"


def test_every_expectation_finds_the_row_that_breaks_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = []
    for table, expectations in SUITES.items():
        order = "state <> 'rejected', rowid" if table == "raw.files" else "rowid"  # the others are about rows of other tables too
        rows = house.ask(f"SELECT rowid FROM {table} ORDER BY {order}")[2:]
        plan += [(table, e, row) for e, (row,) in zip(expectations, rows * 9, strict=False)]
    assert len(plan) == sum(map(len, SUITES.values()))
    for table, e, row in sorted(plan, key=lambda p: p[1].rule == "columns_differ"):
        house.change(planted(table, e, row))
    told: dict[str, Sequence[run.Verdict]] = {}
    monkeypatch.setattr(run, "merged", lambda table, _, verdicts: told.update({table: verdicts}) or [])
    run_on(house)
    for table, expectations in SUITES.items():
        columns = {c.name for c in TABLES[table].columns}
        place = f"agency, coalesce(file_id, 0), {'coalesce(row_no, 0)' if 'row_no' in columns else 0}"
        stands = dict((row, rest) for row, *rest in house.ask(f"SELECT rowid, {place} FROM {table}"))
        for e, verdict, (_, _, row) in zip(expectations, told[table], [p for p in plan if p[0] == table], strict=True):
            assert not verdict.passed and not verdict.error, (table, e, verdict)
            if e.rule == "columns_differ":
                assert verdict.seen == "多出栏目 more"
                continue
            agency, file_id, row_no = stands[row]
            where = (agency, file_id, 0 if e.rule == "landed_rows_lost" else row_no)
            assert where in verdict.rows and verdict.unexpected >= len(verdict.rows), (table, e, verdict)


# ---- each rule finds its fault and nothing else -------------------------------------------------------------------------------

RECORDS: dict[str, list[dict[str, str | None]]] = {
    "applications": [numbered("applications", 200, submitted_on="2023-03-02")],
    "coercions": [numbered("coercions", 200, disclosed_on="2023-04-30")],
    "penalties": [numbered("penalties", 200, fine_wan="50000")],
    "fees": [numbered("fees", 200, organ_code="11990100")],
}
LAST = "rowid = (SELECT max(rowid) FROM {})"
STATEMENTS = [
    "ALTER TABLE core.quarantine DROP COLUMN value",
    "UPDATE raw.permits SET agency = NULL WHERE row_no = 5",
    "INSERT INTO raw.disputes FROM raw.disputes WHERE row_no = 7",
    "UPDATE raw.files SET rows_read = rows_read + 1 WHERE path = 'fees/fees-2.csv'",
    "DELETE FROM core.publications WHERE state = 'duplicate' AND record_key LIKE 'N-1-1|%'",
    "UPDATE core.inspections SET state = 'superseded' WHERE record_key LIKE 'T-1-9|%'",
    "UPDATE core.disputes SET result_class = 'nobody' WHERE record_key = 'D-1-9'",
    "UPDATE core.applications SET replied_on = '2023-02-01' WHERE record_key = 'A-1-9'",
    f"UPDATE core.penalties SET party_uscc = '{PERSON}' WHERE document_no = 'P-1-9'",
    "UPDATE core.access_log_days SET hits = 7 WHERE day = '2023-05-02'",
    "UPDATE core.permits SET decided_on = '1927-01-01' WHERE document_no = 'X-1-9'",
    "UPDATE core.normative_documents SET updated_at = '2999-01-01' WHERE document_no = 'R-1-9'",
]
FOUND: dict[tuple[str, str], tuple[str, int, str | None, str]] = {  # path, row, field, what a clerk reads
    ("core.quarantine", "columns_differ"): ("", 0, None, "缺少栏目 value"),
    ("raw.permits", "unplaced_row"): ("enforcement/permits-1.csv", 5, "agency", "填报机关统一社会信用代码"),
    ("raw.disputes", "repeated_key"): ("requests/disputes-1.csv", 7, None, ""),
    ("raw.fees", "landed_rows_lost"): ("fees/fees-2.csv", 0, None, ""),
    ("core.publications", "unbalanced_rows"): ("site/publications-2.csv", 3, None, ""),
    ("core.inspections", "not_one_current_row"): ("enforcement/inspections-1.csv", 11, None, ""),
    ("core.disputes", "unknown_value"): ("requests/disputes-1.csv", 11, "result_class", "结果类"),
    ("core.applications", "defective_row_counted"): ("requests/applications-1.csv", 11, "replied_on", "答复日期早于收到日期"),
    ("core.penalties", "private_number_in_core"): ("enforcement/penalties-1.csv", 11, "party_uscc", "统一社会信用代码"),
    ("core.access_log_days", "log_hits_unbalanced"): ("site/access-2.log", 0, None, ""),
    ("core.permits", "implausible_date"): ("enforcement/permits-1.csv", 11, "decided_on", "许可决定日期"),
    ("core.normative_documents", "updated_in_future"): ("site/normative_documents-1.csv", 11, None, ""),
    ("core.applications", "dates_out_of_order"): ("requests/applications-5.csv", 2, "received_on", "收到日期不早于提交日期"),
    ("core.coercions", "disclosed_before_decision"): ("enforcement/coercions-5.csv", 2, "disclosed_on", "公开日期"),
    ("core.penalties", "implausible_amount"): ("enforcement/penalties-5.csv", 2, "fine_wan", "罚款金额（万元）"),
    ("core.fees", "malformed_organ_code"): ("fees/fees-5.csv", 2, "organ_code", "执收单位代码"),
}


def test_each_rule_finds_its_fault_and_nothing_else(house: House) -> None:
    for subject, records in RECORDS.items():
        house.put(subject, "-5.csv", *records)
    house.records()
    for statement in STATEMENTS:
        house.change(statement)
    paths = dict(house.ask("SELECT file_id, path FROM raw.files"))
    failed = {(o.table, o.rule): o for o in run_on(house) if not o.passed}
    assert {key: o.error for key, o in failed.items() if o.error} == {
        ("core.quarantine", "private_number_in_core"): failed["core.quarantine", "private_number_in_core"].error  # has no such column now
    }
    del failed["core.quarantine", "private_number_in_core"]
    assert failed.keys() == FOUND.keys() and {rule for _, rule in FOUND} == USED
    for key, (path, row_no, field, detail) in FOUND.items():
        outcome = failed[key]
        assert (outcome.field, outcome.detail) == (field, detail)
        assert [(paths[f], r) for _, f, r in outcome.rows] == ([(path, row_no)] if path else [])
        assert {a for a, _, _ in outcome.rows} <= {None if key[1] == "unplaced_row" else AGENCY}
    assert PERSON not in repr(failed) and "50000" not in repr(failed)


# ---- guards ---------------------------------------------------------------------------------------------------------------------

NOT_NULL, MATCH = "expect_column_values_to_not_be_null", "expect_column_values_to_match_regex"


def test_a_broken_rule_is_told_and_spoils_no_neighbour(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    made = (
        Expectation("no such type", "expect_colum_values_to_be_right", {"column": "item"}),
        Expectation("no such argument", NOT_NULL, {"colum": "item"}),
        Expectation("no such column", NOT_NULL, {"column": "nothing"}),
        Expectation("bad query", suites.BY_QUERY, {QUERY: "SELEC agency FROM (FROM {batch}) AS t"}),
        Expectation("bad value", suites.BY_QUERY, {QUERY: "SELECT item::DATE FROM (FROM {batch}) AS t"}),
        Expectation("right", NOT_NULL, {"column": "item"}),
        Expectation("part", MATCH, {"column": "item", "regex": "工本"}),
        Expectation("part of none", MATCH, {"column": "item", "regex": "^工本"}),
        Expectation("type", "expect_column_values_to_be_of_type", {"column": "item", "type_": "VARCHAR"}),
        Expectation("wrong type", "expect_column_values_to_be_of_type", {"column": "item", "type_": "DATE"}),
    )
    monkeypatch.setattr(run, "suites", lambda: {"core.fees": made, "core.permits": made[5:6], "core.disputes": made[5:6]})
    house.change("DROP TABLE core.permits")
    found = {(o.table, o.rule): o for o in run_on(house, "core.permits", "core.fees", "core.disputes")}
    errors = {key for key, o in found.items() if o.error}
    wrong = {"no such type", "no such argument", "no such column", "bad query", "bad value"}
    assert errors == {("core.fees", r) for r in wrong} | {("core.permits", "right"), ("core.disputes", "right")}
    assert all(not found[key].passed and not found[key].rows for key in errors)
    assert "证照" not in repr(found)  # what a conversion cannot read stands in its message
    passed = {rule: o.passed for (table, rule), o in found.items() if table == "core.fees" and not o.error}
    assert passed == {"right": True, "part": True, "part of none": False, "type": True, "wrong type": False}
    assert found["core.fees", "part of none"].unexpected == MANY + 2


def test_an_expectation_without_a_result_is_an_error(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_validated", lambda *_: {})
    assert {o.error for o in run_on(house, "core.fees")} == {"Great Expectations gave no result"}


def test_more_offending_rows_than_are_kept_are_counted(house: House) -> None:
    house.change("INSERT INTO raw.fees (agency, file_id, row_no) SELECT NULL, 1, i FROM range(5000, 7000) AS r(i)")
    found = {o.rule: o for o in run_on(house, "raw.fees")}
    assert {rule: (o.unexpected, len(o.rows)) for rule, o in found.items() if not o.passed} == {
        "unplaced_row": (2000, run.MOST_ROWS),
        "landed_rows_lost": (2000, run.MOST_ROWS),
    }


def test_the_file_is_free_after_an_exception(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "_verdict", fail)
    with pytest.raises(KeyboardInterrupt):
        run_on(house, "core.fees")
    with duckdb.connect(house.warehouse.path) as con:
        assert con.execute("SELECT count(*) FROM core.fees").fetchone() == (MANY + 2,)


def test_a_message_of_an_exception_shows_no_value() -> None:
    kept = run._without_values('Binder Error: Referenced column "item" not found\nmore')
    assert kept == 'Binder Error: Referenced column "item" not found'
    for value in ("'三百元'", f'"{PERSON}"', PERSON, "13800000000", "张三"):
        assert value.strip("'\"") not in run._without_values(f"Conversion Error: could not convert {value} to DATE")
