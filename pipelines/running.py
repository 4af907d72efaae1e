"""One run of a job, from the command line.

Belongs here: running the job in this process with the instance that the UI and the daemon use. Does not belong here: what the
job does, what is printed about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import dagster as dg

from pipelines.alive import fail_dead_runs, hold
from pipelines.definitions import build_definitions
from pipelines.home import home_of
from pipelines.jobs import year_tags
from pipelines.sensors import AlertNotSent, alert
from pipelines.settings import Settings
from warehouse import clock

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}  # the whole log is in the UI


@dataclass(frozen=True)
class Done:
    """How a run ended."""

    run_id: str
    years: tuple[int, ...]
    success: bool
    is_held: bool  # nothing went wrong but the gate holds a report back
    error: str


def run_job(settings: Settings, name: str, years: Sequence[int] = ()) -> Done:
    """Run a job for these report years (default: those that are due), recorded in Dagster's home."""
    due = tuple(sorted(years)) or settings.report_years(clock.today())
    job = build_definitions(settings=settings).resolve_job_def(name)
    with dg.DagsterInstance.get() as instance:
        for run_id in fail_dead_runs(instance, home_of(settings)):
            _tell(settings, run_id, name, "运行的进程已经不在")
        run_id = str(uuid4())
        hold(home_of(settings), run_id)  # before the run is recorded: killed at any moment, it is known to be dead
        result = job.execute_in_process(instance=instance, run_id=run_id, tags=year_tags(due), run_config=_QUIET, raise_on_error=False)
        error = "" if result.success else _why(result)
    if error:
        trouble = _tell(settings, result.run_id, name, "失败的步骤：" + ("、".join(_failed(result)) or "未开始"))
        error = f"{error}\n{trouble}" if trouble else error
    return Done(result.run_id, due, result.success, _is_held(result), error)


def _is_held(result: dg.ExecuteInProcessResult) -> bool:
    """Whether the gate's “held” is all that failed."""
    failures = [event.step_failure_data.user_failure_data for event in result.all_events if event.is_step_failure]
    return bool(failures) and all(data is not None and "held" in data.metadata for data in failures)


def _tell(settings: Settings, run_id: str, job: str, what: str) -> str:
    """Leave an alert; what went wrong with that."""
    try:
        alert(settings, run_id, job, what)
    except AlertNotSent as trouble:
        return str(trouble)
    return ""


def _failed(result: dg.ExecuteInProcessResult) -> list[str]:
    return [str(event.step_key) for event in result.all_events if event.is_step_failure]


def _why(result: dg.ExecuteInProcessResult) -> str:
    """The message of the first cause of each failed step, steps with the same message on one line; else what ended the run."""
    steps: dict[str, list[str]] = {}
    ends = []
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error:
            steps.setdefault(_cause(event.step_failure_data), []).append(str(event.step_key))
        elif event.is_failure and not event.is_step_event:
            ends.append(str(event.message))
    return "\n".join([f"步骤 {'、'.join(names)}：{message}" for message, names in steps.items()] or ends)


def _cause(failure: Any) -> str:
    """What a step says for itself where it knows, else the message of the first cause."""
    if failure.user_failure_data and failure.user_failure_data.description:
        return str(failure.user_failure_data.description)
    cause = failure.error
    while cause and cause.cause:
        cause = cause.cause
    return cause.message.strip() if cause else ""
