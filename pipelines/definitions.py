"""The Dagster code location: everything assembled in one place, with overrides for tests.

Belongs here: `build_definitions` and the entry point. Does not belong here: any asset, job, rule or setting of its own.
"""

from __future__ import annotations

from functools import partial

import dagster as dg

from assets import core, raw, report
from assets.attributes import asset
from assets.plan import Plan
from expectations import checks
from expectations.findings import RULES_VERSION
from pipelines import settings as config
from pipelines.jobs import nightly, publish
from pipelines.resources import PlanResource
from pipelines.schedules import nightly_schedule
from pipelines.sensors import failure_alert
from pipelines.settings import Settings
from warehouse import tables


def build_definitions(plan: Plan | None = None, settings: Settings | None = None) -> dg.Definitions:
    """All definitions; a test gives its own Plan, the entry point the settings it found."""
    findings = checks.findings(
        partial(
            asset,
            tables.TABLES["report.findings"],
            code_version=RULES_VERSION,
            kinds={"sql"},
            deps=[dg.AssetKey(["report", "versions"])],
            by_year=True,
            required_resource_keys={"plan"},
        )
    )
    assets = [*raw.ASSETS, *core.ASSETS, *report.ASSETS, findings]
    return dg.Definitions(
        assets=assets,
        asset_checks=checks.checks([key for made in assets for key in made.keys]),
        jobs=[nightly, publish],
        schedules=[nightly_schedule(settings)],
        sensors=[failure_alert],
        resources={"plan": plan or PlanResource(config=str(settings.file) if settings else "")},
        executor=dg.in_process_executor,  # one writer to the DuckDB file
    )


def found_settings() -> Settings | None:
    """The configuration, if there is one here; a broken one stops the code location with its message."""
    try:
        path = config.locate(None)
    except config.SettingsError:
        return None
    return config.load(path)


@dg.definitions
def defs() -> dg.Definitions:
    """Entry point of workspace.yaml and [tool.dg]."""
    return build_definitions(settings=found_settings())
