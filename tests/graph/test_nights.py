"""Whole nights in their own processes: the daemon's tick, kills, failures, a second night."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import comparing
import dagster as dg
import duckdb
import pytest
import replay

from warehouse import clock, publish

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
    with recorded(config) as instance:  # what is downstream stays fresh
        for key in ("raw/fees", "core/fees", "report/cells"):
            made = instance.fetch_materializations(dg.AssetKey(key.split("/")), limit=5).records
            assert len({r.asset_materialization.tags["dagster/data_version"] for r in made if r.asset_materialization}) == 1 < len(made)


@pytest.mark.wide
def test_mended_files_end_their_critical_findings(config: Path) -> None:
    assert replay.run(config).returncode == 3
    drop = config.parent / "drop"
    for rejected in comparing.read(EXPECTED)["rejected_files"]:
        broken = drop / rejected["file"]
        good = next(f for f in sorted(broken.parent.glob(f"{broken.name.split('-')[0]}-20??{broken.suffix}")))
        shutil.copyfile(good, broken)
    assert replay.run(config).returncode == 0
    assert len(list(drop.rglob("*"))) > 10


def set_aside(config: Path) -> None:
    """Write down that the rejected files of the drop may be left out."""
    rejected = [config.parent / "drop" / f["file"] for f in comparing.read(EXPECTED)["rejected_files"]]
    entries = [
        '[[ignore]]\nsha256 = "' + hashlib.sha256(file.read_bytes()).hexdigest() + '"\n'
        f'reason = "备份，不应统计"\nuntil = {date.today() + timedelta(30)}\n'
        for file in rejected
    ]
    config.write_text("\n".join([config.read_text("utf-8"), *entries]), "utf-8")


def test_a_held_report_is_published_once_its_files_are_set_aside(config: Path) -> None:
    held = replay.run(config)
    assert held.returncode == 3 and "还没有发布过" in held.stdout and "停留" not in held.stderr
    assert replay.gouji(config, "tables").returncode == 1
    assert "草稿" in replay.gouji(config, "tables", "--draft").stdout
    status = json.loads((config.parent / "var" / "status.json").read_text("utf-8"))["reports"][0]
    assert status["published_version"] is None and status["held_since"] and "整份退回" in status["held_why"]
    set_aside(config)
    assert replay.gouji(config, "publish").returncode == 0
    (folder,) = (config.parent / "var" / "exports").glob("*/2024/v0001-*")
    assert publish.verify(folder) == []
    answer = json.loads(replay.gouji(config, "sql", "SELECT count(*) AS cells FROM audit.cells", "--format", "json").stdout)
    assert answer[0]["cells"] >= 200
    assert "第 1 版" in replay.gouji(config, "tables", "--format", "md").stdout
    assert differences(config) == []


@pytest.mark.wide
def test_great_expectations_is_not_imported_in_a_night_with_nothing_new(config: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "pipelines.cli", "--config", str(config), "run"]
    first, second = (subprocess.run(command, cwd=replay.ROOT, capture_output=True, text=True).stderr for _ in range(2))
    assert "great_expectations" in first and "great_expectations" not in second


@pytest.mark.wide
def test_a_missing_source_is_critical_and_its_cells_are_unknown(config: Path) -> None:
    shutil.rmtree(config.parent / "drop" / "fees")
    assert replay.run(config).returncode == 3
    want = comparing.read(EXPECTED)
    replay.collect(config, str(want["year"]), want["uscc"], config.parent)
    year = config.parent / str(want["year"])
    assert comparing.read(year / "tables.json")["table2"]["fee_10k_yuan"] is None
    missing = [f for f in comparing.read(year / "findings.json") if f["type"] == "missing_source"]
    assert [(f["source"], f["severity"]) for f in missing] == [("fees", "critical")]


@pytest.mark.wide
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
    for moment in range(7):
        process = subprocess.Popen(command, cwd=replay.ROOT, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1.5 + 0.7 * moment)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert replay.run(config).returncode == 3
    assert differences(config) == []
    with recorded(config) as instance:  # the killed runs are no longer taken for running ones
        statuses = {r.status for r in instance.get_runs()}
    assert statuses == {dg.DagsterRunStatus.FAILURE}  # the last one because its report is held back
    assert len(list((config.parent / "var" / "alerts").iterdir())) >= 1
    hits = {f.name for f in (config.parent / "var" / "hits").iterdir()}
    with duckdb.connect(config.parent / "var" / "gouji.duckdb", read_only=True) as con:
        assert {r[0] for r in con.execute("SELECT hits_file FROM raw.files WHERE hits_file IS NOT NULL").fetchall()} == hits


@pytest.mark.wide
def test_the_daemon_runs_the_tick_of_the_schedule_to_success(config: Path) -> None:
    """A real daemon on the code location, with the hour of the schedule set to the next minute but one."""
    at = clock.now() + timedelta(minutes=1, seconds=20)
    config.write_text(config.read_text("utf-8").replace("[nightly]\n", f'[nightly]\nschedule = true\nat = "{at:%H:%M}"\n'), "utf-8")
    set_aside(config)
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
