"""Pulls: answers of which each tells what a source holds, so that rows which stand landed already are not landed again.

Belongs here: staging a pull whole, comparing it with the rows the source showed before, what it withdraws. Does not belong here: how it
is fetched (`delivery`), files that only add (`ingest`), what a withdrawn row means for a count (ranking, findings).

A pull is the answer of a feed, or a file that is a full export. It is read to its end before anything of it is stored: if a part of it is
rejected, the load is not whole and nothing of it is landed. A row that a source shows no more stays landed and counted; it is noted in
`raw.withdrawn`, and the finding `vanished_record` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from assets.look import Ingested, listed
from assets.record_files import RecordLook
from assets.sources.connector import Incomplete
from assets.sources.files import Rejected, read
from assets.sources.shape import CHUNK_ROWS
from warehouse import tables
from warehouse.sql import query
from warehouse.store import append, delete_files, next_id
from warehouse.subjects import SUBJECTS

_FILES = tables.TABLES["raw.files"]
_Row = dict[str, Any]  # of raw.files


class PullLook(RecordLook):
    """One look at a feed, or at a store of full exports."""

    def take(self, rehash_days: int) -> Ingested:
        """Read again what must be, compare what arrived with what stands, record the load."""
        self._reread_pulls()
        pulled = self.arrived.pulled
        if pulled is None:
            return super().take(rehash_days)
        rows = [self._kept(part.file, part.name) for part in pulled.parts]
        try:
            self._take_in_pull(rows, is_full=pulled.is_full, total=pulled.control_total)
        except Rejected as verdict:
            return self.record_refusal(Incomplete(verdict.reason, verdict.detail))
        except Incomplete as refusal:
            return self.record_refusal(refusal)
        return self.record(
            [row["path"] for row in rows],
            rehash=False,
            is_full=pulled.is_full,
            since=self.arrived.since,
            source_at=pulled.source_at,
            control_total=pulled.control_total,
        )

    def _kept(self, file: Path, name: str) -> _Row:
        """Keep the bytes of a part; they lie under a name that no other pull has."""
        sha256, size = self.landing.put(file)
        self.new += 1
        folder = f"{self.delivery.stream(self.subject)}/{self.arrived.began_at:%Y%m%dT%H%M%S}-{self.load_id:06d}"
        return {"path": f"{folder}/{name}", "sha256": sha256, "bytes": size}

    def _place(self, row: _Row, file_id: int | None = None) -> None:
        """A file that is a full export is a pull of one part."""
        try:
            self._take_in_pull([row], is_full=True, first_id=file_id)
        except Rejected as verdict:
            self.store_rejection(row, verdict.reason, verdict.detail, file_id)

    def _take_in_pull(self, rows: Sequence[_Row], *, is_full: bool, total: int | None = None, first_id: int | None = None) -> None:
        """Land of these parts what the source did not show before; note what it shows no more.

        Raises:
            Rejected: a part cannot be read; nothing is written.
            Incomplete: the rows are not as many as the source says; nothing is written.
        """
        pull = first_id or next_id(self.con, _FILES)
        ids = range(pull, pull + len(rows))
        read_rows = self._stage(rows, ids)
        if total is not None and total != (have := sum(n for n, *_ in read_rows)):
            raise Incomplete("rows_lost", f"来源说共有 {total} 行，读出来是 {have} 行；请重新运行，仍不相符时请与来源的维护单位核对。")
        stream = self.delivery.stream(self.subject)
        is_first = not self.known(f"stream = '{stream}' AND pull < {pull}")
        fresh = self._land_all() if is_first else self._compare(pull, is_full, rows[0].get("load_id", self.load_id))
        recorded = {}
        for row, file_id, (count, sheet, unknown, ignored) in zip(rows, ids, read_rows, strict=True):
            new = fresh.get(file_id, 0)
            self.rows += new
            self.unchanged += count - new
            recorded[file_id] = row | {
                "state": "landed" if new or (is_first and file_id == pull) else "unchanged", "stream": stream, "pull": pull,
                "rows_read": new, "rows_unchanged": count - new, "sheet": sheet,
                "unknown_columns": listed(unknown), "ignored_sheets": listed(ignored),
            }  # fmt: skip
        self.store_files(recorded)

    def _stage(self, rows: Sequence[_Row], ids: Sequence[int]) -> list[tuple[int, str | None, tuple[str, ...], tuple[str, ...]]]:
        """Read every part to its end into the temporary table `arrived`: rows, sheet, unknown columns, ignored sheets of each.

        Pages are small: they are stored together, a chunk of rows at a time.
        """
        contract = SUBJECTS[self.subject]
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE arrived AS FROM {tables.raw(self.subject).full_name} LIMIT 0")
        done = []
        waiting: list[pl.DataFrame] = []
        for row, file_id in zip(rows, ids, strict=True):
            kept = self.landing.path_of(row["sha256"], Path(row["path"]).suffix)
            landed = read(kept, row["path"], contract, self.delivery.columns, self.limit, self.delivery.envelope)
            count = 0
            for chunk in landed.chunks:
                count += chunk.height
                waiting.append(self.placed(chunk, file_id, landed.sheet))
                if sum(map(len, waiting)) >= CHUNK_ROWS:
                    append(self.con, "arrived", pl.concat(waiting))
                    waiting.clear()
            done.append((count, landed.sheet, landed.unknown_columns, landed.ignored_sheets))
        if waiting:
            append(self.con, "arrived", pl.concat(waiting))
        return done

    def _land_all(self) -> dict[int, int]:
        """Store all staged rows: nothing stands that they could be compared with; number of rows by part."""
        self.con.execute(f"INSERT INTO {tables.raw(self.subject).full_name} BY NAME FROM arrived")
        fresh = dict(self.con.execute("SELECT file_id, count(*) FROM arrived GROUP BY file_id").fetchall())
        self.con.execute("DROP TABLE arrived")
        return fresh

    def _compare(self, pull: int, is_full: bool, load_id: int) -> dict[int, int]:
        """Store the staged rows that are new or have changed, note those that are gone; number of new rows by part."""
        con, raw = self.con, tables.raw(self.subject).full_name
        where = {"source": self.delivery.source, "subject": self.subject, "stream": self.delivery.stream(self.subject)}
        con.execute(self._query("offered"))
        con.execute(self._query("standing"), {**where, "pull": pull, "is_full": is_full})
        con.execute(self._query("fresh"))
        con.execute(self._query("gone"), {"is_full": is_full})
        con.execute(f"INSERT INTO {raw} BY NAME FROM arrived SEMI JOIN fresh USING (file_id, row_no)")
        con.execute(
            "INSERT INTO raw.withdrawn (agency, source, subject, file_id, row_no, load_id) SELECT ?, ?, ?, file_id, row_no, ? FROM gone",
            [self.delivery.agency, self.delivery.source, self.subject, load_id],
        )
        con.execute(self._query("rank_again"))
        fresh = dict(con.execute("SELECT file_id, count(*) FROM fresh GROUP BY file_id").fetchall())
        for name in ("arrived", "offered", "standing", "fresh", "gone"):
            con.execute(f"DROP TABLE {name}")
        return fresh

    def _query(self, name: str) -> str:
        """The text of `sql/pulls/<name>.sql` for the subject: its table, its key (null where a part is), all its columns as landed."""
        contract, table = SUBJECTS[self.subject], tables.raw(self.subject)
        landed = [c for c in table.schema if c not in ("agency", "file_id", "sheet", "row_no")]
        return (
            query(f"pulls/{name}")
            .replace("raw.subject", table.full_name)
            .replace("row_key", " || '|' || ".join(contract.key))
            .replace("row_digest", f"md5(to_json([{', '.join(landed)}]))")
        )

    def _reread_pulls(self) -> None:
        """Read all kept pulls again, in their order, when the reading settings have changed; their parts keep their numbers."""
        known = self.known("stream IS NOT NULL")
        if all(k["reader"] == self.delivery.reader for k in known):
            return
        for table in (tables.raw(self.subject), tables.TABLES["raw.withdrawn"], _FILES):
            delete_files(self.con, table, [k["file_id"] for k in known])
        self.con.execute("UPDATE core.cleaned SET fingerprint = '' WHERE list_contains(?, file_id)", [[k["file_id"] for k in known]])
        full = dict(self.con.execute("SELECT load_id, is_full FROM raw.loads WHERE source = ?", [self.delivery.source]).fetchall())
        for pull, parts in groupby(known, key=lambda k: k["pull"]):
            self._read_pull_again(pull, list(parts), full)

    def _read_pull_again(self, pull: int, parts: Sequence[_Row], full: dict[int, bool | None]) -> None:
        names = ("load_id", "seen_load_id", "path", "sha256", "bytes", "mtime_ns")
        rows = [{name: part[name] for name in names} for part in parts]
        try:
            self._take_in_pull(rows, is_full=bool(full[rows[0]["load_id"]]), first_id=pull)
        except Rejected as verdict:
            stream = {"stream": self.delivery.stream(self.subject), "pull": pull}
            for row, part in zip(rows, parts, strict=True):
                self.store_rejection(row | stream, verdict.reason, verdict.detail, part["file_id"])
