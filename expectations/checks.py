"""Rules → Dagster: the asset that stores findings.

Belongs here: the thin asset. Does not belong here: rules, queries, severity (`catalogue`, `sql`, `findings`).
"""

from collections.abc import Callable
from typing import Any, Protocol

import dagster as dg

from expectations import catalogue
from expectations import findings as judging
from warehouse.store import Warehouse

# Raise it when a rule finds something else in the same data.
RULES_VERSION = "1"
_SHOWN = 20


class HasWarehouse(Protocol):
    """What the asset needs of a night's plan."""

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse."""


def findings(asset: Callable[[Callable[..., Any]], dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """The asset `report/findings`; `asset` is the decorator that makes a partitioned asset of its table."""

    @asset
    def found(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        plan: HasWarehouse = context.resources.plan
        with plan.warehouse.step() as con:
            by_severity = judging.judge(con, [int(key) for key in context.partition_keys])
            gravest = judging.stored(con).head(_SHOWN)
        counts = {severity: by_severity.get(severity, 0) for severity in catalogue.SEVERITIES}
        listed = "\n".join(f"- **{row['severity']}** {row['message']}" for row in gravest.iter_rows(named=True)) or "没有发现。"
        return dg.MaterializeResult(metadata={"dagster/row_count": sum(counts.values()), **counts, "gravest": dg.MetadataValue.md(listed)})

    return found
