"""Findings: run the rules of the catalogue and store what they find.

Belongs here: running a rule's query, completing its rows with place, severity and message. Does not belong here: what a rule
says (`catalogue`) or selects (`sql`), what follows from a finding (publication), Dagster.

A rule's query may use the tables of the warehouse, `$years`, and eight names prepared here: `versions` (every version of
every record, without its content), `figures` (cells of the years with the report's format), `layout` (cells of the forms),
`lying` (files whose bytes lie at a source still: what was mended under the same path is no finding any more; of what is pulled, rows in
`raw.withdrawn` do not), `latest_loads` (the last whole look at each configured source), `decided` (current records by the year of their
deciding date), `previous` (figures of the year before each report, published or configured) and `today` (day).
It returns agency, subject, and what applies of year, source, file_id, row_no, record_key, cell_id, field, expected, actual, detail and
records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

import duckdb
import polars as pl

from expectations import catalogue, checking, run
from warehouse import counting, forms
from warehouse.sql import query
from warehouse.store import Warehouse, create_schema
from warehouse.subjects import SOURCE_ZH, SUBJECTS

# Raise it when a rule finds something else in the same data.
RULES_VERSION = "3"

_SITE = ("wanted", "hits", "page_days", "items", "daily")

_COLUMNS = {
    "agency": "VARCHAR", "year": "BIGINT", "subject": "VARCHAR", "source": "VARCHAR", "file_id": "BIGINT", "row_no": "BIGINT",
    "record_key": "VARCHAR", "cell_id": "VARCHAR", "field": "VARCHAR", "expected": "VARCHAR", "actual": "VARCHAR", "detail": "VARCHAR",
    "records": "VARCHAR",
}  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """Findings by severity, and whether they are those of an earlier night, because nothing they depend on has changed."""

    counts: Mapping[str, int]
    is_repeated: bool


def judge(warehouse: Warehouse, years: Sequence[int], today: date, *, again: bool = False, suites: bool = True) -> Verdict:
    """Run every rule and replace the findings of these years and those of no single year.

    Args:
        warehouse: Opened and closed here: Great Expectations needs the file for itself.
        years: Report years that were counted.
        today: For what has a last day.
        again: Judge even if nothing has changed since the stored verdict.
        suites: Whether the suites are run too; without them the rules in SQL alone are.
    """
    with warehouse.connect() as con:
        create_schema(con)
        digest = _digest(con, years, today)
        if not again and digest == _judged_from(con, years):
            return Verdict(_counts(con), is_repeated=True)
    outcomes = checking.refresh(warehouse, again=again) if suites else ()
    with warehouse.connect() as con:
        _prepare(con, years, today)
        _run_rules(con, years)
        for outcome in (o for o in outcomes if o.error):
            _crash(con, outcome.rule, outcome.error)
        for rule_id in _nowhere():
            _crash(con, rule_id, "没有执行")
        con.execute(_text("suite_findings"))
        con.begin()
        # A stale report is one of the years that were not counted: what was said of it before is said again or is over.
        con.execute("DELETE FROM report.findings WHERE year IS NULL OR list_contains(?, year) OR rule = 'stale_report'", [list(years)])
        con.execute(_text("findings"))
        con.execute("DELETE FROM report.verdicts")  # the stored findings are those of the last judgement alone
        if not con.execute("SELECT 1 FROM found WHERE rule = 'rule_crashed'").fetchone():  # such a verdict is not repeated: try again
            con.execute("INSERT INTO report.verdicts (years, digest) VALUES (?, ?)", [_named(years), digest])
        con.commit()
        return Verdict(_counts(con), is_repeated=False)


def _counts(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return dict(con.execute("SELECT severity, count(*) FROM report.findings GROUP BY severity").fetchall())


def _named(years: Sequence[int]) -> str:
    return ",".join(map(str, years))


def _judged_from(con: duckdb.DuckDBPyConnection, years: Sequence[int]) -> str | None:
    row = con.execute("SELECT digest FROM report.verdicts WHERE years = ?", [_named(years)]).fetchone()
    return None if row is None else str(row[0])


def _digest(con: duckdb.DuckDBPyConnection, years: Sequence[int], today: date) -> str:
    """What a verdict depends on: data, looks at the sources, versions, configuration, rules, and the date where it matters."""
    row = con.execute(_text("depends_on"), {"years": list(years), "today": today}).fetchone()
    return hashlib.sha256(f"{rules_version()}|{_named(years)}|{today.year}|{row}".encode()).hexdigest()


@cache
def rules_version() -> str:
    """Version of the rules: the number that is raised by hand, and a digest of catalogue, queries and suites."""
    texts = [repr(rule) for rule in catalogue.rules().values()]
    texts += [_text(rule_id) for rule_id in in_sql()] + [checking.suite_digest()]
    texts += [query(f"site/{name}") for name in _SITE]  # what the rules about the web site look at follows from these
    return f"{RULES_VERSION}-{hashlib.sha256(chr(10).join(texts).encode()).hexdigest()[:12]}"


def _run_rules(con: duckdb.DuckDBPyConnection, years: Sequence[int]) -> None:
    """Every rule in SQL, each by itself: one that cannot be evaluated is a critical finding and does not spoil its neighbours."""
    for rule_id in in_sql():
        try:
            text, params = _text(rule_id), _params(rule_id, years)
            names = [row[0] for row in con.execute(f"DESCRIBE {text}", params).fetchall() if row[0] in _COLUMNS]
            con.execute(f"INSERT INTO found BY NAME SELECT '{rule_id}' AS rule, {', '.join(names)} FROM ({text})", params)
        except duckdb.Error as error:
            _crash(con, rule_id, type(error).__name__)  # the message may quote values


def _crash(con: duckdb.DuckDBPyConnection, rule_id: str, error: str) -> None:
    """A rule that could not be evaluated: nothing may be published, because nobody knows what it would have found."""
    title = f"{catalogue.rules()[rule_id].title}（{rule_id}）"
    con.execute("INSERT INTO found (rule, field, detail, actual) VALUES ('rule_crashed', ?, ?, ?)", [rule_id, title, error])


@cache
def _nowhere() -> tuple[str, ...]:
    """Rules that nothing evaluates: whoever relies on one must not take it for passed."""
    somewhere = {*in_sql(), *(e.rule for suite in run.suites().values() for e in suite), "rule_crashed"}
    return tuple(rule_id for rule_id in catalogue.rules() if rule_id not in somewhere)


@cache
def in_sql() -> tuple[str, ...]:
    """Ids of the rules that are SQL; the others stand in the suites."""
    there = {f.name for f in files("expectations.sql").iterdir()}
    return tuple(rule_id for rule_id in catalogue.rules() if f"{rule_id}.sql" in there)


@cache
def _text(name: str) -> str:
    return files("expectations.sql").joinpath(f"{name}.sql").read_text("utf-8")


def _params(rule_id: str, years: Sequence[int]) -> dict[str, list[int]]:
    return {"years": list(years)} if "$years" in _text(rule_id) else {}


def _prepare(con: duckdb.DuckDBPyConnection, years: Sequence[int], today: date) -> None:
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
        "FROM report.expected_sources AS e JOIN raw.loads AS l USING (source, subject) WHERE l.reason IS NULL GROUP BY ALL"
    )
    con.execute("CREATE OR REPLACE TEMP VIEW layout AS SELECT DISTINCT format, cell_id, grid, row_key, col_key FROM report.form_cells")
    listed = ", ".join(str(int(y)) for y in years) or "NULL"
    con.execute(
        "CREATE OR REPLACE TEMP VIEW figures AS SELECT c.*, y.format FROM report.cells AS c JOIN report.years AS y USING (agency, year) "
        f"WHERE year IN ({listed})"
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE today AS SELECT DATE '{today}' AS day")
    con.execute(f"CREATE OR REPLACE TEMP VIEW previous AS {_text('previous')}")
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


def stored(con: duckdb.DuckDBPyConnection, limit: int | None = None) -> pl.DataFrame:
    """All findings, the gravest first, with the columns of `report.findings`."""
    return con.sql(
        "FROM report.findings ORDER BY CASE severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, "
        f"rule, agency, year, path, row_no, cell_id, finding_id LIMIT {limit or 'ALL'}"
    ).pl()


def by_rule(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Rule → number of its findings; that it could not be evaluated is one."""
    rule = "CASE WHEN rule = 'rule_crashed' THEN field ELSE rule END"
    return dict(con.execute(f"SELECT {rule}, count(*) FROM report.findings GROUP BY ALL").fetchall())
