"""From a source's folder into the warehouse: what is new is kept unchanged, read, and stored as landed rows.

Belongs here: finding files, telling new from known, the order keep → read → store, rejection of a file as a whole. Does not
belong here: how a format is read (`sources`), what a value means (`logic`), Dagster.

A night reads what is new: a file whose path, size and modification time are known is not opened again, except when every
file is hashed anew (`rehash`). When the reading settings change, kept bytes are read again, whether or not the source still
has them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from assets.sources.files import Rejected, read
from warehouse import clock, tables
from warehouse.landing import Landing, Unreadable, status_of
from warehouse.sql import query
from warehouse.store import Warehouse, delete_files, insert, next_id
from warehouse.subjects import SUBJECTS

# Raise it when the readers give other text for the same bytes: kept files are then read anew.
READER_VERSION = "1"
_FILES = tables.TABLES["raw.files"]


@dataclass(frozen=True)
class Delivery:
    """Where one subject of one source lies: the organ it belongs to, a folder, patterns below it, local headers."""

    source: str
    agency: str
    root: Path
    patterns: tuple[str, ...]
    columns: Mapping[str, str]

    @property
    def reader(self) -> str:
        """Digest of everything that decides how the bytes are read and whose they are."""
        stable = json.dumps([READER_VERSION, self.agency, sorted(self.columns.items())], ensure_ascii=False)
        return hashlib.sha256(stable.encode()).hexdigest()[:16]

    def found(self) -> list[tuple[str, Path]]:
        """The files, by relative path in code point order; nothing outside the folder is followed."""
        root = self.root.resolve()
        paths = {p for pattern in self.patterns for p in root.glob(pattern) if p.is_file() and p.resolve().is_relative_to(root)}
        return sorted((_told(p.relative_to(root).as_posix()), p) for p in paths)


def _told(path: str) -> str:
    r"""A path as text: a byte of a name that is not UTF-8, as old archives leave them, is shown as \xb2."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


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


def ingest(
    warehouse: Warehouse,
    landing: Landing,
    subject: str,
    deliveries: Sequence[Delivery],
    *,
    run_id: str,
    limit_bytes: int,
    rehash_days: int = 7,
) -> Ingested:
    """Land what is new of one subject, over all its sources, in one transaction."""
    with warehouse.step() as con:
        landing.tidy()  # behind the lock of the warehouse: no other run is copying
        return Ingested.sum([_RecordLook(con, landing, subject, d, run_id, limit_bytes).take(rehash_days) for d in deliveries])


class Look:
    """One look at one subject of one source: what it knows, and how it records files and the load."""

    def __init__(self, con: duckdb.DuckDBPyConnection, landing: Landing, subject: str, delivery: Delivery, run_id: str) -> None:
        self.con, self.landing, self.subject, self.delivery, self.run_id = con, landing, subject, delivery, run_id
        self.now = clock.now()
        self.load_id = next_id(con, tables.TABLES["raw.loads"])
        self.new = self.rejected = self.rows = 0

    def known(self, where: str) -> list[dict[str, Any]]:
        """The files recorded for this source, in the order in which they landed."""
        columns = ["file_id", "path", "sha256", "bytes", "mtime_ns", "state", "reason", "reader", "seen_load_id"]
        asked = f"SELECT {', '.join(columns)} FROM raw.files WHERE source = ? AND subject = ? AND {where} ORDER BY file_id"
        rows = self.con.execute(asked, [self.delivery.source, self.subject]).fetchall()
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def latest(self) -> dict[str, dict[str, Any]]:
        """Path → the file recorded last under it: a later content of a path replaces the earlier."""
        return {known["path"]: known for known in self.known("true")}

    def store_file(self, row: dict[str, Any], file_id: int | None = None) -> int:
        """Record a file; its number."""
        file_id = file_id or next_id(self.con, _FILES)
        always = {
            "file_id": file_id,
            "load_id": self.load_id,
            "seen_load_id": self.load_id,
            "agency": self.delivery.agency,
            "source": self.delivery.source,
            "subject": self.subject,
            "landed_at": self.now,
            "reader": self.delivery.reader,
        }
        full = dict.fromkeys(_FILES.schema) | always | row
        insert(self.con, _FILES, pl.DataFrame([full], schema=_FILES.schema, orient="row"))
        return file_id

    def store_rejection(self, row: dict[str, Any], reason: str, detail: str, file_id: int | None = None) -> None:
        """Record a file that is not landed at all."""
        self.rejected += 1
        self.store_file(row | {"state": "rejected", "reason": reason, "detail": detail}, file_id)

    def unreadable(self, path: str, known: dict[str, Any] | None, error: Unreadable) -> None:
        """A file that cannot be opened is looked at again every night and recorded once."""
        if known and known["state"] == "rejected" and known["sha256"] is None:
            self.rejected += 1
            return
        self.new += 1
        self.store_rejection({"path": path}, "unreadable", f"文件打不开（{error}）；请检查文件的权限和存放位置。")

    def record(self, seen: Sequence[str], *, rehash: bool) -> Ingested:
        """Record the load and which paths it saw."""
        self.con.execute(
            query("seen"), {"load": self.load_id, "source": self.delivery.source, "subject": self.subject, "paths": list(seen)}
        )
        table = tables.TABLES["raw.loads"]
        row = {
            "load_id": self.load_id,
            "agency": self.delivery.agency,
            "source": self.delivery.source,
            "subject": self.subject,
            "run_id": self.run_id,
            "loaded_at": self.now,
            "files_seen": len(seen),
            "files_new": self.new,
            "is_rehashed": rehash,
            "rows_read": self.rows,
        }
        insert(self.con, table, pl.DataFrame([row], schema=table.schema, orient="row"))
        return Ingested(len(seen), self.new, self.rejected, self.rows)


