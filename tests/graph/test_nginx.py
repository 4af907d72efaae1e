"""Real web servers: what nginx and Apache wrote of known requests is landed exactly, through growth and rotation of every kind."""

from __future__ import annotations

import gzip
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
import webserver
from building import good
from webserver import Server, SiteHouse

from warehouse import clock
from warehouse.subjects import ACCESS_LOG

pytestmark = pytest.mark.wide

BROWSER = "Mozilla/5.0 (Windows NT 10.0)"
ODD = 'a "quoted" \\ agent\\'
YESTERDAY = (clock.now() - timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S")
SITE = "https://www.example.gov.cn"
PAGES = ("xxgk/tzgg/1.html", "xxgk/通知/2.html", "xxgk/dt/index.html", "xxgk/tzgg/4.html", "about.html", "app.css")
# Item → channel, address, what becomes of its page.
ITEMS = {
    "N-1": ("通知公告", f"{SITE}/xxgk/tzgg/1.html?from=list#top"),
    "N-2": ("通知公告", f"{SITE}/xxgk/%E9%80%9A%E7%9F%A5/2.html"),
    "N-3": ("工作动态", "/xxgk/dt/"),
    "N-4": ("工作动态", f"{SITE}/xxgk/tzgg/4.html"),  # fetched, then gone
    "N-5": ("通知公告", f"{SITE}/gone.html"),  # 410 from the start
    "N-6": ("通知公告", f"{SITE}/never.html"),
    "N-7": ("通知公告", None),
}


@dataclass(frozen=True)
class Ask:
    """A request as a client sends it and the status nginx answers; `item` is whose page it asks for, `page` whether it is one at all."""

    path: str
    status: int = 200
    agent: str = BROWSER
    verb: str = "GET"
    referer: str | None = None
    item: str | None = None
    page: bool = True

    @property
    def is_bot(self) -> bool:
        return re.search("bot|spider|crawl", self.agent, re.IGNORECASE) is not None


FIRST = [
    Ask("/xxgk/tzgg/1.html", item="N-1"),
    Ask("/xxgk/tzgg/1.html?q=%E6%9F%A5%E8%AF%A2", agent=ODD, item="N-1"),
    Ask("/xxgk/tzgg/1.html", agent="Baiduspider/2.0", item="N-1"),
    Ask("/xxgk/%e9%80%9a%e7%9f%a5/2.html", referer=f'{SITE}/"x"', item="N-2"),
    Ask("/xxgk/dt/index.html", item="N-3"),
    Ask("/xxgk/tzgg/4.html", item="N-4"),
    Ask("/gone.html", status=410, item="N-5"),
    Ask("/about.html"),
    Ask("/app.css", page=False),
    Ask("/wp-login.php", status=404),
    Ask("/xxgk/tzgg/1.html", verb="HEAD", item="N-1"),
]
SECOND = [
    Ask("/xxgk/dt/", agent="GoogleBOT", item="N-3"),
    Ask("/xxgk/tzgg/4.html", status=404, item="N-4"),
    Ask("/xxgk/tzgg/4.html", status=404, agent="Crawler", item="N-4"),
    Ask("/about.html", agent=""),
]
MANY = [Ask(f"/about.html?page={n}") for n in range(120)]
# Requests no library sends: bytes, then method, path and the status of nginx and of Apache; None for a line that is not written.
RAW: list[tuple[bytes, str | None, str | None, int, int | None]] = [
    (b"GET /about.html\r\n", "GET", "/about.html", 200, 200),
    (b"GET /a b.html HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/a b.html", 400, 400),
    (b'\x16\x03\x01\x02\x00"\r\n\r\n', None, None, 400, 400),
    (b"GET /\xd6\xd0.html HTTP/1.0\r\n\r\n", "GET", "/\udcd6\udcd0.html", 404, 404),
    (b"CONNECT www.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT", "www.example.com:443", 400, 405),
    (b"\r\n\r\n", None, None, 400, None),
    (
        b"GET /app.css HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic d2FuZyAibGkgeDp5\r\n\r\n",
        "GET",
        "/app.css",
        200,
        200,
    ),
]
Line = tuple[str | None, str | None, int, str | None, str | None, bool]


def as_written(name: str, text: str | None) -> str | None:
    """A text as a log of this format has it: escaped as the server does, bytes that are not UTF-8 as the job tells them."""
    if not text:
        return None
    if name in ("json", "epoch"):
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    quote, slash, code = ("\\x22", "\\x5C", "\\x%02X") if name in webserver.NGINX_FORMATS else ('\\"', "\\\\", "\\x%02x")
    special = {'"': quote, "\\": slash}
    return "".join(special.get(c) or (code % (ord(c) - 0xDC00) if ord(c) >= 0xDC80 else c) for c in text)


def line(name: str, ask: Ask) -> Line:
    if name == "apache_common":
        return ask.verb, as_written(name, ask.path), ask.status, None, None, False
    return ask.verb, as_written(name, ask.path), ask.status, as_written(name, ask.referer), as_written(name, ask.agent), ask.is_bot


class Site:
    """A running server, what was asked of it, and a house for each of its formats."""

    def __init__(self, server: Server, client: httpx.Client, work: Path) -> None:
        self.server, self.client = server, client
        self.sent: list[Ask] = []
        self.houses = {name: self._house(work / name, name) for name in server.formats}

    def _house(self, folder: Path, name: str) -> SiteHouse:
        folder.mkdir()
        (folder / "records").symlink_to(self.server.folder / name, target_is_directory=True)
        house = SiteHouse(folder, ("publications", ACCESS_LOG), years=(clock.today().year,), today=clock.today())
        fields = {"acted_at": YESTERDAY, "dated_on": YESTERDAY[:10]}
        house.put("publications", ".csv", *(good("publications", item_id=i, channel=c, url=u, **fields) for i, (c, u) in ITEMS.items()))
        return house

    def lines(self, name: str) -> int:
        return self.server.log(name).read_bytes().count(b"\n")

    def ask(self, asks: Sequence[Ask]) -> None:
        """Send requests and wait until each is in every log."""
        self.write(lambda: [self._send(a) for a in asks], len(asks))
        self.sent += asks

    def _send(self, ask: Ask) -> None:
        headers = {"user-agent": ask.agent} | ({"referer": ask.referer} if ask.referer else {})
        assert self.client.request(ask.verb, ask.path, headers=headers).status_code == ask.status, ask

    def write(self, send: Callable[[], object], count: int) -> None:
        before = {name: self.lines(name) for name in self.server.formats}
        send()
        webserver.wait_for(lambda: all(self.lines(name) == before[name] + count for name in before))

    def landed(self, name: str) -> Counter[Line]:
        """A night; then every hit that stands in the warehouse."""
        house = self.houses[name]
        house.night()
        assert house.ask("SELECT count(*) FROM raw.access_log_rejects") == [(0,)]
        assert house.findings("rejected_file") == []
        return Counter(house.ask("SELECT method, path, status, referer, user_agent, is_bot FROM raw.access_log"))

    def assert_landed(self, *more: Callable[[str], Line]) -> None:
        for name in self.server.formats:
            assert self.landed(name) == Counter([line(name, a) for a in self.sent] + [make(name) for make in more]), name


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[Any], Site]]:
    """Start a server in a folder that its own user may enter, over a small site."""
    with ExitStack() as stack:

        def begin(kind: Any) -> Site:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            folder.chmod(0o755)
            for page in PAGES:
                (folder / "pages" / page).parent.mkdir(parents=True, exist_ok=True)
                (folder / "pages" / page).write_text("<html></html>")
            server = stack.enter_context(kind(folder))
            client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{server.port}", headers={"accept": "text/html"}))
            return Site(server, client, tmp_path)

        yield begin


