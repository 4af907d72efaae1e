"""Rules about the figures of the narrative: each fires where the sentence is wrong and is silent where it is right."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from building import AGENCY, House, good

PARTS, TABLE, INSPECTIONS = "claim_parts_do_not_add_up", "claim_differs_from_table", "inspections_equal_penalties"
Row = tuple[str, int, str, int, str, Decimal, str | None, str | None]


def claim(
    text: str,
    total: str,
    *parts: tuple[str, str] | tuple[str, str, str],
    cell: str | None = None,
    counts: str | None = None,
    year: int = 2023,
) -> list[Row]:
    """Rows of a claim; a part is its name, its value, and maybe its cell."""
    rows: list[Row] = [(AGENCY, year, text, 0, text, Decimal(total), cell, counts)]
    for i, (name, value, *of) in enumerate(parts, start=1):
        rows.append((AGENCY, year, text, i, name, Decimal(value), of[0] if of else None, None))
    return rows


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Two applications, one with a fee; two items in one channel; three penalties. No claims."""
    made = House(tmp_path_factory.mktemp("claims"), ("applications", "publications", "penalties"))
    fee: dict[str, str | None] = {"application_no": "A-2", "fee_notice_on": "2023-03-02", "fee_yuan": "380.5", "fee_paid_on": "2023-03-03"}
    made.put("applications", ".csv", good("applications"), good("applications", **fee))
    made.put("publications", ".csv", good("publications"), good("publications", item_id="N-2"))
    made.put("penalties", ".csv", *(good("penalties", document_no=f"P-{i}") for i in range(3)))
    made.night()
    assert made.findings() == []
    return made


def told(house: House, *claims: list[Row]) -> list[dict[str, Any]]:
    house.more = {"claims": tuple(row for rows in claims for row in rows)}
    house.count()
    found = house.findings()
    for f in found:
        assert f["severity"] == "warning" and f["year"] == 2023 and f["agency"] == AGENCY
        assert not set("{}") & set(f["message"]) and "None" not in f["message"] and "“”" not in f["message"]
    return found


FOUR = (("业务工作", "327"), ("通知公告", "50"), ("党建工作", "45"), ("专题专栏", "755"))
SUMS = {
    "no parts": ([claim("网站", "1198")], None),
    "parts add up": ([claim("网站", "1177", *FOUR)], None),
    "fractions add up": ([claim("收费", "0.3", ("甲", "0.1"), ("乙", "0.2"))], None),
    "a gap": ([claim("网站", "1198", *FOUR)], ("1198", "1177", "“网站”各项之和比总数少 21")),
    "too much": ([claim("网站", "1170", *FOUR)], ("1170", "1177", "“网站”各项之和比总数多 7")),
    "a gap that is another claim": (
        [claim("网站", "1198", *FOUR), claim("双随机平台", "21")],
        ("1198", "1177", "“网站”各项之和比总数少 21，恰好等于“双随机平台”的数字"),
    ),
    "a gap that is a part of another claim": (
        [claim("网站", "1198", *FOUR), claim("平台", "30", ("抽查", "21"), ("处罚", "9"))],
        ("1198", "1177", "“网站”各项之和比总数少 21，恰好等于“平台”中的“抽查”的数字"),
    ),
    "a gap that is a claim of another year": (
        [claim("网站", "1198", *FOUR), claim("双随机平台", "21", year=2022)],
        ("1198", "1177", "“网站”各项之和比总数少 21"),
    ),
    "a claim of a year that is not reported": ([claim("网站", "1198", *FOUR, year=2022)], None),
}


@pytest.mark.parametrize(("claims", "found"), SUMS.values(), ids=SUMS)
def test_parts_add_up(house: House, claims: list[list[Row]], found: tuple[str, str, str] | None) -> None:
    rows = told(house, *claims)
    assert [(f["rule"], f["expected"], f["actual"], f["detail"]) for f in rows] == ([(PARTS, *found)] if found else [])
    assert not found or rows[0]["difference"] == str(int(found[1]) - int(found[0])) and found[2] in rows[0]["message"]


