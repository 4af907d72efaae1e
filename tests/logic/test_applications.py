"""Applications: column of table 3 by word or by credit code, row by label, code or synonym, what makes one uncountable."""

from __future__ import annotations

from functools import cache

import polars as pl
import pytest

from assets.logic.clean import Cleaned
from assets.logic.subjects import clean
from assets.logic.vocabulary import Vocabulary
from warehouse import tables

AGENCY, OTHER = "11341702486344515H", "11370812004339255B"
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
LOCAL = [
    (AGENCY, "applications", "outcome", "GK07", "denied_internal_affairs"),
    (AGENCY, "applications", "outcome", "1.1", "granted"),
    (AGENCY, "applications", "outcome", "申请人撤回申请", "other_other"),
    (AGENCY, "applications", "outcome", "予以公开", "partial"),  # cannot change what an official label means
    (AGENCY, "applications", "applicant_kind", "P", "自然人"),
]


def code(prefix: str) -> str:
    """A right credit code of an invented organisation."""
    head = prefix + "999999" + "ZZ".replace("Z", "A") + "000001"
    rest = 11 - sum(int(c, 36) * w for c, w in zip(head[8:], (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
    head += {10: "X", 11: "0"}.get(rest, str(rest))
    return head + ALPHABET[-sum(ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(head)) % 31]


def cleaned(*changes: dict[str, str | None], agency: str = AGENCY, sole_trader_class: str = "") -> Cleaned:
    good = {
        "application_no": "T-1",
        "applicant_kind": "自然人",
        "applicant_name": "测试甲",
        "received_on": "2023-03-05",
        "updated_at": "2023-03-06 10:00:00",
    }
    rows = [{"agency": agency, "file_id": 1, "row_no": i, **good, **c} for i, c in enumerate(changes, 2)]
    return clean(pl.DataFrame(rows, schema=tables.raw("applications").schema), "applications", Vocabulary.of(LOCAL, sole_trader_class))


def class_or_reason(done: Cleaned) -> str:
    return (done.core["applicant_class"].to_list() + done.quarantine["reason"].to_list())[0]


def leaf_or_reason(outcome: str | None, agency: str = AGENCY) -> str | None:
    done = cleaned({"outcome": outcome}, agency=agency)
    return (done.core["outcome_leaf"].to_list() + done.quarantine["reason"].to_list())[0]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("自然人", "natural_person"), ("公民", "natural_person"), ("商业企业", "commercial_enterprise"),
        ("科研机构", "research_institution"),
        ("社会公益组织", "social_welfare_org"), ("法律服务机构", "legal_service"), ("其他", "other"), ("自然人 ", "natural_person"),
        ("\u3000公 民\u00a0", "natural_person"), ("p", "natural_person"),
        ("不详", "unknown_applicant_kind"), ("", "unknown_applicant_kind"), (None, "unknown_applicant_kind"),
        ("法人", "unknown_applicant_kind"),
    ],
)  # fmt: skip
def test_class_by_word(kind: str | None, expected: str) -> None:
    assert class_or_reason(cleaned({"applicant_kind": kind})) == expected


@pytest.mark.parametrize(
    ("prefix", "name", "expected"),
    [
        *((p, "测试单位", "commercial_enterprise") for p in ("91", "93")),
        *((p, "测试单位", "legal_service") for p in ("31", "32", "33", "34", "35")),
        *((p, "测试单位", "social_welfare_org") for p in ("51", "52", "53")),
        *((p, "测试单位", "other") for p in ("11", "13", "19", "N1", "A1", "Y1", "NA")),
        ("12", "测试研究院", "research_institution"), ("12", "测试 研 究所", "research_institution"),
        ("12", "测试医院", "underivable_applicant_kind"), ("12", None, "underivable_applicant_kind"),
        ("92", "测试经营部", "underivable_applicant_kind"), ("59", "测试单位", "underivable_applicant_kind"),
        ("54", "测试村", "underivable_applicant_kind"), ("41", "测试单位", "underivable_applicant_kind"),
    ],
)  # fmt: skip
def test_class_by_code(prefix: str, name: str | None, expected: str) -> None:
    done = cleaned({"applicant_kind": "法人或其他组织", "applicant_uscc": code(prefix), "applicant_name": name})
    assert class_or_reason(done) == expected and done.findings.is_empty()


@pytest.mark.parametrize(
    "spelling", [str.lower, lambda c: c[:6] + " " + c[6:] + "\u3000", lambda c: "".join(chr(ord(x) + 0xFEE0) for x in c)]
)
def test_a_code_in_any_spelling(spelling) -> None:
    done = cleaned({"applicant_kind": "法人或其他组织 ", "applicant_uscc": spelling(code("91"))})
    assert class_or_reason(done) == "commercial_enterprise" and done.findings.is_empty()


@pytest.mark.parametrize("setting", ["natural_person", "commercial_enterprise"])
def test_sole_traders_by_setting(setting: str) -> None:
    trader = {"applicant_kind": "法人或其他组织", "applicant_uscc": code("92")}
    assert class_or_reason(cleaned(trader, sole_trader_class=setting)) == setting
    assert class_or_reason(cleaned(trader | {"applicant_kind": "其他"}, sole_trader_class=setting)) == "other"
    assert class_or_reason(cleaned(trader | {"applicant_uscc": code("91")}, sole_trader_class=setting)) == "commercial_enterprise"
    wrong = trader | {"applicant_uscc": code("92")[:17] + ("0" if code("92")[17] != "0" else "1")}
    assert class_or_reason(cleaned(wrong, sole_trader_class=setting)) == "underivable_applicant_kind"


@pytest.mark.parametrize("at", [16, 17])
def test_no_class_from_a_wrong_code(at: int) -> None:
    right = code("91")
    wrong = right[:at] + ALPHABET[(ALPHABET.index(right[at]) + 1) % 31] + right[at + 1 :]
    derived, stated = {"applicant_kind": "法人或其他组织", "applicant_uscc": wrong}, {"applicant_kind": "商业企业", "applicant_uscc": wrong}
    done = cleaned(derived, stated)
    assert done.quarantine.select("row_no", "reason", "field", "value").rows() == [
        (2, "underivable_applicant_kind", "applicant_uscc", wrong)
    ]
    assert done.core.select("row_no", "applicant_class").rows() == [(3, "commercial_enterprise")]
    assert done.findings.select("row_no", "rule", "value").rows() == [(2, "bad_uscc", wrong), (3, "bad_uscc", wrong)]


def test_no_code_no_class() -> None:
    done = cleaned({"applicant_kind": "法人或其他组织"}, {"applicant_kind": "法人或其他组织", "applicant_uscc": " \u3000"})
    assert done.quarantine["reason"].to_list() == ["underivable_applicant_kind"] * 2 and done.findings.is_empty()


OUTCOMES: list[tuple[str | None, str | None]] = [
    (None, None), ("", None), (" \u3000", None), ("予以公开", "granted"), ("（一）予以公开", "granted"), ("(一)予以公开", "granted"),
    ("（一） 予以公开", "granted"), ("部分公开", "partial"), ("（二）部分公开（区分处理的，只计这一情形，不计其他情形）", "partial"),
    ("(二)部分公开(区分处理的,只计这一情形,不计其他情形)", "partial"), ("危及“三安全一稳定”", "denied_security_stability"),
    ("3.危及\"三安全一稳定\"", "denied_security_stability"), ("3. 危及三安全一稳定", "denied_security_stability"),
    ("7.属于行政执法案卷 ", "denied_enforcement_file"), ("3.其他", "other_other"), ("其他处理", "other_other"),
    ("1.申请人无正当理由逾期不补正，行政机关不再处理其政府信息公开申请", "other_no_correction"),
    ("gk07", "denied_internal_affairs"), ("ＧＫ０７ ", "denied_internal_affairs"), ("申请人撤回申请", "other_other"),
    ("3. 申请人撤回申请", "other_other"), ("1.1", "granted"),
    ("2.1", "unknown_outcome"), ("已电话沟通", "unknown_outcome"), ("GK99", "unknown_outcome"), ("“”", "unknown_outcome"),
    ("/", "unknown_outcome"),
]  # fmt: skip


@cache
def every_leaf_or_reason() -> list[str | None]:
    done = cleaned(*({"outcome": outcome} for outcome, _ in OUTCOMES))
    places = [*done.core.select("row_no", "outcome_leaf").rows(), *done.quarantine.select("row_no", "reason").rows()]
    return [place for _, place in sorted(places)]


@pytest.mark.parametrize(("outcome", "expected"), OUTCOMES)
def test_outcome(outcome: str | None, expected: str | None) -> None:
    assert every_leaf_or_reason()[OUTCOMES.index((outcome, expected))] == expected


def test_codes_and_synonyms_are_the_agencys_own() -> None:
    assert leaf_or_reason("GK07", OTHER) == leaf_or_reason("申请人撤回申请", OTHER) == "unknown_outcome"
    assert leaf_or_reason("予以公开", OTHER) == "granted"


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        ({"application_no": " "}, "missing_key", "application_no"),
        ({"received_on": None}, "bad_date", "received_on"),
        ({"received_on": "2023-02-30"}, "bad_date", "received_on"),
        ({"fee_paid_on": "2023-13-05"}, "bad_date", "fee_paid_on"),
        ({"updated_at": "不详"}, "bad_date", "updated_at"),
        ({"fee_yuan": "三百元"}, "bad_amount", "fee_yuan"),
        ({"fee_yuan": "-100"}, "negative_amount", "fee_yuan"),
        ({"replied_on": "2023-03-04"}, "reply_before_receipt", "replied_on"),
        ({"replied_on": "2023-03-04T15:59:59Z"}, "reply_before_receipt", "replied_on"),
    ],
)
def test_defects(change: dict[str, str | None], reason: str, field: str) -> None:
    done = cleaned(change)
    assert done.core.is_empty() and done.quarantine.select("reason", "field").rows() == [(reason, field)]


