"""Rules about cells, the ledger, the year before and files set aside: each fires on its fault and is silent on good data."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from building import AGENCY, OTHER_NAME, House, good, log_line, write_log

from expectations import findings as judging
from warehouse.subjects import ACCESS_LOG, SUBJECTS


def given(**figures: int) -> dict[str, Any]:
    """Figures of the report of 2022, as configured; __ stands for the dot."""
    return {"given": tuple((AGENCY, 2022, cell.replace("__", "."), Decimal(value)) for cell, value in figures.items())}


def judged(house: House, *rules: str) -> list[dict[str, Any]]:
    """Findings of the warehouse as it stands, without counting anew."""
    judging.judge(house.warehouse, [2023], house.today, again=True, suites=False)
    assert house.findings("rule_crashed") == []
    return house.findings(*rules)


def readable(finding: dict[str, Any]) -> None:
    assert not set("{}") & set(finding["message"]) and "None" not in finding["message"] and "“”" not in finding["message"]


# ---- 上年结转 -----------------------------------------------------------------------------------------------------------------

Y1 = "y1_carried_in_equals_carried_out"
CARRIED = [
    ({}, []),
    ({"natural_person": 1, "total": 1}, []),
    ({"natural_person": 0, "total": 1}, [("table3.carried_in.natural_person", "0", "1")]),
    ({"other": 2, "total": 3}, [("table3.carried_in.other", "2", "0"), ("table3.carried_in.total", "3", "1")]),
]


@pytest.fixture(scope="module")
def carrying(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = House(tmp_path_factory.mktemp("carrying"), ("applications",))
    carried = good("applications", received_on="2022-12-20", replied_on="2023-01-10")
    house.put("applications", ".csv", carried, good("applications", application_no="A-2"))
    house.night()
    return house


@pytest.mark.parametrize(("before", "found"), CARRIED)
def test_carried_in_is_what_was_carried_out(
    carrying: House, tmp_path: Path, before: dict[str, int], found: list[tuple[str, str, str]]
) -> None:
    house = carrying.copy(tmp_path / "house")
    house.more = given(**{f"table3__carried_out__{column}": value for column, value in before.items()})
    house.count()
    told = house.findings(Y1)
    assert [(f["cell_id"], f["expected"], f["actual"]) for f in told] == found
    assert {f["rule"] for f in house.findings()} == ({Y1} if found else set())
    for f in told:
        readable(f)
        assert (f["severity"], f["year"], f["subject"]) == ("critical", 2023, "applications") and "上年结转" in f["message"]
        assert f["records"] == ("A-1" if f["actual"] == "1" else None)


def test_carried_in_is_compared_with_what_was_published_and_not_with_what_is_known_since(tmp_path: Path) -> None:
    house = House(tmp_path, ("applications",), years=(2022, 2023))
    house.put("applications", ".csv", good("applications"))
    house.night()
    house.change(f"INSERT INTO report.publications (agency, year, version) VALUES ('{AGENCY}', 2022, 1)")
    house.more = given(table3__carried_out__natural_person=7)  # a published version goes first
    house.count()
    assert house.findings(Y1) == []
    house.put("applications", "-2.csv", good("applications", application_no="A-2", received_on="2022-12-20", replied_on="2023-01-10"))
    house.night()
    assert [(f["cell_id"], f["expected"], f["actual"]) for f in house.findings(Y1)] == [
        ("table3.carried_in.natural_person", "0", "1"),
        ("table3.carried_in.total", "0", "1"),
    ]


def test_what_is_not_known_is_not_compared(tmp_path: Path) -> None:
    house = House(tmp_path, ("applications",), more=given(table3__carried_out__total=7, table2__normative_documents__valid=3))
    house.night()
    assert {f["rule"] for f in house.findings()} == {"missing_source"}


# ---- 现行有效 -----------------------------------------------------------------------------------------------------------------

Y2, OLDER = "y2_valid_follows_from_last_year", "nothing_older_in_force"
Changes = dict[str, str | None]
OLD: Changes = {"document_no": "R-0", "dated_on": "2020-01-01", "issued_on": "2020-01-02"}
NEW: Changes = {"document_no": "R-1"}
LAPSED: Changes = {"status": "失效", "status_changed_on": "2023-09-01"}
REPEALED: Changes = {"status": "废止", "status_changed_on": "2023-09-01"}
AMENDED: Changes = {"status": "已修改", "status_changed_on": "2023-09-01"}
# Documents, 现行有效 of 2022, settings, and what Y2 expects and finds.
IN_FORCE: dict[str, tuple[list[Changes], int | None, dict[str, str], tuple[str, str] | None]] = {
    "one more": ([OLD, NEW], 1, {}, None),
    "last year unknown": ([OLD, NEW], None, {}, None),
    "an old one registered late": ([OLD, NEW], 0, {}, ("1", "2")),
    "one that got lost": ([OLD, NEW], 2, {}, ("3", "2")),
    "repealed": ([OLD | REPEALED, NEW], 1, {}, None),
    "lapsed": ([OLD | LAPSED, NEW], 1, {}, None),
    "lapsed, counted as repealed": ([OLD | LAPSED, NEW], 1, {"lapsed_counts_as_repealed": "true"}, None),
    "made and lapsed": ([NEW | LAPSED], 0, {}, None),
    "made and repealed": ([NEW | REPEALED], 0, {}, None),
    "term over": ([OLD | {"expires_on": "2023-06-30"}, NEW], 1, {}, None),
    "made, and its term over": ([NEW | {"expires_on": "2023-06-30"}], 0, {}, None),
    "lapsed before": ([OLD | LAPSED | {"status_changed_on": "2022-09-01"}, NEW], 0, {}, None),
    "lapsed before, and in force when published": ([OLD | LAPSED | {"status_changed_on": "2022-09-01"}, NEW], 1, {}, ("2", "1")),
    "ended on no day": ([OLD | {"status": "废止", "status_changed_on": None}, NEW], 1, {}, ("2", "1")),
    "amended": ([OLD | AMENDED, NEW], 1, {}, None),
    "amended, counted as made": ([OLD | AMENDED, NEW], 1, {"amended_counts_as_made": "true"}, None),
    "amended in the year it was made": ([OLD, NEW | AMENDED], 1, {"amended_counts_as_made": "true"}, None),
    "issued in the next year": ([NEW | {"dated_on": "2022-12-31"}], 1, {"documents_made_by": "issued_on"}, None),
    "to be issued": ([NEW | {"dated_on": "2023-12-31", "issued_on": "2024-01-02"}], 0, {"documents_made_by": "issued_on"}, None),
    "of another organ": ([OLD, NEW | {"issuer": OTHER_NAME}], 1, {}, None),
    "of another kind": ([OLD, NEW | {"kind": "其他文件"}], 1, {}, None),
    "of the year after": ([OLD, NEW | {"dated_on": "2024-01-01"}], 1, {}, None),
}


@pytest.mark.parametrize(("documents", "before", "settings", "found"), IN_FORCE.values(), ids=IN_FORCE)
def test_valid_follows_from_last_year(
    tmp_path: Path, documents: list[Changes], before: int | None, settings: dict[str, str], found: tuple[str, str] | None
) -> None:
    more = {} if before is None else given(table2__normative_documents__valid=before, table2__regulations__valid=0)
    house = House(tmp_path, ("normative_documents",), settings=settings, more=more)
    house.put("normative_documents", ".csv", *(good("normative_documents", **d) for d in documents))
    house.night()
    assert house.findings("rule_crashed") == []
    told = house.findings(Y2)
    assert [(f["expected"], f["actual"]) for f in told] == ([found] if found else [])
    for f in told:
        readable(f)
        assert (f["cell_id"], f["severity"]) == ("table2.normative_documents.valid", "warning")
        assert f"上年现行有效 {before}，本年制发 1" in f["message"]


def test_what_ended_without_a_cell_is_named(tmp_path: Path) -> None:
    house = House(tmp_path, ("normative_documents",), more=given(table2__normative_documents__valid=9))
    documents = [OLD | LAPSED | {"document_no": f"R-{i:02}"} for i in range(25)]
    house.put("normative_documents", ".csv", *(good("normative_documents", **d) for d in documents))
    house.night()
    (finding,) = house.findings(Y2)
    assert (finding["expected"], finding["actual"]) == ("-16", "0")
    assert finding["records"] == "、".join(f"R-{i:02}" for i in range(20)) and "失效或有效期届满 25" in finding["message"]


@pytest.mark.parametrize(
    ("documents", "before", "is_asked"),
    [
        ([NEW], None, True),
        ([NEW], 3, True),
        ([NEW], 0, False),
        ([NEW, OLD], None, False),
        ([NEW, OLD | REPEALED], None, False),
        ([NEW, OLD | LAPSED], None, True),
        ([NEW | LAPSED, OLD], None, True),  # one in force, one made, and not the same
        ([OLD], None, False),
        ([NEW | {"issuer": OTHER_NAME}], None, False),
    ],
)
def test_it_is_asked_whether_nothing_older_is_in_force(
    tmp_path: Path, documents: list[Changes], before: int | None, is_asked: bool
) -> None:
    more = {} if before is None else given(table2__normative_documents__valid=before)
    house = House(tmp_path, ("normative_documents",), more=more)
    house.put("normative_documents", ".csv", *(good("normative_documents", **d) for d in documents))
    house.night()
    told = house.findings(OLDER)
    assert [(f["cell_id"], f["actual"]) for f in told] == ([("table2.normative_documents.valid", "1")] if is_asked else [])
    for f in told:
        readable(f)
        assert "行政规范性文件" in f["message"] and f["records"]
        assert f["detail"] == ("有 1 件是以前制发的" if f["records"] == "R-0" else "没有以前制发的")


# ---- cells and evidence ---------------------------------------------------------------------------------------------------

H5, H6, LEDGER = "h5_no_negative_or_fraction", "h6_cell_equals_evidence", "unbalanced_ledger"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with a good record of every subject, an older document, and a log with a broken line."""
    house = House(tmp_path_factory.mktemp("full"), (*SUBJECTS, ACCESS_LOG))
    for subject in SUBJECTS:
        house.put(subject, ".csv", good(subject), *([good(subject, **OLD)] if subject == "normative_documents" else []))
    write_log(house.path(ACCESS_LOG, ".log"), [log_line("01/May/2023:09:00:00 +0800"), "\n", "broken\n"])
    house.night()
    assert {f["rule"] for f in house.findings()} == {"malformed_log_lines"}
    return house


