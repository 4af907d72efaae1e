"""Which recorded runs are really running.

Belongs here: the lock that a run holds while its process lives, and failing the runs whose process is gone. Does not belong here:
starting or ending processes. A killed `gouji run` would otherwise stay “started” for ever, and the daemon, which allows one run
at a time, would never start another.
"""

from __future__ import annotations

import fcntl
import time
from pathlib import Path
from typing import IO

import dagster as dg

_held: dict[str, IO[bytes]] = {}  # the system releases the locks with the process, however it ends
_STARTING = 600.0  # seconds in which a run may be on its way to its lock
_GOING = [getattr(dg.DagsterRunStatus, status) for status in ("NOT_STARTED", "STARTING", "STARTED", "CANCELING")]


def hold(home: Path, run_id: str) -> None:
    """Take the lock of a run, to be held until this process ends; a second call changes nothing."""
    if run_id in _held:
        return
    (home / "running").mkdir(parents=True, exist_ok=True)
    _held[run_id] = (home / "running" / run_id).open("ab")
    fcntl.flock(_held[run_id], fcntl.LOCK_EX)


def fail_dead_runs(instance: dg.DagsterInstance, home: Path) -> list[str]:
    """Mark as failed every run that is recorded as going on while its process is gone; their ids."""
    dead = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=_GOING)):
        run = record.dagster_run
        if not _lives(home / "running" / run.run_id, time.time() - record.create_timestamp.timestamp()):
            instance.report_run_failed(run, "运行的进程已经不在（被终止或机器重启）；已落地的数据完好，下一次运行会接着做完。")
            dead.append(run.run_id)
    for lock in (home / "running").glob("*"):
        run_or_none = instance.get_run_by_id(lock.name)
        if (run_or_none is None or run_or_none.is_finished) and not _lives(lock, 0):
            lock.unlink(missing_ok=True)
    return dead


def _lives(lock: Path, age: float) -> bool:
    if not lock.exists():
        return age < _STARTING
    with lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
