"""One look at one subject of one source: what is known of it, and how files and the load itself are recorded.

Belongs here: `raw.files` and `raw.loads`. Does not belong here: what a look takes in (`record_files`, `pulls`, `logs`), how a source is
reached (`delivery`), Dagster.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl

from assets.delivery import Arrived
from assets.sources.connector import Incomplete
from warehouse import clock, tables
from warehouse.landing import Landing, Unreadable
from warehouse.sql import query
from warehouse.store import insert, next_id

_FILES, _LOADS = tables.TABLES["raw.files"], tables.TABLES["raw.loads"]
_KNOWN = (
    "file_id", "load_id", "path", "sha256", "bytes", "mtime_ns", "state", "reason", "reader", "stream", "pull", "seen_load_id",
)  # fmt: skip


@dataclass(frozen=True)
class Ingested:
    """What one look at one subject brought, for the run's record."""

    files_seen: int
    files_new: int
    files_rejected: int
    rows_new: int

    @classmethod
    def sum(cls, looks: Sequence[Ingested]) -> Ingested:
        """The looks at several sources, added up."""
        return cls(*(sum(getattr(look, name) for look in looks) for name in cls.__annotations__))


class Look:
    """One look at one subject of one source: what it knows, and how it records files and the load."""

    def __init__(self, con: duckdb.DuckDBPyConnection, landing: Landing, subject: str, arrived: Arrived, run_id: str) -> None:
        self.con, self.landing, self.subject, self.arrived, self.run_id = con, landing, subject, arrived, run_id
        self.delivery = arrived.delivery
        self.now = clock.now()
        self.load_id = next_id(con, _LOADS)
        self.new = self.rejected = self.rows = self.unchanged = 0

    def known(self, where: str) -> list[dict[str, Any]]:
        """The files recorded for this source, in the order in which they landed."""
        asked = f"SELECT {', '.join(_KNOWN)} FROM raw.files WHERE source = ? AND subject = ? AND {where} ORDER BY file_id"
        rows = self.con.execute(asked, [self.delivery.source, self.subject]).fetchall()
        return [dict(zip(_KNOWN, row, strict=True)) for row in rows]

    def latest(self) -> dict[str, dict[str, Any]]:
        """Path → the file recorded last under it: a later content of a path replaces the earlier."""
        return {known["path"]: known for known in self.known("true")}

    def store_file(self, row: dict[str, Any], file_id: int | None = None) -> int:
        """Record a file; its number."""
        file_id = file_id or next_id(self.con, _FILES)
        self.store_files({file_id: row})
        return file_id

    def store_files(self, rows: Mapping[int, dict[str, Any]]) -> None:
        """Record files by their numbers."""
        always = {
            "load_id": self.load_id,
            "seen_load_id": self.load_id,
            "agency": self.delivery.agency,
            "source": self.delivery.source,
            "subject": self.subject,
            "landed_at": self.now,
            "reader": self.delivery.reader,
        }
        full = [dict.fromkeys(_FILES.schema) | always | row | {"file_id": file_id} for file_id, row in rows.items()]
        insert(self.con, _FILES, pl.DataFrame(full, schema=_FILES.schema, orient="row"))

    def store_rejection(self, row: dict[str, Any], reason: str, detail: str, file_id: int | None = None) -> None:
        """Record a file that is not landed at all."""
        self.rejected += 1
        self.store_file(row | {"state": "rejected", "reason": reason, "detail": detail}, file_id)

    def refused(self, path: str, known: dict[str, Any] | None, reason: str, detail: str) -> None:
        """A file that is not opened, or cannot be, is looked at again every night and recorded once."""
        if known and known["state"] == "rejected" and known["sha256"] is None and known["reason"] == reason:
            self.rejected += 1
            return
        self.new += 1
        self.store_rejection({"path": path}, reason, detail)

    def unreadable(self, path: str, known: dict[str, Any] | None, error: Unreadable) -> None:
        """A file that cannot be opened."""
        self.refused(path, known, "unreadable", f"文件没有读成（{error}）；请检查文件的权限和存放位置，或等它传完。")

    def record(self, seen: Sequence[str], *, rehash: bool, waiting: int = 0, **more: Any) -> Ingested:
        """Record the load and which paths it saw; `more` are further columns of `raw.loads`."""
        self.con.execute(
            query("seen"), {"load": self.load_id, "source": self.delivery.source, "subject": self.subject, "paths": list(seen)}
        )
        row = {
            "load_id": self.load_id,
            "agency": self.delivery.agency,
            "source": self.delivery.source,
            "subject": self.subject,
            "run_id": self.run_id,
            "kind": self.delivery.connector.kind,
            "question": self.delivery.question,
            "began_at": self.arrived.began_at,
            "loaded_at": self.now,
            "files_seen": len(seen),
            "files_new": self.new,
            "files_waiting": waiting,
            "is_rehashed": rehash,
            "rows_read": self.rows,
            "rows_unchanged": self.unchanged,
        }
        insert(self.con, _LOADS, pl.DataFrame([dict.fromkeys(_LOADS.schema) | row | more], schema=_LOADS.schema, orient="row"))
        return Ingested(len(seen), self.new, self.rejected, self.rows)

    def record_refusal(self, refusal: Incomplete) -> Ingested:
        """Record that the load is not whole; nothing of it is landed, what was seen before stays as it was."""
        self.new = self.rejected = self.rows = self.unchanged = 0
        return self.record([], rehash=False, since=self.arrived.since, reason=refusal.reason, detail=refusal.detail)


def listed(names: tuple[str, ...]) -> str | None:
    """Names as `raw.files` keeps them."""
    return json.dumps(names, ensure_ascii=False) if names else None
