"""Settings of a source → the connector by which it is reached.

Belongs here: which connector a source has, with its secrets. Does not belong here: keys of the file (`settings_sources`), what a connector
does (`assets.sources`).

A secret is looked for when a plan is made. One that is missing does not stop the night: its source alone is not complete, and says why.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from assets.delivery import Delivery
from assets.sources.connector import Connector, Feed, Found, Incomplete, Pulled, Store
from assets.sources.envelope import STANDARD, Envelope
from assets.sources.folder import Folder
from pipelines.secrets import private_file, secret
from pipelines.settings import Settings, Source
from pipelines.settings_sources import DatabaseTable, InboxTable, NamesTable, RestTable
from warehouse.subjects import ACCESS_LOG, SUBJECTS, Subject

if TYPE_CHECKING:
    from assets.sources.tree import Tree


@dataclass(frozen=True)
class Refused:
    """In the place of a connector that cannot be made: every look at it is incomplete, for the same reason."""

    kind: str
    why: Incomplete

    def found(self, patterns: Sequence[str]) -> list[Found]:
        """Nothing, for the reason."""
        raise self.why

    def fetch(self, found: Found, spool: Path) -> Path:
        """Nothing, for the reason."""
        raise self.why


@dataclass(frozen=True)
class RefusedFeed(Refused):
    """The same for a feed."""

    def pull(self, subject: Subject, since: datetime | None, spool: Path) -> Pulled:
        """Nothing, for the reason."""
        raise self.why


def deliveries(settings: Settings, subject: str) -> tuple[Delivery, ...]:
    """Every source that delivers a subject."""
    return tuple(_delivery(settings, s, subject) for s in settings.sources if subject in s.subjects)


def watched(settings: Settings) -> Iterator[tuple[str, Store, Sequence[str]]]:
    """Every inbox that a sensor looks into, with what it looks for; a log grows all the time and starts nothing."""
    for source in (s for s in settings.sources if s.inbox):
        records = [subject for subject in source.subjects if subject != ACCESS_LOG]
        patterns = [pattern for subject in records for pattern in source.files[subject]]
        if records:
            yield source.name, connector(settings, source, records[0]), patterns  # type: ignore[misc]


def _delivery(settings: Settings, source: Source, subject: str) -> Delivery:
    return Delivery(
        source=source.name,
        agency=source.agency,
        connector=connector(settings, source, subject),
        patterns=source.files[subject],
        columns=source.columns.get(subject, {}),
        envelope=_envelope(source.rest.names) if source.rest else STANDARD,
        question=_question(source, subject),
        full_export=subject in source.full_export,
        full_days=source.full_days,
        overlap=timedelta(hours=source.overlap_hours),
    )


def _question(source: Source, subject: str) -> str:
    """A digest of what a feed is asked and where, without secrets; empty for files."""
    asked: list[object] = []
    if source.rest:
        asked = [source.rest.url, source.rest.paths.get(subject, subject), sorted(source.rest.parameters.items())]
    if source.database:
        asked = [source.database.url, source.database.tables[subject]]
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:16] if asked else ""


def connector(settings: Settings, source: Source, subject: str) -> Connector:
    """How a source is reached for a subject."""
    folder = settings.file.parent
    try:
        if source.inbox:
            return _inbox(source.inbox, folder, settings.file_bytes, is_log=subject == ACCESS_LOG)
        if source.rest:
            return _rest(source.rest, source, folder)
        if source.database:
            return _database(source.database, source, folder)
    except Incomplete as why:
        return Refused("inbox", why) if source.inbox else RefusedFeed(source.kind, why)
    assert source.path is not None
    return Folder(source.path)


# Each way brings libraries that the others do without: they are imported where they are needed.


def _inbox(table: InboxTable, folder: Path, limit_bytes: int, *, is_log: bool) -> Store:
    from assets.sources.inbox import Inbox
    from assets.sources.tree import LocalTree

    tree: Tree = LocalTree(Path(os.path.realpath(folder / table.url))) if "://" not in table.url else _sftp(table, folder)
    # A log never stands still; what it has grown by is known by its content.
    complete: Literal["stable", "marker", "growing"] = "growing" if is_log else "marker" if table.complete == "marker" else "stable"
    return Inbox(tree, limit_bytes, complete, table.settle_seconds)


def _sftp(table: InboxTable, folder: Path) -> Tree:
    from assets.sources.sftp import Login, SftpTree

    key = private_file(table.key_file, folder) if table.key_file else None
    password = secret(table.password_env, table.password_file, folder)
    return SftpTree(Login.of(table.url, folder / table.known_hosts, key, password))


def _rest(table: RestTable, source: Source, folder: Path) -> Feed:
    from assets.sources.rest import Rest

    names = table.names or NamesTable()
    with_time = {s for s in SUBJECTS if SUBJECTS[s].updated_at}
    return Rest(
        base_url=table.url,
        paths={subject: table.paths.get(subject, subject) for subject in source.subjects},
        columns=source.columns,
        envelope=_envelope(names),
        page_param=names.page,
        size_param=names.size,
        since_param=names.since,
        since_format=table.since_format,
        incremental=frozenset(with_time if table.incremental is None else table.incremental),
        extra=table.parameters,
        page_size=table.page_size,
        first_page=table.first_page,
        passes=table.passes,
        max_pages=table.max_pages,
        token=secret(table.token_env, table.token_file, folder),
        token_header=table.header,
        token_scheme=table.scheme,
        timeout=table.timeout_seconds,
        deadline=table.deadline_seconds,
        attempts=table.attempts,
        interval=table.pause_ms / 1000,
        max_page_bytes=table.page_mb << 20,
        ca_file=folder / table.ca_file if table.ca_file else None,
    )


def _envelope(names: NamesTable | None) -> Envelope:
    return STANDARD if names is None else Envelope(code=names.code, rows=names.rows, total=names.total, page=names.page_no, ok=names.ok)


def _database(table: DatabaseTable, source: Source, folder: Path) -> Feed:
    from assets.sources.database import Database

    return Database(
        url=table.url,
        password=secret(table.password_env, table.password_file, folder),
        tables=table.tables,
        columns=source.columns,
        order=table.order,
        timeout_seconds=table.timeout_seconds,
        attempts=table.attempts,
    )
