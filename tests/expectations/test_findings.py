"""Findings: each rule finds its fault and nothing else, says what to do, shows nothing of a person, and is the same every night."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from building import AGENCY, FIRM, GOOD, NAME, OTHER, OTHER_NAME, WRONG_CODE, House, good, log_line, write, write_log

from expectations import catalogue, run
from expectations import findings as judging
from warehouse import forms
from warehouse.sql import query
from warehouse.subjects import ACCESS_LOG, SUBJECTS

RULES = catalogue.rules()
PERSON = "110101199003074258"  # the shape of a resident identity number, nobody's
OLD, NEW = "2023-05-01 08:00:00", "2023-06-01 08:00:00"


# ---- the catalogue ---------------------------------------------------------------------------------------------------------


def test_every_rule_has_a_query_and_every_query_a_rule() -> None:
    queries = {f.name.removesuffix(".sql") for f in files("expectations.sql").iterdir() if f.name.endswith(".sql")}
    beside = {"findings", "suite_findings", "previous", "depends_on"}
    in_suites = {e.rule for expectations in run.suites().values() for e in expectations}
    assert queries - beside == set(judging.in_sql()) and set(RULES) - in_suites - {"rule_crashed"} == set(judging.in_sql())


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda r: r.id)
def test_a_rule_is_complete(rule: catalogue.Rule) -> None:
    for text in (rule.title, rule.law, rule.message, rule.remedy, rule.good, rule.bad):
        assert text.strip() == text and text
    assert rule.message.endswith("。") and rule.remedy.endswith("。")
    known = {"{place}", "{key}", "{subject}", "{field}", "{actual}", "{expected}", "{cells}", "{detail}", "{year}", "{sha256}"}
    assert {"{" + part.partition("}")[0] + "}" for part in (rule.message + rule.remedy).split("{")[1:]} <= known


def test_a_rule_with_an_unknown_severity_scope_or_status_is_refused() -> None:
    fields = {name: getattr(RULES["bad_uscc"], name) for name in catalogue.Rule.__slots__}
    for name in ("severity", "scope", "status"):
        with pytest.raises(ValueError, match="bad_uscc"):
            catalogue.Rule(**fields | {name: "else"})


# ---- each rule: silent, planted, found, mended -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """What is planted into a house that has no findings; `found` is what the rule then says; `beside` names rules that say so too."""

    subject: str
    plant: Callable[[House], object]
    found: dict[str, Any]
    beside: tuple[str, ...] = ()
    mend: Callable[[House], object] | None = None


def more(subject: str, **changes: str | None) -> Callable[[House], object]:
    """Plant a second file with one record."""
    return lambda house: house.put(subject, "-2.csv", good(subject, **changes))


def gone(house: House) -> None:
    house.path("fees", ".csv").unlink()


def two_sheets(house: House) -> None:
    path = house.path("fees", "-2.xlsx")
    with xlsxwriter.Workbook(path) as book:
        first, second = book.add_worksheet("台账"), book.add_worksheet("遗漏")
        first.write_row(0, 0, list(GOOD["fees"]))
        first.write_row(1, 0, list((GOOD["fees"] | {"receipt_no": "F-2"}).values()))
        second.write_row(0, 0, ["F-3"])


def empty(house: House) -> None:
    house.path("fees", "-2.csv").write_bytes(b"")


def empty_and_gone(house: House) -> None:
    empty(house)
    house.night()
    house.path("fees", "-2.csv").unlink()


def only_last_year(house: House) -> None:
    house.put("fees", "-2.csv", good("fees", collected_on="2022-05-01", updated_at=NEW))


def counted_earlier(house: House) -> None:
    """A report of 2022 that was counted from other data."""
    house.change("INSERT INTO report.years SELECT agency, agency_name, 2022, format, 'other', 'other', 'other' FROM report.years")


def twice(house: House) -> None:
    house.path("fees", "-2.csv").write_bytes(house.path("fees", ".csv").read_bytes())


def unknown(house: House) -> None:
    write(house.path("fees", "-2.csv"), [good("fees", receipt_no="F-2") | {"备用字段1": "x", "经办科室": "y"}])


def broken_line(house: House) -> None:
    write_log(house.path(ACCESS_LOG, ".log"), [log_line("01/May/2023:09:00:00 +0800"), "\n", "broken\n", "broken too\n"])


def tamper(statement: str) -> Callable[[House], None]:
    """Change a record behind the back of cleaning."""
    return lambda house: house.change(statement)


def forget_what_was_handled(house: House) -> None:
    """A judgement that forgets the mark of the total, as if it were the one the program knows."""
    ((stamp,),) = house.ask("SELECT comment FROM duckdb_views() WHERE view_name = 'judged_applications'")
    wrong = query("judged/applications").replace("ELSE 'total_handled' END", "END")
    assert wrong != query("judged/applications")
    house.change(f"CREATE OR REPLACE VIEW report.judged_applications AS {wrong}")
    house.change(f"COMMENT ON VIEW report.judged_applications IS '{stamp}'")


SECOND_ROW = {"path": "fees/fees-2.csv", "row_no": 2, "source": "records", "subject": "fees", "record_key": "F-2"}
FAULTS: dict[str, Fault] = {
    "missing_source": Fault(
        "fees",
        gone,
        {"subject": "fees", "source": "records", "path": None, "detail": "records"},
        mend=lambda house: house.put("fees", ".csv", good("fees")),
    ),
    "rejected_file": Fault(
        "fees",
        empty,
        {"path": "fees/fees-2.csv", "source": "records", "actual": "empty_file", "row_no": None},
        mend=more("fees", receipt_no="F-2"),
    ),
    "rejected_file_gone": Fault(
        "fees",
        empty_and_gone,
        {"path": "fees/fees-2.csv", "source": "records", "actual": "empty_file", "row_no": None},
        mend=more("fees", receipt_no="F-2"),
    ),
    "silent_year": Fault(
        "fees",
        only_last_year,
        {"subject": "fees", "year": 2023, "path": None, "actual": "1"},
        mend=lambda house: house.put("fees", "-3.csv", good("fees", receipt_no="F-2")),
    ),
    "stale_report": Fault(
        "fees",
        counted_earlier,
        {"subject": None, "year": 2022, "path": None, "detail": NAME},
        mend=lambda house: house.change("UPDATE report.years SET inputs_sha256 = NULL WHERE year = 2022"),
    ),
    "undated_end": Fault(
        "normative_documents",
        more("normative_documents", document_no="R-2", status="废止", status_changed_on=None),
        {"path": "site/normative_documents-2.csv", "row_no": 2, "field": "status_changed_on", "actual": "废止"},
        mend=more("normative_documents", document_no="R-2", status="废止", status_changed_on="2023-06-01", updated_at=NEW),
    ),
    "same_bytes_file": Fault("fees", twice, {"path": "fees/fees-2.csv", "row_no": None}, mend=more("fees", receipt_no="F-2")),
    "unknown_columns": Fault(
        "fees", unknown, {"path": "fees/fees-2.csv", "actual": "备用字段1、经办科室"}, mend=more("fees", receipt_no="F-2")
    ),
    "ignored_sheets": Fault(
        "fees",
        two_sheets,
        {"path": "fees/fees-2.xlsx", "sheet": "台账", "actual": "遗漏"},
        mend=lambda house: house.put("fees", "-2.xlsx", good("fees", receipt_no="F-2")),
    ),
    "malformed_log_lines": Fault(ACCESS_LOG, broken_line, {"path": "site/access.log", "actual": "2", "expected": "3", "row_no": None}),
    "quarantined_row": Fault(
        "fees",
        more("fees", receipt_no="F-2", amount_yuan="三百元"),
        SECOND_ROW | {"field": "amount_yuan", "actual": "三百元", "detail": "bad_amount"},
        mend=more("fees", receipt_no="F-2"),
    ),
    "newer_version_quarantined": Fault(
        "fees",
        more("fees", amount_yuan="三百元", updated_at="2023-06-01"),
        SECOND_ROW | {"record_key": "F-1", "detail": "bad_amount"},
        ("quarantined_row",),
        mend=more("fees", updated_at="2023-06-01"),
    ),
    "conflicting_duplicate": Fault(
        "fees",
        lambda house: house.put("fees", "-2.csv", good("fees", amount_yuan="1"), good("fees", receipt_no="F-3")),
        {"path": "fees/fees.csv", "row_no": 2, "record_key": "F-1"},
        mend=more("fees", amount_yuan="1", updated_at="2023-06-01"),
    ),
    "bad_uscc": Fault(
        "penalties",
        more("penalties", document_no="P-2", party_uscc=WRONG_CODE),
        {"path": "enforcement/penalties-2.csv", "row_no": 2, "field": "party_uscc", "actual": WRONG_CODE},
        mend=more("penalties", document_no="P-2", party_uscc=FIRM, updated_at=NEW),
    ),
    "fewer_than_two_inspectors": Fault(
        "inspections",
        more("inspections", task_no="T-2", inspectors="测试甲、 测试甲"),
        {"path": "enforcement/inspections-2.csv", "row_no": 2, "field": "inspectors", "actual": None},
        mend=more("inspections", task_no="T-2", inspectors="测试甲、测试乙", updated_at=NEW),
    ),
    "expired_but_marked_valid": Fault(
        "normative_documents",
        more("normative_documents", document_no="R-2", expires_on="2023-12-30"),
        {"path": "site/normative_documents-2.csv", "row_no": 2, "year": 2023, "actual": "2023-12-30"},
        mend=more("normative_documents", document_no="R-2", expires_on="2023-12-31", updated_at=NEW),
    ),
    "h1_classes_equal_total": Fault(
        "applications",
        tamper("UPDATE core.applications SET applicant_class = 'nobody'"),
        {"year": 2023, "cell_id": "table3.granted.total", "expected": "0", "actual": "1"},
    ),
    "h2_outcomes_equal_total": Fault(
        "applications",
        more("applications", application_no="A-2", outcome=None),
        {"year": 2023, "cell_id": "table3.total_handled.natural_person", "expected": "1", "actual": "2"},
    ),
    "h3_received_equals_handled": Fault(
        "applications",
        forget_what_was_handled,
        {"year": 2023, "cell_id": "table3.carried_out.natural_person", "expected": "1", "actual": "0"},
    ),
    "h4_results_equal_total": Fault(
        "disputes",
        more("disputes", case_no="D-2", result=None),
        {"year": 2023, "cell_id": "table4.review.total", "expected": "1", "actual": "2"},
    ),
}
TABLE_RULES = [r for r in judging.in_sql() if re.match(r"h[1-4]_", r)]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict[str, House]:
    """Subject → a house with one good record and no findings. Whoever changes it takes a copy."""
    houses = {}
    for subject in {fault.subject for fault in FAULTS.values()}:
        house = houses[subject] = House(tmp_path_factory.mktemp(subject), (subject,))
        if subject == ACCESS_LOG:
            write_log(house.path(subject, ".log"), [log_line("01/May/2023:09:00:00 +0800")])
        else:
            older = [good(subject, document_no=no, dated_on="2020-01-01") for no in ("R-0", "R-00") if subject == "normative_documents"]
            house.put(subject, ".csv", good(subject), *older)
        house.night()
        assert house.findings() == []
    return houses


def readable(finding: dict[str, Any]) -> None:
    rule = RULES[finding["rule"]]
    assert finding["severity"] == rule.severity
    assert finding["message"].endswith(rule.remedy) and not set("{}") & set(finding["message"]), finding["message"]
    assert "None" not in finding["message"] and "“”" not in finding["message"]
    for name in ("path", "sheet"):
        assert finding[name] is None or finding["rule"] in TABLE_RULES or finding[name] in finding["message"]


def test_every_rule_in_sql_is_planted_here_or_in_a_file_beside() -> None:
    beside = "".join(f.read_text("utf-8") for f in Path(__file__).parent.glob("test_*.py") if f.name != Path(__file__).name)
    assert set(FAULTS) <= set(RULES)
    assert [rule for rule in judging.in_sql() if rule not in FAULTS and f'"{rule}"' not in beside] == []


@pytest.mark.parametrize("rule", [r for r in FAULTS if not r.startswith("h")])
def test_a_rule_finds_its_fault_and_is_silent_once_it_is_mended(clean: dict[str, House], tmp_path: Path, rule: str) -> None:
    fault = FAULTS[rule]
    house = clean[fault.subject].copy(tmp_path / "house")
    fault.plant(house)
    counts = house.night()
    (finding,) = house.findings(rule)
    assert {name: finding[name] for name in fault.found} == fault.found
    assert finding["agency"] == AGENCY and sum(counts.values()) == len(house.findings())
    for each in house.findings():
        readable(each)
    assert {f["rule"] for f in house.findings()} == {rule, *fault.beside}
    if fault.mend:
        fault.mend(house)
        house.night()
        assert house.findings() == []


@pytest.mark.parametrize("rule", TABLE_RULES)
def test_a_table_rule_finds_a_total_that_is_not_the_sum_of_its_parts(clean: dict[str, House], tmp_path: Path, rule: str) -> None:
    fault = FAULTS[rule]
    house = clean[fault.subject].copy(tmp_path / "house")
    fault.plant(house)
    house.night()
    found = {f["cell_id"]: f for f in house.findings(rule)}
    finding = found[fault.found["cell_id"]]
    assert {name: finding[name] for name in fault.found} == fault.found
    assert finding["severity"] == "critical" and finding["path"] is None
    for each in house.findings():
        readable(each)
        assert each["cell_id"] in forms.load("2021").cells
        assert forms.load("2021").cells[each["cell_id"]].label in each["message"]
    wanted = {"h1_classes_equal_total": 3, "h2_outcomes_equal_total": 2, "h3_received_equals_handled": 2, "h4_results_equal_total": 1}
    assert len(found) == wanted[rule]


# ---- what a finding shows --------------------------------------------------------------------------------------------------


def private(subject: str) -> dict[str, str | None]:
    """A marker in every field that holds personal data or free text."""
    return {f.name: f"密{f.name}密" for f in SUBJECTS[subject].fields if (f.pii or f.kind == "free") and f.name != "inspectors"}


BAD_ROWS: dict[str, list[dict[str, str | None]]] = {
    "applications": [
        {"application_no": "A-2", "outcome": "不详"},
        {"application_no": "A-3", "applicant_kind": "法人或其他组织", "applicant_uscc": PERSON},
        {"application_no": None},
        {"application_no": "A-4", "fee_yuan": "坏"},
        {"application_no": "A-4", "phone": "密电话密"},
        {"application_no": "A-5"},
        {"application_no": "A-5", "phone": "密电话密"},
        {"application_no": "A-6", "applicant_uscc": WRONG_CODE},
        {"application_no": "A-7", "outcome": None},
    ],
    "disputes": [{"case_no": "D-2", "result": "不详"}, {"case_no": None}, {"case_no": "D-3", "result": None}],
    "penalties": [
        {"document_no": "P-2", "party_kind": "自然人", "party_uscc": PERSON},
        {"document_no": "P-3", "party_kind": "个体工商户", "party_uscc": WRONG_CODE},
        {"document_no": "P-4", "party_uscc": "92990100MA0000031X"},
        {"document_no": "P-5", "fine_wan": "坏"},
        {"document_no": None},
        {"document_no": "P-6", "decision_state": "不详"},
        {"document_no": "P-7", "party_uscc": WRONG_CODE},
    ],
    "permits": [{"document_no": "X-2", "party_uscc": PERSON, "decision_result": "不详"}, {"document_no": "X-3", "party_uscc": PERSON}],
    "coercions": [{"document_no": "Q-2", "party_uscc": PERSON}, {"document_no": "Q-3", "decided_on": "2023-02-30"}],
    "inspections": [
        {"task_no": "T-2", "inspectors": "密检查人密"},
        {"task_no": "T-3", "object_uscc": PERSON},
        {"task_no": "T-4", "inspected_on": "坏"},
        {"task_no": "T-3", "object_uscc": PERSON, "updated_at": "坏"},
    ],
}


def test_nothing_of_a_person_is_in_any_finding_and_every_message_can_be_read(tmp_path: Path) -> None:
    house = House(tmp_path, (*BAD_ROWS, ACCESS_LOG))
    for subject, rows in BAD_ROWS.items():
        house.put(subject, ".csv", *(good(subject, **private(subject) | row) for row in rows))
        write(house.path(subject, "-2.csv"), [{"不是栏目": "密内容密"}])
    write_log(house.path(ACCESS_LOG, ".log"), ["密日志密 203.0.113.9\n"])
    house.night()
    found = house.findings()
    assert {f["rule"] for f in found} >= {
        "quarantined_row",
        "bad_uscc",
        "conflicting_duplicate",
        "fewer_than_two_inspectors",
        "rejected_file",
        "malformed_log_lines",
        "h2_outcomes_equal_total",
        "h4_results_equal_total",
    }
    for finding in found:
        readable(finding)
        shown = " ".join(str(value) for value in finding.values())
        assert not [secret for secret in ("密", PERSON, "203.0.113.9", "92990100MA0000031X") if secret in shown], finding
    assert sum(f["rule"] == "bad_uscc" for f in found) >= 7
    assert any(WRONG_CODE in f["message"] for f in found)  # an organisation's code is shown


def test_the_number_of_a_person_in_a_key_is_not_shown_and_a_code_is(tmp_path: Path) -> None:
    house = House(tmp_path, ("inspections",))
    house.put(
        "inspections", ".csv", *(good("inspections", object_uscc=code, inspectors="测试甲") for code in (PERSON, PERSON[:-1] + "X", FIRM))
    )
    house.night()
    keys = [f["record_key"] for f in house.findings("fewer_than_two_inspectors")]
    assert keys[2] == f"T-1|{FIRM}" and len(set(keys)) == 3
    assert all(re.fullmatch(r"T-1\|个人-[0-9a-f]{12}", key) for key in keys[:2])
    assert not house.ask("SELECT 1 FROM core.ledger WHERE contains(record_key, $number)", number=PERSON[:-1])


def test_a_quarantined_row_that_another_file_mended_later_is_no_finding(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",))
    house.put("fees", ".csv", good("fees", amount_yuan="坏"))
    house.night()
    assert len(house.findings("quarantined_row")) == 1
    house.put("fees", "-2.csv", good("fees", updated_at=NEW))
    house.night()
    assert house.findings() == []


def test_a_key_that_is_missing_is_told_as_such(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",))
    house.put("fees", ".csv", good("fees"), good("fees", receipt_no=None))
    house.night()
    (finding,) = house.findings()
    assert (finding["rule"], finding["record_key"], finding["detail"]) == ("quarantined_row", "", "missing_key")
    assert finding["message"].startswith("fees/fees.csv，第 3 行：自然键有空缺")


# ---- the same every night --------------------------------------------------------------------------------------------------


def ids(house: House) -> list[str]:
    found = [str(f["finding_id"]) for f in house.findings()]
    assert len(found) == len(set(found))
    return sorted(found)


def faulty(folder: Path, order: int = 1) -> House:
    house = House(folder, ("fees", "penalties", "normative_documents", ACCESS_LOG), years=(2022, 2023))
    house.put("fees", ".csv", *[good("fees", amount_yuan=str(i), receipt_no=f"F-{i % 2}") for i in range(6)][::order])
    house.put("penalties", ".xlsx", good("penalties", party_uscc=WRONG_CODE), good("penalties", document_no="P-2", decided_on="坏"))
    house.put("normative_documents", ".csv", good("normative_documents", dated_on="2020-01-01", expires_on="2021-01-01"))
    write_log(house.path(ACCESS_LOG, ".log"), ["broken\n", log_line("01/May/2023:09:00:00 +0800"), "broken\n"])
    return house


def test_the_same_fault_has_the_same_id_every_night_and_in_another_warehouse(tmp_path: Path) -> None:
    house = faulty(tmp_path / "a")
    house.night()
    first = ids(house)
    assert len(first) >= 8
    house.night()
    assert ids(house) == first
    other = faulty(tmp_path / "b")
    for subject in reversed(other.subjects):
        other.land(subject)
        other.settle(subject)
    other.count()
    assert ids(other) == first


def test_a_fault_in_two_contents_of_a_path_is_one_finding(tmp_path: Path) -> None:
    house = House(tmp_path, ("penalties", ACCESS_LOG))
    for i in range(1, 4):
        house.put(
            "penalties",
            ".csv",
            good("penalties", party_uscc=WRONG_CODE, updated_at=f"2023-06-0{i}"),
            good("penalties", document_no="P-2", decided_on="不详", updated_at=f"2023-06-0{i}"),
        )
        write_log(house.path(ACCESS_LOG, ".log"), ["broken\n", log_line("01/May/2023:09:00:00 +0800")] * i)
        house.night()
        ids(house)
    assert {f["rule"]: f["actual"] for f in house.findings()} == {
        "bad_uscc": WRONG_CODE,
        "quarantined_row": "不详",
        "malformed_log_lines": "3",
    }
    assert house.ask("SELECT count(*) FROM core.quarantine") == [(3,)]


def test_a_fault_that_was_put_back_is_one_finding(tmp_path: Path) -> None:
    house = House(tmp_path, ("penalties",))
    for code in (WRONG_CODE, FIRM, WRONG_CODE):
        house.put("penalties", ".csv", good("penalties", party_uscc=code, updated_at=NEW if code == FIRM else OLD))
        house.night()
    assert house.ask("SELECT count(*) FROM core.row_findings") == [(2,)]
    assert len(house.findings("bad_uscc")) == len(ids(house)) == 1


def test_a_content_that_lies_under_another_name_still_has_its_findings(tmp_path: Path) -> None:
    house = House(tmp_path, ("penalties",))
    path = house.put("penalties", ".csv", good("penalties", party_uscc=WRONG_CODE))
    house.night()
    path.with_name("penalties-备份.csv").write_bytes(path.read_bytes())
    house.night()
    house.put("penalties", ".csv", good("penalties", party_uscc=FIRM, updated_at=NEW))
    house.night()
    assert len(house.findings("bad_uscc")) == 1


def test_findings_of_other_years_are_kept_and_those_of_these_years_replaced(tmp_path: Path) -> None:
    house = House(tmp_path, ("normative_documents",), years=(2022, 2023))
    house.put("normative_documents", ".csv", good("normative_documents", dated_on="2020-01-01", expires_on="2021-01-01"))
    house.night()

    def years() -> list[int]:
        return sorted(f["year"] for f in house.findings("expired_but_marked_valid"))

    assert years() == [2022, 2023]
    house.put("normative_documents", ".csv", good("normative_documents", dated_on="2020-01-01", updated_at=NEW))
    house.records()
    house.count([2023])
    assert years() == [2022]
    house.count([2022])
    assert years() == []


def test_findings_are_those_of_the_organs_they_concern(tmp_path: Path) -> None:
    house = House(
        tmp_path,
        ("normative_documents",),
        sources={"records": AGENCY, "others": OTHER},
        agencies=((AGENCY, NAME, ()), (OTHER, OTHER_NAME, ())),
    )
    for source in house.sources:
        house.put("normative_documents", ".csv", good("normative_documents", expires_on="2023-06-30"), source=source)
    house.night()
    assert [(f["agency"], f["source"]) for f in house.findings()] == [(AGENCY, "records")]  # the other register lists what is not its own


def test_the_gravest_findings_come_first(tmp_path: Path) -> None:
    house = faulty(tmp_path)
    house.path("fees", "-2.csv").write_bytes(b"")
    house.path("fees", "-3.csv").write_bytes(house.path("fees", ".csv").read_bytes())
    counts = house.night()
    severities = [f["severity"] for f in house.findings()]
    assert severities == sorted(severities, key=catalogue.SEVERITIES.index)
    assert counts == {s: severities.count(s) for s in catalogue.SEVERITIES}


def test_judging_no_year_replaces_what_concerns_no_single_year_alone(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees", "normative_documents"))
    house.put("fees", ".csv", good("fees", amount_yuan="坏"))
    house.put("normative_documents", ".csv", good("normative_documents", expires_on="2023-06-30"))
    house.night()
    before = ids(house)
    assert len(before) == 2
    house.change("DELETE FROM report.findings WHERE rule = 'quarantined_row'")
    judging.judge(house.warehouse, [], house.today, again=True, suites=False)
    assert ids(house) == before


# ---- versions and sources --------------------------------------------------------------------------------------------------


def test_a_quarantined_row_is_newer_only_where_it_is(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",))
    bad = {"newer": NEW, "older": OLD, "of the same time": "2023-05-02 10:00:00", "of no time": None, "of a time that cannot be read": "坏"}
    house.put(
        "fees",
        ".csv",
        *(
            row
            for key, at in bad.items()
            for row in (good("fees", receipt_no=key), good("fees", receipt_no=key, updated_at=at, amount_yuan="坏"))
        ),
    )
    house.put(
        "fees", "-2.csv", good("fees", receipt_no=None, updated_at=NEW), good("fees", receipt_no="alone", updated_at=NEW, amount_yuan="坏")
    )
    house.night()
    assert [f["record_key"] for f in house.findings("newer_version_quarantined")] == ["NEWER"]
    assert len(house.findings("quarantined_row")) == 7


def test_a_source_is_told_of_its_own_contradictions_where_another_source_is_newer(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",), sources={"records": AGENCY, "others": AGENCY})
    house.put("fees", ".csv", good("fees", updated_at=NEW))
    house.put(
        "fees",
        ".csv",
        good("fees", updated_at="2023-04-01", amount_yuan="1"),
        good("fees", updated_at="2023-04-01", amount_yuan="2"),
        good("fees", updated_at="2023-04-02", amount_yuan="坏"),
        source="others",
    )
    house.night()
    found = [(f["rule"], f["source"], f["row_no"]) for f in house.findings("conflicting_duplicate", "newer_version_quarantined")]
    assert found == [("conflicting_duplicate", "others", 3), ("newer_version_quarantined", "others", 4)]


def test_a_document_past_its_term_is_told_where_it_is_in_scope(tmp_path: Path) -> None:
    past: dict[str, str | None] = {"expires_on": "2023-06-30"}
    cases = [
        ({"expires_on": "2023-12-30"}, True),
        ({"expires_on": "2023-12-31"}, False),
        ({"expires_on": "2010-01-01"}, True),
        ({"expires_on": None}, False),
        (past | {"status": "已修改"}, False),
        (past | {"status": "失效"}, False),
        (past | {"issuer": OTHER_NAME}, False),
        (past | {"kind": "其他文件"}, False),
        (past | {"dated_on": "2024-01-01"}, False),
        (past | {"dated_on": "2023-12-31"}, True),
    ]
    house = House(tmp_path, ("normative_documents",))
    house.put(
        "normative_documents",
        ".csv",
        *(good("normative_documents", document_no=f"R-{i}", **changes) for i, (changes, _) in enumerate(cases)),
    )
    house.night()
    assert {f["record_key"] for f in house.findings("expired_but_marked_valid")} == {f"R-{i}" for i, (_, told) in enumerate(cases) if told}


def test_a_source_is_missing_while_its_last_look_saw_nothing(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",), sources={"records": AGENCY, "others": AGENCY})
    house.count()  # nobody has looked yet
    assert [f["source"] for f in house.findings("missing_source")] == ["others", "records"]
    house.put("fees", ".csv", good("fees"))
    house.night()
    (finding,) = house.findings("missing_source")
    assert finding["source"] == "others" and "行政事业性收费" in finding["message"] and "others" in finding["message"]
    house.sources = {"records": AGENCY}
    house.night()
    assert house.findings() == []