class _RecordLook(Look):
    """One look at the record files of one subject of one source."""

    def __init__(self, con: duckdb.DuckDBPyConnection, landing: Landing, subject: str, delivery: Delivery, run_id: str, limit: int) -> None:
        super().__init__(con, landing, subject, delivery, run_id)
        self.limit = limit

    def take(self, rehash_days: int) -> Ingested:
        """Read again what must be, land what is new, record the load."""
        rehash = self._is_due(rehash_days)
        for known in self.known("sha256 IS NOT NULL"):
            if known["reader"] != self.delivery.reader or (known["state"] == "same_bytes" and not self._stands_already(known["sha256"])):
                self._reread(known)
        latest = self.latest()
        files = self.delivery.found()
        for path, file in files:
            self._look_at(path, file, latest.get(path), rehash)
        return self.record([path for path, _ in files], rehash=rehash)

    def _is_due(self, rehash_days: int) -> bool:
        row = self.con.execute(
            "SELECT max(loaded_at) FILTER (is_rehashed) FROM raw.loads WHERE source = ? AND subject = ?",
            [self.delivery.source, self.subject],
        ).fetchone()
        return row is None or row[0] is None or self.now - row[0] >= timedelta(days=rehash_days)

    def _look_at(self, path: str, file: Path, known: dict[str, Any] | None, rehash: bool) -> None:
        try:
            stat = status_of(file)
            if known and known["reason"] == "too_large" and known["bytes"] <= self.limit:
                self._reread(known)  # the limit was raised
                return
            if known and not rehash and known["sha256"] and (known["bytes"], known["mtime_ns"]) == (stat.st_size, stat.st_mtime_ns):
                return
            sha256, size = self.landing.put(file)
        except Unreadable as error:
            self.unreadable(path, known, error)
            return
        if known and known["sha256"] == sha256:
            self.con.execute("UPDATE raw.files SET mtime_ns = ? WHERE file_id = ?", [stat.st_mtime_ns, known["file_id"]])
            return
        self.new += 1
        self._place({"path": path, "sha256": sha256, "bytes": size, "mtime_ns": stat.st_mtime_ns})

    def _place(self, row: dict[str, Any], file_id: int | None = None) -> None:
        """Land kept bytes unless they stand in the warehouse already."""
        if self._stands_already(row["sha256"], row["path"]):
            self.store_file(row | {"state": "same_bytes", "rows_read": 0, "detail": "内容与已落地的文件完全相同，不重复计数"}, file_id)
            # The bytes lie under one more path, which may change the order of files: their rows are ranked anew.
            self.con.execute(query("rank_again"), {"agency": self.delivery.agency, "subject": self.subject, "sha256": row["sha256"]})
        else:
            self._land(row, file_id)

    def _stands_already(self, sha256: str, path: str = "") -> bool:
        """Whether these bytes are landed, read alike.

        Under `path` they are not once other bytes were landed there after them: the content that was put back is the later one.
        """
        return (
            self.con.execute(
                "SELECT 1 FROM raw.files AS f "
                "WHERE agency = $agency AND subject = $subject AND sha256 = $sha AND state = 'landed' AND reader = $reader "
                "AND NOT EXISTS (FROM raw.files AS g "
                "WHERE g.source = f.source AND g.subject = f.subject AND g.path = f.path AND g.state = 'landed' "
                "AND f.source = $source AND f.path = $path AND g.file_id > f.file_id)",
                {
                    "agency": self.delivery.agency,
                    "subject": self.subject,
                    "sha": sha256,
                    "reader": self.delivery.reader,
                    "source": self.delivery.source,
                    "path": path,
                },
            ).fetchone()
            is not None
        )

    def _reread(self, known: dict[str, Any]) -> None:
        """Read kept bytes under other settings; the file keeps its number."""
        for table in (tables.raw(self.subject), _FILES):
            delete_files(self.con, table, [known["file_id"]])
        self.con.execute("UPDATE core.cleaned SET fingerprint = '' WHERE file_id = ?", [known["file_id"]])  # by no rules that are in force
        self._place({name: known[name] for name in ("path", "sha256", "bytes", "mtime_ns", "seen_load_id")}, known["file_id"])

    def _land(self, row: dict[str, Any], file_id: int | None = None) -> None:
        """Read a kept file and store its rows; a file that is rejected on the way leaves none."""
        file_id = file_id or next_id(self.con, _FILES)
        kept = self.landing.path_of(row["sha256"], Path(row["path"]).suffix)
        try:
            landed = read(kept, row["path"], SUBJECTS[self.subject], self.delivery.columns, self.limit)
            rows = self._store_rows(file_id, landed.sheet, landed.chunks)
        except Rejected as verdict:
            delete_files(self.con, tables.raw(self.subject), [file_id])
            self.store_rejection(row, verdict.reason, verdict.detail, file_id)
            return
        self.rows += rows
        self.store_file(row | {
            "state": "landed", "sheet": landed.sheet, "rows_read": rows,
            "unknown_columns": _listed(landed.unknown_columns), "ignored_sheets": _listed(landed.ignored_sheets),
        }, file_id)  # fmt: skip

    def _store_rows(self, file_id: int, sheet: str | None, chunks: Iterator[pl.DataFrame]) -> int:
        table, count = tables.raw(self.subject), 0
        for chunk in chunks:
            count += chunk.height
            where = {"agency": self.delivery.agency, "file_id": file_id, "sheet": sheet}
            lit = [pl.lit(value, table.schema[name]).alias(name) for name, value in where.items()]
            insert(self.con, table, chunk.with_columns(lit).select(list(table.schema)))
        return count


def _listed(names: tuple[str, ...]) -> str | None:
    return json.dumps(names, ensure_ascii=False) if names else None
