"""The raw layer: one asset a subject, landed rows as text.

Belongs here: the thin assets. Does not belong here: how landing is done (`ingest`, `logs`).
"""

import dagster as dg

from assets import attributes
from assets.ingest import READER_VERSION, Ingested, ingest
from assets.logs import land_logs
from assets.plan import Plan
from warehouse import tables
from warehouse.subjects import ACCESS_LOG, SUBJECTS


def _result(done: Ingested) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={
        **attributes.rows(done.rows_new), "files_seen": done.files_seen, "files_new": done.files_new, "files_rejected": done.files_rejected,
    })  # fmt: skip


def _raw(subject: str) -> dg.AssetsDefinition:
    @attributes.asset(tables.raw(subject), code_version=READER_VERSION, kinds={"polars"})
    def landed(context: dg.AssetExecutionContext, plan: dg.ResourceParam[Plan]) -> dg.MaterializeResult[None]:
        plan.say(f"落地 {subject}")
        return _result(ingest(
            plan.warehouse, plan.landing, subject, plan.deliveries.get(subject, ()), run_id=context.run_id,
            limit_bytes=plan.limit_bytes, rehash_days=plan.rehash_days,
        ))  # fmt: skip

    return landed


@attributes.asset(tables.VIEWS["raw.access_log"], code_version=READER_VERSION, kinds={"parquet"})
def access_log(context: dg.AssetExecutionContext, plan: dg.ResourceParam[Plan]) -> dg.MaterializeResult[None]:
    """Land the new ranges of the access logs."""
    plan.say(f"落地 {ACCESS_LOG}")
    return _result(land_logs(plan.warehouse, plan.landing, plan.hits, plan.deliveries.get(ACCESS_LOG, ()), run_id=context.run_id))


ASSETS = [*(_raw(subject) for subject in SUBJECTS), access_log]