def renamed(site: Site) -> None:
    for name in site.server.formats:
        site.server.log(name).rename(site.server.log(name, ".1"))
    site.server.reopen()


def compressed(site: Site) -> None:
    for name in site.server.formats:
        rotated = site.server.log(name, ".1")
        site.server.log(name, ".2.gz").write_bytes(gzip.compress(rotated.read_bytes()))
        rotated.unlink()


def copied_and_truncated(site: Site) -> None:
    for name in site.server.formats:
        log = site.server.log(name)
        shutil.copyfile(log, site.server.log(name, "-20240101"))
        with log.open("r+b") as file:
            file.truncate()


def test_what_nginx_logs_is_landed_once_through_every_rotation_and_tells_what_became_of_the_pages(start: Callable[[Any], Site]) -> None:
    site = start(webserver.nginx)
    site.ask(FIRST)
    site.assert_landed()
    renamed(site)  # with delaycompress: the lines before stand in .1 until the next rotation
    (site.server.folder / "pages" / "xxgk/tzgg/4.html").unlink()
    site.ask(SECOND)
    site.assert_landed()
    compressed(site)
    site.ask(MANY[:5])
    site.assert_landed()
    copied_and_truncated(site)
    site.ask(MANY)  # the log grows past its old size before the next look
    site.assert_landed()
    site.assert_landed()
    copied_and_truncated(site)
    site.assert_landed()
    site.ask(FIRST[:3])
    site.assert_landed()
    for name, house in site.houses.items():
        assert_told(site, house, name)