@pytest.mark.parametrize(("amount", "found"), [("-380", []), ("-379.99", []), ("-500", [("table2.fee_10k_yuan", "-0.012", "小于零")])])
def test_fees_below_zero_are_told(full: House, tmp_path: Path, amount: str, found: list[tuple[str, str, str]]) -> None:
    house = full.copy(tmp_path / "house")
    house.put("fees", "-2.csv", good("fees", receipt_no="F-2", amount_yuan=amount))
    house.night()
    told = house.findings(H5)
    assert [(f["cell_id"], f["actual"], f["detail"]) for f in told] == found
    for f in told:
        readable(f)
        assert f["severity"] == "critical" and f["records"] == "F-1、F-2"


TAMPERED_CELLS = [
    ("UPDATE {cells} SET value = 0.5 WHERE cell_id = 'table2.punishment_decisions'", "table2.punishment_decisions", "0.5", [H5, H6]),
    ("UPDATE {cells} SET value = -1 WHERE cell_id = 'table3.granted.total'", "table3.granted.total", "-1", [H5, H6]),
    ("UPDATE {cells} SET value = 0.5 WHERE cell_id = 'section6.fee_notices'", "section6.fee_notices", "0.5", [H5, H6]),
    ("UPDATE {cells} SET value = 0.5 WHERE cell_id = 'section6.fee_billed_yuan'", "section6.fee_billed_yuan", "0.5（0 条）", [H6]),
    ("UPDATE {cells} SET value = 0.039 WHERE cell_id = 'table2.fee_10k_yuan'", "table2.fee_10k_yuan", "0.039（1 条）", [H6]),
    ("UPDATE {cells} SET records = 2 WHERE cell_id = 'table2.fee_10k_yuan'", "table2.fee_10k_yuan", "0.038（2 条）", [H6]),
    ("DELETE FROM {cells} WHERE cell_id = 'table4.review.total'", "table4.review.total", "没有这个单元格", [H6]),
    ("DELETE FROM {evidence} WHERE cell_id = 'section1.publications_total'", "section1.publications_total", "1（1 条）", [H6]),
    (
        "INSERT INTO {evidence} FROM {evidence} WHERE cell_id = 'table2.licensing_decisions'",
        "table2.licensing_decisions",
        "1（1 条）",
        [H6],
    ),
    ("UPDATE {evidence} SET amount = 2 WHERE cell_id = 'table2.coercion_decisions'", "table2.coercion_decisions", "1（1 条）", [H6]),
    ("UPDATE {cells} SET value = NULL WHERE cell_id = 'table2.coercion_decisions'", None, None, []),  # unknown is no sum
]


