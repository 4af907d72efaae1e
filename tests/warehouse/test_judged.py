"""Judgement: the place of every current record in each report, by the source contracts 6.3 and 6.5, and the settings that move it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from building import AGENCY, FIRM, GOOD, NAME, OTHER, OTHER_NAME, SOLE_TRADER, House, good

from warehouse import counting
from warehouse.subjects import SUBJECTS

COUNTED, PENDING = "counted", "pending"
YEARS = (2022, 2023, 2024)
FORMER = "测试市测试（筹）局A"  # another name of the organ, as the configuration writes it

# Subject → case → changes to a good record, and its fate in the reports of 2022, 2023 and 2024 (None: not looked at).
Case = tuple[dict[str, str | None], tuple[str | None, str | None, str | None]]
CASES: dict[str, dict[str, Case]] = {
    "applications": {
        "received on 31 December": (
            {"received_on": "2023-12-31", "replied_on": None, "outcome": None},
            ("received_after_year", PENDING, PENDING),
        ),
        "received on 1 January": (
            {"received_on": "2024-01-01", "replied_on": "2024-01-20"},
            ("received_after_year", "received_after_year", COUNTED),
        ),
        "received on 1 January in Shanghai": (
            {"received_on": "2022-12-31T16:30:00Z", "replied_on": None, "outcome": None},
            ("received_after_year", PENDING, PENDING),
        ),
        "received on 31 December in Shanghai": (
            {"received_on": "2022-12-31T15:59:59Z", "replied_on": None, "outcome": None},
            (PENDING, PENDING, PENDING),
        ),
        "replied on 31 December": (
            {"received_on": "2023-12-01", "replied_on": "2023-12-31"},
            ("received_after_year", COUNTED, "closed_before_year"),
        ),
        "replied on 1 January": ({"received_on": "2023-12-01", "replied_on": "2024-01-01"}, ("received_after_year", PENDING, COUNTED)),
        "carried in and replied on 1 January": (
            {"received_on": "2022-12-31", "replied_on": "2023-01-01"},
            (PENDING, COUNTED, "closed_before_year"),
        ),
        "replied the day it was received": (
            {"received_on": "2023-12-31", "replied_on": "2023-12-31"},
            ("received_after_year", COUNTED, "closed_before_year"),
        ),
        "closed before the year": (
            {"received_on": "2022-06-01", "replied_on": "2022-12-31"},
            (COUNTED, "closed_before_year", "closed_before_year"),
        ),
        "open with an outcome": ({"received_on": "2023-06-01", "replied_on": None}, ("received_after_year", PENDING, PENDING)),
        "open for years": ({"received_on": "2020-06-01", "replied_on": None, "outcome": None}, (PENDING, PENDING, PENDING)),
        "submitted in another year": (
            {"submitted_on": "2022-12-30", "received_on": "2023-01-01"},
            ("received_after_year", COUNTED, "closed_before_year"),
        ),
    },
    "disputes": {
        "accepted on 31 December": (
            {"accepted_on": "2023-12-31", "closed_on": None, "result": None},
            ("accepted_after_year", PENDING, PENDING),
        ),
        "accepted on 1 January": (
            {"accepted_on": "2024-01-01", "closed_on": "2024-02-01"},
            ("accepted_after_year", "accepted_after_year", COUNTED),
        ),
        "closed on 31 December": ({"closed_on": "2023-12-31"}, ("accepted_after_year", COUNTED, "closed_before_year")),
        "closed on 1 January": ({"closed_on": "2024-01-01"}, ("accepted_after_year", PENDING, COUNTED)),
        "closed before the year": (
            {"accepted_on": "2022-03-01", "closed_on": "2022-12-31"},
            (COUNTED, "closed_before_year", "closed_before_year"),
        ),
        "closed on 1 January of the year": (
            {"accepted_on": "2022-03-01", "closed_on": "2023-01-01"},
            (PENDING, COUNTED, "closed_before_year"),
        ),
        "open with a result": ({"closed_on": None}, ("accepted_after_year", PENDING, PENDING)),
    },
    "penalties": {
        "decided on 1 January": ({"decided_on": "2023-01-01"}, ("other_year", COUNTED, "other_year")),
        "decided on 31 December": ({"decided_on": "2023-12-31"}, ("other_year", COUNTED, "other_year")),
        "decided on 31 December before": ({"decided_on": "2022-12-31"}, (COUNTED, "other_year", "other_year")),
        "decided on 1 January in Shanghai": ({"decided_on": "2022-12-31T16:30:00Z"}, ("other_year", COUNTED, "other_year")),
        "revoked since": ({"decision_state": "已撤销", "updated_at": "2024-02-01"}, ("other_year", COUNTED, "other_year")),
        "changed since": ({"decision_state": "已变更"}, ("other_year", COUNTED, "other_year")),
        "no penalty": ({"decision_state": "不予处罚"}, ("other_year", "not_a_penalty", "other_year")),
        "of another organ": ({"organ_code": OTHER}, ("other_agency",) * 3),
        "of another organ and no penalty": ({"organ_code": OTHER, "decision_state": "不予处罚"}, ("other_agency",) * 3),
        "of another organ that bears the name": ({"organ_code": OTHER, "organ_name": NAME}, ("other_agency",) * 3),
        "of the organ under another name": ({"organ_name": OTHER_NAME}, ("other_year", COUNTED, "other_year")),
        "with a code in another spelling": ({"organ_code": " 1199０1000 00000115q"}, ("other_year", COUNTED, "other_year")),
        "lawfully not published": ({"disclosure_state": "依法不公开"}, ("other_year", COUNTED, "other_year")),
    },
    "permits": {
        "decided on 1 January": ({"decided_on": "2023-01-01"}, ("other_year", COUNTED, "other_year")),
        "decided on 31 December": ({"decided_on": "2023-12-31"}, ("other_year", COUNTED, "other_year")),
        "refused": ({"decision_result": "不予"}, ("other_year", COUNTED, "other_year")),
        "changed": ({"decision_result": "准予变更"}, ("other_year", COUNTED, "other_year")),
        "extended": ({"decision_result": "准予延续 "}, ("other_year", COUNTED, "other_year")),
        "revoked": ({"decision_result": "撤销"}, ("other_year", "permit_revocation", "other_year")),
        "of another organ and revoked": ({"organ_code": OTHER, "decision_result": "撤销"}, ("other_agency",) * 3),
        "valid from another year": ({"decided_on": "2023-12-31", "valid_from_on": "2024-01-01"}, ("other_year", COUNTED, "other_year")),
    },
    "coercions": {
        "decided on 1 January": ({"decided_on": "2023-01-01"}, ("other_year", COUNTED, "other_year")),
        "decided on 31 December": ({"decided_on": "2023-12-31"}, ("other_year", COUNTED, "other_year")),
        "enforced in the year after": (
            {"coercion_kind": "强制执行", "decided_on": "2022-12-31", "executed_on": "2023-05-01"},
            (COUNTED, "other_year", "other_year"),
        ),
        "of another organ and another year": ({"organ_code": OTHER, "decided_on": "2020-01-01"}, ("other_agency",) * 3),
        "of no known kind": ({"coercion_kind": None}, ("other_year", COUNTED, "other_year")),
    },
    "inspections": {
        "inspected on 31 December": ({"inspected_on": "2023-12-31"}, ("other_year", "inspection_not_a_decision", "other_year")),
        "inspected on 1 January": ({"inspected_on": "2024-01-01"}, ("other_year", "other_year", "inspection_not_a_decision")),
        "of another organ and another year": ({"organ_code": OTHER, "inspected_on": "2020-01-01"}, ("other_agency",) * 3),
        "of no organ": ({"organ_code": None}, ("other_agency",) * 3),
    },
    "publications": {
        "published on 31 December": ({"acted_at": "2023-12-31 23:59:59"}, ("other_year", COUNTED, "other_year")),
        "published on 1 January in Shanghai": ({"acted_at": "2023-12-31T16:00:00Z"}, ("other_year", "other_year", COUNTED)),
        "signed and shown in another year": (
            {"dated_on": "2022-12-01", "published_at": "2024-01-01 08:00:00"},
            ("other_year", COUNTED, "other_year"),
        ),
        "updated": ({"action": "更新"}, ("not_a_publish_event",) * 3),
        "taken down in another year": ({"action": "撤下", "acted_at": "2020-05-01"}, ("not_a_publish_event",) * 3),
        "updated, not proactive": ({"action": "更新", "disclosure": "依申请公开"}, ("not_a_publish_event",) * 3),
        "updated by another": ({"action": "更新", "publisher": OTHER_NAME}, ("other_publisher",) * 3),
        "on request": ({"disclosure": "依申请公开"}, ("other_year", "not_proactive", "other_year")),
        "of no way of disclosure": ({"disclosure": None}, ("other_year", "not_proactive", "other_year")),
        "by nobody": ({"publisher": None}, ("other_publisher",) * 3),
        "by a former name, otherwise spelled": ({"publisher": "测试市 测试(筹)局ａ"}, ("other_year", COUNTED, "other_year")),
        "by a department": ({"publisher": NAME + "办公室"}, ("other_publisher",) * 3),
    },
    "normative_documents": {
        "dated on 31 December": ({"dated_on": "2023-12-31", "issued_on": "2024-01-03"}, ("after_year", COUNTED, COUNTED)),
        "dated on 1 January": ({"dated_on": "2024-01-01"}, ("after_year", "after_year", COUNTED)),
        "of another organ": ({"issuer": OTHER_NAME, "kind": "其他文件", "dated_on": "2030-01-01"}, ("other_issuer",) * 3),
        "of the organ under a former name": ({"issuer": FORMER}, ("after_year", COUNTED, COUNTED)),
        "of no kind that counts, later": ({"kind": "其他文件", "dated_on": "2030-01-01"}, ("not_normative",) * 3),
        "a regulation": ({"kind": "规章"}, ("after_year", COUNTED, COUNTED)),
        "of an earlier year": ({"dated_on": "2010-01-01"}, (COUNTED,) * 3),
        "repealed on 31 December": (
            {"dated_on": "2010-01-01", "status": "废止", "status_changed_on": "2023-12-31"},
            (COUNTED, COUNTED, "ended_before_year"),
        ),
        "repealed on 1 January": ({"dated_on": "2010-01-01", "status": "废止", "status_changed_on": "2024-01-01"}, (COUNTED,) * 3),
        "made and repealed": ({"status": "废止", "status_changed_on": "2023-12-01"}, ("after_year", COUNTED, "ended_before_year")),
        "lapsed on 31 December": (
            {"dated_on": "2010-01-01", "status": "失效", "status_changed_on": "2023-12-31"},
            (COUNTED, "expired_in_year", "ended_before_year"),
        ),
        "made and lapsed": ({"status": "失效", "status_changed_on": "2023-12-01"}, ("after_year", COUNTED, "ended_before_year")),
        "lapsed by its term alone": (
            {"dated_on": "2010-01-01", "status": "失效", "expires_on": "2022-06-30"},
            ("expired_in_year", "ended_before_year", "ended_before_year"),
        ),
        "valid until 30 December": (
            {"dated_on": "2010-01-01", "expires_on": "2023-12-30"},
            (COUNTED, "expired_in_year", "ended_before_year"),
        ),
        "valid until 31 December": ({"dated_on": "2010-01-01", "expires_on": "2023-12-31"}, (COUNTED, COUNTED, "ended_before_year")),
        "made and past its term": ({"dated_on": "2023-01-05", "expires_on": "2023-06-30"}, ("after_year", COUNTED, "ended_before_year")),
        "amended, past its term": (
            {"dated_on": "2010-01-01", "status": "已修改", "status_changed_on": "2023-05-01", "expires_on": "2020-01-01"},
            (COUNTED,) * 3,
        ),
        "ended, nobody knows when": ({"dated_on": "2010-01-01", "status": "废止"}, ("ended_before_year",) * 3),
    },
    "fees": {
        "collected on 31 December": ({"collected_on": "2023-12-31"}, ("other_year", COUNTED, "other_year")),
        "collected on 1 January": ({"collected_on": "2024-01-01"}, ("other_year", "other_year", COUNTED)),
        "of another organ and another year": ({"organ_code": OTHER, "collected_on": "2020-01-01"}, ("other_agency",) * 3),
        "of no organ": ({"organ_code": None}, ("other_agency",) * 3),
        "a refund": ({"amount_yuan": "-80"}, ("other_year", COUNTED, "other_year")),
        "of nothing": ({"amount_yuan": "0"}, ("other_year", COUNTED, "other_year")),
        "an information processing fee": ({"item": "政府信息公开信息处理费"}, ("other_year", COUNTED, "other_year")),
    },
}
PAIRS = [(subject, case) for subject, cases in CASES.items() for case in cases]
_KEY_FIELD = {
    "penalties": "document_no",
    "permits": "document_no",
    "coercions": "document_no",
    "inspections": "task_no",
    "publications": "item_id",
}


def record(subject: str, case: str, changes: dict[str, str | None]) -> dict[str, str | None]:
    """The record of a case; what tells it from others is the case's number in a field of its key."""
    field = _KEY_FIELD.get(subject, SUBJECTS[subject].key[0])
    return good(subject, **{field: number(case)}) | changes


