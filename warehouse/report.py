"""The report: what is to be reported, the evidence of each cell, and the cells.

Belongs here: storing the configured facts counting depends on, counting by SQL, reading finished tables. Does not belong
here: how a record is judged (`sql/judged`), what the form looks like (`forms`), findings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl

from warehouse import forms, ledger, spelling, tables
from warehouse.export.figures import text_of
from warehouse.sql import query
from warehouse.store import insert
from warehouse.subjects import SUBJECTS

Values = Mapping[str, Decimal | None]

_EVIDENCE = tables.TABLES["report.evidence"]
_CELLS = tables.TABLES["report.cells"]


@dataclass(frozen=True)
class Scope:
    """What is to be reported: organs (code, name, other names), years, settings (name, value), sources (agency, source, subject)."""

    agencies: tuple[tuple[str, str, tuple[str, ...]], ...]
    years: tuple[int, ...]
    settings: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, str, str], ...]


def describe(con: duckdb.DuckDBPyConnection, scope: Scope) -> None:
    """Replace the tables of configured facts by those of `scope`; reports of other years stay as they are."""
    names = {(code, normal_name(n)) for code, name, others in scope.agencies for n in (name, *others)}
    _replace(con, "report.settings", list(scope.settings))
    _replace(con, "report.agency_names", sorted(names))
    _replace(con, "report.expected_sources", sorted(scope.sources))
    codes = {code for code, _, _ in scope.agencies}
    kept = {(row[0], row[2]): row for row in con.execute("SELECT * FROM report.years").fetchall() if row[0] in codes}
    for code, name, _ in scope.agencies:
        for year in scope.years:
            counted_from = kept[code, year][-1] if (code, year) in kept else None
            kept[code, year] = (code, name, year, forms.format_of(year), counted_from)
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


def collect(con: duckdb.DuckDBPyConnection, years: Sequence[int]) -> int:
    """Replace the evidence of these report years; the number of its rows.

    Raises:
        warehouse.ledger.Unbalanced: the places of a report do not add up to the rows landed for its organ.
    """
    ledger.assert_places(con, years)
    con.execute("DELETE FROM report.evidence WHERE list_contains($years, year)", {"years": list(years)})
    judged = " UNION ALL BY NAME ".join(
        f"SELECT agency, year, '{s}' AS subject, file_id, row_no, place, marks, class, amount FROM report.judged_{s}" for s in SUBJECTS
    )
    columns = ", ".join(_EVIDENCE.schema)
    for statement in (f"WITH judged AS ({judged}) {query('report/evidence')}", query("report/section1"), query("report/section6")):
        con.execute(f"INSERT INTO report.evidence BY NAME SELECT {columns} FROM ({statement})", {"years": list(years)})
    row = con.execute("SELECT count(*) FROM report.evidence WHERE list_contains($years, year)", {"years": list(years)}).fetchone()
    return int(row[0]) if row else 0


def count(con: duckdb.DuckDBPyConnection, years: Sequence[int]) -> int:
    """Replace the cells of these report years; the number of cells."""
    con.execute("DELETE FROM report.cells WHERE list_contains($years, year)", {"years": list(years)})
    con.execute(f"INSERT INTO report.cells BY NAME {query('report/cells')}", {"years": list(years)})
    con.execute(
        "UPDATE report.years SET inputs_md5 = i.inputs_md5 FROM report.inputs AS i "
        "WHERE years.agency = i.agency AND list_contains($years, year)",
        {"years": list(years)},
    )
    row = con.execute("SELECT count(*) FROM report.cells WHERE list_contains($years, year)", {"years": list(years)}).fetchone()
    return int(row[0]) if row else 0


def assert_reaggregates(con: duckdb.DuckDBPyConnection, years: Sequence[int]) -> None:
    """Check that every cell of these report years is the sum of its evidence, no more and no less.

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


def values(con: duckdb.DuckDBPyConnection, agency: str, year: int) -> Values:
    """Cell id → value, the figures of sections 一 and 六 included."""
    return dict(
        con.execute("SELECT cell_id, value FROM report.cells WHERE agency = ? AND year = ? ORDER BY cell_id", [agency, year]).fetchall()
    )


def cell_ids(con: duckdb.DuckDBPyConnection) -> set[str]:
    """Every cell id that some report has, those of sections 一 and 六 included."""
    return {row[0] for row in con.execute("SELECT DISTINCT cell_id FROM report.cells").fetchall()}


def tables_of(con: duckdb.DuckDBPyConnection, agency: str, year: int) -> Values:
    """Cell id → value of the statutory tables alone, in the order of the form."""
    every = values(con, agency, year)
    row = con.execute("SELECT format FROM report.years WHERE agency = ? AND year = ?", [agency, year]).fetchone()
    return {} if row is None else {cell_id: every[cell_id] for cell_id in forms.load(row[0]).cells if cell_id in every}


def sections(con: duckdb.DuckDBPyConnection, agency: str, year: int) -> dict[str, Any]:
    """Figures of sections 一 (published items, also by channel) and 六 (信息处理费: notices, billed and collected yuan).

    Counts are integers, amounts decimal strings, the unknown is None.
    """
    every = values(con, agency, year)

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
