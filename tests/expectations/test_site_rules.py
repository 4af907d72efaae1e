"""Rules about the web site: each finds its fault, says it once, keeps quiet about what it cannot know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from building import AGENCY, NAME, OTHER, OTHER_NAME, good, write_log
from webserver import SiteHouse, hit

from expectations import catalogue
from expectations import findings as judging
from warehouse.site import SiteSettings
from warehouse.subjects import ACCESS_LOG

DEAD, NEVER, NONE, STALE, GAP = "dead_link", "item_never_fetched", "log_matches_no_item", "channel_not_updated", "site_log_gap"
MAY = [f"{day:02}/May/2023" for day in range(1, 32)]
WHOLE = [hit("/", day) for day in MAY]
PERSON = "110101199003074258"


@pytest.fixture
def house(tmp_path: Path) -> SiteHouse:
    return SiteHouse(tmp_path, ("publications", ACCESS_LOG))


def item(number: int | str, url: str | None = None, day: str = "2023-05-01", **changes: str | None) -> dict[str, str | None]:
    return good("publications", item_id=f"N-{number}", url=url, **{"acted_at": f"{day} 00:00:00"} | changes)


def told(
    house: SiteHouse, items: Sequence[dict[str, str | None]], lines: Sequence[str] = WHOLE, **site: Any
) -> dict[str, list[dict[str, Any]]]:
    """A night with these items and lines: what the rules of the site say, by rule."""
    if site:
        house.more = {"site": SiteSettings(**site)}
    house.put("publications", ".csv", *items)
    write_log(house.path(ACCESS_LOG, ".log"), lines)
    house.night()
    found = house.findings(DEAD, NEVER, NONE, STALE, GAP)
    for finding in found:
        rule = catalogue.rules()[finding["rule"]]
        assert finding["message"].endswith(rule.remedy) and not set("{}") & set(finding["message"]) and "None" not in finding["message"]
        assert (finding["agency"], finding["year"], finding["severity"]) == (AGENCY, None, rule.severity) and rule.severity != "critical"
        assert PERSON not in str(finding)
    found.sort(key=lambda f: str(f["detail"]))
    return {rule: [f for f in found if f["rule"] == rule] for rule in sorted({f["rule"] for f in found})}


def test_a_site_without_faults_has_no_findings(house: SiteHouse) -> None:
    assert told(house, [item(1, "/1.html")], [*WHOLE, hit("/1.html")]) == {}


def test_a_dead_page_is_told_with_item_day_and_hits_and_no_more_once_it_lives(house: SiteHouse) -> None:
    lines = [*WHOLE, hit(f"/1.html?name={PERSON}", MAY[3], status=404), hit("/1.html", MAY[5], status=410, agent="bot")]
    items = [item(1, "https://www.example.gov.cn/1.html"), item(2, "/1.html", day="2023-04-01")]
    (finding,) = told(house, items, lines)[DEAD]
    assert (finding["record_key"], finding["detail"], finding["actual"], finding["expected"]) == ("N-1", "/1.html", "2023-05-04", "2")
    assert "稿件 N-1 的网页 /1.html 自 2023-05-04 起打不开" in finding["message"] and "有 2 次访问落空" in finding["message"]
    assert told(house, items, [*lines, hit("/1.html", MAY[6])]) == {}


@pytest.mark.parametrize(
    "changes",
    [{"publisher": OTHER_NAME}, {"disclosure": "依申请公开"}, {"action": "撤下"}],
    ids=["of another organ", "not to be shown", "withdrawn"],
)
def test_a_page_that_need_not_be_there_is_not_told(house: SiteHouse, changes: dict[str, str]) -> None:
    items = [item(1, "/1.html"), item(2, "/2.html"), item(2, "/2.html", day="2023-05-02", **changes), item(3, "/3.html", **changes)]
    lines = [*WHOLE, hit("/1.html"), hit("/2.html", MAY[3], status=404)]
    assert told(house, items, lines, unfetched_days=5) == {}


def test_items_that_nobody_fetched_are_told_by_channel_with_twenty_of_them(house: SiteHouse) -> None:
    items = [item(0, "/0.html"), *(item(f"{n:02}", f"/{n}.html") for n in range(1, 26)), item(90, "/90.html", channel="政策文件")]
    found = told(house, items, [*WHOLE, hit("/0.html")])[NEVER]
    assert [(f["detail"], f["actual"], f["expected"]) for f in found] == [("政策文件", "1", "30"), ("通知公告", "25", "30")]
    assert found[1]["records"] == "、".join(f"N-{n:02}" for n in range(1, 21))
    assert told(house, items, [*WHOLE, *(hit(f"/{n}.html", agent="bot") for n in [*range(26), 90])]) == {}


UNJUDGED = {
    "too young": item(1, "/1.html", day="2023-05-02"),
    "before the logs": item(1, "/1.html", day="2023-04-30"),
    "without address": item(1, None),
    "the start page": item(1, "https://www.example.gov.cn/"),
    "on another site": item(1, "https://mp.example.com/1.html"),
    "of another organ": item(1, "/1.html", publisher=OTHER_NAME),
    "not to be shown": item(1, "/1.html", disclosure="不予公开"),
}


@pytest.mark.parametrize("case", UNJUDGED)
def test_an_item_whose_visitors_cannot_be_known_is_not_told(house: SiteHouse, case: str) -> None:
    assert told(house, [item(0, "/0.html"), UNJUDGED[case]], [*WHOLE, hit("/0.html")]) == {}


def test_the_age_of_an_unfetched_item_is_a_setting(house: SiteHouse) -> None:
    items, lines = [item(0, "/0.html"), item(1, "/1.html", day="2023-05-20")], [*WHOLE, hit("/0.html")]
    assert list(told(house, items, lines, unfetched_days=11)) == [NEVER]
    assert told(house, items, lines, unfetched_days=12) == {}
    assert told(house, items, lines, unfetched_days=0) == {}


def test_logs_that_show_no_item_at_all_are_told_once_and_no_item(house: SiteHouse) -> None:
    items = [item(n, f"/{n}.html") for n in range(1, 40)]
    found = told(house, items)
    assert {rule: [(f["actual"], f["detail"]) for f in each] for rule, each in found.items()} == {NONE: [("39", "/1.html")]}
    assert list(told(house, items, [*WHOLE, hit("/1.html", status=500)])) == [NEVER]


def test_a_channel_is_told_when_its_limit_has_passed(house: SiteHouse) -> None:
    days = {
        "工作动态": "2023-05-16",
        "工作要闻": "2023-05-17",
        "通知公告": "2022-11-28",
        "政策文件": "2022-11-29",
        "机构职能": "2022-05-30",
        "领导信息": "2022-05-31",
        "公告动态": "2023-05-16",
    }
    found = told(house, [item(n, None, day, channel=c) for n, (c, day) in enumerate(days.items())])[STALE]
    limits = {"公告动态": "14", "工作动态": "14", "机构职能": "365", "通知公告": "183"}
    assert [(f["detail"], f["actual"], f["expected"]) for f in found] == [(c, days[c], limit) for c, limit in limits.items()]


def test_limits_of_channels_are_settings(house: SiteHouse) -> None:
    items = [
        item(1, None, "2023-05-01", channel="工作动态"),
        item(2, None, "2023-05-01", channel="通知公告"),
        item(3, None, "2022-01-01", channel="职能"),
    ]
    assert [f["detail"] for f in told(house, items)[STALE]] == ["工作动态", "职能"]
    limits: dict[str, Any] = {"channel_days": {"工作动态": 0, "通知公告": 29}, "other_channel_days": 0}
    assert [f["detail"] for f in told(house, items, **limits)[STALE]] == ["通知公告"]
    assert told(house, items, channel_days={"工作动态": 30}, word_days={}, other_channel_days=600) == {}


@pytest.mark.parametrize(
    ("more", "is_stale"),
    [
        ({"action": "更新"}, False),
        ({"action": "撤下"}, True),
        ({"day": "2099-01-01", "number": 2}, True),
        ({"publisher": OTHER_NAME, "number": 2}, False),
    ],
    ids=["update", "withdrawal", "future", "item of another organ"],
)
def test_what_counts_as_an_update(house: SiteHouse, more: dict[str, Any], is_stale: bool) -> None:
    items = [item(1, channel="动态"), item(**{"number": 1, "day": "2023-05-30", "channel": "动态"} | more)]
    assert [f["actual"] for f in told(house, items).get(STALE, [])] == ["2023-05-01"] * is_stale


def test_channels_of_others_and_what_was_not_handed_over_are_not_judged(house: SiteHouse) -> None:
    assert told(house, [item(1, None, "2020-01-01", channel="动态", publisher=OTHER_NAME)]) == {}
    assert told(house, [item(1, None, "2023-05-20", channel="动态")], lines=[]) == {}  # today is 2024: nobody told of the days since


def test_days_without_a_line_are_told(house: SiteHouse) -> None:
    lines = [hit("/", day, status=404, agent="bot") for n, day in enumerate(MAY, 1) if n not in (3, 10, 11, 12)]
    found = told(house, [], lines)[GAP]
    assert [(f["detail"], f["actual"]) for f in found] == [("2023-05-03", "1"), ("2023-05-10 至 2023-05-12", "3")]
    write_log(house.path(ACCESS_LOG, "-late.log"), WHOLE)
    house.night()
    assert house.findings(GAP) == []


def test_very_many_gaps_are_not_told_one_by_one(house: SiteHouse) -> None:
    found = told(house, [], [hit("/", f"{day:02}/{month}/2023") for month in ("Mar", "May", "Jul") for day in range(1, 32, 2)])[GAP]
    assert len(found) == 20 and max(f["detail"] for f in found) == "2023-07-30"


def test_findings_of_the_site_are_those_of_each_organ_and_have_one_id_each(tmp_path: Path) -> None:
    house = SiteHouse(
        tmp_path, ("publications", ACCESS_LOG), sources={"records": AGENCY, "others": OTHER},
        agencies=((AGENCY, NAME, ()), (OTHER, OTHER_NAME, ())),
    )  # fmt: skip
    for source, publisher in (("records", NAME), ("others", OTHER_NAME)):
        house.put("publications", ".csv", item(1, "/1.html", publisher=publisher, channel="动态"), source=source)
        write_log(house.path(ACCESS_LOG, ".log", source), [*WHOLE[:3], *WHOLE[4:], hit("/1.html", status=404)])
    house.night()
    first = house.findings()
    assert sorted((f["agency"], f["rule"]) for f in first) == sorted((a, r) for a in (AGENCY, OTHER) for r in (DEAD, STALE, GAP))
    house.night()
    assert house.findings() == first and len({f["finding_id"] for f in first}) == 6


def test_a_verdict_is_repeated_only_while_limits_and_the_day_it_speaks_of_are_the_same(house: SiteHouse) -> None:
    told(house, [item(1, None, "2023-05-20", channel="动态")])
    house.today = date(2024, 2, 1)

    def is_repeated(today: date) -> bool:
        return judging.judge(house.warehouse, [2023], today, suites=False).is_repeated

    is_repeated(house.today)
    assert is_repeated(date(2024, 2, 2))
    assert not is_repeated(date(2023, 5, 25))
    house.change("UPDATE report.site_limits SET days = 5 WHERE name = '动态'")
    assert not is_repeated(date(2023, 5, 26))
    assert len(house.findings(STALE)) == 1