def number(case: str) -> str:
    return f"Z{[c for _, c in PAIRS].index(case):03}Z"


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> House:
    """All cases in one warehouse, reported for three years at once."""
    house = House(tmp_path_factory.mktemp("judged"), tuple(CASES), years=YEARS, agencies=((AGENCY, NAME, (FORMER,)),))
    for subject, cases in CASES.items():
        house.put(subject, ".csv", *(record(subject, case, changes) for case, (changes, _) in cases.items()))
    house.night()
    assert house.ask("FROM core.quarantine") == []
    return house


@pytest.fixture(scope="module")
def places(judged: House) -> list[tuple[Any, ...]]:
    return judged.ask("SELECT subject, record_key, year, place, rule FROM report.places ORDER BY year")


@pytest.mark.parametrize(("subject", "case"), PAIRS)
def test_the_place_of_a_record_in_each_report(places: list[tuple[Any, ...]], subject: str, case: str) -> None:
    found = [row[2:] for row in places if row[0] == subject and number(case) in row[1]]
    assert tuple(year for year, _, _ in found) == YEARS
    assert tuple(rule or place for _, place, rule in found) == CASES[subject][case][1]
    for _, place, rule in found:
        assert place == (counting.rules()[rule].place if rule else place) and (rule is None) == (place in (COUNTED, PENDING))


