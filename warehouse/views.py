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

from warehouse import tables
from warehouse.model import TYPES
from warehouse.sql import query
from warehouse.subjects import SUBJECTS


@cache
def definitions() -> Mapping[str, tuple[str, str]]:
    """View name → (Chinese comment, query), in the order in which they build on each other."""

    def zh(name: str) -> str:
        return tables.VIEWS[name].zh

    judged = {f"report.judged_{s}": (f"{SUBJECTS[s].zh}：逐年判定", query(f"judged/{s}")) for s in SUBJECTS}
    return {
        "core.ledger": (zh("core.ledger"), _ledger()),
        "report.inputs": (zh("report.inputs"), query("inputs")),
        "report.cells": (zh("report.cells"), _standing("cells", "cell_versions")),
        "report.evidence": (zh("report.evidence"), _standing("evidence", "evidence_versions")),
        "report.sources": (zh("report.sources"), f"SELECT {_names('report.sources')} FROM raw.files"),
        "report.freshness": (zh("report.freshness"), query("freshness")),
        **judged,
        "report.places": (zh("report.places"), _places()),
        "report.access_log_places": (zh("report.access_log_places"), query("access_log_places")),
        "report.ledger_totals": (zh("report.ledger_totals"), query("ledger_totals")),
    }


def create(con: duckdb.DuckDBPyConnection) -> None:
    """Create the views that are missing or whose query has changed."""
    known = dict(con.execute("SELECT schema_name || '.' || view_name, comment FROM duckdb_views() WHERE NOT internal").fetchall())
    for name, (comment, text) in definitions().items():
        stamped = f"{comment} [{hashlib.sha256(text.encode()).hexdigest()[:12]}]"
        if known.get(name) != stamped:
            con.execute(f"CREATE OR REPLACE VIEW {name} AS {text}")
            con.execute(f"COMMENT ON VIEW {name} IS '{stamped}'")


def show_hits(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Let `raw.access_log` read the Parquet files that committed rows name, and no other file."""
    hit = [c for c in tables.VIEWS["raw.access_log"].columns if c.name not in ("agency", "file_id")]
    columns = ", ".join(f"h.{c.name}::{TYPES[c.type][0]} AS {c.name}" for c in hit)
    names = [row[0] for row in con.execute("SELECT hits_file FROM raw.files WHERE hits_file IS NOT NULL ORDER BY file_id").fetchall()]
    if names:
        listed = ", ".join("'" + str(folder / name).replace("'", "''") + "'" for name in names)
        hits = f"read_parquet([{listed}], filename = true) AS h JOIN raw.files AS f ON parse_filename(h.filename) = f.hits_file"
    else:
        empty = ", ".join(f"NULL::{TYPES[c.type][0]} AS {c.name}" for c in hit)
        hits = f"(SELECT {empty}) AS h JOIN raw.files AS f ON false"
    con.execute(f"CREATE OR REPLACE VIEW raw.access_log AS SELECT f.agency, f.file_id, {columns} FROM {hits}")
    con.execute(f"COMMENT ON VIEW raw.access_log IS '{tables.VIEWS['raw.access_log'].zh}'")


def _names(view: str) -> str:
    return ", ".join(tables.VIEWS[view].schema)


def _standing(view: str, history: str) -> str:
    """The rows of the latest version of each report."""
    return f"SELECT {_names(f'report.{view}')} FROM report.{history} WHERE v_to IS NULL"


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
    rest = (
        "SELECT l.agency, y.year, l.subject, l.file_id, l.row_no, l.record_key, l.place, l.rule "
        "FROM core.ledger AS l JOIN report.years AS y USING (agency) WHERE l.place <> 'current'"
    )
    return "\nUNION ALL\n".join([*judged, rest])
