"""Record files: what is new is kept unchanged, read, and stored as landed rows.

Belongs here: telling new from known, the order keep → read → store, rejection of a file as a whole. Does not belong here: files of which
each is everything (`pulls`), access logs (`logs`), how a format is read (`sources`), what a value means (`logic`), Dagster.

A night reads what is new: a file whose path, size and modification time are known is not opened again, except when every
file is hashed anew (`rehash`). When the reading settings change, kept bytes are read again, whether or not the source still
has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from assets.delivery import Arrived, Fetched, is_due
from assets.look import Ingested, Look, listed
from assets.sources.files import Rejected, read
from warehouse import tables
from warehouse.landing import Landing, Unreadable
from warehouse.sql import query
from warehouse.store import append, delete_files, next_id
from warehouse.subjects import SUBJECTS

_FILES = tables.TABLES["raw.files"]


class RecordLook(Look):
    """One look at the record files of one subject of one source."""

    def __init__(self, con: duckdb.DuckDBPyConnection, landing: Landing, subject: str, arrived: Arrived, run_id: str, limit: int) -> None:
        super().__init__(con, landing, subject, arrived, run_id)
        self.limit = limit

    def read_files_again(self) -> None:
        """Read kept files again under settings that have changed."""
        for known in self.known("sha256 IS NOT NULL AND stream IS NULL"):
            if known["reader"] != self.delivery.reader or (known["state"] == "same_bytes" and not self._stands_already(known["sha256"])):
                self._reread(known)

    def take_files(self, rehash_days: int) -> Ingested:
        """Land what is new among the files of a store, record the load."""
        rehash = is_due(self.con, self.delivery.source, self.subject, self.now, rehash_days)
        latest = self.latest()
        for fetched in self._in_order():
            self.look_at(fetched, latest.get(fetched.found.path), rehash)
        seen = [f.found.path for f in self.arrived.files if not f.found.is_waiting]
        return self.record(
            seen, rehash=rehash, waiting=len(self.arrived.files) - len(seen), is_full=True if self.delivery.full_export else None
        )

    def _in_order(self) -> Sequence[Fetched]:
        """The files by path; of full exports the latest last, as it is what holds."""
        files = self.arrived.files
        return sorted(files, key=lambda f: (f.found.mtime_ns, f.found.path)) if self.delivery.full_export else files

    def look_at(self, fetched: Fetched, known: dict[str, Any] | None, rehash: bool) -> None:
        """Land the content of a file if it is new."""
        found = fetched.found
        if found.is_waiting:
            return
        if found.refused:
            self.refused(found.path, known, *found.refused)
        elif fetched.trouble:
            self.unreadable(found.path, known, fetched.trouble)
        elif known and known["reason"] == "too_large" and known["bytes"] <= self.limit:
            self._reread(known)  # the limit was raised
        elif fetched.file and (
            rehash or not known or not known["sha256"] or (known["bytes"], known["mtime_ns"]) != (found.bytes, found.mtime_ns)
        ):
            try:
                sha256, size = self.landing.put(fetched.file, Path(found.path).suffix)
            except Unreadable as error:
                self.unreadable(found.path, known, error)
                return
            self._take_in({"path": found.path, "sha256": sha256, "bytes": size, "mtime_ns": found.mtime_ns}, known)

    def _take_in(self, row: dict[str, Any], known: dict[str, Any] | None) -> None:
        if known and known["sha256"] == row["sha256"]:
            self.con.execute("UPDATE raw.files SET mtime_ns = ? WHERE file_id = ?", [row["mtime_ns"], known["file_id"]])
            return
        self.new += 1
        self.place(row)

    def place(self, row: dict[str, Any], file_id: int | None = None) -> None:
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
        self.place({name: known[name] for name in ("path", "sha256", "bytes", "mtime_ns", "seen_load_id")}, known["file_id"])

    def _land(self, row: dict[str, Any], file_id: int | None = None) -> None:
        """Read a kept file and store its rows; a file that is rejected on the way leaves none."""
        file_id = file_id or next_id(self.con, _FILES)
        kept = self.landing.path_of(row["sha256"], Path(row["path"]).suffix)
        try:
            landed = read(kept, row["path"], SUBJECTS[self.subject], self.delivery.columns, self.limit, self.delivery.envelope)
            rows = self._store_rows(file_id, landed.sheet, landed.chunks)
        except Rejected as verdict:
            delete_files(self.con, tables.raw(self.subject), [file_id])
            self.store_rejection(row, verdict.reason, verdict.detail, file_id)
            return
        self.rows += rows
        self.store_file(row | {
            "state": "landed", "sheet": landed.sheet, "rows_read": rows,
            "unknown_columns": listed(landed.unknown_columns), "ignored_sheets": listed(landed.ignored_sheets),
        }, file_id)  # fmt: skip

    def _store_rows(self, file_id: int, sheet: str | None, chunks: Iterator[pl.DataFrame]) -> int:
        count = 0
        for chunk in chunks:
            count += chunk.height
            append(self.con, tables.raw(self.subject).full_name, self.placed(chunk, file_id, sheet))
        return count

    def placed(self, chunk: pl.DataFrame, file_id: int, sheet: str | None) -> pl.DataFrame:
        """Rows of a file as `raw.<subject>` has them: with the organ, the file and the sheet they stood in."""
        columns = tables.raw(self.subject).schema
        where = {"agency": self.delivery.agency, "file_id": file_id, "sheet": sheet}
        return chunk.with_columns(pl.lit(value, columns[name]).alias(name) for name, value in where.items()).select(list(columns))
