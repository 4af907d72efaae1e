"""The Dagster code location: everything assembled in one place, with overrides for tests.

Belongs here: `build_definitions` and the entry point. Does not belong here: any asset, job, rule or setting of its own.
"""

from __future__ import annotations

from functools import partial

import dagster as dg

from assets import core, loads, raw, report
from assets.attributes import asset
from assets.plan import Plan
from expectations import checks
from expectations.findings import RULES_VERSION
from pipelines import settings as config
from pipelines.connectors import watched
from pipelines.inbox_sensor import inbox_sensor
from pipelines.jobs import nightly, publish
from pipelines.resources import PlanResource
from pipelines.schedules import nightly_schedule
from pipelines.sensors import failure_alert
from pipelines.settings import Settings
from pipelines.settings_sources import KINDS
from warehouse import tables
from warehouse.subjects import SOURCES


def build_definitions(plan: Plan | None = None, settings: Settings | None = None) -> dg.Definitions:
    """All definitions; a test gives its own Plan, the entry point the settings it found."""
    findings = checks.findings(
        partial(
            asset,
            tables.TABLES["report.findings"],
            code_version=RULES_VERSION,
            kinds={"sql"},
            deps=[dg.AssetKey(["report", "versions"]), dg.AssetKey(["core", "site_items"])],
            by_year=True,
            required_resource_keys={"plan"},
        )
    )
    assets = [*raw.assets(_delivering(settings)), *loads.ASSETS, *core.ASSETS, *report.ASSETS, findings]
    return dg.Definitions(
        assets=[*_sources(settings), *assets],
        asset_checks=checks.checks([key for made in assets for key in made.keys]),
        jobs=[nightly, publish],
        schedules=[nightly_schedule(settings)],
        sensors=[failure_alert, inbox_sensor(_has_inbox(settings), watched)],
        resources={"plan": plan or PlanResource(config=str(settings.file) if settings else "")},
        executor=dg.in_process_executor,  # one writer to the DuckDB file
    )


def _has_inbox(settings: Settings | None) -> bool:
    """Whether runs are wanted by themselves and there is an inbox that may start one."""
    return settings is not None and settings.schedule and any(s.inbox for s in settings.sources)


def _sources(settings: Settings | None) -> list[dg.AssetSpec]:
    """The configured sources, each with how long it counts as fresh."""
    return [loads.spec(s.name, KINDS[s.kind], s.subjects, s.fresh_hours) for s in (settings.sources if settings else ())]


def _delivering(settings: Settings | None) -> dict[str, list[dg.AssetKey]]:
    """Subject → the sources that deliver it."""
    sources = settings.sources if settings else ()
    return {subject: [loads.key(s.name) for s in sources if subject in s.subjects] for subject in SOURCES}


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