def test_every_rule_of_scope_is_among_the_cases() -> None:
    met = {(subject, rule) for subject, cases in CASES.items() for _, fates in cases.values() for rule in fates} | {
        ("permits", "permit_result_not_counted"),
        ("fees", "processing_fee_not_counted"),  # SETTINGS
        ("access_log", "other_year"),  # tests/ingest/test_logs.py
    }
    rules = {(subject, r.id) for r in counting.rules().values() if r.place == "out_of_scope" for subject in r.subjects}
    assert rules <= met


# ---- which cells a record is counted in ------------------------------------------------------------------------------------


def evidence(house: House, subject: str, case: str, year: int = 2023) -> set[str]:
    rows = house.ask(
        "SELECT e.cell_id FROM report.evidence AS e JOIN core.ledger AS l USING (file_id, row_no) "
        "WHERE e.subject = $subject AND e.year = $year AND contains(l.record_key, $key)",
        subject=subject,
        year=year,
        key=number(case),
    )
    assert len(rows) == len(set(rows))
    return {row[0].removesuffix(".natural_person") for row in rows if not row[0].endswith(".total")}


@pytest.mark.parametrize(
    ("case", "rows"),
    [
        ("received on 31 December", {"new_received", "carried_out"}),
        ("received on 31 December in Shanghai", {"carried_in", "carried_out"}),
        ("submitted in another year", {"new_received", "granted", "total_handled"}),  # received on 1 January
        ("replied on 31 December", {"new_received", "granted", "total_handled"}),
        ("replied on 1 January", {"new_received", "carried_out"}),
        ("carried in and replied on 1 January", {"carried_in", "granted", "total_handled"}),
        ("open with an outcome", {"new_received", "carried_out"}),
        ("closed before the year", set()),
        ("received on 1 January", set()),
    ],
)
def test_an_application_is_counted_in_the_rows_it_belongs_to(judged: House, case: str, rows: set[str]) -> None:
    assert evidence(judged, "applications", case) == {f"table3.{row}" for row in rows}


