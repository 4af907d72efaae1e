"""Schedules: when a job runs.

Belongs here: the nightly schedule. Does not belong here: what the job does.
"""

import dagster as dg

from pipelines import settings as config
from pipelines.alive import fail_dead_runs
from pipelines.home import home_of
from pipelines.jobs import nightly, year_tags
from pipelines.settings import Settings
from warehouse import clock

USUAL = "02:30"


def nightly_schedule(settings: Settings | None) -> dg.ScheduleDefinition:
    """The nightly schedule, on where the configuration says so and never on a laptop that only opens the UI."""
    on = settings is not None and settings.schedule
    hour, minute = (settings.at if settings else USUAL).split(":")

    @dg.schedule(
        job=nightly,
        cron_schedule=f"{int(minute)} {int(hour)} * * *",
        execution_timezone=clock.ZONE,
        name="nightly",
        description="每天一次（北京时间）；由 gouji.toml 的 [nightly] schedule 开启",
        default_status=dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED,
    )
    def every_night(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        # Read again at each tick: the years that are due change with the calendar, the configuration by hand.
        now = config.load(config.locate(None))
        fail_dead_runs(context.instance, home_of(now))
        return dg.RunRequest(tags=year_tags(now.report_years(clock.today())))

    return every_night
