"""The raw layer: one asset a subject, landed rows as text.

Belongs here: the thin assets. Does not belong here: how landing is done (`ingest`, `logs`).
"""

from collections.abc import Mapping, Sequence

import dagster as dg

from assets import attributes
from assets.delivery import READER_VERSION
from assets.ingest import ingest
from assets.logs import land_logs
from assets.look import Ingested
from assets.plan import Plan
from warehouse import tables
from warehouse.sql import query
from warehouse.subjects import ACCESS_LOG, SUBJECTS


def _result(plan: Plan, subject: str, done: Ingested) -> dg.MaterializeResult[None]:
    """The data version is that of the landed contents: what is downstream stays fresh while they stay the same."""
    files = {"files_seen": done.files_seen, "files_new": done.files_new, "files_rejected": done.files_rejected}
    content = plan.warehouse.read(query("content"), {"subject": subject}).item()
    return dg.MaterializeResult(metadata={**attributes.rows(done.rows_new), **files}, data_version=dg.DataVersion(content))


def _from(sources: Sequence[dg.AssetKey]) -> dict[str, dg.AssetIn]:
    """The sources that deliver a subject, upstream of it; inputs have names of their own, as those of sources may be Chinese."""
    return {f"source_{at}": dg.AssetIn(key=key, dagster_type=dg.Nothing) for at, key in enumerate(sources)}


def _raw(subject: str, sources: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    @attributes.asset(tables.raw(subject), code_version=READER_VERSION, kinds={"polars"}, ins=_from(sources))
    def landed(context: dg.AssetExecutionContext, plan: dg.ResourceParam[Plan]) -> dg.MaterializeResult[None]:
        plan.say(f"落地 {subject}")
        done = ingest(
            plan.warehouse, plan.landing, subject, plan.deliveries.get(subject, ()), run_id=context.run_id,
            limit_bytes=plan.limit_bytes, rehash_days=plan.rehash_days,
        )  # fmt: skip
        return _result(plan, subject, done)

    return landed


def _access_log(sources: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    @attributes.asset(tables.VIEWS["raw.access_log"], code_version=READER_VERSION, kinds={"parquet"}, ins=_from(sources))
    def access_log(context: dg.AssetExecutionContext, plan: dg.ResourceParam[Plan]) -> dg.MaterializeResult[None]:
        plan.say(f"落地 {ACCESS_LOG}")
        done = land_logs(plan.warehouse, plan.landing, plan.hits, plan.deliveries.get(ACCESS_LOG, ()), run_id=context.run_id)
        return _result(plan, ACCESS_LOG, done)

    return access_log


def assets(sources: Mapping[str, Sequence[dg.AssetKey]]) -> list[dg.AssetsDefinition]:
    """One asset a subject; `sources` are the assets of the sources that deliver it."""
    records = [_raw(subject, sources.get(subject, ())) for subject in SUBJECTS]
    return [*records, _access_log(sources.get(ACCESS_LOG, ()))]
