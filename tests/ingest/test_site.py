"""The web site: which page a line of the log shows, what becomes of each item, and that a night costs what is new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from building import AGENCY, NAME, OTHER, OTHER_NAME, good, write_log
from webserver import SiteHouse, hit

from warehouse.sql import query
from warehouse.subjects import ACCESS_LOG

SITE = "https://www.example.gov.cn"
MAY = [f"{day:02}/May/2023" for day in range(1, 32)]


@pytest.fixture
def house(tmp_path: Path) -> SiteHouse:
    return SiteHouse(tmp_path, ("publications", ACCESS_LOG))


def item(number: int, url: str | None, **changes: str | None) -> dict[str, str | None]:
    return good("publications", item_id=f"N-{number}", url=url, **changes)


def log(house: SiteHouse, *lines: str, name: str = ".log") -> None:
    write_log(house.path(ACCESS_LOG, name), lines)


def items(house: SiteHouse, *columns: str) -> dict[str, Any]:
    rows = house.ask(f"SELECT item_id, {', '.join(columns)} FROM core.site_items ORDER BY item_id")
    return {row[0]: row[1] if len(columns) == 1 else row[1:] for row in rows}


def daily(house: SiteHouse) -> dict[tuple[str, str | None], tuple[int, int]]:
    rows = house.ask("SELECT day::VARCHAR, channel, views, bot_views FROM core.site_daily")
    assert len(rows) == len({row[:2] for row in rows})
    return {(day[5:], channel): (views, bots) for day, channel, views, bots in rows}


# ---- addresses ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def words() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(query("site/addresses"))
    return con


@pytest.mark.parametrize(
    ("address", "path", "host"),
    [
        ("https://www.Example.gov.cn:8443/a/1.html?q=1#top", "/a/1.html", "www.example.gov.cn"),
        ("HTTP://example.gov.cn/a", "/a", "example.gov.cn"),
        ("www.example.gov.cn/a/1.html", "/a/1.html", "www.example.gov.cn"),
        ("/a/1.html", "/a/1.html", ""),
        (" a/1.html ", "/a/1.html", ""),
        ("/a/", "/a", ""),
        ("/a//", "/a", ""),
        ("/a/index.html", "/a", ""),
        ("/a/index.shtml?x", "/a", ""),
        ("/a/default.aspx", "/a", ""),
        ("/a/index.2.html", "/a/index.2.html", ""),
        ("/a/reindex.html", "/a/reindex.html", ""),
        ("//a/b", "/a/b", ""),
        ("/%E9%80%9A%e7%9f%a5/a%20b", "/通知/a b", ""),
        (r"/\xE9\x80\x9A\xe7\x9f\xa5/", "/通知", ""),
        ("/%D6%D0.html", "/%D6%D0.html", ""),
        ("/100%", "/100%", ""),
        ("/a+b", "/a+b", ""),
        ("https://www.example.gov.cn", None, "www.example.gov.cn"),
        ("https://www.example.gov.cn/?a=/b", None, "www.example.gov.cn"),
        ("/index.html", None, ""),
        ("", None, ""),
        ("?a", None, ""),
    ],
)
def test_addresses_are_compared_by_their_path(words: duckdb.DuckDBPyConnection, address: str, path: str | None, host: str) -> None:
    assert words.execute("SELECT site_path($a), site_host($a)", {"a": address}).fetchone() == (path, host)


@pytest.mark.parametrize(
    ("path", "is_page"),
    [(None, True), ("/a", True), ("/a.html", True), ("/a.SHTML", True), ("/a.jsp", True), ("/a.do", True), ("/v1.2/a", True),
     ("/a.css", False), ("/a.min.js", False), ("/a.PNG", False), ("/a.pdf", False)],
)  # fmt: skip
def test_a_page_is_what_is_read(words: duckdb.DuckDBPyConnection, path: str | None, is_page: bool) -> None:
    assert words.execute("SELECT is_page($p)", {"p": path}).fetchone() == (is_page,)


# ---- views ----------------------------------------------------------------------------------------------------------------


def test_pages_are_counted_by_day_and_channel_and_what_is_no_item_apart(house: SiteHouse) -> None:
    house.put(
        "publications", ".csv",
        item(1, f"{SITE}/a/1.html"), item(2, "/a/%E4%BA%8C.html"), item(3, "/doc.pdf", channel="政策文件"),
        item(4, "/a/1.html", channel="政策文件", acted_at="2023-05-01 08:00:00"), item(5, None), item(6, "/6", channel=None),
    )  # fmt: skip
    log(
        house,
        hit("/a/1.html", status=200), hit("/a/1.html?q=x", status=304), hit("/a/1.html", agent="Baiduspider"),
        hit("/a/%e4%ba%8c.html", status=206), hit("/a/%e4%ba%8c.html", status=404), hit("/a/1.html", verb="POST"), hit("/doc.pdf"),
        hit("/"), hit("/search?q=x"), hit("/app.css"), hit("/none.html", status=404), hit("/", agent="bot"), hit("/6"),
        hit("/a/1.html", MAY[1]), hit("/app.js", MAY[2]),
    )  # fmt: skip
    house.night()
    assert daily(house) == {
        ("05-01", "通知公告"): (3, 1),  # the address that two items share counts for the later one
        ("05-01", "政策文件"): (1, 0),
        ("05-01", "（未填栏目）"): (1, 0),
        ("05-01", None): (2, 1),
        ("05-02", "通知公告"): (1, 0),
    }
    assert items(house, "views", "bot_views") == {
        "N-1": (3, 1), "N-2": (1, 0), "N-3": (1, 0), "N-4": (3, 1), "N-5": (0, 0), "N-6": (1, 0)
    }  # fmt: skip
    assert items(house, "host", "path")["N-1"] == ("www.example.gov.cn", "/a/1.html")
    assert items(house, "host", "path")["N-5"] == (None, None)


def test_what_was_asked_for_before_an_item_was_published_is_not_its(house: SiteHouse) -> None:
    house.put("publications", ".csv", item(1, "/1.html", acted_at="2023-05-02 09:00:00"))
    log(house, hit("/1.html", MAY[0]), hit("/1.html", MAY[1], at="08:00:00"), hit("/1.html", MAY[2], status=404))
    house.night()
    assert daily(house) == {("05-01", None): (1, 0), ("05-02", "通知公告"): (1, 0)}
    assert items(house, "views", "last_status", "dead_since::VARCHAR")["N-1"] == (1, 404, "2023-05-03")


def test_only_paths_of_published_items_are_kept_and_no_query(house: SiteHouse) -> None:
    house.put("publications", ".csv", item(1, f"{SITE}/1.html?token=SECRET"))
    log(house, hit("/1.html?q=PERSON"), hit("/search/PERSON"), hit("/search?q=PERSON"))
    house.night()
    for table in ("site_paths", "site_hits", "site_page_days", "site_items", "site_daily"):
        text = str(house.ask(f"FROM core.{table}"))
        assert "PERSON" not in text and "SECRET" not in text and "search" not in text
    assert house.ask("SELECT path FROM core.site_paths") == house.ask("SELECT path FROM core.site_hits") == [("/1.html",)]


# ---- what becomes of a page -----------------------------------------------------------------------------------------------

LIFE: dict[str, tuple[list[tuple[str, str]], list[tuple[int, int]], tuple[str | None, int | None]]] = {
    # events (action, day of May), answers (day of May, status) → dead since, requests in vain
    "lives": ([("发布", "01")], [(1, 200), (2, 404), (3, 200)], (None, None)),
    "dies": ([("发布", "01")], [(1, 200), (3, 404), (4, 404)], ("2023-05-03", 2)),
    "dies, lives and dies": ([("发布", "01")], [(1, 410), (2, 200), (3, 410)], ("2023-05-03", 1)),
    "never lived": ([("发布", "01")], [(2, 404)], ("2023-05-02", 1)),
    "fails": ([("发布", "01")], [(2, 404), (3, 500)], (None, None)),
    "moved": ([("发布", "01")], [(2, 404), (3, 301)], (None, None)),
    "withdrawn": ([("发布", "01"), ("撤下", "02")], [(1, 200), (3, 404)], (None, None)),
    "withdrawn and published again": ([("发布", "01"), ("撤下", "02"), ("发布", "04")], [(1, 200), (3, 404)], (None, None)),
    "published again and dead": ([("发布", "01"), ("撤下", "02"), ("发布", "04")], [(3, 404), (5, 404)], ("2023-05-05", 1)),
    "updated": ([("发布", "01"), ("更新", "04")], [(3, 404)], ("2023-05-03", 1)),
}


@pytest.mark.parametrize("case", LIFE)
def test_a_page_is_dead_when_its_last_answer_says_so(house: SiteHouse, case: str) -> None:
    events, answers, want = LIFE[case]
    house.put("publications", ".csv", *(item(1, "/1.html", action=a, acted_at=f"2023-05-{day} 00:00:00") for a, day in events))
    log(house, *(hit("/1.html", MAY[day - 1], status=status) for day, status in answers))
    house.night()
    assert items(house, "dead_since::VARCHAR", "dead_hits")["N-1"] == want


def test_an_item_that_has_moved_keeps_its_views_and_is_judged_by_its_new_address(house: SiteHouse) -> None:
    house.put(
        "publications",
        ".csv",
        item(1, "/old.html"),
        item(1, "/new.html", action="更新", acted_at="2023-05-03 00:00:00", channel="政策文件"),
    )
    log(house, hit("/old.html"), hit("/old.html", MAY[3], status=404), hit("/new.html", MAY[3], agent="bot"))
    house.night()
    assert items(house, "path", "channel", "views", "bot_views", "last_status", "dead_since")["N-1"] == (
        "/new.html",
        "政策文件",
        1,
        1,
        200,
        None,
    )
    assert daily(house) == {("05-01", "政策文件"): (1, 0), ("05-04", "政策文件"): (0, 1)}


# ---- incremental ----------------------------------------------------------------------------------------------------------


def state(house: SiteHouse) -> list[list[tuple[Any, ...]]]:
    """All that is known of the site, without the numbers of ranges."""
    return [
        sorted(house.ask(f"SELECT {columns} FROM core.{table}"), key=str)
        for table, columns in {
            "site_paths": "*",
            "site_hits": "* EXCLUDE (file_id)",
            "site_page_days": "agency, day, is_bot, views",
            "site_items": "*",
            "site_daily": "*",
        }.items()
    ]


def test_items_that_are_told_after_their_hits_are_counted_as_if_told_before(tmp_path: Path) -> None:
    lines = [hit(f"/{n}.html", day, status=404 if n == 3 else 200) for n in range(1, 5) for day in MAY[:6]]
    first, second = (
        [item(1, "/1.html"), item(2, "/2.html")],
        [item(3, "/3.html"), item(1, "/4.html", action="更新", acted_at="2023-05-03 00:00:00")],
    )
    at_once, later = (SiteHouse(tmp_path / name, ("publications", ACCESS_LOG)) for name in ("at once", "later"))
    at_once.put("publications", ".csv", *first, *second)
    for name, part in (("-a.log", lines[::2]), ("-b.log", lines[1::2])):
        log(at_once, *part, name=name)
        log(later, *part, name=name)
    at_once.night()
    later.put("publications", ".csv", *first)
    later.night()
    later.put("publications", "-2.csv", *second)
    later.night()
    assert state(later) == state(at_once)
    assert items(later, "views")["N-1"] == 6 + 4


def test_a_night_reads_what_is_new_and_ranges_that_a_new_address_may_stand_in(house: SiteHouse) -> None:
    house.put("publications", ".csv", item(1, "/1.html"))
    for n, day in enumerate(MAY[:5]):
        log(house, hit("/1.html", day), hit("/2.html", day), name=f"-{n}.log")
    house.night()
    assert house.count_site() == 0
    log(house, hit("/1.html", MAY[5]), name="-5.log")
    house.land(ACCESS_LOG)
    house.settle(ACCESS_LOG)
    assert house.count_site() == 1
    house.put("publications", "-2.csv", item(2, "/2.html", acted_at="2023-05-04 00:00:00"))
    house.land("publications")
    house.settle("publications")
    assert (house.count_site(), house.count_site()) == (3, 0)  # the 4th, 5th and 6th of May
    assert items(house, "views") == {"N-1": 6, "N-2": 2}
    before = state(house)
    house.change("DELETE FROM core.site_hits; DELETE FROM core.site_page_days; DELETE FROM core.site_paths")
    assert house.count_site() == 6
    assert state(house) == before


def test_an_address_that_is_no_longer_published_is_forgotten(house: SiteHouse) -> None:
    path = house.put("publications", ".csv", item(1, "/1.html"))
    log(house, hit("/1.html"))
    house.night()
    house.change("DELETE FROM core.publications")
    house.count_site()
    assert path.exists() and state(house)[0] == state(house)[1] == state(house)[3] == []
    assert daily(house) == {("05-01", None): (1, 0)}


def test_each_organ_has_its_own_site_and_takes_it_along(tmp_path: Path) -> None:
    house = SiteHouse(
        tmp_path, ("publications", ACCESS_LOG), sources={"records": AGENCY, "others": OTHER},
        agencies=((AGENCY, NAME, ()), (OTHER, OTHER_NAME, ())),
    )  # fmt: skip
    for source, publisher, day in (("records", NAME, MAY[0]), ("others", OTHER_NAME, MAY[1])):
        house.put("publications", ".csv", item(1, "/1.html", publisher=publisher), source=source)
        write_log(house.path(ACCESS_LOG, ".log", source), [hit("/1.html", day), hit("/2.html", day)])
    house.night()
    assert house.ask("SELECT agency, item_id, views FROM core.site_items ORDER BY ALL") == [(AGENCY, "N-1", 1), (OTHER, "N-1", 1)]
    house.sources = {"records": AGENCY, "others": AGENCY}
    house.night()
    assert house.ask("SELECT agency, sum(views) FROM core.site_daily GROUP BY ALL") == [(AGENCY, 4)]
    assert house.ask("SELECT DISTINCT agency FROM core.site_hits") == [(AGENCY,)]


@pytest.mark.parametrize("lines", [[], ["\n", "broken\n"], [hit("/1.html", verb="POST")]], ids=["empty", "no hit", "no GET"])
def test_logs_that_show_nothing(house: SiteHouse, lines: list[str]) -> None:
    house.put("publications", ".csv", item(1, "/1.html"))
    log(house, *lines)
    house.night()
    assert (daily(house), items(house, "views", "last_status")) == ({}, {"N-1": (0, None)})


def test_a_site_that_did_not_change_is_not_written_again(house: SiteHouse) -> None:
    house.put("publications", ".csv", item(1, "/1.html"))
    log(house, hit("/1.html"))
    house.night()
    rows = "SELECT rowid FROM core.site_items UNION ALL SELECT rowid FROM core.site_daily"
    before = house.ask(rows)
    house.count_site()
    assert house.ask(rows) == before
