"""Pulls: answers of which each tells what a source holds, so that rows which stand landed already are not landed again.

Belongs here: staging a pull whole, comparing it with the rows the source showed before, what it withdraws, the order of full exports.
Does not belong here: how a pull is fetched (`delivery`), files that only add (`record_files`), what a withdrawn row means for a count
(ranking, findings).

A pull is the answer of a feed, or a file that is a full export. It is read to its end before anything of it is stored: if a part of it is
rejected, the load is not whole and nothing of it is landed. A row that a source shows no more stays landed and counted; it is noted in
`raw.withdrawn`, and the finding `vanished_record` says so. Unknown columns do not make a row another one: a platform's row numbers would
change every row each night.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from assets.look import Ingested, listed
from assets.record_files import RecordLook
from assets.sources.connector import Incomplete, Pulled
from assets.sources.files import Rejected, read
from assets.sources.shape import CHUNK_ROWS
from warehouse import tables
from warehouse.sql import query
from warehouse.store import append, delete_files, next_id
from warehouse.subjects import SUBJECTS

_FILES = tables.TABLES["raw.files"]
_NOT_COMPARED = {"agency", "file_id", "sheet", "row_no", "extra"}
_Row = dict[str, Any]  # of raw.files


@dataclass(frozen=True)
class _Read:
    """What the reader said of a part: rows, sheet, unknown columns, ignored sheets."""

    rows: int
    sheet: str | None = None
    unknown: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


class PullLook(RecordLook):
    """One look at whatever delivers records: a feed, a store of full exports, a store of files."""

    def take(self, rehash_days: int) -> Ingested:
        """Read again what must be, take in what arrived, record the load."""
        self.read_files_again()
        otherwise = "SELECT 1 FROM raw.files WHERE source = ? AND subject = ? AND stream IS NOT NULL AND reader <> ? LIMIT 1"
        if self.con.execute(otherwise, [self.delivery.source, self.subject, self.delivery.reader]).fetchone():
            self._rebuild()
        if refusal := self.arrived.refusal or self._overtaken():
            return self.record_refusal(refusal)
        if self.arrived.pulled is None:
            return self.take_files(rehash_days)
        try:
            return self._take_answer(self.arrived.pulled)
        except Rejected as verdict:
            return self.record_refusal(Incomplete(verdict.reason, verdict.detail))
        except Incomplete as refused:
            return self.record_refusal(refused)

    def _overtaken(self) -> Incomplete | None:
        """What was fetched before another run had landed is older than what stands; a folder is read under the lock."""
        later = "SELECT 1 FROM raw.loads WHERE source = ? AND subject = ? AND loaded_at > ?"
        given = [self.delivery.source, self.subject, self.arrived.began_at]
        if self.delivery.connector.kind == "files" or not self.con.execute(later, given).fetchone():
            return None
        return Incomplete("overtaken", "取数期间另一次运行已经落地了较新的数据；请不要同时运行两次，稍后重新运行即可。")

    def _take_answer(self, pulled: Pulled) -> Ingested:
        """Land the answer of a feed.

        Raises:
            Rejected: a part cannot be read; nothing is written.
            Incomplete: the rows are not as many as the source says; nothing is written.
        """
        first = next_id(self.con, _FILES)
        ids = range(first, first + len(pulled.parts))
        told = self._stage({file_id: (part.file, part.name) for file_id, part in zip(ids, pulled.parts, strict=True)})
        if not sum(part.rows for part in told) == pulled.rows == pulled.control_total:
            have = sum(part.rows for part in told)
            what = f"来源说共有 {pulled.control_total} 行，读出来是 {have} 行"
            raise Incomplete("rows_lost", f"{what}；请重新运行，仍不相符时请与来源的维护单位核对。")
        rows = {file_id: self._kept(part.file, part.name) for file_id, part in zip(ids, pulled.parts, strict=True)}
        self._settle(rows, told, pull=first, is_full=pulled.is_full)
        self.new = len(rows)
        return self.record(
            [row["path"] for row in rows.values()],
            rehash=False,
            is_full=pulled.is_full,
            since=None if pulled.is_full else self.arrived.since,
            source_at=pulled.source_at,
            control_total=pulled.control_total,
        )

    def _kept(self, file: Path, name: str) -> _Row:
        """Keep the bytes of a part; they lie under a name that no other pull has."""
        sha256, size = self.landing.put(file)
        folder = f"{self.stream}/{self.arrived.began_at:%Y%m%dT%H%M%S}-{self.load_id:06d}"
        return {"path": f"{folder}/{name}", "sha256": sha256, "bytes": size}

    # ---- files of which each is everything -------------------------------------------------------------------------------

    def place(self, row: _Row, file_id: int | None = None) -> None:
        """A file that is a full export is a pull of one part; one that is older than others takes its place among them."""
        if not self.delivery.full_export:
            super().place(row, file_id)
            return
        file_id = file_id or next_id(self.con, _FILES)
        others = self._known_pulls()
        try:
            told = self._stage({file_id: (self._bytes_of(row), row["path"])})
        except Rejected as verdict:
            self.store_rejection(row, verdict.reason, verdict.detail, file_id)
            return
        self._settle({file_id: row}, told, pull=max([file_id, *(k["pull"] + 1 for k in others)]), is_full=True)
        if any(_age(other) > _age(row) for other in others):
            self._rebuild()

    # ---- reading again ---------------------------------------------------------------------------------------------------

    def _known_pulls(self) -> list[_Row]:
        """The parts of all pulls, in the order of the pulls."""
        return sorted(self.known("stream IS NOT NULL"), key=lambda k: (k["pull"], k["file_id"]))

    def _rebuild(self) -> None:
        """Take in all kept pulls anew, full exports by their age: the settings have changed, or one came out of turn.

        A pull that cannot be read under the present settings keeps the rows it has; a platform may have had other columns then.
        """
        known = self._known_pulls()
        ids = [k["file_id"] for k in known]
        self.con.execute(
            f"CREATE OR REPLACE TEMP TABLE before AS FROM {tables.raw(self.subject).full_name} WHERE list_contains(?, file_id)", [ids]
        )
        full = dict(self.con.execute("SELECT load_id, is_full FROM raw.loads WHERE source = ?", [self.delivery.source]).fetchall())
        for table in (tables.raw(self.subject), tables.TABLES["raw.withdrawn"], _FILES):
            delete_files(self.con, table, ids)
        self.con.execute("UPDATE core.cleaned SET fingerprint = '' WHERE list_contains(?, file_id)", [ids])
        pulls = [list(parts) for _, parts in groupby(known, key=lambda k: k["pull"])]
        numbers = [parts[0]["pull"] for parts in pulls]
        if self.delivery.full_export:
            pulls.sort(key=lambda parts: _age(parts[0]))
        for number, parts in zip(numbers, pulls, strict=True):
            self._take_again(number, parts, is_full=full.get(parts[0]["load_id"]) is not False)
        self.con.execute("DROP TABLE before")

    def _take_again(self, pull: int, parts: Sequence[_Row], *, is_full: bool) -> None:
        names = ("load_id", "seen_load_id", "path", "sha256", "bytes", "mtime_ns", "stream")
        rows = {part["file_id"]: {name: part[name] for name in names} for part in parts}
        try:
            told = self._stage({file_id: (self._bytes_of(row), row["path"]) for file_id, row in rows.items()})
        except Rejected:
            told, is_full = self._stage_as_before(list(rows)), False  # which rows it did not name cannot be known now
        self._settle(rows, told, pull=pull, is_full=is_full)

    # ---- one pull --------------------------------------------------------------------------------------------------------

    @property
    def stream(self) -> str:
        """The name under which the pulls of the subject lie."""
        return self.delivery.stream(self.subject)

    def _stage(self, parts: Mapping[int, tuple[Path, str]]) -> list[_Read]:
        """Read every part (number → file and name) to its end into the temporary table `arrived`.

        Pages are small: they are stored together, a chunk of rows at a time.
        """
        self._open_staging()
        told, waiting, size = [], list[pl.DataFrame](), 0
        for file_id, (file, name) in parts.items():
            landed = read(
                file,
                name,
                SUBJECTS[self.subject],
                self.delivery.columns,
                self.limit,
                self.delivery.envelope,
                is_part=not self.delivery.full_export,
            )
            count = 0
            for chunk in landed.chunks:
                waiting.append(self.placed(chunk, file_id, landed.sheet))
                count, size = count + chunk.height, size + chunk.height
                if size >= CHUNK_ROWS:
                    append(self.con, "arrived", pl.concat(waiting))
                    waiting, size = [], 0
            told.append(_Read(count, landed.sheet, landed.unknown_columns, landed.ignored_sheets))
        if waiting:
            append(self.con, "arrived", pl.concat(waiting))
        return told

    def _stage_as_before(self, file_ids: Sequence[int]) -> list[_Read]:
        """Stage the rows that stood before; the number of each part."""
        self._open_staging()
        self.con.execute(
            "INSERT INTO arrived BY NAME SELECT * REPLACE (? AS agency) FROM before WHERE list_contains(?, file_id)",
            [self.delivery.agency, list(file_ids)],
        )
        rows = dict(self.con.execute("SELECT file_id, count(*) FROM arrived GROUP BY file_id").fetchall())
        return [_Read(rows.get(file_id, 0)) for file_id in file_ids]

    def _open_staging(self) -> None:
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE arrived AS FROM {tables.raw(self.subject).full_name} LIMIT 0")

    def _settle(self, rows: Mapping[int, _Row], told: Sequence[_Read], *, pull: int, is_full: bool) -> None:
        """Land of the staged rows what the source did not show before; note what it shows no more; record the parts."""
        first = min(rows)
        any_landed = "SELECT 1 FROM raw.files WHERE source = ? AND subject = ? AND state = 'landed' LIMIT 1"
        is_first = not self.con.execute(any_landed, [self.delivery.source, self.subject]).fetchone()
        fresh = self._land_all() if is_first else self._compare(is_full, rows[first].get("load_id", self.load_id))
        recorded = {}
        for (file_id, row), part in zip(rows.items(), told, strict=True):
            new = fresh.get(file_id, 0)
            self.rows += new
            self.unchanged += part.rows - new
            recorded[file_id] = row | {
                "state": "landed" if new or (is_first and file_id == first) else "unchanged", "stream": self.stream, "pull": pull,
                "rows_read": new, "rows_unchanged": part.rows - new, "sheet": part.sheet,
                "unknown_columns": listed(part.unknown), "ignored_sheets": listed(part.ignored),
            }  # fmt: skip
        self.store_files(recorded)

    def _land_all(self) -> dict[int, int]:
        """Store all staged rows: nothing stands that they could be compared with; number of rows by part."""
        self.con.execute(f"INSERT INTO {tables.raw(self.subject).full_name} BY NAME FROM arrived")
        return dict(self.con.execute("SELECT file_id, count(*) FROM arrived GROUP BY file_id").fetchall())

    def _compare(self, is_full: bool, load_id: int) -> dict[int, int]:
        """Store the staged rows that are new or have changed, note those that are gone; number of new rows by part."""
        con, where = self.con, {"source": self.delivery.source, "subject": self.subject}
        con.execute(self._query("offered"))
        con.execute(self._query("standing"), {**where, "is_full": is_full})
        con.execute(self._query("fresh"))
        con.execute(f"INSERT INTO {tables.raw(self.subject).full_name} BY NAME FROM arrived SEMI JOIN fresh USING (file_id, row_no)")
        if is_full:
            con.execute(self._query("gone"))
            con.execute(
                "INSERT INTO raw.withdrawn (agency, source, subject, file_id, row_no, load_id) "
                "SELECT ?, ?, ?, file_id, row_no, ? FROM gone",
                [self.delivery.agency, self.delivery.source, self.subject, load_id],
            )
            con.execute(self._query("rank_again"))
        return dict(con.execute("SELECT file_id, count(*) FROM fresh GROUP BY file_id").fetchall())

    def _query(self, name: str) -> str:
        """The text of `sql/pulls/<name>.sql` for the subject: its table, its key (null where a part is), the digest of its fields."""
        contract, table = SUBJECTS[self.subject], tables.raw(self.subject)
        fields = [c for c in table.schema if c not in _NOT_COMPARED]
        return (
            query(f"pulls/{name}")
            .replace("raw.subject", table.full_name)
            .replace("row_key", " || '|' || ".join(contract.key))
            .replace("row_digest", f"md5(to_json([{', '.join(fields)}]))")
        )

    def _bytes_of(self, row: _Row) -> Path:
        return self.landing.path_of(row["sha256"], Path(row["path"]).suffix)


def _age(row: _Row) -> tuple[int, str]:
    """Full exports by age: the later was written later; of two of one moment the name decides."""
    return row["mtime_ns"] or 0, row["path"]
