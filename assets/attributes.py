"""What Dagster is told about a table: key, group, owner, description and columns, all from the dictionary.

Belongs here: the translation of a dictionary entry into an asset. Does not belong here: any text of its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from assets.partitions import YEARS
from warehouse import tables
from warehouse.model import Table

# A lock held by a reader or a full disk may pass; wrong input does not, and raises Failure(allow_retries=False).
RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL)


def asset(
    table: Table,
    *,
    code_version: str,
    kinds: set[str],
    deps: Sequence[Any] = (),
    by_year: bool = False,
    **more: Any,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """A decorator that makes the asset of a table; `by_year` gives it a partition a report year, several in one run."""
    partitioned: dict[str, Any] = {"partitions_def": YEARS, "backfill_policy": dg.BackfillPolicy.single_run()} if by_year else {}

    def decorate(function: Callable[..., Any]) -> dg.AssetsDefinition:
        with warnings.catch_warnings():
            # Beta in 1.13; without it a range of years would be one run a year.
            warnings.filterwarnings("ignore", "Parameter `backfill_policy`", dg.BetaWarning)
            made: dg.AssetsDefinition = dg.asset(
                code_version=code_version,
                kinds=kinds | {"duckdb"},
                deps=deps,
                **_described(table),
                **partitioned,
                **more,
            )(function)
        return made

    return decorate


def spec(table: Table, *, code_version: str, kinds: set[str], deps: Sequence[Any] = ()) -> dg.AssetSpec:
    """The same for one of several assets that are made in one transaction."""
    described = {name: value for name, value in _described(table).items() if name != "retry_policy"}
    return dg.AssetSpec(code_version=code_version, kinds=kinds | {"duckdb"}, deps=deps, partitions_def=YEARS, **described)


def by_year() -> dict[str, Any]:
    """What lets one run make several report years; the policy is beta in 1.13, without it a range of years would be one run a year."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=dg.BetaWarning)
        return {"backfill_policy": dg.BackfillPolicy.single_run()}


def _described(table: Table) -> dict[str, Any]:
    columns = [dg.TableColumn(c.name, c.type, description=c.comment, tags={"pii": ""} if c.pii else {}) for c in table.columns]
    return {
        "key": [table.layer, table.name],
        "group_name": table.layer,
        "owners": [tables.OWNERS[table.layer]],
        "description": f"{table.zh}\n\n{table.en}. Grain: {table.grain}.",
        "tags": {"subject": table.subject} if table.subject else {},
        "metadata": {"dagster/column_schema": dg.TableSchema(columns=columns), "dagster/table_name": table.full_name},
        "retry_policy": RETRIES,
    }


def rows(count: int) -> dict[str, dg.MetadataValue[Any]]:
    """The row count under the name by which the UI plots it."""
    return {"dagster/row_count": dg.MetadataValue.int(count)}
