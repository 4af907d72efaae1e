"""What is alike for nine subjects: columns, keys, one place for every row, personal data kept back, digests of content."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from hashlib import md5, sha256

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.logic.clean import REASONS, Cleaned
from assets.logic.subjects import clean
from assets.logic.vocabulary import Vocabulary
from warehouse import tables
from warehouse.subjects import SUBJECTS, Field

AGENCY = "11341702486344515H"
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
FULL = str.maketrans({chr(i): chr(i + 0xFEE0) for i in range(0x21, 0x7F)})
MARKER = "隐私测试甲"
Change = Mapping[str, str | None]


def code(prefix: str, body: str = "000001") -> str:
    """A right credit code of an invented organisation."""
    head = f"{prefix}999999AA{body}"
    rest = 11 - sum(int(c, 36) * w for c, w in zip(head[8:], (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
    head += {10: "X", 11: "0"}.get(rest, str(rest))
    return head + ALPHABET[-sum(ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(head)) % 31]


COMPANY, OTHER_COMPANY, TRADER, OTHER_TRADER = code("91"), code("91", "000002"), code("92"), code("92", "000002")
WRONG_COMPANY, WRONG_TRADER = (c[:17] + ALPHABET[(ALPHABET.index(c[17]) + 1) % 31] for c in (COMPANY, TRADER))
RESIDENT = "11010519491231002X"  # the example printed in GB 11643

# Two values of each field that are good in a record; the fields that are not named here go by their kind.
BY_KIND = {
    "text": ("测试甲", "测试乙"), "free": ("测试甲", "测试乙"), "key": ("T-1", "T-2"), "category": ("测试", "另测"),
    "uscc": (COMPANY, OTHER_COMPANY),
    "number": ("10", "11"), "date": ("2023-04-05", "2023-04-07"), "instant": ("2023-04-05 10:00:00", "2023-04-05 10:00:01"),
}  # fmt: skip
BY_NAME = {
    "applicant_kind": ("商业企业", "科研机构"), "outcome": ("予以公开", "部分公开"), "replied_on": ("2023-05-05", "2023-05-07"),
    "case_kind": ("行政复议", "行政诉讼"), "route": ("未经复议直接起诉", "复议后起诉"), "result": ("维持", "撤销"),
    "closed_on": ("2023-05-05", "2023-05-07"),
    "decision_state": ("有效", "已撤销"), "decision_result": ("准予", "不予"), "coercion_kind": ("强制措施", "强制执行"),
    "action": ("发布", "更新"), "status": ("有效", "废止"), "inspectors": ("测试甲、测试乙", "测试甲、测试丙"),
}  # fmt: skip


def values(field: Field) -> tuple[str, str]:
    return BY_NAME.get(field.name, BY_KIND[field.kind])


def good(subject: str) -> dict[str, str]:
    """A record with every field filled."""
    return {f.name: values(f)[0] for f in SUBJECTS[subject].fields}


def landed(subject: str, *changes: Change) -> pl.DataFrame:
    """Landed rows: the good record in these variants, from row 2 on."""
    rows = [{"agency": AGENCY, "file_id": 1, "row_no": i, **good(subject), **c} for i, c in enumerate(changes, 2)]
    return pl.DataFrame(rows, schema=tables.raw(subject).schema)


def cleaned(subject: str, *changes: Change, local: tuple[tuple[str, str, str, str, str], ...] = ()) -> Cleaned:
    return clean(landed(subject, *changes), subject, Vocabulary.of(list(local)))


def every_frame(done: Cleaned) -> tuple[pl.DataFrame, ...]:
    return done.core, done.quarantine, done.findings


# ---- columns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_columns_are_those_of_the_tables(subject: str) -> None:
    core = {k: v for k, v in tables.core(subject).schema.items() if k not in tables.VERSION_STATE}
    schemas = [core, tables.TABLES["core.quarantine"].schema, tables.TABLES["core.row_findings"].schema]
    bad = dict.fromkeys(SUBJECTS[subject].key)
    for changes in ((), ({}, bad)):
        done = cleaned(subject, *changes)
        assert [dict(frame.schema) for frame in every_frame(done)] == schemas
        assert done.core.height + done.quarantine.height == len(changes)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_rows_fate_does_not_hang_on_its_neighbours(subject: str) -> None:
    fields = SUBJECTS[subject].fields
    rows = landed(subject, *({f.name: v} for f in fields for v in (None, values(f)[1], "不详")))
    some = pl.col("row_no") % 3 == 0
    whole, part = (every_frame(clean(frame, subject, Vocabulary.of([]))) for frame in (rows, rows.filter(some)))
    assert all(few.equals(many.filter(some)) for few, many in zip(part, whole, strict=True))


# ---- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "change", "key"),
    [
        ("applications", {"application_no": " ｔ－２０２３ 1\u3000"}, "T-20231"),
        ("disputes", {"case_no": "(2023) 测01行初5号"}, "（2023）测01行初5号"),
        ("disputes", {"case_no": "[2023]测1号"}, "〔2023〕测1号"),
        (
            "penalties",
            {"organ_code": f" {AGENCY.lower()[:9]} {AGENCY[9:]}", "document_no": "测罚【2023】 1号"},
            f"{AGENCY}|测罚〔2023〕1号",
        ),
        ("permits", {"organ_code": AGENCY.translate(FULL), "document_no": "测许［２０２３］１号"}, f"{AGENCY}|测许〔2023〕1号"),
        ("coercions", {"organ_code": AGENCY, "document_no": "测强﹝2023﹞1（2）号"}, f"{AGENCY}|测强〔2023〕1(2)号"),
        ("penalties", {"organ_code": AGENCY, "document_no": " "}, f"{AGENCY}|"),
        ("penalties", {"organ_code": None, "document_no": "测罚〔2023〕1号"}, "|测罚〔2023〕1号"),
        ("penalties", {"organ_code": None, "document_no": None}, "|"),
        ("inspections", {"task_no": "t 1", "object_uscc": COMPANY.lower()}, f"T1|{COMPANY}"),
        ("inspections", {"task_no": "T1", "object_uscc": "不 详"}, "T1|不详"),  # a bad part of any other kind: normal form
        ("publications", {"acted_at": "2022-12-31T16:30:00Z"}, "T-1|发布|2023-01-01 00:30:00"),
        ("publications", {"acted_at": "2023年4月5日 10:00"}, "T-1|发布|2023-04-05 10:00:00"),
        ("publications", {"acted_at": "2023-04-05 10:00:00.5"}, "T-1|发布|2023-04-05 10:00:00"),
        ("publications", {"action": "推 送"}, "T-1|推送|2023-04-05 10:00:00"),
        ("publications", {"acted_at": "2022-13-01 10:00:00"}, "T-1|发布|2022-13-01 10:00:00"),
        ("publications", {"acted_at": "\u3000 2022-13-01  10:00:00\u00a0\r\n"}, "T-1|发布|2022-13-01  10:00:00"),
        ("publications", {"acted_at": "［ａ］ 不 详"}, "T-1|发布|［ａ］ 不 详"),
        ("publications", {"acted_at": " \u3000"}, "T-1|发布|"),
        ("normative_documents", {"document_no": "测发 [2023] 1号"}, "测发〔2023〕1号"),
        ("fees", {"receipt_no": "№\ufeff １"}, "№1"),
    ],
)
def test_keys(subject: str, change: Change, key: str) -> None:
    done = cleaned(subject, change)
    assert [*done.core["record_key"], *done.quarantine["record_key"]] == [key]


def test_an_unreadable_instant_is_the_same_key_in_quarantine_and_in_findings() -> None:
    done = cleaned("publications", {"acted_at": " 2022-13-01 10:00:00 "})
    assert done.quarantine.select("record_key", "reason", "field", "value").rows() == [
        ("T-1|发布|2022-13-01 10:00:00", "bad_date", "acted_at", " 2022-13-01 10:00:00 ")
    ]


# ---- personal data ---------------------------------------------------------------------------------------------------


def personal(subject: str) -> list[str]:
    """The columns of a landed row that may not leave the restricted schema."""
    return [c.name for c in tables.raw(subject).columns if c.pii]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_personal_data_and_free_text_stay_where_they_landed(subject: str) -> None:
    planted = dict.fromkeys(personal(subject), MARKER)
    others = [f.name for f in SUBJECTS[subject].fields if f.name not in planted]
    done = cleaned(subject, planted, *({**planted, name: v} for name in others for v in (None, "不详")))
    assert planted and done.core.height and done.quarantine.height
    assert not any(MARKER in str(value) for frame in every_frame(done) for row in frame.rows() for value in row)
    assert not set(planted) & set(done.core.columns)


def test_a_personal_field_at_fault_is_named_and_not_shown() -> None:
    done = cleaned("inspections", {"inspectors": MARKER})
    assert done.findings.select("rule", "field", "value").rows() == [("fewer_than_two_inspectors", "inspectors", None)]


PARTIES = [
    ("applications", "applicant_uscc"),
    *((s, "party_uscc") for s in ("penalties", "permits", "coercions")),
    ("inspections", "object_uscc"),
]
PERSONS = [
    *((subject, {field: number}) for subject, field in PARTIES
      for number in (TRADER, WRONG_TRADER, f" {TRADER.lower()}", "９２ 1", RESIDENT)),
    *((s, {"party_kind": kind, "party_uscc": number}) for s in ("penalties", "permits")
      for kind in ("自然人", "个体工商户", " 自然 人\u3000", "个体工商户（自然人）", "个体户")
      for number in (COMPANY, WRONG_COMPANY, "AB 123")),
    *(("applications", {"applicant_kind": kind, "applicant_uscc": "AB 123"}) for kind in ("自然人", "公民 ")),
]  # fmt: skip


@pytest.mark.parametrize("subject", dict.fromkeys(s for s, _ in PERSONS))
def test_the_number_of_a_person_or_a_sole_trader_is_personal(subject: str) -> None:
    changes = [change for name, change in PERSONS if name == subject]
    late = {SUBJECTS[subject].decided_by: "不详"}
    done = cleaned(subject, *changes, *(change | late for change in changes))
    field = dict(PARTIES)[subject]
    assert done.core[field].to_list() == [None] * len(changes) and done.quarantine.height == len(changes)
    assert done.findings.height and done.findings["rule"].unique().to_list() == ["bad_uscc"]
    assert done.findings["value"].null_count() == done.findings.height
    numbers = {number.strip().upper() for change in changes for name, number in change.items() if name == field}
    public = [frame.drop("record_key") for frame in every_frame(done)]
    assert not any(n in str(value).upper() for n in numbers for frame in public for row in frame.rows() for value in row)


def test_a_number_at_fault_is_not_shown_either() -> None:
    by_code = {"applicant_kind": "法人或其他组织"}
    done = cleaned("applications", *(by_code | {"applicant_uscc": c} for c in (TRADER, WRONG_TRADER, RESIDENT, WRONG_COMPANY)))
    assert done.quarantine["reason"].unique().to_list() == ["underivable_applicant_kind"]
    assert done.quarantine["value"].to_list() == [None, None, None, WRONG_COMPANY]


def test_a_local_word_for_a_kind_of_party_counts() -> None:
    local = ((AGENCY, "permits", "party_kind", "2", "自然人"),)
    done = cleaned("permits", {"party_kind": "2"}, {"party_kind": "1"}, local=local)
    assert done.core["party_uscc"].to_list() == [None, COMPANY]


@pytest.mark.parametrize(("subject", "field"), PARTIES)
def test_the_number_of_a_company_is_public(subject: str, field: str) -> None:
    done = cleaned(subject, {field: COMPANY}, {field: f" {COMPANY.lower()}"}, {field: WRONG_COMPANY}, {field: "A92"})
    assert done.core[field].to_list() == [COMPANY, COMPANY, WRONG_COMPANY, None]
    assert done.findings["value"].to_list() == [WRONG_COMPANY, None]


def test_the_key_of_an_inspection_keeps_the_number() -> None:
    done = cleaned("inspections", {"object_uscc": TRADER}, {"object_uscc": TRADER, "inspected_on": None})
    assert [*done.core["record_key"], *done.quarantine["record_key"]] == [f"T-1|{TRADER}"] * 2


@pytest.mark.parametrize(("subject", "field"), PARTIES)
def test_a_number_kept_back_is_still_compared(subject: str, field: str) -> None:
    one, same, other = cleaned(subject, {field: TRADER}, {field: TRADER.lower()}, {field: OTHER_TRADER}).core["content_md5"]
    assert one == same != other


# ---- digests of content ----------------------------------------------------------------------------------------------


def respelt(field: Field) -> list[str]:
    """The first value of a field in other spellings."""
    value = values(field)[0]
    if field.kind == "date":
        day = date.fromisoformat(value)
        before = date.fromordinal(day.toordinal() - 1)
        serial = str(day.toordinal() - date(1899, 12, 30).toordinal())
        return [f"{day:%Y%m%d}", f"{day.year}年{day.month}月{day.day}日", f"{before}T16:30:00Z", serial, f" {value} 00:00:00"]
    if field.kind == "instant":
        return ["2023-04-05T02:00:00Z", "2023/4/5 10:00", "20230405100000", value.translate(FULL)]
    if field.kind == "number":
        return ["10.0", " 10.00\u3000", "１０", "+10"] if field.name != "attachments" else ["10.0", "１０"]
    more = ["（一）予以公开", "1. 予以公开"] if field.name == "outcome" else []
    return [f"\u3000{value[0]} {value[1:]}\u00a0", value.translate(FULL), value.lower(), *more]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_spellings_are_one_content_and_values_are_not(subject: str) -> None:
    fields = SUBJECTS[subject].fields
    spelt, changed = [{f.name: s} for f in fields for s in respelt(f)], [{f.name: values(f)[1]} for f in fields]
    emptied = [{f.name: None} for f in fields]
    done = cleaned(subject, {}, *spelt, *changed, *emptied)
    digest = dict(done.core.select("row_no", "content_md5").iter_rows())
    assert {row: digest.get(row) for row in range(2, 3 + len(spelt))} == dict.fromkeys(range(2, 3 + len(spelt)), digest[2])
    others = [digest[row] for row in range(3 + len(spelt), 3 + len(spelt) + len(changed))]
    assert len({digest[2], *others}) == 1 + len(fields)
    assert all(digest[row] not in {digest[2], *others} for row in digest if row >= 3 + len(spelt) + len(changed))


@pytest.mark.parametrize(
    ("subject", "one", "other", "same"),
    [
        ("applications", {"phone": "13800000000"}, {"phone": "13800000001"}, False),
        ("applications", {"phone": "13800000000"}, {"phone": "13800000000.0"}, True),
        ("applications", {"phone": "13800000000"}, {"phone": "１３８ 0000 0000"}, True),
        ("applications", {"phone": "013800000000"}, {"phone": "13800000000"}, False),
        ("applications", {"outcome": "3.其他"}, {"outcome": "其他处理"}, True),
        ("applications", {"fee_yuan": "1,234.50"}, {"fee_yuan": "1234.5"}, True),
        ("applications", {"fee_yuan": None}, {"fee_yuan": "0"}, False),
        ("applications", {"applicant_name": "甲", "id_number": None}, {"applicant_name": None, "id_number": "甲"}, False),
        ("penalties", {"violation_facts": "测试事实"}, {"violation_facts": "测试 事实\n"}, True),
        ("penalties", {"violation_facts": "测试事实"}, {"violation_facts": "测试事实。"}, False),
        ("fees", {"amount_yuan": "-263.6"}, {"amount_yuan": "-263.60"}, True),
        ("fees", {"item": "信息处理费"}, {"item": "其他收费"}, False),
        ("inspections", {"result_codes": "1"}, {"result_codes": "1.0"}, True),
        ("publications", {"attachments": "两个"}, {"attachments": "三个"}, False),
        ("publications", {"acted_at": "2023-04-05 10:00:00"}, {"acted_at": "2023-04-05 10:00:00.5"}, False),
    ],
)
def test_contents(subject: str, one: Change, other: Change, same: bool) -> None:
    left, right = cleaned(subject, one, other).core["content_md5"]
    assert (left == right) is same


def test_a_digest_is_the_md5_of_all_fields_whatever_runs_it() -> None:
    """Digests are stored and compared with later ones: when this fails, raise `CODE_VERSION`, so that all are made anew."""
    row = {"receipt_no": "p-1", "item": "测试 费", "collected_by": None, "organ_code": AGENCY, "amount_yuan": "12.5"}
    fields = ["P-1", "测试费", "", AGENCY, "12.5000000000", "2023-04-05", "2023-04-05 10:00:00.000000", "测试甲"]
    assert cleaned("fees", row).core["content_md5"].to_list() == [md5("\x1f".join(fields).encode(), usedforsecurity=False).hexdigest()]


# ---- whatever is landed ----------------------------------------------------------------------------------------------

TEXTS = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.text(alphabet="0123456789-/.年月日: TZ+,eE%（）()[]|９", max_size=20),
    st.sampled_from([v for pair in [*BY_KIND.values(), *BY_NAME.values()] for v in pair]),
    st.sampled_from(
        [
            "",
            " ",
            "\u3000",
            "\ufeff",
            "|",
            "不详",
            "法人或其他组织",
            TRADER,
            WRONG_COMPANY,
            RESIDENT,
            "-1",
            "1,2",
            "2023-02-30",
            "\x1f",
            "9" * 40,
        ]
    ),
)


def records(subject: str) -> st.SearchStrategy[list[Change]]:
    """Records with anything in any field; whatever stands in a personal one begins with the marker."""
    hidden = personal(subject)
    public = [f.name for f in SUBJECTS[subject].fields if f.name not in hidden]
    some = st.dictionaries(st.sampled_from(public), TEXTS, max_size=4)
    private = st.dictionaries(st.sampled_from(hidden), st.text(max_size=8).map(MARKER.__add__), max_size=3)
    return st.lists(st.tuples(some, private).map(lambda two: dict.fromkeys(hidden, MARKER) | two[0] | two[1]), min_size=5, max_size=40)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_landed_row_has_one_place_and_no_text_is_too_odd(subject: str) -> None:
    @settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(records(subject))
    def holds(changes: list[Change]) -> None:
        done = cleaned(subject, *changes)
        assert sorted([*done.core["row_no"], *done.quarantine["row_no"]]) == list(range(2, 2 + len(changes)))
        assert not done.findings.select("row_no", "rule").is_duplicated().any()
        assert set(done.quarantine["reason"]) <= set(REASONS) and set(done.quarantine["field"]) <= {
            f.name for f in SUBJECTS[subject].fields
        }
        assert all(frame["record_key"].null_count() == 0 for frame in every_frame(done))
        assert done.core["content_md5"].str.contains("^[0-9a-f]{32}$").all()
        assert not any(MARKER in str(value) for frame in every_frame(done) for row in frame.rows() for value in row)

    holds()


@pytest.mark.parametrize("subject", ["applications", "disputes"])
def test_a_key_is_its_own_key(subject: str) -> None:
    (name,) = SUBJECTS[subject].key

    @settings(max_examples=6, deadline=None)
    @given(st.lists(st.text(min_size=1, max_size=12), min_size=5, max_size=60))
    def holds(texts: list[str]) -> None:
        keys = cleaned(subject, *({name: t} for t in texts)).core["record_key"].to_list()
        assert cleaned(subject, *({name: k} for k in keys)).core["record_key"].to_list() == keys

    holds()


# ---- numbers of persons where they do not belong ---------------------------------------------------------------------

# Invented numbers with a mistake (a month 13, a character lost), the example of GB 11643 new and old, a passport, a telephone.
MISTYPED = ["110101199013001234", "11010119900300123", "1101011990030012X", "110101901307425", RESIDENT, "110105491231002"]
NO_CODES = [*MISTYPED, "E12345678", "13800000000"]
SPELT = [str, lambda n: n.translate(FULL), lambda n: f"{n[:6]} {n[6:]}\u3000", str.lower]


def held(done: Cleaned, number: str) -> bool:
    """Whether a number stands anywhere in what cleaning gives, in any spelling."""
    folded = str.maketrans({chr(i + 0xFEE0): chr(i) for i in range(0x21, 0x7F)} | {" ": None, "\u3000": None})
    return any(number in str(v).translate(folded).upper() for frame in every_frame(done) for row in frame.rows() for v in row)


@pytest.mark.parametrize("number", NO_CODES)
@pytest.mark.parametrize(("subject", "field"), PARTIES)
def test_a_number_that_is_no_credit_code_stays_in_raw(subject: str, field: str, number: str) -> None:
    changes = [{field: spell(number)} for spell in SPELT]
    done = cleaned(subject, *changes, *(c | {SUBJECTS[subject].decided_by: "不详"} for c in changes))
    assert done.core.height == done.quarantine.height == len(SPELT)
    assert done.core[field].null_count() == len(SPELT)
    assert done.findings.select("rule", "value").rows() == [("bad_uscc", None)] * 2 * len(SPELT)
    if subject != "inspections" or number in MISTYPED:  # a key keeps every other text, as the contract says
        assert not held(done, number)


@pytest.mark.parametrize("number", MISTYPED)
def test_the_key_of_an_inspection_tells_persons_apart_and_does_not_name_them(number: str) -> None:
    other = number[:3] + str((int(number[3]) + 1) % 10) + number[4:]
    done = cleaned("inspections", *({"object_uscc": spell(number)} for spell in SPELT), {"object_uscc": other})
    *same, different = done.core["record_key"]
    assert set(same) == {f"T-1|个人-{sha256(number.encode()).hexdigest()[:12]}"} and different not in same
    assert not held(done, number)


@pytest.mark.parametrize(
    "kept",
    [COMPANY, WRONG_COMPANY, TRADER, WRONG_TRADER, "911101081990130012", "12110108MB0000000X", "520000000000000000", "E12345678", "AB1"],
)
def test_the_key_of_an_inspection_keeps_every_other_text(kept: str) -> None:
    done = cleaned("inspections", {"object_uscc": kept}, {"object_uscc": kept, "inspected_on": None})
    assert [*done.core["record_key"], *done.quarantine["record_key"]] == [f"T-1|{kept}"] * 2


@pytest.mark.parametrize("subject", ["applications", "penalties", "fees"])
@pytest.mark.parametrize("number", [*MISTYPED, "13800000000", "6200000000000000000"])
def test_a_number_that_slipped_into_any_column_at_fault_is_not_shown(subject: str, number: str) -> None:
    """A comma without quotation marks shifts a row: any number may stand in any column."""
    for name in SUBJECTS[subject].of_kind("date", "instant", "number", "category", "uscc"):
        done = cleaned(subject, *({name: spell(number)} for spell in SPELT))
        assert [*done.quarantine["value"], *done.findings["value"]] == [None] * (done.quarantine.height + done.findings.height), name


@pytest.mark.parametrize(
    ("field", "written", "shown"),
    [
        ("submitted_on", "测试甲住某路5号申请公开某名单", None), ("updated_at", "测试甲住某路5号", None), ("fee_yuan", "测试甲", None),
        ("submitted_on", "2023-02-30元", "2023-02-30元"), ("fee_yuan", "三百元", "三百元"), ("fee_yuan", "1,2,3", "1,2,3"),
        ("received_on", "2023年2月30日", "2023年2月30日"), ("updated_at", "20230230100000", "20230230100000"),
        ("updated_at", "2023-02-30T10:00:00+08:00", "2023-02-30T10:00:00+08:00"), ("submitted_on", "9" * 14, "9" * 14),
        ("submitted_on", "9" * 15, None), ("submitted_on", "A" * 40, "A" * 40), ("submitted_on", "A" * 41, None),
        ("submitted_on", "2023-02-30 13800000000", None), ("fee_yuan", "1000000000000", "1000000000000"),
        ("fee_yuan", "110101199003074258", None), ("fee_yuan", "１１０１０１１９９００３０７４２５８", None),
        ("outcome", "测" * 31, "测" * 30), ("outcome", "测1234567890", "测1234567890"), ("outcome", "测12345678901", None),
        ("outcome", "测" * 30 + "12345678901", None), ("applicant_kind", "测 110101 19900307 425X", None),
        ("applicant_kind", "某类人", "某类人"),
    ],
)  # fmt: skip
def test_what_is_shown_of_a_field_at_fault(field: str, written: str, shown: str | None) -> None:
    done = cleaned("applications", {field: written})
    assert done.quarantine.select("field", "value").rows() == [(field, shown)]


def test_an_amount_no_fee_can_be_is_a_bad_amount() -> None:
    numbers = ["110101199003074258", "1101011990030742", "1000000000000", "-1000000000000"]
    done = cleaned("fees", *({"amount_yuan": n} for n in numbers), {"amount_yuan": "999999999999.99"})
    assert done.quarantine["reason"].to_list() == ["bad_amount"] * 4 and done.core.height == 1
