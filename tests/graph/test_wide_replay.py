"""Every consistent golden × noise × seed, and pairs of years in one warehouse, from the folder beside the project.

The folder (`../shared`) is there in CI; where it is not, the test says so.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import comparing
import pytest
import replay

SHARED = replay.ROOT.parent / "shared"
EXPAND = SHARED / "tools" / "expand_report.py"
SEEDS = {"none": (1,), "normal": (1,), "heavy": (1, 2, 3)}  # what is new with a seed is new noise
_PROCESSES = 2

Case = tuple[str, str | None, str, int]


def goldens() -> list[Path]:
    return sorted((SHARED / "golden").glob("*.json"))


def pairs() -> list[tuple[str, str]]:
    """Reports of one organ in consecutive years."""
    known = {}
    for file in goldens():
        report = json.loads(file.read_text("utf-8"))
        known[file.stem.rpartition("-")[0], report["year"]] = file.stem
    return [(stem, known[organ, year + 1]) for (organ, year), stem in sorted(known.items()) if (organ, year + 1) in known]


def cases() -> list[Case]:
    single = [(file.stem, None) for file in goldens()]
    return [(a, b, noise, seed) for a, b in [*single, *pairs()] for noise in SEEDS for seed in SEEDS[noise]]


def expanded(case: Case, folder: Path) -> list[Path] | None:
    """The drops of a case; None when the tool refuses the report as inconsistent or of another form."""
    first, second, noise, seed = case
    command = [
        sys.executable,
        str(EXPAND),
        str(SHARED / "golden" / f"{first}.json"),
        "--out",
        str(folder),
        "--noise",
        noise,
        "--seed",
        str(seed),
    ]
    if second:
        command += ["--next-year", str(SHARED / "golden" / f"{second}.json")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 2:
        return None
    assert done.returncode == 0, done.stderr
    return sorted(p.parent for p in folder.rglob("agency.json"))


def replayed(case: Case, folder: Path) -> list[str]:
    """Differences between what is expected and what the job found."""
    drops = expanded(case, folder / "drop")
    if drops is None:
        return ["refused"]
    command = [sys.executable, str(replay.ROOT / "tests" / "replay.py"), *map(str, drops), str(folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 3):
        return [f"exit {done.returncode}: {done.stderr[-2000:]}"]
    return comparing.differences(folder / "out", [d / "expected.json" for d in drops])


@pytest.fixture(scope="module")
def replays(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Case, Future[list[str]]]]:
    """All chosen cases, started at once, as many at a time as there are cores."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function) and item.module is request.module]
    chosen = [item.callspec.params["case"] for item in items if "case" in getattr(getattr(item, "callspec", None), "params", {})]
    with ThreadPoolExecutor(_PROCESSES) as pool:
        yield {case: pool.submit(replayed, case, tmp_path_factory.mktemp("case")) for case in chosen}


@pytest.mark.wide
@pytest.mark.parametrize("case", cases(), ids=lambda c: "-".join(str(x) for x in c if x is not None))
def test_a_published_report_is_reproduced_from_its_records(case: Case, replays: dict[Case, Future[list[str]]]) -> None:
    found = replays[case].result()
    if found == ["refused"]:
        assert case[0] in INCONSISTENT or case[1] in INCONSISTENT
    else:
        assert found == []


# Reports with errors as published, or in the form of 2019: no records can give them.
INCONSISTENT = {"fujian-pingtan-guanweihui-2020", "jiangsu-huaian-hongze-qu-2023"}


@pytest.mark.wide
def test_the_wide_replay_had_something_to_replay() -> None:
    if not EXPAND.exists():
        pytest.skip(f"the wide replay needs the folder {SHARED.name} beside the project; it is not here")
    assert len(cases()) >= 50
