"""The report: what is to be reported, the evidence of each cell, and the cells.

Belongs here: storing the configured facts counting depends on, counting by SQL, reading finished tables. Does not belong
here: how a record is judged (`sql/judged`), what the form looks like (`forms`), findings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import polars as pl

from warehouse import counting, forms, ledger, spelling, tables, versions
from warehouse.export.figures import text_of
from warehouse.site import SiteSettings
from warehouse.sql import query
from warehouse.store import insert
from warehouse.subjects import SUBJECTS

Values = Mapping[str, Decimal | None]

# Raise it when a counting rule changes what a cell means, and say so in CHANGELOG.
COUNTING_VERSION = "1"
_EVIDENCE = tables.VIEWS["report.evidence"]


@dataclass(frozen=True)
class Scope:
    """What is to be reported: organs (code, name, other names), years, settings (name, value), sources (agency, source, subject).

    Then what a clerk has configured: rejected files set aside (sha256, reason, last day), figures of earlier published reports
    (agency, year, cell, value), figures of the narrative (rows of `report.claims`), limits of the rules about the web site.
    """

    agencies: tuple[tuple[str, str, tuple[str, ...]], ...]
    years: tuple[int, ...]
    settings: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, str, str], ...]
    ignored: tuple[tuple[str, str, date], ...] = ()
    given: tuple[tuple[str, int, str, Decimal], ...] = ()
    claims: tuple[tuple[str, int, str, int, str, Decimal, str | None, str | None], ...] = ()
    site: SiteSettings = field(default_factory=SiteSettings)


@dataclass(frozen=True)
class Counted:
    """How many reports were counted anew, and how many of them became a new version."""

    reports: int
    versions: int


def describe(con: duckdb.DuckDBPyConnection, scope: Scope) -> None:
    """Replace the tables of configured facts by those of `scope`; reports of other years stay as they are."""
    names = {(code, normal_name(n)) for code, name, others in scope.agencies for n in (name, *others)}
    _replace(con, "report.settings", list(scope.settings))
    _replace(con, "report.agency_names", sorted(names))
    _replace(con, "report.expected_sources", sorted(scope.sources))
    _replace(con, "report.ignored", sorted(scope.ignored))
    _replace(con, "report.given_figures", sorted(scope.given))
    _replace(con, "report.claims", list(scope.claims))
    _replace(con, "report.site_limits", scope.site.rows())
    codes = {code for code, _, _ in scope.agencies}
    kept = {(row[0], row[2]): row for row in con.execute("SELECT * FROM report.years").fetchall() if row[0] in codes}
    for code, name, _ in scope.agencies:
        for year in scope.years:
            counted_from = kept[code, year][4:] if (code, year) in kept else (None, None, None)
            kept[code, year] = (code, name, year, forms.format_of(year), *counted_from)
    _replace(con, "report.years", [row for _, row in sorted(kept.items())])
    _replace(con, "report.form_cells", [row for form in forms.every() for row in _form_rows(form)])


def normal_name(name: str) -> str:
    """A name as records hold it after cleaning: half width, nothing blank or invisible, upper case, square brackets as 〔 〕."""
    return "".join(map(spelling.key_character, name))


def _form_rows(form: forms.Form) -> list[tuple[str | None, ...]]:
    return [
        (form.id, c.id, c.table, c.row_key, c.col_key, c.subject or None, mark, c.class_, c.kind, c.label)
        for c in form.cells.values()
        for mark in (c.marks or (None,))
    ]


def _replace(con: duckdb.DuckDBPyConnection, name: str, rows: Sequence[tuple[object, ...]]) -> None:
    table = tables.TABLES[name]
    con.execute(f"DELETE FROM {name}")
    insert(con, table, pl.DataFrame(rows, schema=table.schema, orient="row"))


@cache
def code_version() -> str:
    """Version of the counting code: the number that is raised by hand, and a digest of its SQL, rules and forms."""
    parts = [*(query(f"judged/{s}") for s in SUBJECTS), *(query(f"report/{q}") for q in ("evidence", "section1", "section6", "cells"))]
    parts += [repr(counting.rules()), *(repr(sorted(form.cells.items())) for form in forms.every())]
    return f"{COUNTING_VERSION}-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:12]}"


def due(con: duckdb.DuckDBPyConnection, years: Sequence[int]) -> list[tuple[str, int]]:
    """Reports of these years whose data, settings or code differ from those their cells were counted from."""
    return con.execute(query("report/due"), {"years": list(years), "code": code_version()}).fetchall()


def count(con: duckdb.DuckDBPyConnection, years: Sequence[int], today: date, rules_version: str = "", *, again: bool = False) -> Counted:
    """Count the reports of these years that are due (`again`: all of them), and make a version of each that came out different.

    Raises:
        warehouse.ledger.Unbalanced: the places of a report do not add up to the rows landed for its organ, or a cell to its evidence.
    """
    if again:
        con.execute("UPDATE report.years SET code_version = NULL WHERE list_contains(?, year)", [list(years)])
    reports = due(con, years)
    if not reports:
        return Counted(0, 0)
    affected = sorted({year for _, year in reports})
    ledger.assert_places(con, affected)
    con.execute(f"CREATE OR REPLACE TEMP TABLE counted AS {query('report/counted')}", {"years": affected})
    collect(con, affected)
    con.execute(f"CREATE OR REPLACE TEMP TABLE new_cells AS {query('report/cells')}", {"years": affected})
    assert_reaggregates(con, affected)
    made = versions.record(con, today, code_version(), rules_version)
    con.execute(
        "UPDATE report.years SET inputs_sha256 = c.inputs_sha256, settings_sha256 = c.settings_sha256, code_version = $code "
        "FROM counted AS c WHERE years.agency = c.agency AND years.year = c.year",
        {"code": code_version()},
    )
    return Counted(len(reports), made)


def collect(con: duckdb.DuckDBPyConnection, years: Sequence[int]) -> None:
    """Collect the evidence of these report years in the temporary table `new_evidence`."""
    judged = " UNION ALL BY NAME ".join(
        f"SELECT agency, year, '{s}' AS subject, file_id, row_no, place, marks, class, amount FROM report.judged_{s}" for s in SUBJECTS
    )
    columns = ", ".join(_EVIDENCE.schema)
    con.execute(f"CREATE OR REPLACE TEMP TABLE new_evidence AS SELECT {columns} FROM report.evidence LIMIT 0")
    for statement in (f"WITH judged AS ({judged}) {query('report/evidence')}", query("report/section1"), query("report/section6")):
        con.execute(f"INSERT INTO new_evidence BY NAME SELECT {columns} FROM ({statement})", {"years": list(years)})


def assert_reaggregates(con: duckdb.DuckDBPyConnection, years: Sequence[int]) -> None:
    """Check that every new cell of these report years is the sum of its new evidence, no more and no less.

    Raises:
        warehouse.ledger.Unbalanced: naming the first cells that are not.
    """
    wrong = con.execute(query("report/reaggregated"), {"years": list(years)}).fetchall()
    if wrong:
        lines = [f"{agency} {year} 年度 {cell}：单元格 {value}，依据合计 {total}" for agency, year, cell, value, total in wrong[:5]]
        raise ledger.Unbalanced("单元格与依据不符，本次运行不得发布：\n" + "\n".join(lines))


def reports(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, int, str]]:
    """Every report that has cells: agency code, name, year, format."""
    return con.execute(
        "SELECT DISTINCT y.agency, y.agency_name, y.year, y.format FROM report.years AS y "
        "JOIN report.cells AS c USING (agency, year) ORDER BY ALL"
    ).fetchall()


def values(con: duckdb.DuckDBPyConnection, agency: str, year: int, version: int | None = None) -> Values:
    """Cell id → value of a version (default: the latest, published or not), the figures of sections 一 and 六 included."""
    return dict(
        con.execute(
            "SELECT cell_id, value FROM report.cell_versions WHERE agency = $agency AND year = $year AND CASE WHEN $version IS NULL "
            "THEN v_to IS NULL ELSE v_from <= $version AND (v_to IS NULL OR v_to > $version) END ORDER BY cell_id",
            {"agency": agency, "year": year, "version": version},
        ).fetchall()
    )


def cell_ids(con: duckdb.DuckDBPyConnection) -> set[str]:
    """Every cell id that some report has, those of sections 一 and 六 included."""
    return {row[0] for row in con.execute("SELECT DISTINCT cell_id FROM report.cells").fetchall()}


def tables_of(con: duckdb.DuckDBPyConnection, agency: str, year: int, version: int | None = None) -> Values:
    """Cell id → value of the statutory tables alone, in the order of the form."""
    every = values(con, agency, year, version)
    row = con.execute("SELECT format FROM report.years WHERE agency = ? AND year = ?", [agency, year]).fetchone()
    return {} if row is None else {cell_id: every[cell_id] for cell_id in forms.load(row[0]).cells if cell_id in every}


def sections(con: duckdb.DuckDBPyConnection, agency: str, year: int, version: int | None = None) -> dict[str, Any]:
    """Figures of sections 一 (published items, also by channel) and 六 (信息处理费: notices, billed and collected yuan).

    Counts are integers, amounts decimal strings, the unknown is None.
    """
    every = values(con, agency, year, version)

    def number(cell_id: str) -> int | None:
        value = every.get(cell_id)
        return None if value is None else int(value)

    def amount(cell_id: str) -> str | None:
        value = every.get(cell_id)
        return None if value is None else text_of(value)

    prefix = "section1.by_channel."
    channels = {cell_id.removeprefix(prefix): number(cell_id) for cell_id in every if cell_id.startswith(prefix)}
    return {
        "section1": {"publications_total": number("section1.publications_total"), "by_channel": channels},
        "section6": {
            "fee_notices": number("section6.fee_notices"),
            "fee_billed_yuan": amount("section6.fee_billed_yuan"),
            "fee_collected_yuan": amount("section6.fee_collected_yuan"),
        },
    }