def test_what_is_no_defect() -> None:
    harmless: list[dict[str, str | None]] = [
        {"replied_on": "2023-03-05"}, {"replied_on": "2023-03-04T16:00:00Z"}, {"fee_yuan": "1,234.50"}, {"fee_yuan": "0"},
        {"fee_yuan": " "},
        {"submitted_on": "2022-12-30"}, {"fee_paid_on": "2024-02-01"}, {"updated_at": "2020-01-01 00:00:00"}, {"updated_at": None},
        {"outcome": "予以公开"}, {"replied_on": "2023-04-01"}, {"id_number": "不详"}, {"supplement_asked_on": "2020-01-01"},
    ]  # fmt: skip
    assert cleaned(*harmless).quarantine.select("row_no", "reason", "field").rows() == []


def test_of_several_defects_the_first_of_the_contract_is_the_reason() -> None:
    worst_first = [
        ("missing_key", {"application_no": None}), ("bad_date", {"submitted_on": "2023-02-30"}),
        ("unknown_applicant_kind", {"applicant_kind": "不详"}),
        ("unknown_outcome", {"outcome": "已电话沟通"}), ("bad_amount", {"fee_yuan": "三百元"}),
        ("reply_before_receipt", {"replied_on": "2023-01-01"}),
    ]  # fmt: skip
    rows = [{k: v for _, change in worst_first[at:] for k, v in change.items()} for at in range(len(worst_first))]
    assert cleaned(*rows).quarantine["reason"].to_list() == [reason for reason, _ in worst_first]