@pytest.mark.parametrize(
    ("case", "columns"),
    [
        ("dated on 31 December", {"made", "valid"}),
        ("dated on 1 January", set()),
        ("of an earlier year", {"valid"}),
        ("repealed on 31 December", {"repealed"}),
        ("repealed on 1 January", {"valid"}),
        ("made and repealed", {"made", "repealed"}),
        ("made and lapsed", {"made"}),
        ("made and past its term", {"made"}),
        ("lapsed on 31 December", set()),
        ("valid until 30 December", set()),
        ("valid until 31 December", {"valid"}),
        ("amended, past its term", {"valid"}),
        ("ended, nobody knows when", set()),
    ],
)
def test_a_document_is_counted_in_the_columns_it_belongs_to(judged: House, case: str, columns: set[str]) -> None:
    assert evidence(judged, "normative_documents", case) == {f"table2.normative_documents.{c}" for c in columns}


def test_a_regulation_has_a_row_of_its_own(judged: House) -> None:
    assert evidence(judged, "normative_documents", "a regulation") == {"table2.regulations.made", "table2.regulations.valid"}


GROUPS = {
    "review": {"case_kind": "行政复议"},
    "litigation_direct": {"case_kind": "行政诉讼", "route": "未经复议直接起诉"},
    "litigation_after_review": {"case_kind": "行政诉讼", "route": "复议后起诉"},
}
RESULTS = {"upheld": "驳回诉讼请求", "corrected": "确认违法", "other": "准予撤诉", "pending": None}


