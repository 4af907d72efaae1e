"""Sensors: what is done when something happened to a run.

Belongs here: the alert of a failed run. Does not belong here: rules on data (findings), retries (assets).
"""

import json
from typing import Any

import dagster as dg
import httpx

from pipelines import settings as config
from pipelines.settings import Settings
from warehouse import clock

_TIMEOUT = 10.0


class AlertNotSent(RuntimeError):
    """The address did not take the alert; the message leaves the address out, which may hold a token."""


def alert(settings: Settings, run_id: str, job: str, what: str) -> None:
    """Write an alert into the data folder and post it where the configuration says.

    `what` names steps and codes alone: an alert may leave the house and never holds data.

    Raises:
        AlertNotSent: it was written but could not be posted.
    """
    message: dict[str, Any] = {"time": clock.now().isoformat(timespec="seconds"), "job": job, "run_id": run_id, "what": what}
    folder = settings.data / "alerts"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{run_id}.json").write_text(json.dumps(message, ensure_ascii=False, indent=1), "utf-8")
    if settings.alert_url:
        try:
            httpx.post(settings.alert_url, json=message, timeout=_TIMEOUT).raise_for_status()
        except httpx.HTTPError as error:
            raise AlertNotSent(f"告警没有发出（{type(error).__name__}）；请检查 gouji.toml 的 [nightly] alert_url") from None


@dg.run_failure_sensor(
    name="failure_alert", default_status=dg.DefaultSensorStatus.RUNNING, description="运行失败时写告警文件，并发到配置的地址"
)
def failure_alert(context: dg.RunFailureSensorContext) -> None:
    """Tell of a failed run."""
    failed = [e.step_key for e in context.get_step_failure_events() if e.step_key]
    alert(
        config.load(config.locate(None)),
        context.dagster_run.run_id,
        context.dagster_run.job_name,
        f"失败的步骤：{'、'.join(failed) or '未开始'}",
    )