@pytest.mark.parametrize(("statement", "cell", "actual", "rules"), TAMPERED_CELLS)
def test_a_cell_that_was_tampered_with_is_told(
    full: House, tmp_path: Path, statement: str, cell: str | None, actual: str | None, rules: list[str]
) -> None:
    house = full.copy(tmp_path / "house")
    assert judged(house, H5, H6) == []
    house.change(statement.format(cells="report.cell_versions", evidence="report.evidence_versions"))
    told = judged(house, H5, H6)
    assert [(f["rule"], f["cell_id"], f["severity"], f["year"]) for f in told] == [(rule, cell, "critical", 2023) for rule in rules]
    assert not told or told[0]["actual"] == actual
    for f in told:
        readable(f)
        assert f["subject"] in SUBJECTS


# ---- the ledger -----------------------------------------------------------------------------------------------------------

TAMPERED_ROWS = [
    ("INSERT INTO core.fees FROM core.fees", "fees"),
    ("INSERT INTO raw.fees FROM raw.fees", "fees"),
    ("UPDATE raw.files SET rows_read = 2 WHERE subject = 'fees'", "fees"),
    ("UPDATE raw.files SET state = 'rejected' WHERE subject = 'fees'", "fees"),
    ("INSERT INTO core.quarantine (agency, subject, file_id, row_no) SELECT agency, 'fees', file_id, row_no FROM core.fees", "fees"),
    ("DELETE FROM core.access_log_days", ACCESS_LOG),
    ("DELETE FROM raw.access_log_rejects", ACCESS_LOG),
    (f"UPDATE raw.files SET lines = 4 WHERE subject = '{ACCESS_LOG}'", ACCESS_LOG),
    (f"UPDATE raw.files SET blanks = 0 WHERE subject = '{ACCESS_LOG}'", ACCESS_LOG),
]


