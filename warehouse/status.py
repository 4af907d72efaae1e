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
    "SELECT source, subject, arg_max(loaded_at, load_id) AS last_look_at, arg_max(files_seen, load_id) AS files, "
    "max(loaded_at) FILTER (files_new > 0) AS last_new_at FROM raw.loads GROUP BY ALL ORDER BY ALL"
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
