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
_LATEST = """
SELECT source, subject, run_id, reason, rows_read AS rows, completed_at
FROM (SELECT *, max(began_at) FILTER (reason IS NULL) OVER (PARTITION BY source, subject) AS completed_at FROM raw.loads)
QUALIFY load_id = max(load_id) OVER (PARTITION BY source, subject)
ORDER BY ALL
"""


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
    configured = {(d.source, subject) for subject, deliveries in plan.deliveries.items() for d in deliveries}
    looks = [row for row in plan.warehouse.read(_LATEST).to_dicts() if (row["source"], row["subject"]) in configured]
    for source in sorted({source for source, _ in configured}):
        tonight = [look for look in looks if look["source"] == source and look["run_id"] == context.run_id]
        if tonight:  # of a source that this run has not looked at there is nothing to tell
            context.log_event(_event(source, tonight))
    return dg.MaterializeResult(metadata={**attributes.rows(len(looks)), "sources": dg.MetadataValue.md(_table(looks))})


def _event(source: str, looks: Sequence[dict[str, Any]]) -> dg.AssetMaterialization | dg.AssetObservation:
    """A source is materialised when every look at it was whole; else it is only observed, and grows stale."""
    wanting = [f"{SOURCE_ZH[look['subject']]}：{look['reason']}" for look in looks if look["reason"]]
    completed = [look["completed_at"] for look in looks]
    last = min(completed) if all(completed) else None
    told: dict[str, Any] = {"last complete pull": _told(last), "rows": sum(look["rows"] or 0 for look in looks)}
    if wanting:
        return dg.AssetObservation(key(source), metadata={**told, "没有取全": "；".join(wanting)})
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
