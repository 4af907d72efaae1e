"""Whole nights in their own processes: the daemon's tick, kills, failures, a second night."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import comparing
import dagster as dg
import duckdb
import pytest
import replay

from warehouse import clock

DROP = Path(__file__).parent.parent / "data" / "drops" / "kewei-2024-heavy"
EXPECTED = DROP / "expected.json"
_PATIENCE = 300.0


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration for a copy of the drop."""
    shutil.copytree(DROP, tmp_path / "drop")
    file = tmp_path / "gouji.toml"
    file.write_text(replay.configuration([tmp_path / "drop"], tmp_path / "var"), "utf-8")
    return file


def recorded(config: Path) -> dg.DagsterInstance:
    """What Dagster recorded of the nights."""
    return dg.DagsterInstance.from_config(str(config.parent / "var" / "dagster"))


def differences(config: Path) -> list[str]:
    want = comparing.read(EXPECTED)
    replay.collect(config, str(want["year"]), want["uscc"], config.parent)
    return comparing.differences(config.parent, [EXPECTED])


def state(config: Path) -> dict[str, int]:
    """Rows of the tables that a night must not write twice."""
    with duckdb.connect(config.parent / "var" / "gouji.duckdb", read_only=True) as con:
        names = [
            r[0] for r in con.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE table_name <> 'loads'").fetchall()
        ]
        return {name: con.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in names}


def test_a_second_night_on_the_same_input_changes_nothing(config: Path) -> None:
    assert replay.run(config).returncode == 3
    first = state(config)
    bytes_ = {f: f.stat().st_mtime_ns for folder in ("landing", "hits") for f in (config.parent / "var" / folder).rglob("*") if f.is_file()}
    assert replay.run(config).returncode == 3
    assert state(config) == first
    assert {f: f.stat().st_mtime_ns for f in bytes_} == bytes_
    assert differences(config) == []


def test_mended_files_end_their_critical_findings(config: Path) -> None:
    assert replay.run(config).returncode == 3
    drop = config.parent / "drop"
    for rejected in comparing.read(EXPECTED)["rejected_files"]:
        broken = drop / rejected["file"]
        good = next(f for f in sorted(broken.parent.glob(f"{broken.name.split('-')[0]}-20??{broken.suffix}")))
        shutil.copyfile(good, broken)
    assert replay.run(config).returncode == 0
    assert len(list(drop.rglob("*"))) > 10


def test_a_missing_source_is_critical_and_its_cells_are_unknown(config: Path) -> None:
    shutil.rmtree(config.parent / "drop" / "fees")
    assert replay.run(config).returncode == 3
    want = comparing.read(EXPECTED)
    replay.collect(config, str(want["year"]), want["uscc"], config.parent)
    year = config.parent / str(want["year"])
    assert comparing.read(year / "tables.json")["table2"]["fee_10k_yuan"] is None
    missing = [f for f in comparing.read(year / "findings.json") if f["type"] == "missing_source"]
    assert [(f["source"], f["severity"]) for f in missing] == [("fees", "critical")]


def test_a_failed_run_says_why_and_leaves_an_alert(config: Path) -> None:
    (config.parent / "var").mkdir()
    (config.parent / "var" / "gouji.duckdb").write_bytes(b"not a database" * 1000)
    done = replay.run(config)
    assert done.returncode == 1
    assert "raw" in done.stderr and "gouji.duckdb" in done.stderr
    (alert,) = (config.parent / "var" / "alerts").iterdir()
    assert json.loads(alert.read_text("utf-8"))["job"] == "nightly"


@pytest.mark.wide
def test_a_run_that_is_killed_anywhere_is_made_good_by_the_next(config: Path) -> None:
    """SIGKILL to the whole process group at many moments of a run; then one run that is left alone."""
    command = [sys.executable, "-m", "pipelines.cli", "--config", str(config), "run"]
    for moment in range(14):
        process = subprocess.Popen(command, cwd=replay.ROOT, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1.5 + 0.35 * moment)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert replay.run(config).returncode == 3
    assert differences(config) == []
    with recorded(config) as instance:  # the killed runs are no longer taken for running ones
        statuses = {r.status for r in instance.get_runs()}
    assert dg.DagsterRunStatus.STARTED not in statuses and {dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS} <= statuses
    assert len(list((config.parent / "var" / "alerts").iterdir())) >= 1
    hits = {f.name for f in (config.parent / "var" / "hits").iterdir()}
    with duckdb.connect(config.parent / "var" / "gouji.duckdb", read_only=True) as con:
        assert {r[0] for r in con.execute("SELECT hits_file FROM raw.files WHERE hits_file IS NOT NULL").fetchall()} == hits


@pytest.mark.wide
def test_the_daemon_runs_the_tick_of_the_schedule_to_success(config: Path) -> None:
    """A real daemon on the code location, with the hour of the schedule set to the next minute but one."""
    at = clock.now() + timedelta(minutes=1, seconds=20)
    config.write_text(config.read_text("utf-8").replace("[nightly]\n", f'[nightly]\nschedule = true\nat = "{at:%H:%M}"\n'), "utf-8")
    command = [sys.executable, "-m", "pipelines.cli", "--config", str(config), "daemon"]
    process = subprocess.Popen(command, cwd=replay.ROOT, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        finished = wait_for_end(config)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
    assert [(r.status, r.tags["dagster/schedule_name"]) for r in finished] == [(dg.DagsterRunStatus.SUCCESS, "nightly")]
    assert differences(config) == []


def wait_for_end(config: Path) -> list[dg.DagsterRun]:
    """The runs that ended, as soon as there is one."""
    ended = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        time.sleep(2)
        if (config.parent / "var" / "dagster" / "history").exists():
            with recorded(config) as instance:
                if runs := list(instance.get_runs(ended)):
                    return runs
    raise AssertionError(f"no run ended within {_PATIENCE:.0f} seconds")
