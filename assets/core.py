"""The core layer: one asset a subject, typed records with the place of every version.

Belongs here: the thin assets. Does not belong here: cleaning and ranking (`records`).
"""

import dagster as dg

from assets import attributes
from assets.logic.clean import CODE_VERSION
from assets.logs import count_days
from assets.plan import Plan
from assets.records import Settled, settle
from assets.site import count_site
from warehouse import tables
from warehouse.ledger import Unbalanced
from warehouse.subjects import ACCESS_LOG, SUBJECTS


def _result(done: Settled) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={**attributes.rows(done.rows), "files": done.files, "quarantined": done.quarantined})


def _core(subject: str) -> dg.AssetsDefinition:
    @attributes.asset(tables.core(subject), code_version=CODE_VERSION, kinds={"polars"}, deps=[dg.AssetKey(["raw", subject])])
    def cleaned(plan: dg.ResourceParam[Plan]) -> dg.MaterializeResult[None]:
        plan.say(f"清洗 {subject}")
        try:
            return _result(settle(plan.warehouse, subject, plan.vocabulary))
        except Unbalanced as error:
            raise dg.Failure(str(error), allow_retries=False) from error

    return cleaned


@attributes.asset(
    tables.TABLES["core.access_log_days"],
    code_version=CODE_VERSION,
    kinds={"parquet"},
    deps=[dg.AssetKey(["raw", ACCESS_LOG])],
)
def access_log_days(plan: dg.ResourceParam[Plan]) -> dg.MaterializeResult[None]:
    """Count the hits of new log ranges by day."""
    plan.say(f"汇总 {ACCESS_LOG}")
    try:
        return _result(count_days(plan.warehouse, plan.hits))
    except Unbalanced as error:
        raise dg.Failure(str(error), allow_retries=False) from error


@attributes.asset(
    tables.TABLES["core.site_items"],
    code_version=CODE_VERSION,
    kinds={"parquet"},
    deps=[dg.AssetKey(["core", "publications"]), dg.AssetKey(["core", f"{ACCESS_LOG}_days"])],
)
def site_items(plan: dg.ResourceParam[Plan]) -> dg.MaterializeResult[None]:
    """Bring publications and logs together: the fate of each published page, views by channel and day."""
    plan.say("汇总网站访问")
    return _result(count_site(plan.warehouse, plan.hits))


ASSETS = [*(_core(subject) for subject in SUBJECTS), access_log_days, site_items]
