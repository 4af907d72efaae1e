"""What a source hands over of one subject in one night, before anything is landed.

Belongs here: the Delivery (whose it is, how it is reached), what must be asked for (`since`), fetching outside of any transaction, so that
nobody waits for a slow network with the warehouse locked. Does not belong here: the ways to reach a source (`sources`), landing (`ingest`,
`logs`, `pulls`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from assets.sources.connector import Connector, Feed, Found, Incomplete, Pulled, Store
from assets.sources.envelope import STANDARD, Envelope
from warehouse import clock, tables
from warehouse.landing import Unreadable
from warehouse.sql import query
from warehouse.store import Warehouse
from warehouse.subjects import SUBJECTS

# Raise it when the readers give other text for the same bytes: kept files are then read anew.
READER_VERSION = "1"


@dataclass(frozen=True)
class Delivery:
    """Where one subject of one source comes from: the organ it belongs to, how it is reached, local headers.

    `question` is a digest of what a feed is asked and where: an answer to another question says nothing of what has changed.
    `full_export`: each file is everything the source holds, a later one replaces the earlier. A feed is asked for changes since the last
    pull less `overlap`, and for everything at least every `full_days` days.
    """

    source: str
    agency: str
    connector: Connector
    patterns: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    envelope: Envelope = STANDARD
    question: str = ""
    full_export: bool = False
    full_days: int = 7
    overlap: timedelta = timedelta(days=2)

    @property
    def reader(self) -> str:
        """Digest of everything that decides how the bytes are read and whose they are."""
        stable = [READER_VERSION, self.agency, sorted(self.columns.items())]
        own = stable if self.envelope == STANDARD else [*stable, repr(self.envelope)]
        return hashlib.sha256(json.dumps(own, ensure_ascii=False).encode()).hexdigest()[:16]

    def stream(self, subject: str) -> str:
        """The name under which all pulls of a subject lie."""
        return f"{self.connector.kind}/{subject}"


@dataclass(frozen=True)
class Fetched:
    """A file of a store: the local file, None where it need not be opened, or why it cannot be."""

    found: Found
    file: Path | None = None
    trouble: Unreadable | None = None


@dataclass(frozen=True)
class Arrived:
    """What a source handed over: files, or the answer of a feed, or the reason why it is not whole."""

    delivery: Delivery
    began_at: datetime
    files: tuple[Fetched, ...] = ()
    pulled: Pulled | None = None
    since: datetime | None = None
    refusal: Incomplete | None = None


def fetch(warehouse: Warehouse, delivery: Delivery, subject: str, spool: Path, rehash_days: int) -> Arrived:
    """Ask a source for what is new of a subject; whatever is not local is copied into the folder `spool`."""
    spool.mkdir()
    began_at, connector = clock.now(), delivery.connector
    try:
        if isinstance(connector, Feed):
            return _ask(warehouse, delivery, connector, subject, spool, began_at)
        return Arrived(delivery, began_at, tuple(_look_through(warehouse, delivery, connector, subject, spool, rehash_days)))
    except Incomplete as refusal:
        return Arrived(delivery, began_at, refusal=refusal)
    finally:
        if hasattr(connector, "close"):  # a connection that was opened for this look
            connector.close()


def _ask(warehouse: Warehouse, delivery: Delivery, feed: Feed, subject: str, spool: Path, began_at: datetime) -> Arrived:
    since = _since(warehouse, delivery, subject, began_at)
    return Arrived(delivery, began_at, pulled=feed.pull(SUBJECTS[subject], since, spool), since=since)


def _since(warehouse: Warehouse, delivery: Delivery, subject: str, now: datetime) -> datetime | None:
    """From which time on changes are asked for; None for everything: the first time, and when it is due again."""
    given = {
        "source": delivery.source, "subject": subject, "stream": delivery.stream(subject), "question": delivery.question,
        "reader": delivery.reader,
    }  # fmt: skip
    with warehouse.step() as con:
        text = query("pulls/watermark").replace("core.subject", tables.core(subject).full_name)
        row: tuple[datetime | None, datetime | None] = con.execute(text, given).fetchone() or (None, None)
    latest, full_at = row
    if latest is None or full_at is None or SUBJECTS[subject].updated_at is None:
        return None
    if (now.date() - full_at.date()).days >= delivery.full_days:  # by the calendar: a night is never a few seconds short of a week
        return None
    return latest - delivery.overlap


def _look_through(warehouse: Warehouse, delivery: Delivery, store: Store, subject: str, spool: Path, rehash_days: int) -> list[Fetched]:
    """The files of a store; of one that is not local only what has changed is fetched."""
    known: dict[str, tuple[int, int]] = {}
    if store.kind != "files":
        with warehouse.step() as con:
            if subject not in SUBJECTS or not is_due(con, delivery.source, subject, clock.now(), rehash_days):
                known = _known(con, delivery.source, subject)
    fetched = []
    for found in store.found(delivery.patterns):
        if found.refused or found.is_waiting or known.get(found.path) == (found.bytes, found.mtime_ns):
            fetched.append(Fetched(found))
            continue
        try:
            fetched.append(Fetched(found, store.fetch(found, spool)))
        except Unreadable as trouble:
            fetched.append(Fetched(found, trouble=trouble))
    return fetched


def _known(con: duckdb.DuckDBPyConnection, source: str, subject: str) -> dict[str, tuple[int, int]]:
    """Size and time of the contents recorded last under each path, where their bytes are kept or known."""
    rows = con.execute(
        "SELECT path, arg_max(bytes, file_id), arg_max(mtime_ns, file_id) FROM raw.files "
        "WHERE source = ? AND subject = ? AND bytes IS NOT NULL GROUP BY path",
        [source, subject],
    ).fetchall()
    return {path: (size, mtime_ns) for path, size, mtime_ns in rows}


def is_due(con: duckdb.DuckDBPyConnection, source: str, subject: str, now: datetime, rehash_days: int) -> bool:
    """Whether every file must be looked at byte by byte again."""
    row = con.execute(
        "SELECT max(loaded_at) FILTER (is_rehashed) FROM raw.loads WHERE source = ? AND subject = ?", [source, subject]
    ).fetchone()
    return row is None or row[0] is None or now - row[0] >= timedelta(days=rehash_days)
