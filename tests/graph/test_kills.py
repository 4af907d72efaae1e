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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def small_disk(folder: Path, aside: Path, size: str) -> Iterator[Callable[[str], object]]:
    """A disk of that size under what lies in the folder, which is put aside; it can be made larger."""
    folder.rename(aside)
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        shutil.copytree(aside, folder, symlinks=True, dirs_exist_ok=True)
        yield lambda larger: subprocess.run(["mount", "-o", f"remount,size={larger}", str(folder)], check=True)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def said(var: Path) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(var / "gouji.duckdb", read_only=True) as con:
        return {name: con.execute(f"FROM {name} ORDER BY ALL").fetchall() for name in SAID}


def exported(var: Path) -> dict[str, bytes]:
    files = (f for f in (var / "exports").rglob("*") if f.is_file() and "audit" not in f.parts)
    return {f.relative_to(var).as_posix(): f.read_bytes() for f in files}


def before_the_second_night(folder: Path) -> Path:
    """A folder whose first night knew all but one file, which has come since."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("var"))
    late = folder / "records" / "enforcement" / "penalties-2023-补报.xlsx"
    shutil.move(late, folder / late.name)
    assert night(folder / "gouji.toml").wait() == 0
    shutil.move(folder / late.name, late)
    return folder


@pytest.mark.wide
@pytest.mark.parametrize("part", ["exports", "exports/11990100F7AB5ABF0J"])  # what fails first: the auditors' file, or the tables
def test_a_full_disk_leaves_the_old_version_and_the_next_run_heals(tmp_path: Path, part: str) -> None:
    config = before_the_second_night(tmp_path / "full") / "gouji.toml"
    var = config.parent / "var"
    used = sum(f.stat().st_size for f in (var / part).rglob("*") if f.is_file())
    with small_disk(var / part, tmp_path / "aside", f"{used // 1024 + 100}k") as enlarge:
        pointed = {p: p.readlink() for p in (var / "exports").rglob("current*")}
        failed = replay.gouji(config, "run")
        assert failed.returncode == 1 and "磁盘空间不足" in failed.stderr, failed.stderr
        assert faults(var) == []
        version = next((var / "exports").glob("*/2023/current"))
        assert part == "exports" or version.readlink() == pointed[version]
        assert (var / "exports" / "audit" / "current.duckdb").readlink() == pointed[var / "exports" / "audit" / "current.duckdb"]
        enlarge("200m")
        assert replay.gouji(config, "run").returncode == 0
        assert faults(var) == [] and version.readlink().name.startswith("v0002-")
        assert not list((var / "exports").rglob(".tmp*"))


@pytest.mark.wide
def test_a_night_that_is_killed_anywhere_leaves_whole_versions_and_its_rerun_is_undisturbed(tmp_path: Path) -> None:
    chance = random.Random(20260101)
    before = before_the_second_night(tmp_path / "before")

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
