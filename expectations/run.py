"""Run the suites of stored tables with Great Expectations and say plainly what came of each rule.

Belongs here: one quiet run over a warehouse file, results → `Outcome`. Does not belong here: suites (`suites`), the engine
(`duckdb_engine.py`), findings, Dagster. Great Expectations is imported when suites run, never before: it takes seconds.

An outcome holds counts, columns and places of rows, and no value: results of Great Expectations hold personal data.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expectations.suites import BY_QUERY, QUERY, Expectation, digest, suites
from warehouse.subjects import SUBJECTS
from warehouse.tables import TABLES

__all__ = ["Expectation", "Outcome", "digest", "run_suites", "suites"]

MOST_ROWS = 1000
_PLACE = ("agency", "file_id", "row_no")
_TEXT = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one rule on one table.

    `error` is "" unless a check could not be run: then nothing is known, and it has not passed. `elements` is the number of rows of
    the table, `unexpected` of those that offend (where there are more than `MOST_ROWS`, the checks of a rule are added up). `rows`
    is where they stand, at most `MOST_ROWS` of them: (agency, file_id, row_no), 0 where there is no such number. `field` is the
    column, if it is one; `detail` says in Chinese which checks failed.
    """

    table: str
    rule: str
    passed: bool
    error: str
    elements: int
    unexpected: int
    field: str | None
    detail: str
    rows: tuple[tuple[str | None, int, int], ...]


def run_suites(database: Path, tables: Sequence[str], *, memory_limit: str = "2GB") -> list[Outcome]:
    """Run the suites of these tables over a warehouse file; one outcome a table and rule, in the order of the suites.

    Args:
        database: The file; it is opened read-only, and nothing in this process may have it open.
        tables: Keys of `suites()`.
        memory_limit: What DuckDB may take.
    """
    asked = {table: suites()[table] for table in tables}
    found: list[Outcome] = []
    with _quiet():
        from expectations import duckdb_engine

        context = _context()
        with duckdb_engine.opened(context, database, memory_limit) as source:
            for table, expectations in asked.items():
                found += merged(table, expectations, judge(source, table, expectations))
    return found


