"""Findings: run the rules of the catalogue and store what they find.

Belongs here: running a rule's query, completing its rows with place, severity and message. Does not belong here: what a rule
says (`catalogue`) or selects (`sql`), what follows from a finding (publication), Dagster.

A rule's query may use the tables of the warehouse, `$years`, and six names prepared here: `versions` (every version of
every record, without its content), `figures` (cells of the years with the report's format), `layout` (cells of the forms),
`lying` (files whose bytes lie at a source still: what was mended under the same path is no finding any more), `latest_loads` (the last
look at each configured source) and `decided` (current records by the year of their deciding date).
It returns agency, subject, and what applies of year, source, file_id, row_no, record_key, cell_id, field, expected, actual, detail.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import duckdb
import polars as pl

from expectations import catalogue
from warehouse import counting, forms
from warehouse.subjects import SOURCE_ZH, SUBJECTS

_COLUMNS = {
    "agency": "VARCHAR", "year": "BIGINT", "subject": "VARCHAR", "source": "VARCHAR", "file_id": "BIGINT", "row_no": "BIGINT",
    "record_key": "VARCHAR", "cell_id": "VARCHAR", "field": "VARCHAR", "expected": "VARCHAR", "actual": "VARCHAR", "detail": "VARCHAR",
}  # fmt: skip


def judge(con: duckdb.DuckDBPyConnection, years: Sequence[int]) -> dict[str, int]:
    """Run every rule and replace the findings of these years and those of no single year; severity → number of findings.

    Args:
        con: The warehouse, in a transaction.
        years: Report years that were counted.
    """
    _prepare(con, years)
    for rule in catalogue.rules().values():
        found = con.execute(f"DESCRIBE {_query(rule.id)}", _params(rule.id, years)).fetchall()
        names = [row[0] for row in found if row[0] in _COLUMNS]
        con.execute(
            f"INSERT INTO found BY NAME SELECT '{rule.id}' AS rule, {', '.join(names)} FROM ({_query(rule.id)})", _params(rule.id, years)
        )
    # A stale report is one of the years that were not counted: what was said of it before is said again or is over.
    con.execute("DELETE FROM report.findings WHERE year IS NULL OR list_contains(?, year) OR rule = 'stale_report'", [list(years)])
    con.execute(_text("findings"))
    return dict(con.execute("SELECT severity, count(*) FROM report.findings GROUP BY severity").fetchall())


def _text(name: str) -> str:
    return files("expectations.sql").joinpath(f"{name}.sql").read_text("utf-8")


def _query(rule_id: str) -> str:
    return _text(rule_id)


def _params(rule_id: str, years: Sequence[int]) -> dict[str, list[int]]:
    return {"years": list(years)} if "$years" in _query(rule_id) else {}


def _prepare(con: duckdb.DuckDBPyConnection, years: Sequence[int]) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    con.execute(f"CREATE OR REPLACE TEMP TABLE found (rule VARCHAR, {columns})")
    versions = " UNION ALL ".join(
        f"SELECT agency, '{s}' AS subject, file_id, row_no, record_key, updated_at, state, is_conflicting, conflicts_in_source, "
        f"is_latest_in_source FROM core.{s}"
        for s in SUBJECTS
    )
    con.execute(f"CREATE OR REPLACE TEMP VIEW versions AS {versions}")
    con.execute(
        "CREATE OR REPLACE TEMP VIEW lying AS SELECT file_id FROM raw.files WHERE (subject, sha256) IN "
        "(SELECT subject, arg_max(sha256, file_id) FROM raw.files GROUP BY source, subject, path)"
    )
    decided = " UNION ALL ".join(
        f"SELECT agency, '{s}' AS subject, year({contract.decided_by})::BIGINT AS year, count(*) AS records "
        f"FROM core.{s} WHERE state = 'current' GROUP BY ALL"
        for s, contract in SUBJECTS.items()
    )
    con.execute(f"CREATE OR REPLACE TEMP VIEW decided AS {decided}")
    con.execute(
        "CREATE OR REPLACE TEMP VIEW latest_loads AS SELECT e.source, e.subject, max(l.load_id) AS load_id "
        "FROM report.expected_sources AS e JOIN raw.loads AS l USING (source, subject) GROUP BY ALL"
    )
    con.execute("CREATE OR REPLACE TEMP VIEW layout AS SELECT DISTINCT format, cell_id, grid, row_key, col_key FROM report.form_cells")
    listed = ", ".join(str(int(y)) for y in years) or "NULL"
    con.execute(
        "CREATE OR REPLACE TEMP VIEW figures AS SELECT c.*, y.format FROM report.cells AS c JOIN report.years AS y USING (agency, year) "
        f"WHERE year IN ({listed})"
    )
    _store(
        con,
        "texts",
        [(r.id, r.severity, r.message, r.remedy) for r in catalogue.rules().values()],
        ["rule", "severity", "message", "remedy"],
    )
    _store(con, "reasons", [(r.id, r.zh) for r in counting.rules().values()], ["reason", "reason_zh"])
    _store(con, "fields", [(s.name, f.name, f.zh) for s in SUBJECTS.values() for f in s.fields], ["subject", "field", "field_zh"])
    _store(con, "subjects", list(SOURCE_ZH.items()), ["subject", "subject_zh"])
    _store(con, "touched", [(s, _cells_of(s)) for s in SOURCE_ZH], ["subject", "touched"])


def _cells_of(subject: str) -> str:
    """Where a record of a subject may be missing from, in Chinese."""
    rows = {
        c.table_name if c.table in ("table3", "table4") else f"{c.table_name}“{c.row_path[-1]}”"
        for f in forms.every()
        for c in f.cells.values()
        if c.subject == subject and c.marks
    }
    extra = {"applications": ["第六部分信息处理费"], "publications": ["第一部分发布条数"]}.get(subject, [])
    return "、".join([*sorted(rows), *extra]) or "不涉及表格，只用于核查"


def _store(con: duckdb.DuckDBPyConnection, name: str, rows: Sequence[tuple[str, ...]], columns: Sequence[str]) -> None:
    con.register("incoming", pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String()), orient="row"))
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM incoming")
    con.unregister("incoming")


def stored(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """All findings, the gravest first, with the columns of `report.findings`."""
    return con.sql(
        "FROM report.findings ORDER BY CASE severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, "
        "rule, agency, year, path, row_no, cell_id, finding_id"
    ).pl()