def test_every_group_and_result_of_table_four_has_its_cell(tmp_path: Path) -> None:
    house = House(tmp_path, ("disputes",))
    house.put(
        "disputes",
        ".csv",
        *(
            good("disputes", case_no=f"{group} {result}", result=word, closed_on="2023-04-01" if word else None, **fields)
            for group, fields in GROUPS.items()
            for result, word in RESULTS.items()
        ),
    )
    house.night()
    rows = house.ask(
        "SELECT l.record_key, list_sort(list(e.cell_id)) FROM report.evidence AS e "
        "JOIN core.ledger AS l USING (file_id, row_no) GROUP BY ALL"
    )
    assert {key.lower(): cells for key, cells in rows} == {
        f"{group}{result}": sorted([f"table4.{group}.{result}", f"table4.{group}.total"]) for group in GROUPS for result in RESULTS
    }
    assert house.findings("h4_results_equal_total") == []


def test_a_reply_without_an_outcome_is_handled_and_in_no_row_of_outcomes(tmp_path: Path) -> None:
    house = House(tmp_path, ("applications",))
    house.put("applications", ".csv", good("applications", outcome=None))
    house.night()
    assert [row[0] for row in house.ask("SELECT cell_id FROM report.evidence WHERE cell_id LIKE '%.total' ORDER BY 1")] == [
        "table3.new_received.total",
        "table3.total_handled.total",
    ]


# ---- settings --------------------------------------------------------------------------------------------------------------

# Setting → record (subject and changes), value → fate in 2023 and cells other than totals.
SETTINGS: dict[str, tuple[str, dict[str, str | None], dict[str, tuple[str, set[str]]]]] = {
    "permit_results_counted": (
        "permits",
        {"decision_result": "不予"},
        {
            "准予,不予": (COUNTED, {"table2.licensing_decisions"}),
            "准予": ("permit_result_not_counted", set()),
        },
    ),
    "penalty_states_counted": (
        "penalties",
        {"decision_state": "已撤销"},
        {
            "有效,已撤销": (COUNTED, {"table2.punishment_decisions"}),
            "有效,已变更": ("not_a_penalty", set()),
        },
    ),
    "documents_made_by": (
        "normative_documents",
        {"dated_on": "2022-12-30", "issued_on": "2023-01-05"},
        {
            "dated_on": (COUNTED, {"table2.normative_documents.valid"}),
            "issued_on": (COUNTED, {"table2.normative_documents.made", "table2.normative_documents.valid"}),
        },
    ),
    "lapsed_counts_as_repealed": (
        "normative_documents",
        {"dated_on": "2010-01-01", "status": "失效", "status_changed_on": "2023-06-30"},
        {
            "false": ("expired_in_year", set()),
            "true": (COUNTED, {"table2.normative_documents.repealed"}),
        },
    ),
    "amended_counts_as_made": (
        "normative_documents",
        {"dated_on": "2010-01-01", "status": "已修改", "status_changed_on": "2023-06-30"},
        {
            "false": (COUNTED, {"table2.normative_documents.valid"}),
            "true": (COUNTED, {"table2.normative_documents.made", "table2.normative_documents.valid"}),
        },
    ),
    "processing_fee_in_fees": (
        "fees",
        {"item": "政府信息公开信息处理费"},
        {
            "true": (COUNTED, {"table2.fee_10k_yuan"}),
            "false": ("processing_fee_not_counted", set()),
        },
    ),
    "sole_trader_class": (
        "applications",
        {"applicant_kind": "法人或其他组织", "applicant_uscc": SOLE_TRADER},
        {
            "": ("underivable_applicant_kind", set()),
            "natural_person": (COUNTED, {f"table3.{row}.natural_person" for row in ("new_received", "granted", "total_handled")}),
            "commercial_enterprise": (
                COUNTED,
                {f"table3.{row}.commercial_enterprise" for row in ("new_received", "granted", "total_handled")},
            ),
        },
    ),
}
# Two further records that a setting lets in: what is not counted by default.
ADMITTED: dict[str, tuple[str, dict[str, str | None], str, str]] = {
    "permit_results_counted": ("permits", {"decision_result": "撤销"}, "准予,撤销", "table2.licensing_decisions"),
    "penalty_states_counted": ("penalties", {"decision_state": "不予处罚"}, "有效,不予处罚", "table2.punishment_decisions"),
}