@pytest.mark.parametrize(("statement", "subject"), TAMPERED_ROWS)
def test_a_row_that_is_gone_or_doubled_is_told(full: House, tmp_path: Path, statement: str, subject: str) -> None:
    house = full.copy(tmp_path / "house")
    assert judged(house, LEDGER) == []
    house.change(statement)
    (finding,) = judged(house, LEDGER)
    readable(finding)
    assert (finding["subject"], finding["agency"], finding["year"], finding["severity"]) == (subject, AGENCY, None, "critical")
    assert finding["expected"] != finding["actual"] and finding["detail"] in finding["message"]


@pytest.mark.parametrize("layer", ["raw", "core"])
def test_the_ledger_of_every_subject_is_balanced(full: House, tmp_path: Path, layer: str) -> None:
    house = full.copy(tmp_path / "house")
    for subject in SUBJECTS:
        house.change(f"DELETE FROM {layer}.{subject}")
    assert sorted(f["subject"] for f in judged(house, LEDGER)) == sorted(SUBJECTS)


# ---- files set aside ------------------------------------------------------------------------------------------------------

EMPTY = hashlib.sha256(b"").hexdigest()
LAST = date(2024, 1, 20)
ASIDE = [
    (EMPTY, date(2024, 1, 10), "ignored_file"),
    (EMPTY, LAST, "ignored_file"),
    (EMPTY, date(2024, 1, 21), "rejected_file"),
    ("0" * 64, LAST, "rejected_file"),
]


@pytest.mark.parametrize(("digest", "today", "rule"), ASIDE)
def test_a_rejected_file_is_set_aside_until_its_day_has_passed(full: House, tmp_path: Path, digest: str, today: date, rule: str) -> None:
    house = full.copy(tmp_path / "house")
    house.today, house.more = today, {"ignored": ((digest, "空白模板，没有记录", LAST),)}
    path = house.path("fees", "-2.csv")
    path.write_bytes(b"")
    house.night()
    (finding,) = house.findings("ignored_file", "rejected_file")
    readable(finding)
    assert (finding["rule"], finding["path"], finding["actual"]) == (rule, "fees/fees-2.csv", "empty_file")
    assert finding["severity"] == ("info" if rule == "ignored_file" else "critical")
    is_over = digest == EMPTY and rule == "rejected_file"
    assert ("期限已过" in finding["message"]) == is_over
    if rule == "ignored_file":
        assert "空白模板" in finding["message"] and "2024-01-20" in finding["message"]
    house.put("fees", "-2.csv", good("fees", receipt_no="F-2"))
    house.night()
    assert house.findings("ignored_file", "rejected_file") == []
