"""Results of the suites: evaluated where a table or its rules have changed, repeated where they have not.

Belongs here: which tables are due, storing results without any value of a record. Does not belong here: how a suite is run (`run`),
what follows from a result (`findings`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import duckdb
import polars as pl

from expectations import run
from warehouse import tables
from warehouse.store import Warehouse, create_schema, insert
from warehouse.subjects import SUBJECTS

_RESULTS, _ROWS = tables.TABLES["report.suite_results"], tables.TABLES["report.suite_rows"]
# Contents and cleaning of a subject's files decide what its tables hold; the tables of no subject depend on all of them.
_DATA = """
    SELECT f.subject, string_agg(concat_ws('|', f.file_id, f.sha256, f.state, f.reader, c.fingerprint), ',' ORDER BY f.file_id)
    FROM raw.files AS f LEFT JOIN core.cleaned AS c USING (file_id) GROUP BY f.subject ORDER BY f.subject
"""
# A rule that could not be evaluated is tried again: what was in its way may have passed.
_KNOWN = "SELECT table_name, any_value(digest) FROM report.suite_results GROUP BY table_name HAVING bool_and(error = '')"


def suite_digest() -> str:
    """Digest of all suites."""
    return hashlib.sha256("".join(run.digest(table) for table in sorted(run.suites())).encode()).hexdigest()


def refresh(warehouse: Warehouse, *, only: Sequence[str] = (), again: bool = False) -> list[run.Outcome]:
    """Results of the suites of these tables (default: all), run where they are due; Great Expectations is imported only then."""
    wanted = list(only or run.suites())
    with warehouse.connect() as con:
        create_schema(con)
        now = _digests(con, wanted)
        known = dict(con.execute(_KNOWN).fetchall())
        due = [table for table in wanted if again or known.get(table) != now[table]]
        if not due:
            return stored(con, wanted)
    outcomes = run.run_suites(warehouse.path, due, memory_limit=warehouse.memory_limit)
    with warehouse.step() as con:
        _keep(con, due, now, [*outcomes, *_missing(due, outcomes)])
        return stored(con, wanted)


def _missing(due: Sequence[str], outcomes: Sequence[run.Outcome]) -> list[run.Outcome]:
    """Rules that have no result although their table was looked at: none is dropped in silence."""
    have = {(o.table, o.rule) for o in outcomes}
    wanted = {(table, e.rule) for table in due for e in run.suites()[table]}
    return [run.Outcome(table, rule, False, "没有执行", 0, 0, None, "", ()) for table, rule in sorted(wanted - have)]


def _digests(con: duckdb.DuckDBPyConnection, wanted: Sequence[str]) -> dict[str, str]:
    data = dict(con.execute(_DATA).fetchall())
    rehashed = con.execute("SELECT max(load_id) FROM raw.loads WHERE is_rehashed").fetchone()  # then everything is looked at anew
    every = "#".join(f"{subject}:{text}" for subject, text in data.items())

    def of(table: str) -> str:
        subject = table.partition(".")[2]
        text = data.get(subject, "") if subject in SUBJECTS else every
        return hashlib.sha256(f"{run.digest(table)}|{rehashed}|{text}".encode()).hexdigest()

    return {table: of(table) for table in wanted}


def _keep(con: duckdb.DuckDBPyConnection, due: Sequence[str], digests: dict[str, str], outcomes: Sequence[run.Outcome]) -> None:
    for name in (_RESULTS.full_name, _ROWS.full_name):
        con.execute(f"DELETE FROM {name} WHERE list_contains(?, table_name)", [list(due)])
    results = [(o.table, o.rule, digests[o.table], o.passed, o.error, o.elements, o.unexpected, o.field, o.detail) for o in outcomes]
    rows = [(o.table, o.rule, *row) for o in outcomes for row in o.rows]
    insert(con, _RESULTS, pl.DataFrame(results, schema=_RESULTS.schema, orient="row"))
    insert(con, _ROWS, pl.DataFrame(rows, schema=_ROWS.schema, orient="row"))


def stored(con: duckdb.DuckDBPyConnection, wanted: Sequence[str]) -> list[run.Outcome]:
    """Stored results of these tables, without the rows."""
    rows = con.execute(
        "SELECT table_name, rule, passed, error, elements, unexpected, field, detail FROM report.suite_results "
        "WHERE list_contains(?, table_name) ORDER BY table_name, rule",
        [list(wanted)],
    ).fetchall()
    return [
        run.Outcome(table, rule, passed, error, elements, unexpected, field, detail, ())
        for table, rule, passed, error, elements, unexpected, field, detail in rows
    ]