def shown(site: Site, *, item: str | None, is_bot: bool, channel: str | None = None) -> int:
    """Pages that were shown, of an item, of a channel, or of neither, as the requests say."""
    found = [a for a in site.sent if a.verb == "GET" and a.status == 200 and a.page and a.is_bot == is_bot]
    if channel:
        return sum(a.item is not None and ITEMS[a.item][0] == channel for a in found)
    return sum(a.item == item for a in found)


def assert_told(site: Site, house: SiteHouse, name: str) -> None:
    items = {
        row[0]: row[1:] for row in house.ask("SELECT item_id, views, bot_views, last_status, dead_since, dead_hits FROM core.site_items")
    }
    assert {i: row[:2] for i, row in items.items()} == {
        i: (shown(site, item=i, is_bot=False), shown(site, item=i, is_bot=True)) for i in ITEMS
    }
    assert {i: row[2] for i, row in items.items()} == {"N-1": 200, "N-2": 200, "N-3": 200, "N-4": 404, "N-5": 410, "N-6": None, "N-7": None}
    days = {day for (day,) in house.ask("SELECT DISTINCT day FROM core.access_log_days")}
    assert {i: row[4] for i, row in items.items() if row[3] in days} == {"N-4": 2, "N-5": 1}, name
    daily = house.ask("SELECT channel, sum(views)::INT, sum(bot_views)::INT FROM core.site_daily GROUP BY ALL")
    asked = {c: tuple(shown(site, item=None, is_bot=b, channel=c) for b in (False, True)) for c in ("通知公告", "工作动态")}
    assert {c: tuple(n) for c, *n in daily} == asked | {None: (shown(site, item=None, is_bot=False), shown(site, item=None, is_bot=True))}
    assert {(f["record_key"], f["detail"]) for f in house.findings("dead_link")} == {("N-4", "/xxgk/tzgg/4.html"), ("N-5", "/gone.html")}
    ((fetched,),) = house.ask(
        "SELECT list(item_id ORDER BY item_id) FROM core.site_items WHERE first_fetched_at IS NULL AND path IS NOT NULL"
    )
    assert fetched == ["N-5", "N-6"]


@pytest.mark.parametrize("kind", [webserver.nginx, webserver.apache])
def test_requests_that_no_browser_sends_are_landed_as_the_server_writes_them(start: Callable[[Any], Site], kind: Any) -> None:
    site = start(kind)
    site.ask([a for a in FIRST if a.status != 410])
    is_nginx = kind is webserver.nginx
    raw = [(request, verb, path, ours if is_nginx else theirs) for request, verb, path, ours, theirs in RAW if is_nginx or theirs]
    for request, *_ in raw:
        site.write(lambda request=request: site.server.raw(request), 1)  # type: ignore[misc]

    def made(verb: str | None, path: str | None, status: int) -> Callable[[str], Line]:
        return lambda name: (verb, as_written(name, path), status, None, None, False)

    site.assert_landed(*(made(verb, path, int(status or 0)) for _, verb, path, status in raw))
    copied_and_truncated(site)
    site.ask(MANY)
    site.assert_landed(*(made(verb, path, int(status or 0)) for _, verb, path, status in raw))
