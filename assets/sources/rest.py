"""A platform that is asked for its records page by page, until what came equals what it says it holds.

Belongs here: paging, the control total, what makes a pull whole or not, new passes. Does not belong here: a single request and its
retries (`rest_request.py`), what one page says (`rest_page.py`), how it is read later (`json_rows.py`), configuration (`pipelines`).

The pages are judged as they come and kept as they came; memory holds one page and eight bytes a row. A count that fits is not enough:
while rows move between pages, one may come twice and another not at all. So a key that stands on two pages, a page that comes twice or
a total that changes makes the whole pull begin again. A source that really holds two versions of a record shows the same rows in two
passes, and that is whole.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlencode

import httpx
import pyarrow as pa
import pyarrow.compute as pc

from assets.sources.connector import Part, Pulled
from assets.sources.envelope import STANDARD, Envelope
from assets.sources.rest_page import Page, read_page
from assets.sources.rest_request import Answer, Line, Manner, retrying
from assets.sources.rest_trouble import Trouble
from assets.sources.shape import Headers
from warehouse.clock import SHANGHAI
from warehouse.subjects import Subject

# What may be gone when everything is asked for anew: somebody was writing meanwhile.
_PASSING = frozenset({"total_changed", "fewer_rows", "more_rows", "duplicate_page", "empty_page", "rows_moved"})


@dataclass(frozen=True, kw_only=True)
class Rest(Manner):
    """A paged REST platform, one path a subject.

    Attributes:
        base_url: Address below which the paths lie; http or https, without parameters.
        paths: Subject → path.
        columns: Subject → header → field, as for files; they find the key of a record.
        envelope: Where a page keeps things.
        page_param: Name of the parameter for the number of the page; the first page is `first_page`.
        size_param: Name of the parameter for the page size; the platform may give fewer or more.
        since_param: Name of the parameter for changes at or after an instant, written by `since_format` (Asia/Shanghai; `%z` works).
        incremental: The subjects that understand it; all others are always pulled in full.
        extra: Parameters of every request.
        passes: How often everything is asked for until it is whole. With 1, records that really stand twice are refused.
        max_pages: More pages than this are refused.
    """

    kind: ClassVar[str] = "rest"

    base_url: str
    paths: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    envelope: Envelope = STANDARD
    page_param: str = "pageNum"
    size_param: str = "pageSize"
    since_param: str = "updatedSince"
    since_format: str = "%Y-%m-%d %H:%M:%S"
    incremental: frozenset[str] = frozenset()
    extra: Mapping[str, str] = field(default_factory=dict)
    page_size: int = 500
    first_page: int = 1
    passes: int = 3
    max_pages: int = 9999

    def pull(self, subject: Subject, since: datetime | None, spool: Path) -> Pulled:
        """Every page of a subject as `page-0001.json` …, all or, where the subject is incremental, what changed since then.

        Raises:
            Incomplete: with a reason of `rest_trouble.REASONS`, or one of `json_rows` for the records of a page.
        """
        pull = _Pull(self, subject, since if subject.name in self.incremental else None, spool)
        try:
            return pull.run()
        except Trouble as trouble:
            refused = trouble.verdict(pull.where)
        raise refused  # outside of the handler: nothing of the request hangs on it

    def address(self, subject: Subject) -> httpx.URL:
        """Where the records of a subject are asked for.

        Raises:
            Trouble: `bad_address`.
        """
        path = self.paths.get(subject.name)
        if path is None:
            raise Trouble("bad_address", what=f"没有“{subject.zh}”的路径")
        try:
            url = httpx.URL(f"{self.base_url.rstrip('/')}/{path.lstrip('/')}")
            url.host.encode("idna")
        except (httpx.InvalidURL, ValueError):
            raise Trouble("bad_address", what="不是网址") from None
        if url.scheme not in ("http", "https") or not url.host or (url.port or 0) > 0xFFFF:
            raise Trouble("bad_address", what="须以 http:// 或 https:// 开头，接着是主机名和有效的端口")
        if url.userinfo or url.query or url.fragment:
            raise Trouble("bad_address", what="不能含有用户名、密码或参数")
        return url


class _Pass:
    """One way through all pages: what came so far."""

    def __init__(self) -> None:
        self.sent_at: datetime | None = None  # the clock of the platform at the first page
        self.total: int | None = None
        self.rows = self.pages = self.digest = 0
        self.is_short = False  # whether the last page was shorter than one before
        self.is_numbered = True  # whether every page told the number it was asked for by
        self._longest = 0
        self._keys = array("q")
        self._pages: set[int] = set()

    def take(self, page: Page, number: int) -> None:
        """Count in the page that was asked for by this number."""
        self.is_numbered &= page.number == number
        self.rows, self.pages = self.rows + page.rows, self.pages + 1
        self.digest = hash((self.digest, page.digest))
        self.is_short, self._longest = page.rows < self._longest, max(page.rows, self._longest)
        self._keys.extend(page.keys)
        self._pages.add(page.digest)

    def is_past(self, page: Page, number: int) -> bool:
        """Whether a platform that numbers its pages says that this one, asked for by `number`, is an earlier one."""
        return self.is_numbered and page.number is not None and page.number < number

    def holds(self, page: Page) -> bool:
        """Whether the same records came as a page before."""
        return page.rows > 0 and page.digest in self._pages

    @property
    def has_key_twice(self) -> bool:
        """Whether a key stands on two pages."""
        keys = pa.Array.from_buffers(pa.int64(), len(self._keys), [None, pa.py_buffer(self._keys)])
        return bool(pc.count_distinct(keys).as_py() < len(keys))


class _Pull:
    """A pull of one subject; `where` says for a message how far it is."""

    def __init__(self, rest: Rest, subject: Subject, since: datetime | None, spool: Path) -> None:
        self._rest, self._subject, self._since, self._spool = rest, subject, since, spool
        self._headers = Headers.of(subject, rest.columns.get(subject.name, {}))
        self._before: int | None = None  # digest of the pass before, if it was whole but for keys that stand twice
        self._origin = self.where = f"从平台取“{subject.zh}”："

    def run(self) -> Pulled:
        """Passes until one is whole."""
        address = self._rest.address(self._subject)
        with Line(self._rest) as line:
            passes = retrying(self._rest, self._rest.passes, lambda trouble: trouble.reason in _PASSING)
            return passes(self._try, partial(self._ask, line, address))

    def _try(self, ask: Callable[[int, _Pass, bool], Page]) -> Pulled:
        before, self._before = self._before, None
        done = self._pass(ask)
        if done.has_key_twice and done.digest != before:
            self._before = done.digest
            self.where = self._origin  # no one page is to blame
            raise Trouble("rows_moved")
        parts = tuple(Part(file.name, file) for file in map(self._file, range(1, done.pages + 1)))
        source_at = done.sent_at.replace(tzinfo=None) if done.sent_at else None
        return Pulled(parts, is_full=self._since is None, rows=done.rows, control_total=done.rows, source_at=source_at)

    def _file(self, number: int) -> Path:
        return self._spool / f"page-{number:04}.json"

    def _pass(self, ask: Callable[[int, _Pass, bool], Page]) -> _Pass:
        for old in self._spool.glob("page-*.json"):
            old.unlink()
        sofar = _Pass()
        for number in range(1, self._rest.max_pages + 1):
            page = ask(number, sofar, False)
            self._check(page, number, sofar)
            sofar.take(page, self._number(number))
            if sofar.rows == sofar.total:
                self._check_end(ask(number + 1, sofar, True), number + 1, sofar)
                return sofar
        raise Trouble("too_many_pages", pages=self._rest.max_pages)

    def _check(self, page: Page, number: int, sofar: _Pass) -> None:
        """What no pass that is whole can have."""
        total = sofar.total or 0
        if sofar.holds(page):
            # A platform that gives its last page again for any number behind it has no more.
            raise Trouble("fewer_rows" if sofar.is_past(page, self._number(number)) else "duplicate_page", total=total, rows=sofar.rows)
        if sofar.rows + page.rows > total:
            raise Trouble("more_rows", total=total)
        if total > self._rest.max_pages * max(page.rows, self._rest.page_size):
            raise Trouble("too_many_pages", pages=self._rest.max_pages)

    def _check_end(self, page: Page, number: int, sofar: _Pass) -> None:
        """The page behind the last must bring nothing new."""
        self._file(number).unlink()
        if page.rows and not sofar.is_past(page, self._number(number)) and not sofar.holds(page):
            raise Trouble("more_rows", total=sofar.total)

    def _number(self, number: int) -> int:
        """The number by which the platform knows a page."""
        return self._rest.first_page + number - 1

    def _ask(self, line: Line, address: httpx.URL, number: int, sofar: _Pass, is_beyond: bool) -> Page:
        self.where = f"{self._origin}第 {number} 页，"
        rest, file = self._rest, self._file(number)
        asked = {**rest.extra, rest.page_param: str(self._number(number)), rest.size_param: str(rest.page_size)}
        if self._since:
            asked[rest.since_param] = self._since.replace(tzinfo=SHANGHAI).strftime(rest.since_format)
        url = address.copy_with(query=urlencode(asked).encode())
        return line.ask(url, file, partial(self._read, file, sofar, is_beyond))

    def _read(self, file: Path, sofar: _Pass, is_beyond: bool, answer: Answer) -> Page:
        """The page in `file`, held against the total so far."""
        page = read_page(file.read_bytes(), answer.charset, self._rest.envelope, None if is_beyond else self._headers)
        if is_beyond and not page.rows and not page.total:
            return page  # behind the end many platforms count nothing
        if page.total is None:
            raise Trouble("no_total")
        if sofar.pages == 0:
            sofar.total, sofar.sent_at = page.total, answer.sent_at
        if page.total != sofar.total:
            raise Trouble("total_changed", before=sofar.total, after=page.total)
        if not page.rows and sofar.rows < page.total:
            # Behind a short page the records have ended; behind a full one there is a hole.
            raise Trouble("fewer_rows" if sofar.is_short else "empty_page", again=True, total=page.total, rows=sofar.rows)
        return page
