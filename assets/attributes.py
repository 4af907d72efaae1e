"""What Dagster is told about a table: key, group, owner, description and columns, all from the dictionary.

Belongs here: the translation of a dictionary entry into asset attributes. Does not belong here: any text of its own.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from warehouse import clock, tables
from warehouse.model import Table

# A lock held by a reader or a full disk may pass; wrong input does not, and raises Failure(allow_retries=False).
RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL)


def of(table: Table, *, code_version: str, kinds: set[str]) -> dict[str, Any]:
    """Keyword arguments of `dagster.asset` for a table."""
    columns = [dg.TableColumn(c.name, c.type, description=c.comment, tags={"pii": ""} if c.pii else {}) for c in table.columns]
    return {
        "key": [table.layer, table.name],
        "group_name": table.layer,
        "kinds": kinds | {"duckdb"},
        "owners": [tables.OWNERS[table.layer]],
        "description": f"{table.zh}\n\n{table.en}. Grain: {table.grain}.",
        "tags": {"subject": table.subject} if table.subject else {},
        "metadata": {"dagster/column_schema": dg.TableSchema(columns=columns), "dagster/table_name": table.full_name},
        "code_version": code_version,
        "retry_policy": RETRIES,
    }


def rows(count: int) -> dict[str, dg.MetadataValue[Any]]:
    """The row count under the name by which the UI plots it."""
    return {"dagster/row_count": dg.MetadataValue.int(count)}


def stamp() -> dg.MetadataValue[Any]:
    """Now, in Asia/Shanghai, for the run's record."""
    return dg.MetadataValue.text(clock.now().isoformat(sep=" ", timespec="seconds"))