CELLS = {
    "a cell": (claim("申请", "2", cell="table3.new_received.total"), None),
    "another cell": (claim("申请", "0", cell="table3.new_received.total"), ("2", "0", "一、本年新收政府信息公开申请数量 · 总计")),
    "published": (claim("网站", "2", cell="section1.publications_total"), None),
    "not published": (claim("网站", "3", cell="section1.publications_total"), ("2", "3", "“网站”应与第一部分发布条数一致")),
    "a channel": (claim("网站", "2", ("通知", "2", "section1.by_channel.通知公告")), None),
    "a part": (
        claim("网站", "1", ("通知", "1", "section1.by_channel.通知公告")),
        ("2", "1", "“网站”中的“通知”应与第一部分栏目“通知公告”的发布条数一致"),
    ),
    "a channel without items": (claim("党建", "0", cell="section1.by_channel.党建"), None),
    "a channel that does not exist": (claim("党建", "5", cell="section1.by_channel.党建"), ("0", "5", "栏目“党建”的发布条数")),
    "a notice": (claim("收费通知", "1", cell="section6.fee_notices"), None),
    "an amount": (claim("收费", "380.50", cell="section6.fee_collected_yuan"), None),
    "another amount": (claim("收费", "380", cell="section6.fee_collected_yuan"), ("380.5", "380", "第六部分实际收费金额（元）")),
    "a bill": (claim("收费", "0.01", cell="section6.fee_billed_yuan"), ("380.5", "0.01", "第六部分通知收费金额（元）")),
    "notices": (claim("收费", "2", cell="section6.fee_notices"), ("1", "2", "第六部分收费通知件数")),
    "not known": (claim("许可", "5", cell="table2.licensing_decisions"), None),
    "another year": (claim("申请", "9", cell="table3.new_received.total", year=2022), None),
}


@pytest.mark.parametrize(("rows", "found"), CELLS.values(), ids=CELLS)
def test_a_figure_is_that_of_its_cell(house: House, rows: list[Row], found: tuple[str, str, str] | None) -> None:
    findings = told(house, rows)
    assert [(f["rule"], f["expected"], f["actual"]) for f in findings] == ([(TABLE, *found[:2])] if found else [])
    assert not found or (found[2] in findings[0]["message"] and findings[0]["cell_id"])


def test_where_publications_are_not_known_a_channel_is_not_zero(tmp_path: Path) -> None:
    house = House(tmp_path, ("publications",), more={"claims": tuple(claim("党建", "5", cell="section1.by_channel.党建"))})
    house.night()
    assert {f["rule"] for f in house.findings()} == {"missing_source"}


@pytest.mark.parametrize(
    ("rows", "is_told"),
    [
        (claim("双随机", "3", counts="inspections"), True),
        (claim("双随机", "4", counts="inspections"), False),
        (claim("双随机", "3"), False),
        (claim("双随机", "3", counts="inspections", year=2022), False),
    ],
)
def test_inspections_are_not_as_many_as_penalties(house: House, rows: list[Row], is_told: bool) -> None:
    findings = told(house, rows)
    assert [(f["rule"], f["cell_id"], f["actual"]) for f in findings] == (
        [(INSPECTIONS, "table2.punishment_decisions", "3")] if is_told else []
    )
    for f in findings:
        assert "“双随机”数的是检查结果，为 3" in f["message"] and f["records"].count("P-") == 3


def test_no_inspections_and_no_penalties_are_no_coincidence(tmp_path: Path) -> None:
    house = House(tmp_path, ("penalties",), more={"claims": tuple(claim("双随机", "0", counts="inspections"))})
    house.put(
        "penalties", ".csv", good("penalties", decided_on="2022-05-01"), good("penalties", document_no="P-2", decision_state="不予处罚")
    )
    house.night()
    assert house.cells()["table2.punishment_decisions"] == 0
    assert house.findings(INSPECTIONS) == []


def test_penalties_of_the_older_form_are_compared_too(tmp_path: Path) -> None:
    house = House(tmp_path, ("penalties",), years=(2020,), more={"claims": tuple(claim("双随机", "1", counts="inspections", year=2020))})
    house.put("penalties", ".csv", good("penalties", decided_on="2020-05-01"))
    house.night()
    assert [f["cell_id"] for f in house.findings(INSPECTIONS)] == ["table2.punishment.decisions"]
