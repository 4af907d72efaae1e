"""Versions of a report: rows that say from which version to which they stand.

Belongs here: what is counted anew becomes a new version where a cell or its evidence differs from the last one, and nowhere else;
what two versions differ in. Does not belong here: counting (`report`), which version is published (`gate`).

A version is never changed: rows are closed (`v_to`) and opened (`v_from`), so that every version can be read for ever. A cell carries
the digest of its evidence, which is told by content (file, row, amount): a rebuilt warehouse arrives at the same digests, and only the
evidence of cells that changed is compared.
"""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl

from warehouse import clock, tables
from warehouse.sql import query
from warehouse.store import insert

_VERSIONS = tables.TABLES["report.versions"]


def record(con: duckdb.DuckDBPyConnection, today: date, code_version: str, rules_version: str) -> int:
    """Make a new version of every report of `counted` that differs from its last; how many there are.

    Args:
        con: The warehouse, in a transaction, with the temporary tables `counted` (agency, year, digests: one row a report),
            `new_cells` and `new_evidence`.
        today: The day a current year's figures stand for.
        code_version: Version of the counting code.
        rules_version: Version of the rules in force.
    """
    con.execute(f"CREATE OR REPLACE TEMP TABLE cell_changes AS {query('versions/cell_changes')}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE changed AS {query('versions/changed')}")
    if not con.execute("SELECT 1 FROM changed").fetchone():
        return 0
    _move_cells(con)
    _move_evidence(con)
    made = (
        con.sql(query("versions/made"), params={"today": today})
        .pl()
        .with_columns(
            pl.lit(clock.now().replace(tzinfo=None)).cast(pl.Datetime("us")).alias("made_at"),
            pl.lit(code_version).alias("code_version"),
            pl.lit(rules_version).alias("rules_version"),
        )
    )
    insert(con, _VERSIONS, made.select(_VERSIONS.schema.keys()))
    return made.height


def _move_cells(con: duckdb.DuckDBPyConnection) -> None:
    """Close the cells that changed, open what they are now."""
    con.execute(
        "UPDATE report.cell_versions AS v SET v_to = d.version FROM cell_changes AS c JOIN changed AS d USING (agency, year) "
        "WHERE v.v_to IS NULL AND c.was_there AND v.agency = c.agency AND v.year = c.year AND v.cell_id = c.cell_id"
    )
    con.execute(
        "INSERT INTO report.cell_versions BY NAME SELECT n.*, d.version AS v_from FROM new_cells AS n "
        "JOIN cell_changes USING (agency, year, cell_id) JOIN changed AS d USING (agency, year) ORDER BY agency, year, cell_id"
    )


def _move_evidence(con: duckdb.DuckDBPyConnection) -> None:
    """Close the evidence that went, open what came; cells whose evidence has the same digest are not looked at."""
    earlier = con.execute("SELECT 1 FROM report.versions SEMI JOIN changed USING (agency, year)").fetchone()
    con.execute(f"CREATE OR REPLACE TEMP TABLE evidence_gone AS {query('versions/evidence_gone')} {'' if earlier else 'LIMIT 0'}")
    if not earlier:  # the first count of a year has nothing to be compared with
        con.execute(
            "INSERT INTO report.evidence_versions BY NAME SELECT *, 1 AS v_from FROM new_evidence SEMI JOIN changed USING (agency, year)"
        )
        return
    con.execute(f"INSERT INTO report.evidence_versions BY NAME {query('versions/evidence_new')}")
    con.execute(
        "UPDATE report.evidence_versions AS v SET v_to = d.version FROM evidence_gone AS g JOIN changed AS d USING (agency, year) "
        "WHERE v.v_to IS NULL AND v.v_from < d.version AND v.agency = g.agency AND v.year = g.year AND v.cell_id = g.cell_id "
        "AND v.file_id = g.file_id AND v.row_no = g.row_no"
    )


def latest(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, int], int]:
    """(agency, year) → its latest version, published or not."""
    return {(a, y): v for a, y, v in con.execute("SELECT agency, year, max(version) FROM report.versions GROUP BY ALL").fetchall()}


def difference(con: duckdb.DuckDBPyConnection, agency: str, year: int, before: int, after: int) -> pl.DataFrame:
    """Cells of which two versions of a report differ: cell_id, label, value_before, value_after, difference, records_before/_after."""
    params = {"agency": agency, "year": year, "before": before, "after": after}
    return con.sql(query("versions/difference"), params=params).pl()
