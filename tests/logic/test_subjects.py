"""Nine subjects: a good record of each, every reason for quarantine, their order, derived columns and findings on rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import combinations
from typing import NamedTuple

import polars as pl
import pytest

from assets.logic.clean import REASONS, Cleaned
from assets.logic.subjects import clean
from assets.logic.vocabulary import Vocabulary, fixed
from warehouse import counting, tables
from warehouse.subjects import ACCESS_LOG, SUBJECTS

AGENCY, OTHER = "11341702486344515H", "11370812004339255B"
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
Change = Mapping[str, str | None]

LOCAL = [
    (AGENCY, "disputes", "result", "R1", "corrected"),
    (AGENCY, "disputes", "case_kind", "FY", "行政复议"),
    (AGENCY, "disputes", "route", "1", "复议后起诉"),
    (AGENCY, "penalties", "decision_state", "0", "有效"),
    (AGENCY, "permits", "decision_result", "1", "准予"),
    (AGENCY, "coercions", "coercion_kind", "CS", "强制措施"),
    (AGENCY, "publications", "action", "PUB", "发布"),
    (AGENCY, "normative_documents", "kind", "GFX", "行政规范性文件"),
    (AGENCY, "normative_documents", "status", "Y", "有效"),
]


def code(prefix: str, body: str = "000001") -> str:
    """A right credit code of an invented organisation."""
    head = f"{prefix}999999AA{body}"
    rest = 11 - sum(int(c, 36) * w for c, w in zip(head[8:], (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
    head += {10: "X", 11: "0"}.get(rest, str(rest))
    return head + ALPHABET[-sum(ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(head)) % 31]


def damaged(right: str, at: int) -> str:
    return right[:at] + ALPHABET[(ALPHABET.index(right[at]) + 1) % 31] + right[at + 1 :]


GOOD: dict[str, Change] = {
    "applications": {
        "application_no": "T-1", "applicant_kind": "商业企业", "applicant_name": "测试公司", "applicant_uscc": code("91"),
        "received_on": "2023-03-05", "replied_on": "2023-03-15", "outcome": "予以公开", "fee_yuan": "10",
        "updated_at": "2023-03-16 10:00:00",
    },
    "disputes": {
        "case_no": "（2023）测01行初1号", "case_kind": "行政诉讼", "route": "未经复议直接起诉", "claimant": "测试甲",
        "accepted_on": "2023-03-05", "closed_on": "2023-06-05", "result": "撤销", "updated_at": "2023-06-06 10:00:00",
    },
    "penalties": {
        "organ_code": AGENCY, "document_no": "测罚〔2023〕1号", "party_name": "测试公司", "party_kind": "法人及非法人组织",
        "party_uscc": code("91"), "decided_on": "2023-03-05", "fine_wan": "0.5", "confiscated_wan": "0", "decision_state": "有效",
        "updated_at": "2023-03-06 10:00:00",
    },
    "permits": {
        "organ_code": AGENCY, "document_no": "测许〔2023〕1号", "party_name": "测试公司", "party_kind": "法人及非法人组织",
        "party_uscc": code("91"), "decided_on": "2023-03-05", "decision_result": "准予", "updated_at": "2023-03-06 10:00:00",
    },
    "coercions": {
        "organ_code": AGENCY, "document_no": "测强〔2023〕1号", "party_name": "测试公司", "party_uscc": code("91"),
        "coercion_kind": "强制措施", "decided_on": "2023-03-05", "updated_at": "2023-03-06 10:00:00",
    },
    "inspections": {
        "task_no": "T-2023-1", "object_uscc": code("91"), "object_name": "测试公司", "inspectors": "测试甲、测试乙", "organ_code": AGENCY,
        "inspected_on": "2023-03-05", "updated_at": "2023-03-06 10:00:00",
    },
    "publications": {
        "item_id": "1", "action": "发布", "acted_at": "2023-03-05 10:00:00", "publisher": "测试局", "disclosure": "主动公开",
        "title": "测试",
    },
    "normative_documents": {
        "document_no": "测发〔2023〕1号", "kind": "行政规范性文件", "issuer": "测试局", "dated_on": "2023-03-05", "status": "有效",
        "updated_at": "2023-03-06 10:00:00",
    },
    "fees": {
        "receipt_no": "P-1", "item": "测试费", "organ_code": AGENCY, "amount_yuan": "12.50", "collected_on": "2023-03-05",
        "updated_at": "2023-03-06 10:00:00",
    },
}  # fmt: skip


class Case(NamedTuple):
    """A change of the good record, and what it brings on: a reason and the field at fault."""

    subject: str
    change: Change
    reason: str
    field: str


def cleaned(subject: str, *changes: Change) -> Cleaned:
    """Clean the good record of a subject in these variants; the first stands in row 2."""
    rows = [{"agency": AGENCY, "file_id": 1, "row_no": i, **GOOD[subject], **c} for i, c in enumerate(changes, 2)]
    return clean(pl.DataFrame(rows, schema=tables.raw(subject).schema), subject, Vocabulary.of(LOCAL))


def _missing_keys() -> Iterator[Case]:
    for name, subject in SUBJECTS.items():
        for part in subject.key:
            yield from (Case(name, {part: blank}, "missing_key", part) for blank in (None, "", " \u3000\u200b"))


def _bad_dates() -> Iterator[Case]:
    for name, subject in SUBJECTS.items():
        for field in subject.of_kind("date", "instant"):
            yield from (Case(name, {field: bad}, "bad_date", field) for bad in ("2023-02-30", "2023-13-01 10:00:00", "不详"))
        if subject.decided_by not in subject.key:
            yield Case(name, {subject.decided_by: " "}, "bad_date", subject.decided_by)


def _unknown_codes() -> Iterator[Case]:
    for name, rules in fixed()["codes"].items():
        for field, rule in rules.items():
            blanks = (None, " ") if rule["required"] and field not in SUBJECTS[name].key else ()
            yield from (Case(name, {field: value}, "unknown_code", field) for value in ("不详", "99", "有效期", *blanks))


CASES = [
    *_missing_keys(),
    *_bad_dates(),
    *_unknown_codes(),
    Case("applications", {"applicant_kind": "不详"}, "unknown_applicant_kind", "applicant_kind"),
    Case("applications", {"applicant_kind": None}, "unknown_applicant_kind", "applicant_kind"),
    *(Case("applications", {"applicant_kind": "法人或其他组织", "applicant_uscc": uscc}, "underivable_applicant_kind", "applicant_uscc")
      for uscc in (None, damaged(code("91"), 17), code("12"))),
    Case("applications", {"outcome": "已电话沟通"}, "unknown_outcome", "outcome"),
    Case("applications", {"fee_yuan": "三百元"}, "bad_amount", "fee_yuan"),
    Case("applications", {"fee_yuan": "-0.01"}, "negative_amount", "fee_yuan"),
    Case("applications", {"replied_on": "2023-03-04"}, "reply_before_receipt", "replied_on"),
    Case("disputes", {"case_kind": "仲裁"}, "unknown_case_kind", "case_kind"),
    Case("disputes", {"case_kind": None}, "unknown_case_kind", "case_kind"),
    Case("disputes", {"route": None}, "unknown_case_kind", "case_kind"),
    Case("disputes", {"route": "不详"}, "unknown_case_kind", "case_kind"),
    Case("disputes", {"result": "另案处理"}, "unknown_result", "result"),
    Case("disputes", {"closed_on": "2023-03-04"}, "closed_before_accepted", "closed_on"),
    Case("penalties", {"fine_wan": "五千"}, "bad_amount", "fine_wan"),
    Case("penalties", {"confiscated_wan": "1,2"}, "bad_amount", "confiscated_wan"),
    Case("penalties", {"fine_wan": "-1"}, "negative_amount", "fine_wan"),
    Case("penalties", {"confiscated_wan": "-0.5"}, "negative_amount", "confiscated_wan"),
    Case("fees", {"amount_yuan": "三百元"}, "bad_amount", "amount_yuan"),
    Case("fees", {"amount_yuan": None}, "bad_amount", "amount_yuan"),
    Case("fees", {"amount_yuan": "\u3000"}, "bad_amount", "amount_yuan"),
]  # fmt: skip


@cache
def _judged(subject: str) -> list[tuple[str, str, str | None]]:
    """Reason, field and value shown of each case of a subject, cleaned together."""
    cases = [c for c in CASES if c.subject == subject]
    done = cleaned(subject, *(c.change for c in cases))
    assert done.core.is_empty() and done.quarantine["row_no"].to_list() == list(range(2, 2 + len(cases)))
    return done.quarantine.select("reason", "field", "value").rows()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_good_record_passes(subject: str) -> None:
    done = cleaned(subject, {})
    assert done.quarantine.is_empty() and done.findings.is_empty() and done.core["row_no"].to_list() == [2]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.subject}-{c.reason}-{'-'.join(map(str, c.change.values()))}")
def test_every_reason(case: Case) -> None:
    at = [c for c in CASES if c.subject == case.subject].index(case)
    landed = case.change.get(case.field, GOOD[case.subject].get(case.field))
    assert _judged(case.subject)[at] == (case.reason, case.field, landed)


def test_every_reason_is_proven_for_every_subject_it_can_apply_to() -> None:
    known = {(r.id, s) for r in counting.rules().values() if r.place == "quarantined" for s in r.subjects if s != ACCESS_LOG}
    assert {(c.reason, c.subject) for c in CASES} == known


def test_the_order_of_reasons_is_that_of_the_contract() -> None:
    contract = [r.id for r in counting.rules().values() if r.place == "quarantined"]
    assert list(REASONS) == [reason for reason in contract if reason != "malformed_line"]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_of_two_defects_the_first_of_the_contract_is_the_reason(subject: str) -> None:
    ordered = sorted((c for c in CASES if c.subject == subject), key=lambda c: REASONS.index(c.reason))
    one_each = [next(c for c in ordered if c.reason == reason) for reason in dict.fromkeys(c.reason for c in ordered)]
    pairs = [(a, b) for a, b in combinations(one_each, 2) if not a.change.keys() & b.change.keys()]
    assert pairs
    done = cleaned(subject, *({**b.change, **a.change} for a, b in pairs))
    assert done.quarantine.select("reason", "field").rows() == [(a.reason, a.field) for a, _ in pairs]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_of_two_unreadable_dates_the_first_field_is_named(subject: str) -> None:
    dates = SUBJECTS[subject].of_kind("date", "instant")
    assert cleaned(subject, dict.fromkeys(dates, "不详")).quarantine["field"].to_list() == [dates[0]]


# What is met in good rows (source contracts 6.4), and the edges of each reason.
HARMLESS = [
    ("applications", {"updated_at": "2020-01-01 00:00:00"}), ("applications", {"submitted_on": "2022-12-30"}),
    ("applications", {"replied_on": "2023-03-05"}), ("applications", {"replied_on": None}), ("applications", {"outcome": None}),
    ("applications", {"fee_yuan": "0"}), ("applications", {"fee_yuan": None}), ("applications", {"fee_yuan": "1,234.50"}),
    ("applications", {"applicant_uscc": damaged(code("91"), 17)}),
    ("disputes", {"closed_on": "2023-03-05"}), ("disputes", {"closed_on": None, "result": None}),
    ("disputes", {"result": "撤销", "closed_on": None}),
    ("disputes", {"case_kind": "行政复议", "route": None}), ("disputes", {"application_no": None}),
    ("penalties", {"fine_wan": None, "confiscated_wan": " "}), ("penalties", {"decision_state": "不予处罚"}),
    ("penalties", {"organ_code": OTHER}),
    ("penalties", {"disclosure_state": "不详"}), ("penalties", {"party_kind": "不详"}), ("penalties", {"updated_at": None}),
    ("permits", {"decision_result": "撤销 "}), ("permits", {"valid_from_on": "2023-03-05", "valid_until_on": "2020-01-01"}),
    ("coercions", {"coercion_kind": None}), ("coercions", {"executed_on": "2020-01-01"}),
    ("inspections", {"result_codes": "1,2"}), ("inspections", {"disclosed_on": None}),
    ("publications", {"attachments": "两个"}), ("publications", {"disclosure": None}), ("publications", {"published_at": None}),
    ("normative_documents", {"kind": "其他文件"}), ("normative_documents", {"kind": None}), ("normative_documents", {"status": "废止"}),
    ("fees", {"amount_yuan": "-263.60"}), ("fees", {"amount_yuan": "0"}), ("fees", {"item": None}),
]  # fmt: skip


@pytest.mark.parametrize("subject", SUBJECTS)
def test_what_is_no_defect(subject: str) -> None:
    changes = [change for name, change in HARMLESS if name == subject]
    assert changes and cleaned(subject, *changes).quarantine.select("row_no", "reason", "value").rows() == []


@pytest.mark.parametrize(("subject", "field"), [(s, f) for s, rules in fixed()["codes"].items() for f in rules])
def test_every_code_of_the_contract_is_known_in_any_spelling(subject: str, field: str) -> None:
    values = fixed()["codes"][subject][field]["values"]
    done = cleaned(subject, *({field: spelt} for value in values for spelt in (value, f" {value[0]} {value[1:]}\u3000")))
    assert done.quarantine.is_empty() and done.core[field].to_list() == [value for value in values for _ in range(2)]


LOCAL_CODES = [
    ("penalties", {"decision_state": "０"}, "decision_state", "有效"), ("permits", {"decision_result": " 1 "}, "decision_result", "准予"),
    ("coercions", {"coercion_kind": "cs"}, "coercion_kind", "强制措施"), ("publications", {"action": "pub"}, "action", "发布"),
    ("normative_documents", {"status": "y"}, "status", "有效"), ("disputes", {"result": "r1"}, "result_class", "corrected"),
    ("disputes", {"case_kind": "fy", "route": None}, "dispute_group", "review"),
    ("disputes", {"route": "1"}, "dispute_group", "litigation_after_review"),
]  # fmt: skip


@pytest.mark.parametrize(("subject", "change", "column", "value"), LOCAL_CODES)
def test_an_agencys_own_codes_are_read_for_it_alone(subject: str, change: Change, column: str, value: str) -> None:
    done = cleaned(subject, change, {**change, "agency": OTHER})
    assert done.core.select("row_no", column).rows() == [(2, value)]
    assert done.quarantine["row_no"].to_list() == [3] and done.quarantine["reason"].item().startswith("unknown_")


def test_the_key_of_an_event_has_the_word_a_code_stands_for() -> None:
    assert cleaned("publications", {"action": "pub"}).core["record_key"].to_list() == ["1|发布|2023-03-05 10:00:00"]


def test_groups_of_cases() -> None:
    direct, after = "litigation_direct", "litigation_after_review"
    groups = [
        ("行政复议", None, "review"), ("行政复议 ", "", "review"), ("行政诉讼", "未经复议直接起诉", direct),
        ("行政 诉讼", " 未经复议直接起诉", direct), ("行政诉讼", "复议后起诉", after),
    ]  # fmt: skip
    done = cleaned("disputes", *({"case_kind": kind, "route": route} for kind, route, _ in groups))
    assert done.core["dispute_group"].to_list() == [group for *_, group in groups]


def test_results_of_cases() -> None:
    words = fixed()["dispute_result"]
    done = cleaned("disputes", *({"result": f" {word}"} for word in words), {"result": None})
    assert done.core["result_class"].to_list() == [*words.values(), None]
    assert set(words.values()) == {"upheld", "corrected", "other"}


def test_kinds_of_documents() -> None:
    done = cleaned("normative_documents", *({"kind": k} for k in ("规章", " 规 章", "行政规范性文件", "gfx", "其他文件", "规定", None)))
    assert done.core["kind_code"].to_list() == ["regulations"] * 2 + ["normative_documents"] * 2 + [None] * 3


CODES = (
    [("applications", "applicant_uscc")]
    + [(s, "party_uscc") for s in ("penalties", "permits", "coercions")]
    + [("inspections", "object_uscc")]
)


@pytest.mark.parametrize(("subject", "field"), CODES)
def test_wrong_credit_codes_are_found_whatever_becomes_of_the_row(subject: str, field: str) -> None:
    right = code("91")
    spelt = f" {right[:6].lower()} {right[6:]}"
    wrong = [damaged(right, 16), damaged(right, 17), right[:-1], "不详"]
    good, bad = [{field: w} for w in (right, spelt, *wrong)], {field: wrong[0], SUBJECTS[subject].decided_by: "不详"}
    done = cleaned(subject, *good, bad)
    # Without the shape of a credit code it may be any number of a person: told, and not shown.
    shown = [(row, "bad_uscc", field, value) for row, value in enumerate([*wrong[:2], None, None, wrong[0]], 4)]
    assert done.findings.select("row_no", "rule", "field", "value").rows() == shown
    assert done.core["row_no"].to_list() == list(range(2, 8)) and done.quarantine["row_no"].to_list() == [8]


@pytest.mark.parametrize(("subject", "field"), CODES[:-1])
def test_no_credit_code_is_no_wrong_one(subject: str, field: str) -> None:
    assert cleaned(subject, {field: None}, {field: " \u3000"}).findings.is_empty()


def test_an_inspection_needs_two_different_inspectors() -> None:
    enough = ["测试甲、测试乙", "测试甲、测试乙、测试丙", "测试甲，测试乙", "测试甲;测试乙", "测试甲、测试乙、测试乙"]
    fewer = ["测试甲", "测试甲、测试甲", "测试甲、 测试 甲", "测试甲、", "、", "", None]
    done = cleaned("inspections", *({"inspectors": names} for names in [*enough, *fewer]), {"inspectors": None, "inspected_on": None})
    found = [(row, "fewer_than_two_inspectors", "inspectors", None) for row in range(7, 15)]
    assert done.findings.select("row_no", "rule", "field", "value").rows() == found
    assert done.core["row_no"].to_list() == list(range(2, 14)) and done.quarantine["row_no"].to_list() == [14]


def test_a_row_may_have_both_findings() -> None:
    done = cleaned("inspections", {"inspectors": "测试甲", "object_uscc": damaged(code("91"), 17)})
    assert sorted(done.findings["rule"]) == ["bad_uscc", "fewer_than_two_inspectors"]
