"""The gate: which report may be published, and its publication.

Belongs here: reading the findings of a report, the order export → record → point → snapshot, what stays at its last good version and
why. Does not belong here: rules (`expectations`), what an export looks like (`publish`), what auditors read (`snapshot`).

Every step can be repeated: what a killed night left half done is found whole or made anew by the next one. A report is held back by
a critical finding on itself, on its organ, or on every organ; the finding of one organ never holds another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb

from warehouse import clock, publish, report, snapshot, tables
from warehouse.sql import query
from warehouse.store import Warehouse

_EDITION = "SELECT format, as_of, content_sha256, inputs_sha256, settings_sha256, code_version, rules_version FROM report.versions"


@dataclass(frozen=True)
class Standing:
    """Where a report stands: its latest version, the one in force, and the critical findings that hold it back."""

    agency: str
    agency_name: str
    year: int
    draft: int
    published: int | None
    critical: tuple[str, ...]

    @property
    def is_held(self) -> bool:
        """Whether critical findings keep it where it is."""
        return bool(self.critical)


@dataclass(frozen=True)
class Published:
    """What a run of the gate did: where every report stands now, how many were published, the snapshot's file name."""

    standings: tuple[Standing, ...]
    new: int
    snapshot: str


def standings(con: duckdb.DuckDBPyConnection, years: Sequence[int]) -> list[Standing]:
    """Where the reports of these years stand."""
    rows = con.execute(query("gate/standings"), {"years": list(years)}).fetchall()
    return [Standing(a, name, year, draft, last, tuple(critical or ())) for a, name, year, draft, last, critical in rows]


def release(warehouse: Warehouse, exports: Path, years: Sequence[int], today: date, say: Callable[[str], None]) -> Published:
    """Publish every report of these years without a critical finding, and renew what auditors read.

    Raises:
        warehouse.publish.NotPublished: an export could not be written whole; the version in force is untouched.
    """
    done, new = [], 0
    with warehouse.connect() as con:
        for standing in standings(con, years):
            now = standing
            if not standing.is_held and standing.draft != standing.published:
                say(f"发布 {standing.agency_name} {standing.year} 年度第 {standing.draft} 版")
                _publish(con, exports, standing)
                now = replace(standing, published=standing.draft)
                new += 1
            _point(con, exports, now)
            done.append(now)
        _note(con, done, today)
        return Published(tuple(done), new, _snapshot(con, exports / "audit", years, say))


def _publish(con: duckdb.DuckDBPyConnection, exports: Path, standing: Standing) -> None:
    written = publish.write(exports, edition(con, standing.agency, standing.year, standing.draft))
    con.execute(
        "INSERT INTO report.publications (agency, year, version, published_at, folder, manifest_sha256) VALUES (?, ?, ?, ?, ?, ?)",
        [standing.agency, standing.year, standing.draft, clock.now().replace(tzinfo=None), written.name, written.manifest_sha256],
    )


def edition(con: duckdb.DuckDBPyConnection, agency: str, year: int, version: int) -> publish.Edition:
    """A version as it is exported."""
    row = con.execute(f"{_EDITION} WHERE agency = ? AND year = ? AND version = ?", [agency, year, version]).fetchone()
    name = con.execute("SELECT agency_name FROM report.years WHERE agency = ? AND year = ?", [agency, year]).fetchone()
    assert row is not None and name is not None
    facts = dict(zip(("inputs_sha256", "settings_sha256", "code_version", "rules_version"), row[3:], strict=True))
    return publish.Edition(
        agency=agency, agency_name=name[0], year=year, version=version, format=row[0], as_of=row[1], content_sha256=row[2], facts=facts,
        values=report.tables_of(con, agency, year, version),
        sections=report.sections(con, agency, year, version),
        evidence=con.sql(query("gate/evidence"), params={"agency": agency, "year": year, "version": version}).pl(),
    )  # fmt: skip


def _point(con: duckdb.DuckDBPyConnection, exports: Path, standing: Standing) -> None:
    """Let `current` name the version in force; an export that was lost is written again from its rows."""
    row = con.execute(
        "SELECT folder FROM report.publications WHERE agency = ? AND year = ? AND version = ?",
        [standing.agency, standing.year, standing.published],
    ).fetchone()
    if row is None:
        return
    root = exports / standing.agency / str(standing.year)
    if not (root / row[0]).exists():
        assert standing.published is not None
        publish.write(exports, edition(con, standing.agency, standing.year, standing.published))
    if publish.pointed(exports, standing.agency, standing.year) != row[0]:
        publish.point(exports, standing.agency, standing.year, row[0])


def _note(con: duckdb.DuckDBPyConnection, done: Sequence[Standing], today: date) -> None:
    """Say in `report.status` where each report stands, since when it is held and why."""
    since = {(a, y): day for a, y, day in con.execute("SELECT agency, year, held_since FROM report.status").fetchall()}
    con.begin()
    for s in done:
        con.execute("DELETE FROM report.status WHERE agency = ? AND year = ?", [s.agency, s.year])
        held = since.get((s.agency, s.year)) or today
        values = [s.agency, s.year, s.draft, s.published, held if s.is_held else None, "\n".join(s.critical) or None]
        names = ", ".join(tables.TABLES["report.status"].schema)
        con.execute(f"INSERT INTO report.status ({names}) VALUES (?, ?, ?, ?, ?, ?)", values)
    con.commit()


def _snapshot(con: duckdb.DuckDBPyConnection, folder: Path, years: Sequence[int], say: Callable[[str], None]) -> str:
    """The auditors' file of what the findings were judged from; made anew only where that has changed."""
    key = ",".join(map(str, years))
    row = con.execute("SELECT snapshot FROM report.verdicts WHERE years = ?", [key]).fetchone()
    current = folder / "current.duckdb"
    if row and row[0] and current.exists() and current.readlink().name == row[0]:
        return str(row[0])
    say("写审计库")
    made: str = snapshot.publish(con, folder).path.name
    con.execute("UPDATE report.verdicts SET snapshot = CASE WHEN years = ? THEN ? END", [key, made])
    return made
