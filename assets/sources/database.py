"""Records from a view of the organ's database, asked for in one read-only snapshot.

Belongs here: which rows are asked for, in what order, and the control total. Does not belong here: the session with a database
(`database_session.py`, `database_adbc.py`), what an error means (`database_errors.py`), how rows are kept (`parquet.py`), passwords.

Count and rows come from one snapshot, so they are equal unless something is lost on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from assets.sources.connector import Incomplete, Pulled, Secret
from assets.sources.database_adbc import adbc_session, suits
from assets.sources.database_errors import Passing, told
from assets.sources.database_session import Session, sql_session
from assets.sources.parquet import Parts
from assets.sources.shape import Headers, Rejected
from warehouse.clock import SHANGHAI
from warehouse.subjects import Subject


@dataclass(frozen=True)
class Database:
    """A database whose views or tables hold the records.

    Args:
        url: SQLAlchemy URL without password.
        password: The password, None where the account needs none.
        tables: Subject → table or view, with its schema before a dot where it needs one.
        columns: Subject → column of the view → field (house name or contract code); the built-in headers need no mention.
        order: Subject → columns that give the rows a stable order; without it they come by 更新时间 and key.
        timeout_seconds: Longest time that one statement may take.
        fetch_size: Rows that the database hands over at a time.
        attempts: How often a pull is begun when connections fail; the fast session with PostgreSQL is tried once before.
        pause_seconds: Pause before the second attempt; it doubles up to a minute.
    """

    url: str
    password: Secret | None
    tables: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    order: Mapping[str, Sequence[str]] = field(default_factory=dict)
    timeout_seconds: int = 600
    fetch_size: int = 5_000
    attempts: int = 3
    pause_seconds: float = 2

    @property
    def kind(self) -> str:
        """The kind of source, as `raw.loads` calls it."""
        return "database"

    def pull(self, subject: Subject, since: datetime | None, spool: Path) -> Pulled:
        """The rows of the view of a subject, as Parquet parts of text.

        With `since`, rows whose 更新时间 is empty come along always, as nothing tells when they changed. Everything is answered
        (`is_full`) when the view has no 更新时间 or it is always empty, and when it is text in the database: as text 2024-10-1 comes
        before 2024-9-1.

        Raises:
            Incomplete: `connection_failed`, `connection_lost`, `unauthorized`, `forbidden`, `not_found`, `timeout`, `no_driver`,
                `missing_key_column`, `duplicate_column`, `missing_order_column`, `unreadable_column`, `fewer_rows`, `more_rows` or
                `database_error`.
            ValueError: `columns` names a field the subject does not have.
        """
        url = sa.make_url(self.url)
        if self.password is not None:
            url = url.set(password=self.password.reveal())
        if suits(url):
            with suppress(Incomplete):  # the fast session only saves time; where it fails, the verdict of the slow one holds
                return self._pull(subject, since, spool, adbc_session(url, self.timeout_seconds))
        trying = Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=wait_exponential(self.pause_seconds, max=60),
            retry=retry_if_exception_type(Passing),
            reraise=True,
        )
        return trying(lambda: self._pull(subject, since, spool, sql_session(url, self.timeout_seconds, self.fetch_size)))

    def _pull(self, subject: Subject, since: datetime | None, spool: Path, opening: AbstractContextManager[Session]) -> Pulled:
        for left in spool.iterdir():  # of an attempt before
            left.unlink()
        place = self.tables[subject.name]
        headers = Headers.of(subject, self.columns.get(subject.name, {}))
        with ExitStack() as stack:
            with told(place, connecting=True):
                session = stack.enter_context(opening)
            view = _View(session, place, headers, self.order.get(subject.name, ()))
            with told(place):
                source_at = session.now()
            changed = () if since is None else view.changed(since)
            parts = stack.enter_context(Parts(spool, view.names))
            total = view.take(changed, parts)
            if parts.rows != total:
                raise _unequal(place, parts.rows, total)
            return Pulled(parts.finish(), not changed, parts.rows, total, source_at)


class _View:
    """A table or view in an open snapshot: its columns, those that order its rows, the one that tells when a row changed.

    Raises:
        Incomplete: it cannot be read, or has not the columns it must have.
    """

    def __init__(self, session: Session, place: str, headers: Headers, order: Sequence[str]) -> None:
        self._session, self._place = session, place
        schema, _, name = place.rpartition(".")
        self._table = sa.table(name, schema=schema or None)
        with told(place):
            self.names = session.names(sa.select(sa.literal_column("*")).select_from(self._table).where(sa.false()))
        found = self._fields(headers)
        self._updated_at = found.get(headers.subject.updated_at or "")
        self._order = [*order] or [name for name in [self._updated_at, *(found[key] for key in headers.subject.key)] if name]
        if absent := "、".join(name for name in order if name not in self.names):
            raise Incomplete("missing_order_column", f"“{place}”没有配置中用来排序的栏目：{absent}；请更正配置，或在视图中补上。")

    def _fields(self, headers: Headers) -> dict[str, str]:
        """House name → column of the view."""
        where = f"“{self._place}”"
        try:
            if not headers.known(self.names).issuperset(headers.subject.key):
                raise headers.missing([self.names], where)
            places = headers.layout(self.names, where).fields
        except Rejected as verdict:
            raise Incomplete(verdict.reason, verdict.detail) from None
        return {name: self.names[at] for name, at in zip(headers.subject.by_name, places, strict=True) if at is not None}

    def changed(self, since: datetime) -> tuple[sa.ColumnElement[bool], ...]:
        """The condition on rows that may have changed at or after `since`; empty when the view cannot tell."""
        if self._updated_at is None:
            return ()
        column: sa.ColumnClause[Any] = sa.column(self._updated_at)
        with told(self._place):  # a value tells its type in every dialect, also in a view, whose definition an account may not see
            sample = self._session.value(sa.select(column).select_from(self._table).where(column.is_not(None)).limit(1))
        bound = _bound(sample, since)
        return () if bound is None else (sa.or_(column >= bound, column.is_(None)),)

    def take(self, changed: Sequence[sa.ColumnElement[bool]], parts: Parts) -> int:
        """Count the rows, then write them; the count."""
        with told(self._place):
            total = int(self._session.value(sa.select(sa.func.count()).select_from(self._table).where(*changed)))
        columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in self.names]
        ordered = sa.select(*columns).select_from(self._table).where(*changed).order_by(*(sa.column(name) for name in self._order))
        with closing(self._session.batches(ordered)) as batches:
            for batch in self._told(batches):
                parts.add(batch)
        return total

    def _told(self, batches: Iterator[list[pa.Array]]) -> Iterator[list[pa.Array]]:
        """The batches; what goes wrong in getting one is told, what the taker does with it is not."""
        while True:
            with told(self._place):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch


def _bound(sample: object, since: datetime) -> sa.BindParameter[Any] | None:
    """`since` as the database compares it with values like `sample`; None when they are neither dates nor instants."""
    if isinstance(sample, datetime):
        aware = sample.tzinfo is not None
        return sa.bindparam("since", since.replace(tzinfo=SHANGHAI) if aware else since, sa.DateTime(timezone=aware))
    if isinstance(sample, date):
        return sa.bindparam("since", since.date(), sa.Date())
    return None


def _unequal(place: str, rows: int, total: int) -> Incomplete:
    what = f"“{place}”在同一时刻应有 {total} 条记录，实际收到 {rows} 条"
    why = "请数据库管理员确认表支持一致性快照（例如 MariaDB 的 MyISAM 表不支持）后重新取数。"
    return Incomplete("fewer_rows" if rows < total else "more_rows", f"{what}，本次不采用；{why}")