def _context() -> Any:
    """A project that is kept nowhere: no files, no pages, no reports to anybody, no progress bars."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults, ProgressBarsConfig

    nowhere, no_bars = InMemoryStoreBackendDefaults(), ProgressBarsConfig(globally=False)
    config = DataContextConfig(store_backend_defaults=nowhere, analytics_enabled=False, progress_bars=no_bars)
    return gx.get_context(mode="ephemeral", project_config=config)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without its log, which repeats every exception of a rule in hundreds of lines, and what it deprecates or imports so."""
    log = logging.getLogger("great_expectations")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        log.setLevel(level)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one expectation: an error, or the number of offending rows, where they stand, and what was seen."""

    error: str = ""
    passed: bool = False
    elements: int = 0
    unexpected: int = 0
    rows: tuple[tuple[str | None, int, int], ...] = ()
    seen: str = ""


def judge(source: Any, table: str, expectations: Sequence[Expectation]) -> list[Verdict]:
    """One verdict an expectation, in their order, whatever becomes of the others."""
    built = [_built(e, at) for at, e in enumerate(expectations)]
    verdicts: dict[int, Verdict] = {at: b for at, b in enumerate(built) if isinstance(b, Verdict)}
    try:
        verdicts |= _validated(source, table, expectations, [b for b in built if not isinstance(b, Verdict)])
    except Exception as error:  # whatever a rule or the table does: it must be told, not stop the night
        verdicts |= {at: Verdict(_told(error)) for at in range(len(expectations)) if at not in verdicts}
    lost = Verdict("Great Expectations gave no result")
    return [verdicts.get(at, lost) for at in range(len(expectations))]


def _built(expectation: Expectation, at: int) -> Any:
    """The expectation as an object; built one by one, because a suite drops unknown types with a line in the log."""
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    kwargs = {name: value for name, value in expectation.kwargs.items() if name != "description"}
    try:
        return ExpectationConfiguration(type=expectation.type, kwargs=kwargs, meta={"at": at}).to_domain_obj()
    except Exception as error:
        return Verdict(f"{expectation.type}: {_told(error)}")


def _validated(source: Any, table: str, expectations: Sequence[Expectation], built: Sequence[Any]) -> dict[int, Verdict]:
    import great_expectations as gx

    layer, name = table.split(".")
    asset = source.add_table_asset(table, table_name=name, schema_name=layer)
    batch = asset.add_batch_definition_whole_table("whole").get_batch()
    suite = gx.ExpectationSuite(name=table, expectations=list(built))
    columns = {c.name for c in TABLES[table].columns}
    how = {
        "result_format": "COMPLETE",
        "unexpected_index_column_names": [c for c in _PLACE if c in columns],
        "partial_unexpected_count": MOST_ROWS,
    }
    results = batch.validate(suite, result_format=how).results
    with source.get_execution_engine().get_connection() as con:
        count = con.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
    told = {}
    for result in results:
        at = result.expectation_config.meta["at"]
        told[at] = _verdict(source, table, expectations[at], result, count)
    return told


def _verdict(source: Any, table: str, expectation: Expectation, result: Any, elements: int) -> Verdict:
    if error := _error(result.exception_info):
        return Verdict(error, elements=elements)
    if result.success:
        return Verdict(passed=True, elements=elements)
    if expectation.type == BY_QUERY:
        count, rows = _offending(source, table, expectation.kwargs[QUERY])
        return Verdict(elements=elements, unexpected=count, rows=rows)
    found = result.result
    rows = tuple(_row(row) for row in (found.get("unexpected_index_list") or [])[:MOST_ROWS])
    if "mismatched" in (found.get("details") or {}):
        return Verdict(elements=elements, seen=_columns(found["details"]["mismatched"]))
    return Verdict(elements=elements, unexpected=int(found.get("unexpected_count") or len(rows)), rows=rows)


def _offending(source: Any, table: str, query: str) -> tuple[int, tuple[tuple[str | None, int, int], ...]]:
    """Number and places of the rows of a query: Great Expectations keeps 200 of them, with all their values."""
    asked = query.format(batch=table)
    with source.get_execution_engine().get_connection() as con:
        count = con.exec_driver_sql(f"SELECT count(*) FROM ({asked})").scalar_one()
        found = con.exec_driver_sql(f"SELECT * FROM ({asked}) ORDER BY ALL LIMIT {MOST_ROWS}").mappings().all()
    return count, tuple(_row(row) for row in found)


def _row(row: Mapping[str, Any]) -> tuple[str | None, int, int]:
    """The place alone: an index entry holds the offending value too."""
    return row.get("agency"), int(row.get("file_id") or 0), int(row.get("row_no") or 0)


def _columns(mismatched: Mapping[str, Sequence[str]]) -> str:
    parts = [("缺少", mismatched.get("missing")), ("多出", mismatched.get("unexpected"))]
    return "，".join(f"{word}栏目 {'、'.join(sorted(names))}" for word, names in parts if names)


def _error(info: Mapping[str, Any]) -> str:
    """The first exception of a result, in either of the two shapes in which they come; "" if there is none."""
    entries = [info] if "raised_exception" in info else [v for v in info.values() if isinstance(v, dict)]
    return next((_without_values(e.get("exception_message") or "failed") for e in entries if e.get("raised_exception")), "")


def _told(error: Exception) -> str:
    return _without_values(f"{type(error).__name__}: {error}")


def _without_values(message: str) -> str:
    """The first line of a message without what may be a value: quoted text that is no name of a column, numbers, ideographs."""
    line = next((line for line in message.splitlines() if line.strip()), "failed")
    line = re.sub(r"""(["'])(?![a-z_]+\1).*?\1""", "…", line)
    return re.sub(r"[0-9]{4,}|[\u2e80-\uffff]+", "…", line)[:_TEXT]


def merged(table: str, expectations: Sequence[Expectation], verdicts: Sequence[Verdict]) -> list[Outcome]:
    """One outcome a rule: it has passed when every expectation of it has."""
    by_rule: dict[str, list[tuple[Expectation, Verdict]]] = {}
    for expectation, verdict in zip(expectations, verdicts, strict=True):
        by_rule.setdefault(expectation.rule, []).append((expectation, verdict))
    return [_outcome(table, rule, pairs) for rule, pairs in by_rule.items()]


def _outcome(table: str, rule: str, pairs: Sequence[tuple[Expectation, Verdict]]) -> Outcome:
    failed = [(e, v) for e, v in pairs if not v.passed and not v.error]
    fields = {_field(e) for e, _ in failed}
    unexpected = [v.unexpected for _, v in failed]
    rows = sorted({row for _, v in failed for row in v.rows}, key=lambda row: (row[0] or "", *row[1:]))
    return Outcome(
        table=table,
        rule=rule,
        passed=all(v.passed for _, v in pairs),
        error="; ".join(dict.fromkeys(v.error for _, v in pairs if v.error)),
        elements=max(v.elements for _, v in pairs),
        unexpected=max([len(rows), *unexpected]) if sum(unexpected) <= MOST_ROWS else sum(unexpected),
        field=fields.pop() if len(fields) == 1 else None,
        detail="、".join(dict.fromkeys(v.seen or _said(table, e) for e, v in failed)),
        rows=tuple(rows[:MOST_ROWS]),
    )


def _field(expectation: Expectation) -> str | None:
    found: str | None = expectation.kwargs.get("column") or expectation.kwargs.get("column_A")
    return found


def _said(table: str, expectation: Expectation) -> str:
    """What a clerk reads of a failed expectation: its own words, or the field as a spreadsheet heads it."""
    if said := expectation.kwargs.get("description"):
        return str(said)
    name = _field(expectation) or ""
    subject = SUBJECTS.get(TABLES[table].subject or "")
    if subject and name in subject.by_name:
        return subject.by_name[name].zh
    return next((re.split("[（：；]", c.zh)[0] for c in TABLES[table].columns if c.name == name), "")
