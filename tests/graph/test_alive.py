"""Runs whose process is gone are told from those that go on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipelines import alive

HOLD = """
import sys
from pathlib import Path
from pipelines import alive
alive.hold(Path(sys.argv[1]), sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def started(instance: dg.DagsterInstance) -> dg.DagsterRun:
    @dg.job
    def nothing() -> None:
        """Do nothing."""

    run = instance.create_run_for_job(nothing)
    instance.handle_run_event(run.run_id, dg.DagsterEvent("PIPELINE_START", "nothing"))
    found = instance.get_run_by_id(run.run_id)
    assert found is not None and found.status is dg.DagsterRunStatus.STARTED
    return found


def test_a_run_whose_process_was_killed_is_failed_and_one_that_lives_is_not(
    instance: dg.DagsterInstance, tmp_path: Path, root: Path
) -> None:
    run = started(instance)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), run.run_id], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    assert alive.fail_dead_runs(instance, tmp_path) == []
    process.kill()
    process.communicate()
    assert alive.fail_dead_runs(instance, tmp_path) == [run.run_id]
    after = instance.get_run_by_id(run.run_id)
    assert after is not None and after.status is dg.DagsterRunStatus.FAILURE
    assert list((tmp_path / "running").iterdir()) == []


def test_a_run_on_its_way_to_its_lock_is_left_alone(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    started(instance)
    assert alive.fail_dead_runs(instance, tmp_path) == []


def test_a_run_that_was_killed_before_it_started_is_failed(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    @dg.job
    def nothing() -> None:
        """Do nothing."""

    run = instance.create_run_for_job(nothing)
    assert alive.fail_dead_runs(instance, tmp_path) == []  # on its way to its lock
    (tmp_path / "running").mkdir(exist_ok=True)
    (tmp_path / "running" / run.run_id).touch()
    assert alive.fail_dead_runs(instance, tmp_path) == [run.run_id]