def counted_with(house: House, setting: str, value: str) -> tuple[str, set[str]]:
    house.settings = {setting: value}
    if not house.run or setting == "sole_trader_class":  # the one that cleaning applies
        house.records()
    house.count()
    ((place, rule),) = house.ask("SELECT place, rule FROM report.places WHERE year = 2023")
    cells = {cell for cell, number in house.cells().items() if number and not cell.endswith(".total")}
    return str(rule or place), cells


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_changes_what_it_says(tmp_path: Path, setting: str) -> None:
    subject, changes, outcomes = SETTINGS[setting]
    house = House(tmp_path, (subject,))
    house.put(subject, ".csv", good(subject, **changes))
    assert {value: counted_with(house, setting, value) for value in outcomes} == outcomes


@pytest.mark.parametrize("setting", ADMITTED)
def test_a_setting_lets_in_what_is_not_counted_by_default(tmp_path: Path, setting: str) -> None:
    subject, changes, value, cell = ADMITTED[setting]
    house = House(tmp_path, (subject,))
    house.put(subject, ".csv", good(subject, **changes))
    assert counted_with(house, setting, value) == (COUNTED, {cell})


def test_every_setting_is_among_these_and_every_value_is_allowed() -> None:
    assert set(SETTINGS) == set(counting.settings())
    for name, (_, _, outcomes) in SETTINGS.items():
        setting = counting.settings()[name]
        allowed = {str(v).lower() if isinstance(v, bool) else v for v in setting.values}
        assert {part for value in outcomes for part in (value.split(",") if setting.kind == "list" else [value])} <= allowed


def test_other_items_are_fees_whatever_the_setting_of_the_processing_fee(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",), settings={"processing_fee_in_fees": "false"})
    house.put("fees", ".csv", good("fees"), good("fees", receipt_no="F-2", item=None))
    house.night()
    assert house.fates() == {"F-1": (COUNTED, None), "F-2": (COUNTED, None)}


def test_a_document_is_made_in_the_year_of_its_date_wherever_its_issue_lies(tmp_path: Path) -> None:
    house = House(tmp_path, ("normative_documents",), years=YEARS)
    house.put("normative_documents", ".csv", good("normative_documents", dated_on="2023-12-31", issued_on="2024-01-03"))
    house.night()
    made: dict[int, Any] = {year: house.cells(year)["table2.normative_documents.made"] for year in YEARS}
    assert made == {2022: 0, 2023: 1, 2024: 0}


def test_good_records_count_for_their_year(tmp_path: Path) -> None:
    house = House(tmp_path, tuple(GOOD))
    for subject in GOOD:
        house.put(subject, ".json", good(subject))
    house.night()
    assert {subject: rule or place for subject, place, rule in house.ask("SELECT subject, place, rule FROM report.places")} == {
        **dict.fromkeys(GOOD, COUNTED),
        "inspections": "inspection_not_a_decision",
    }
    assert FIRM in house.ask("SELECT record_key FROM core.inspections")[0][0]
