"""The status file: when runs happened and how fresh everything is, apart from exports and snapshot, which name no run.

Belongs here: writing `status.json` beside the warehouse. Does not belong here: what is decided (`gate`).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from warehouse import clock
from warehouse.store import Warehouse

_REPORTS = (
    "SELECT s.agency, y.agency_name, s.year, s.draft_version, s.published_version, v.as_of, p.published_at, s.held_since, s.held_why "
    "FROM report.status AS s JOIN report.years AS y USING (agency, year) "
    "LEFT JOIN report.publications AS p ON p.agency = s.agency AND p.year = s.year AND p.version = s.published_version "
    "LEFT JOIN report.versions AS v ON v.agency = s.agency AND v.year = s.year AND v.version = s.published_version ORDER BY ALL"
)
_SOURCES = (
    "SELECT source, subject, kind, looked_at, completed_at, full_at, changed_at, reason, detail, files_waiting, "
    "CASE WHEN reason IS NOT NULL THEN coalesce(completed_at::VARCHAR, 'never') END AS stale_since FROM report.freshness ORDER BY ALL"
)


def write(warehouse: Warehouse, path: Path, run_id: str) -> None:
    """Replace the status file: the run that wrote it, each report, each source."""
    status = {
        "written_at": str(clock.now().replace(tzinfo=None, microsecond=0)),
        "run_id": run_id,
        "reports": warehouse.read(_REPORTS).to_dicts(),
        "sources": warehouse.read(_SOURCES).to_dicts(),
    }
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(status, ensure_ascii=False, indent=2, default=str) + "\n", "utf-8")
    aside.replace(path)
