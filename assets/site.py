"""The web site as its logs and its publication log show it together: views by channel, the fate of each published page.

Belongs here: which ranges of the logs are looked at for which addresses, the order of the queries. Does not belong here: what the
queries say (`warehouse/sql/site`), the landing of logs (`logs`), rules about the site (`expectations`), Dagster.

A night costs what is new. Hits of a range are read once, for all published addresses; an address that is published later is looked for
in those ranges alone that reach the day of its publication. Both leave small sums by address and day, and all else follows from these.
No other path than that of a published item is kept here, and no query of any.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from assets.records import Settled
from warehouse.sql import query
from warehouse.store import Warehouse

# A range that belongs to another organ now is counted anew for that one.
_GIVEN_AWAY = "DELETE FROM {table} AS t WHERE NOT EXISTS (FROM raw.files AS f WHERE f.file_id = t.file_id AND f.agency = t.agency)"
_NOT_WANTED = "(agency, path) IN (SELECT (agency, path) FROM (FROM core.site_paths EXCEPT FROM wanted))"
_COUNTED = "EXISTS (FROM core.site_page_days AS d WHERE d.file_id = f.file_id)"
_NEW = f"SELECT file_id, hits_file FROM raw.files AS f WHERE hits_file IS NOT NULL AND hits > 0 AND NOT {_COUNTED} ORDER BY file_id"
_REACHED = f"""
SELECT f.file_id, f.hits_file
FROM raw.files AS f
JOIN (SELECT file_id, max(day) AS last_day FROM core.access_log_days GROUP BY file_id) AS d USING (file_id)
WHERE {_COUNTED} AND EXISTS (FROM sought AS s WHERE s.agency = f.agency AND s.since <= d.last_day)
ORDER BY f.file_id
"""


def count_site(warehouse: Warehouse, hits: Path) -> Settled:
    """Count what is new of logs and publications, and bring `core.site_items` and `core.site_daily` up to date.

    Args:
        warehouse: Where the days of the new ranges (`core.access_log_days`) and the publications are counted already.
        hits: The folder of the Parquet files.

    Returns:
        Files: ranges that were read, for the first time or for new addresses; rows: items now.
    """
    with warehouse.step() as con:
        con.execute(query("site/addresses"))
        con.execute(f"CREATE OR REPLACE TEMP TABLE wanted AS {query('site/wanted')}")
        for table in ("core.site_hits", "core.site_page_days"):
            con.execute(_GIVEN_AWAY.format(table=table))
        for table in ("core.site_hits", "core.site_paths"):
            con.execute(f"DELETE FROM {table} WHERE {_NOT_WANTED}")
        con.execute("CREATE OR REPLACE TEMP TABLE sought AS FROM wanted EXCEPT FROM core.site_paths")
        again = _read(con, hits, _REACHED)
        con.execute("INSERT INTO core.site_paths BY NAME FROM sought")
        con.execute("CREATE OR REPLACE TEMP TABLE sought AS FROM core.site_paths")
        new = _read(con, hits, _NEW, is_new=True)
        for table in ("site_items", "site_daily"):
            _refresh(con, f"core.{table}", query(f"site/{table.removeprefix('site_')}"))
        row = con.execute("SELECT count(*) FROM core.site_items").fetchone()
        return Settled(again + new, int((row or (0,))[0]), 0)


def _read(con: duckdb.DuckDBPyConnection, hits: Path, ranges: str, *, is_new: bool = False) -> int:
    """Look for the addresses of `sought` in these ranges; how many they are. One range at a time: the sums of all may be too many."""
    found: Sequence[tuple[int, str]] = con.execute(ranges).fetchall()
    for file_id, name in found:
        con.execute(query("site/asked"), {"files": [str(hits / name)]})
        con.execute(query("site/hits"))
        if is_new:
            con.execute(query("site/page_days"), {"file_id": file_id})
    return len(found)


def _refresh(con: duckdb.DuckDBPyConnection, table: str, rows: str) -> None:
    """Replace the rows of a table by those of a query if they differ: a night that changes nothing writes nothing."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE fresh AS SELECT * FROM {table} LIMIT 0")
    con.execute(f"INSERT INTO fresh BY NAME {rows}")
    differing = f"(FROM fresh EXCEPT ALL FROM {table}) UNION ALL (FROM {table} EXCEPT ALL FROM fresh)"
    if con.execute(f"SELECT 1 FROM ({differing}) LIMIT 1").fetchone():
        con.execute(f"DELETE FROM {table}")
        con.execute(f"INSERT INTO {table} BY NAME FROM fresh")
