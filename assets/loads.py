"""The loads of a night, as Dagster shows them: one external asset a source, fresh while its looks are whole.

Belongs here: the asset `raw/loads`, the sources as Dagster sees them, what they are told of a night. Does not belong here: loading (`raw`).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from assets import attributes
from assets.plan import Plan
from warehouse import clock, tables
from warehouse.subjects import SOURCE_ZH, SOURCES

# Raise it when a load is told otherwise.
LOADS_VERSION = "1"
_LATEST = (
    "SELECT source, subject, arg_max(reason, load_id) AS reason, max(began_at) FILTER (reason IS NULL) AS completed_at, "
    "arg_max(rows_read, load_id) AS rows FROM (SELECT * REPLACE (coalesce(reason, '') AS reason) FROM raw.loads) GROUP BY ALL ORDER BY ALL"
)


def key(source: str) -> dg.AssetKey:
    """The asset of a source."""
    return dg.AssetKey(["source", source])


def spec(source: str, zh: str, subjects: Sequence[str], fresh_hours: int) -> dg.AssetSpec:
    """A source, which others keep: it counts as fresh for so many hours after it was last loaded completely."""
    delivered = "、".join(SOURCE_ZH[subject] for subject in subjects)
    return dg.AssetSpec(
        key(source),
        group_name="source",
        description=f"来源“{source}”（{zh}），交来：{delivered}。\n\nWhole at its last event; too old after {fresh_hours} hours.",
        owners=[tables.OWNERS["raw"]],
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=fresh_hours)),
    )


@attributes.asset(
    tables.TABLES["raw.loads"], code_version=LOADS_VERSION, kinds={"python"}, deps=[dg.AssetKey(["raw", subject]) for subject in SOURCES]
)
def loads(context: dg.AssetExecutionContext, plan: dg.ResourceParam[Plan]) -> dg.MaterializeResult[None]:
    """Tell each source whether it was loaded completely tonight."""
    latest = {(row["source"], row["subject"]): row for row in plan.warehouse.read(_LATEST).to_dicts()}
    subjects: dict[str, list[str]] = {}
    for subject, deliveries in plan.deliveries.items():
        for delivery in deliveries:
            subjects.setdefault(delivery.source, []).append(subject)
    for source, delivered in subjects.items():
        context.log_event(_event(source, [latest[source, subject] for subject in delivered if (source, subject) in latest]))
    return dg.MaterializeResult(metadata={**attributes.rows(len(latest)), "sources": dg.MetadataValue.md(_table(latest.values()))})


def _event(source: str, looks: Sequence[dict[str, Any]]) -> dg.AssetMaterialization | dg.AssetObservation:
    """A source is materialised when every look at it was whole; else it is only observed, and grows stale."""
    wanting = [f"{SOURCE_ZH[look['subject']]}：{look['reason']}" for look in looks if look["reason"]]
    completed = [look["completed_at"] for look in looks]
    last = min(completed) if looks and all(completed) else None
    told: dict[str, Any] = {"last complete pull": _told(last), "rows": sum(look["rows"] or 0 for look in looks)}
    if wanting or not looks:
        return dg.AssetObservation(key(source), metadata={**told, "没有取全": "；".join(wanting) or "没有取过"})
    return dg.AssetMaterialization(key(source), metadata=told)


def _told(last: datetime | None) -> dg.MetadataValue[Any]:
    return dg.MetadataValue.text("还没有过") if last is None else dg.MetadataValue.timestamp(last.replace(tzinfo=clock.SHANGHAI))


def _table(looks: Iterable[dict[str, Any]]) -> str:
    rows = [
        (
            look["source"],
            SOURCE_ZH[look["subject"]],
            str(look["completed_at"] or "还没有过")[:16],
            str(look["rows"]),
            look["reason"] or "取全",
        )
        for look in looks
    ]
    headed = [("来源", "数据", "最近一次取全", "新的行", "本次"), ("---",) * 5, *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in headed)


ASSETS = [loads]
