"""Configuration → plain objects that the assets receive.

Belongs here: making a Plan from settings. Does not belong here: reading `gouji.toml` (`settings`), what is done with a Plan.
"""

from __future__ import annotations

import sys
from pathlib import Path

import dagster as dg

from assets.logic.vocabulary import Vocabulary
from assets.plan import Plan
from expectations.findings import rules_version
from pipelines import alive
from pipelines import settings as config
from pipelines.connectors import deliveries
from pipelines.home import home_of, warehouse_of
from pipelines.settings import Settings
from warehouse import clock
from warehouse.landing import Landing
from warehouse.report import Scope
from warehouse.subjects import SOURCES


def plan_of(settings: Settings) -> Plan:
    """What a night works with."""
    return Plan(
        warehouse=warehouse_of(settings),
        landing=Landing(settings.data / "landing"),
        hits=settings.data / "hits",
        deliveries={subject: deliveries(settings, subject) for subject in SOURCES},
        vocabulary=Vocabulary.of(settings.vocabulary_rows(), str(settings.counting["sole_trader_class"])),
        scope=scope_of(settings),
        exports=settings.data / "exports",
        status=settings.data / "status.json",
        today=clock.today(),
        rules_version=rules_version(),
        limit_bytes=settings.file_bytes,
        rehash_days=settings.rehash_days,
        say=_say,
    )


def scope_of(settings: Settings) -> Scope:
    """What is to be reported, and from which sources."""
    return Scope(
        agencies=tuple((a.code, a.name, a.aliases) for a in settings.agencies),
        years=settings.report_years(clock.today()),
        settings=tuple(settings.counting_rows()),
        sources=tuple((s.agency, s.name, subject) for s in settings.sources for subject in s.subjects),
        ignored=settings.ignored,
        given=settings.given,
        claims=settings.claims,
        site=settings.site,
    )


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(f"  {clock.now():%H:%M:%S}  {text}", file=sys.stderr, flush=True)


class PlanResource(dg.ConfigurableResource):
    """The Plan, made when a run starts; without a configuration the run fails and says how to make one."""

    config: str = ""

    def create_resource(self, context: dg.InitResourceContext) -> Plan:
        """The Plan of the configured file, else of GOUJI_CONFIG, else of `gouji.toml` in the working folder."""
        settings = config.load(config.locate(Path(self.config) if self.config else None))
        if context.run:
            alive.hold(home_of(settings), context.run.run_id)
        return plan_of(settings)
