"""The views: what follows from stored rows and is never stored itself.

Belongs here: the ledger, each record's place in each report, the totals of the ledger, the hits of the access log. Does not
belong here: tables (`tables.py`), the judgement of a subject (`sql/judged`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import duckdb

from warehouse.sql import query
from warehouse.subjects import SUBJECTS

# Columns of a hit in Parquet and their DuckDB types; `assets.sources.web_log` writes them.
HIT_COLUMNS: Mapping[str, str] = {
    "row_no": "BIGINT", "hit_at": "TIMESTAMP", "remote_addr": "VARCHAR", "method": "VARCHAR", "path": "VARCHAR", "status": "INTEGER",
    "bytes": "BIGINT", "referer": "VARCHAR", "user_agent": "VARCHAR", "is_bot": "BOOLEAN",
}  # fmt: skip


@cache
def definitions() -> Mapping[str, tuple[str, str]]:
    """View name → (Chinese comment, query), in the order in which they build on each other."""
    judged = {f"report.judged_{s}": (f"{SUBJECTS[s].zh}：逐年判定", query(f"judged/{s}")) for s in SUBJECTS}
    return {
        "core.ledger": ("台账：每一落地行恰有一个去处（与年度无关的部分）", _ledger()),
        **judged,
        "report.places": ("台账：每一落地行在每份报告中的去处", _places()),
        "report.access_log_places": ("台账：访问日志逐文件、逐年的去处", query("access_log_places")),
        "report.ledger_totals": ("台账合计：每份报告、每类来源、每个去处的行数", query("ledger_totals")),
    }


def create(con: duckdb.DuckDBPyConnection) -> None:
    """Create the views that are missing or whose query has changed."""
    known = dict(con.execute("SELECT schema_name || '.' || view_name, comment FROM duckdb_views() WHERE NOT internal").fetchall())
    for name, (comment, query) in definitions().items():
        stamped = f"{comment} [{hashlib.sha256(query.encode()).hexdigest()[:12]}]"
        if known.get(name) != stamped:
            con.execute(f"CREATE OR REPLACE VIEW {name} AS {query}")
            con.execute(f"COMMENT ON VIEW {name} IS '{stamped}'")


def show_hits(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Let `raw.access_log` read the Parquet files that committed rows name, and no other file."""
    columns = ", ".join(f"h.{c}" for c in HIT_COLUMNS)
    names = [row[0] for row in con.execute("SELECT hits_file FROM raw.files WHERE hits_file IS NOT NULL ORDER BY file_id").fetchall()]
    if names:
        listed = ", ".join("'" + str(folder / n).translate({39: "''"}) + "'" for n in names)
        hits = f"read_parquet([{listed}], filename = true) AS h JOIN raw.files AS f ON h.filename = '{str(folder).translate({39: chr(39) * 2})}/' || f.hits_file"
    else:
        empty = ", ".join(f"NULL::{kind} AS {name}" for name, kind in HIT_COLUMNS.items())
        hits = f"(SELECT {empty}) AS h JOIN raw.files AS f ON false"
    con.execute(f"CREATE OR REPLACE VIEW raw.access_log AS SELECT f.agency, f.file_id, {columns} FROM {hits}")
    con.execute("COMMENT ON VIEW raw.access_log IS '访问日志：可读的行（含访问者地址，个人信息）'")


def _ledger() -> str:
    """One row per landed row, over all subjects: its place among the versions of its key, or quarantine."""
    versions = [
        f"SELECT agency, '{s}' AS subject, file_id, row_no, record_key, state AS place, "
        "CASE WHEN state = 'superseded' THEN 'older_version' WHEN state = 'duplicate' AND is_conflicting THEN 'conflicting_duplicate' "
        f"WHEN state = 'duplicate' THEN 'same_version' END AS rule, ref_file_id, ref_row_no FROM core.{s}"
        for s in SUBJECTS
    ]
    quarantine = "SELECT agency, subject, file_id, row_no, record_key, 'quarantined', reason, NULL, NULL FROM core.quarantine"
    return "\nUNION ALL\n".join([*versions, quarantine])


def _places() -> str:
    """One row per landed row and report: a current record as its dates say, every other row as the ledger says."""
    judged = [
        f"SELECT j.agency, j.year, '{s}' AS subject, j.file_id, j.row_no, c.record_key, j.place, j.rule "
        f"FROM report.judged_{s} AS j JOIN core.{s} AS c USING (file_id, row_no)"
        for s in SUBJECTS
    ]
    rest = ("SELECT l.agency, y.year, l.subject, l.file_id, l.row_no, l.record_key, l.place, l.rule "
            "FROM core.ledger AS l JOIN report.years AS y USING (agency) WHERE l.place <> 'current'")
    return "\nUNION ALL\n".join([*judged, rest])
