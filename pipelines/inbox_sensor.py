"""The sensor of the inboxes: a run of `nightly` starts when complete files have come that no run was started for.

Belongs here: looking at the inboxes, what was seen by the last run that was started, when not to start another. Does not belong here: the
nightly schedule, how an inbox is reached (`assets.sources`), which inboxes there are (`connectors.py`).

The cursor has, for each source, a digest of every complete file (path, size, time, refusal) when a run was last started. A file that is
taken away starts nothing. A run that fails is not started again for the same files: that is for a person, or for the night.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import dagster as dg

from assets.sources.connector import Found, Incomplete, Store
from pipelines import settings as config
from pipelines.alive import fail_dead_runs
from pipelines.home import home_of
from pipelines.jobs import nightly, year_tags
from pipelines.settings import Settings
from warehouse import clock

SECONDS = 60
Watched = tuple[str, Store, Sequence[str]]
"""Name of the source, the store, the patterns of its subjects; not those of logs, which grow all day. A source may come several times."""

_GOING = [getattr(dg.DagsterRunStatus, status) for status in ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")]


def inbox_sensor(on: bool, watched: Callable[[Settings], Iterable[Watched]]) -> dg.SensorDefinition:
    """The sensor; it looks once a minute.

    Args:
        on: Whether it runs without being switched on in the UI: there is an inbox, and the configuration wants runs by themselves.
        watched: The inboxes of the configuration, as it is at each look.
    """

    @dg.sensor(
        job=nightly,
        name="inbox",
        minimum_interval_seconds=SECONDS,
        description="收件箱里有新的、已传完的文件时开始一次运行；由 gouji.toml 的 [nightly] schedule 开启",
        default_status=dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED,
    )
    def inbox(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now = config.load(config.locate(None))
        fail_dead_runs(context.instance, home_of(now))
        if context.instance.get_run_records(dg.RunsFilter(statuses=_GOING), limit=1):
            return dg.SensorResult(skip_reason="已有运行在进行，或在等待；这次不看收件箱。")
        return _look(context.cursor, now, watched(now))

    return inbox


def _look(cursor: str | None, settings: Settings, watched: Iterable[Watched]) -> dg.SensorResult:
    """Start a run if any source has something new; one that cannot be looked through does not hold up the others."""
    before: dict[str, Any] = json.loads(cursor) if cursor else {"runs": 0, "files": {}}
    files, why = _complete(watched)
    news = [name for name, complete in files.items() if complete - set(before["files"].get(name, []))]
    if not news:
        return dg.SensorResult(skip_reason="\n".join(why) or "收件箱里没有新的文件。")
    known = before["files"] | {name: sorted(complete) for name, complete in files.items()}
    after = json.dumps({"runs": before["runs"] + 1, "files": known}, ensure_ascii=False, sort_keys=True)
    # The key is that of this start: should the cursor not be kept, the next look asks for the same run, and gets none.
    request = dg.RunRequest(run_key=_digest(after), tags=year_tags(settings.report_years(clock.today())))
    return dg.SensorResult(run_requests=[request], cursor=after)


def _complete(watched: Iterable[Watched]) -> tuple[dict[str, set[str]], list[str]]:
    """Digests of the complete files of every source that could be looked through, and what is to say of the others and of waiting files."""
    files: dict[str, set[str]] = {}
    why, broken = [], set()
    for name, store, patterns in watched:
        try:
            found = _found(store, patterns)
        except Incomplete as error:
            why.append(f"{name}：{error.detail}（{error.reason}）")
            broken.add(name)
            continue
        files.setdefault(name, set()).update(
            _digest([f.path, f.bytes, f.mtime_ns, f.refused and f.refused[0]]) for f in found if not f.is_waiting
        )
        if waiting := sum(f.is_waiting for f in found):
            why.append(f"{name}：有 {waiting} 个文件还没有传完。")
    return {name: complete for name, complete in files.items() if name not in broken}, why


def _found(store: Store, patterns: Sequence[str]) -> list[Found]:
    close = getattr(store, "close", None)  # a connection is not kept from one look to the next
    try:
        return store.found(patterns)
    finally:
        if close:
            close()


def _digest(what: Any) -> str:
    return hashlib.sha256(json.dumps(what, ensure_ascii=False).encode()).hexdigest()[:16]
