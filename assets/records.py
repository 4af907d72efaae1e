"""From landed rows to records: clean what is new, rank the versions of the keys it touches, prove the balance.

Belongs here: which files must be cleaned, batches, the order stage → clean → rank → balance, in one transaction a subject.
Does not belong here: what a value means (`logic`), SQL (`warehouse`), Dagster.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import polars as pl

from assets.logic.clean import CODE_VERSION
from assets.logic.subjects import clean
from assets.logic.vocabulary import Vocabulary
from warehouse import ledger, tables
from warehouse.store import Warehouse, delete_files, insert

_BATCH_ROWS = 200_000
_CLEANED = tables.TABLES["core.cleaned"]


@dataclass(frozen=True)
class Settled:
    """What cleaning one subject brought: files and rows cleaned, rows quarantined among them."""

    files: int
    rows: int
    quarantined: int


def settle(warehouse: Warehouse, subject: str, vocabulary: Vocabulary) -> Settled:
    """Clean the landed files of one subject that are new, read anew, or were cleaned by other rules.

    Raises:
        warehouse.ledger.Unbalanced: the places do not add up to the landed rows; nothing is written then.
    """
    fingerprint = hashlib.sha256(f"{CODE_VERSION}|{vocabulary.fingerprint()}".encode()).hexdigest()
    with warehouse.step() as con:
        files, withdrawn = _due(con, subject, fingerprint), _withdrawn(con, subject)
        replaced = [*(file_id for file_id, _ in files), *withdrawn]
        if not replaced:
            return Settled(0, 0, 0)
        ledger.stage(con, subject, replaced)
        for name in ("core.quarantine", "core.row_findings", "core.cleaned"):
            delete_files(con, tables.TABLES[name], replaced)
        rows = quarantined = 0
        for batch in _batches(con, subject, files):
            done = clean(batch, subject, vocabulary)
            rows += batch.height
            quarantined += done.quarantine.height
            con.register("cleaned", done.core)
            con.execute("INSERT INTO staged BY NAME SELECT * FROM cleaned")
            con.unregister("cleaned")
            insert(con, tables.TABLES["core.quarantine"], done.quarantine)
            insert(con, tables.TABLES["core.row_findings"], done.findings)
        ledger.rank(con, subject)
        insert(con, _CLEANED, pl.DataFrame([(subject, file_id, fingerprint) for file_id, _ in files], schema=_CLEANED.schema, orient="row"))
        ledger.assert_balanced(con, subject)
        return Settled(len(files), rows, quarantined)


def _due(con: duckdb.DuckDBPyConnection, subject: str, fingerprint: str) -> list[tuple[int, int]]:
    """Number and rows of the landed files of a subject that the present rules have not cleaned."""
    return con.execute(
        "SELECT f.file_id, f.rows_read FROM raw.files AS f LEFT JOIN core.cleaned AS c ON c.file_id = f.file_id AND c.fingerprint = ? "
        "WHERE f.subject = ? AND f.state = 'landed' AND c.file_id IS NULL ORDER BY f.file_id",
        [fingerprint, subject],
    ).fetchall()


def _withdrawn(con: duckdb.DuckDBPyConnection, subject: str) -> list[int]:
    """Cleaned files that are landed no more: read anew under other settings, they were rejected or stand elsewhere."""
    rows = con.execute(
        "SELECT c.file_id FROM core.cleaned AS c ANTI JOIN (FROM raw.files WHERE state = 'landed') AS f USING (file_id) "
        "WHERE c.subject = ?",
        [subject],
    ).fetchall()
    return [row[0] for row in rows]


def _batches(con: duckdb.DuckDBPyConnection, subject: str, files: list[tuple[int, int]]) -> Iterator[pl.DataFrame]:
    """The landed rows of the files, at most about `_BATCH_ROWS` at a time; a large file comes in pieces."""
    query = f"SELECT * FROM {tables.raw(subject).full_name} WHERE file_id BETWEEN $first AND $last AND list_contains($files, file_id)"
    group: list[int] = []
    size = 0
    for at, (file_id, rows) in enumerate(files):
        group.append(file_id)
        size += rows
        if size < _BATCH_ROWS and at + 1 < len(files):
            continue
        span = {"first": group[0], "last": group[-1], "files": group}
        if size <= 2 * _BATCH_ROWS:
            yield con.sql(query, params=span).pl()
        else:
            yield from _pieces(con, query, span)
        group, size = [], 0


def _pieces(con: duckdb.DuckDBPyConnection, query: str, span: dict[str, object]) -> Iterator[pl.DataFrame]:
    top = con.execute(f"SELECT max(row_no) FROM ({query})", span).fetchone()
    for start in range(0, (top[0] if top and top[0] else 0) + 1, _BATCH_ROWS):
        part = {**span, "from": start, "to": start + _BATCH_ROWS - 1}
        yield con.sql(f"{query} AND row_no BETWEEN $from AND $to", params=part).pl()
