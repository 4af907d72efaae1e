"""SIGKILL to the whole process group of real nights: what is published is always whole, and the rerun is as if nothing had happened."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
import replay

from warehouse import publish

EXAMPLE = replay.ROOT / "examples" / "xinxiang-2023"
ROUNDS, KILLS = 6, 10
SAID = ("report.cell_versions", "report.evidence_versions", "report.findings", "report.places", "core.ledger", "report.suite_results")


def night(config: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pipelines.cli", "--config", str(config), "run"]
    return subprocess.Popen(command, cwd=replay.ROOT, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def faults(var: Path) -> list[str]:
    """What is not whole of what the pointers name."""
    found = []
    for pointer in (var / "exports").glob("*/*/current"):
        found += publish.verify(pointer.resolve())
    snapshot = var / "exports" / "audit" / "current.duckdb"
    if snapshot.exists():
        name = snapshot.resolve()
        said = name.with_name(f"{name.name}.sha256").read_text("utf-8").split()[0]
        if hashlib.sha256(name.read_bytes()).hexdigest() != said:
            found.append(f"{name.name}: not what its digest says")
        with duckdb.connect(name, read_only=True) as con:
            if con.execute("SELECT count(*) FROM audit.cells").fetchall() == [(0,)]:
                found.append("audit.cells: empty")
    return found


def said(var: Path) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(var / "gouji.duckdb", read_only=True) as con:
        return {name: con.execute(f"FROM {name} ORDER BY ALL").fetchall() for name in SAID}


def exported(var: Path) -> dict[str, bytes]:
    files = (f for f in (var / "exports").rglob("*") if f.is_file() and "audit" not in f.parts)
    return {f.relative_to(var).as_posix(): f.read_bytes() for f in files}


@pytest.mark.wide
def test_a_night_that_is_killed_anywhere_leaves_whole_versions_and_its_rerun_is_undisturbed(tmp_path: Path) -> None:
    chance = random.Random(20260101)
    before = tmp_path / "before"
    shutil.copytree(EXAMPLE, before, ignore=shutil.ignore_patterns("var"))
    late = before / "records" / "enforcement" / "penalties-2023-补报.xlsx"
    held_back = tmp_path / late.name
    shutil.move(late, held_back)  # the first night knows all but one file; it comes with the second night
    assert night(before / "gouji.toml").wait() == 0
    shutil.copy(held_back, late)

    def second(name: str) -> Path:
        shutil.copytree(before, tmp_path / name, symlinks=True)
        return tmp_path / name / "gouji.toml"

    undisturbed = second("undisturbed")
    started = time.monotonic()
    assert night(undisturbed).wait() == 0
    lasted = time.monotonic() - started
    want = undisturbed.parent / "var"
    assert faults(want) == [] and len(list((want / "exports").glob("*/*/v0002-*"))) == 1
    for turn in range(ROUNDS):
        config = second(f"turn-{turn}")
        var = config.parent / "var"
        for _ in range(KILLS):
            process = night(config)
            time.sleep(chance.uniform(0.5, lasted))
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert faults(var) == []
        assert night(config).wait() == 0
        assert faults(var) == []
        assert said(var) == said(want) and exported(var) == exported(want)
        assert not list((var / "exports").rglob(".tmp*"))
        shutil.rmtree(config.parent)
