"""Access logs: new byte ranges are kept, their hits become Parquet beside the warehouse, days are counted from the Parquet.

Belongs here: which range is new, the order keep → parse → store, days. Does not belong here: the reading of a line
(`sources.web_log`), record files (`ingest`), Dagster.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from assets.delivery import Arrived, Delivery, Fetched, fetch
from assets.look import Ingested, Look
from assets.records import Settled
from assets.sources.shape import Rejected
from assets.sources.web_log import KnownRange, Range, new_range, parse
from warehouse import ledger, tables, views
from warehouse.landing import Landing, Unreadable
from warehouse.sql import query
from warehouse.store import Warehouse, insert, next_id
from warehouse.subjects import ACCESS_LOG

# Every landed range of an organ, whichever source brought it. A range went on behind those that ended where it starts: behind the one
# under its own path if there are several, as the beginnings of two nodes' logs often have the same length.
_RANGES = """
WITH landed AS (FROM raw.files WHERE agency = ? AND subject = ? AND state = 'landed'),
continued AS (
    SELECT r.file_id
    FROM landed AS r
    JOIN landed AS s ON s.byte_from = r.byte_to AND s.line_from = r.line_from + r.lines AND s.file_id > r.file_id
        AND (s.head_bytes > r.head_bytes OR s.head_sha256 = r.head_sha256)
    QUALIFY (s.source = r.source AND s.path = r.path) OR NOT bool_or(s.source = r.source AND s.path = r.path) OVER (PARTITION BY s.file_id)
)
SELECT head_sha256, head_bytes, byte_to, line_from + lines - 1, tail_sha256, file_id IN (FROM continued) FROM landed
"""


def land_logs(warehouse: Warehouse, landing: Landing, hits: Path, deliveries: Sequence[Delivery], *, run_id: str) -> Ingested:
    """Land what the access logs have grown by, over all sources, in one transaction."""
    hits.mkdir(parents=True, exist_ok=True)
    with landing.spool() as spool:
        arrived = [fetch(warehouse, d, ACCESS_LOG, spool / str(at), rehash_days=0) for at, d in enumerate(deliveries)]
        with warehouse.step() as con:
            landing.tidy()
            remove_orphans(con, hits)
            looks = [_LogLook(con, landing, ACCESS_LOG, a, run_id, hits, warehouse.memory_limit).take() for a in arrived]
            views.show_hits(con, hits)
        return Ingested.sum(looks)


def remove_orphans(con: duckdb.DuckDBPyConnection, hits: Path) -> None:
    """Remove the Parquet files that no committed row names: a killed run left them.

    Raises:
        RuntimeError: a file that a committed row names is gone; nothing is removed then.
    """
    named = {row[0] for row in con.execute("SELECT hits_file FROM raw.files WHERE hits_file IS NOT NULL").fetchall()}
    _assert_there(hits, named)
    for file in hits.iterdir():
        if file.is_file() and file.name not in named:
            file.unlink()


def _assert_there(hits: Path, names: Iterable[str]) -> None:
    gone = sorted(name for name in names if not (hits / name).is_file())
    if gone:
        raise RuntimeError(
            f"访问日志的明细文件缺失（共 {len(gone)} 个，如 {gone[0]}）；请从备份恢复 hits 文件夹后再运行，留存的原件在 landing。"
        )


def count_days(warehouse: Warehouse, hits: Path) -> Settled:
    """Count the hits of the ranges that have no days yet.

    Raises:
        warehouse.ledger.Unbalanced: lines, hits, rejects and blanks do not add up; nothing is written then.
        RuntimeError: the Parquet file of such a range is gone.
    """
    with warehouse.step() as con:
        new = con.execute(
            "SELECT file_id, agency, hits_file FROM raw.files AS f WHERE subject = 'access_log' AND state = 'landed' "
            "AND NOT EXISTS (FROM core.cleaned AS c WHERE c.file_id = f.file_id) ORDER BY file_id"
        ).fetchall()
        _assert_there(hits, [name for _, _, name in new])
        for file_id, agency, name in new:
            con.execute(query("log_days"), {"file_id": file_id, "agency": agency, "hits": str(hits / name)})
            insert(con, tables.TABLES["core.cleaned"],
                   pl.DataFrame({"subject": [ACCESS_LOG], "file_id": [file_id], "fingerprint": ["days"]}))  # fmt: skip
        if new:
            ledger.assert_balanced(con, ACCESS_LOG)
        rows = con.execute(
            "SELECT coalesce(sum(hits), 0)::BIGINT FROM core.access_log_days WHERE list_contains(?, file_id)", [[n[0] for n in new]]
        )
        return Settled(len(new), int((rows.fetchone() or (0,))[0]), 0)


class _LogLook(Look):
    """One look at the access logs of one source."""

    def __init__(self, con: Any, landing: Landing, subject: str, arrived: Arrived, run_id: str, hits: Path, memory_limit: str) -> None:
        super().__init__(con, landing, subject, arrived, run_id)
        self.hits, self.memory_limit = hits, memory_limit

    def take(self) -> Ingested:
        """Land what is new of every log file, record the load."""
        self._adopt()
        if self.arrived.refusal:
            return self.record_refusal(self.arrived.refusal)
        latest = self.latest()
        for fetched in self.arrived.files:
            self._look_at(fetched, latest.get(fetched.found.path))
        return self.record([f.found.path for f in self.arrived.files], rehash=False)

    def _look_at(self, fetched: Fetched, known: dict[str, Any] | None) -> None:
        found = fetched.found
        if found.refused:
            self.refused(found.path, known, *found.refused)
        elif fetched.trouble:
            self.unreadable(found.path, known, fetched.trouble)
        elif fetched.file and not (known and (known["bytes"], known["mtime_ns"]) == (found.bytes, found.mtime_ns)):
            self._read(fetched.file, known, {"path": found.path, "bytes": found.bytes, "mtime_ns": found.mtime_ns})

    def _adopt(self) -> None:
        """What a source handed over before belongs to the organ that it is configured for now."""
        own = "file_id IN (SELECT file_id FROM raw.files WHERE source = $source AND subject = $subject AND agency <> $agency)"
        given = {"agency": self.delivery.agency, "source": self.delivery.source, "subject": self.subject}
        for table in ("core.access_log_days", "raw.access_log_rejects", "raw.files"):
            self.con.execute(f"UPDATE {table} SET agency = $agency WHERE {own}", given)

    def _read(self, file: Path, known: dict[str, Any] | None, row: dict[str, Any]) -> None:
        with self.landing.spool() as spool:
            try:
                found = new_range(file, row["path"], self._ranges(), spool)
            except Rejected as verdict:
                self.store_rejection(row, verdict.reason, verdict.detail)
                return
            except OSError as error:
                self.unreadable(row["path"], known, Unreadable(error.strerror or type(error).__name__))
                return
            if found:
                self._land(found, row)
            elif known and known["state"] != "rejected":
                self.con.execute(
                    "UPDATE raw.files SET bytes = ?, mtime_ns = ? WHERE file_id = ?", [row["bytes"], row["mtime_ns"], known["file_id"]]
                )
            else:  # an empty log, one that was rotated under another name, or one that was rejected and is whole now
                self.store_file(
                    row | {"state": "same_bytes", "rows_read": 0, "detail": "没有新的日志行（空文件，或轮转后改名的已落地日志）"}
                )

    def _land(self, found: Range, row: dict[str, Any]) -> None:
        sha256, _ = self.landing.put(found.file)
        # Of its own for each range: a log that grows twice by the same lines has ranges with equal bytes and other row numbers.
        name = f"{next_id(self.con, tables.TABLES['raw.files']):08d}-{sha256[:16]}.parquet"
        parsed = parse(self.landing.path_of(sha256, found.file.suffix), found.line_from, self.hits / name, memory_limit=self.memory_limit)
        self.new += 1
        self.rows += parsed.hits + parsed.rejects.height
        file_id = self.store_file(row | {
            "sha256": sha256, "state": "landed", "rows_read": parsed.hits + parsed.rejects.height, "head_sha256": found.head_sha256,
            "head_bytes": found.head_bytes, "tail_sha256": found.tail_sha256, "byte_from": found.byte_from, "byte_to": found.byte_to,
            "line_from": found.line_from, "lines": found.lines, "hits": parsed.hits, "rejects": parsed.rejects.height,
            "blanks": parsed.blanks, "hits_file": name,
        })  # fmt: skip
        table = tables.TABLES["raw.access_log_rejects"]
        insert(self.con, table, parsed.rejects.select(
            pl.lit(self.delivery.agency).alias("agency"), pl.lit(file_id, pl.Int64()).alias("file_id"), "row_no", "line"))  # fmt: skip

    def _ranges(self) -> list[KnownRange]:
        rows = self.con.execute(_RANGES, [self.delivery.agency, self.subject]).fetchall()
        return [KnownRange(*row) for row in rows]
