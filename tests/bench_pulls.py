"""Measurements of pulling over REST, as ratios to a bare loop of httpx that asks for the same pages and parses them.

    python tests/bench_pulls.py [--rows N]

B4  records pulled, checked and kept / the bare loop; the same with landing; the rate of the platform itself; memory with many pages
    against few

The platform is the demo platform in a process of its own over records with every column of the contract. Every figure is the median of
three in processes of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
AGENCY = "11990100F7AB5ABF0J"
PAGE = 500


def records(count: int) -> Iterator[dict[str, object]]:
    """Penalties with every column of the contract, each with a key of its own."""
    from warehouse.subjects import SUBJECTS

    texts = {f.code: f"测试{f.zh}内容" for f in SUBJECTS["penalties"].fields}
    for n in range(count):
        day = f"2023-{n % 12 + 1:02}-{n % 28 + 1:02}"
        yield texts | {
            "CF_WSH": f"测工信罚决〔2023〕{n}号", "CF_CFJGDM": AGENCY, "CF_JDRQ": day, "CF_GSJZQ": day, "GKRQ": day, "CF_NR_FK": 0.5,
            "CF_NR_WFFF": None, "JDZT": "有效", "GXSJ": f"{day} 10:00:00", "CF_XDR_SHXYM": None, "CF_XDR_ZJHM": None,
        }  # fmt: skip


def write(folder: Path, count: int) -> Path:
    """A drop that the demo platform serves."""
    rest = folder / "rest" / "penalties"
    rest.mkdir(parents=True)
    (rest / "page-1.json").write_text(json.dumps({"code": 0, "data": {"rows": list(records(count))}}, ensure_ascii=False), "utf-8")
    return folder


@contextmanager
def platform(folder: Path) -> Iterator[str]:
    """The demo platform in a process of its own; its address."""
    command = [sys.executable, "examples/demo_platform.py", str(folder), "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    try:
        line = next(line for line in process.stdout if "http://" in line)
        yield "http://" + line.partition("http://")[2].split()[0].rstrip("/。，")
    finally:
        process.terminate()
        process.wait()


# ---- what is measured, each in a process of its own --------------------------------------------------------------------------


def bytes_only(url: str, _: Path) -> int:
    """How fast the platform is: pages are taken and thrown away."""
    return _loop(url, parse=False)


def bare(url: str, _: Path) -> int:
    """The loop anybody would write: ask, parse, count."""
    return _loop(url, parse=True)


def _loop(url: str, *, parse: bool) -> int:
    import httpx

    rows = size = 0
    with httpx.Client() as client:
        for page in range(1, 1_000_000):
            answer = client.get(f"{url}/penalties", params={"pageNum": page, "pageSize": PAGE})
            if not parse:
                size = len(answer.content)
                if size < 200:
                    break
                continue
            got = answer.json()["data"]["rows"]
            rows += len(got)
            if not got:
                break
    return rows


def pull(url: str, folder: Path) -> int:
    """What the connector does: ask, check, keep."""
    from assets.sources.rest import Rest
    from warehouse.subjects import SUBJECTS

    (folder / "spool").mkdir()
    return Rest(base_url=url, paths={"penalties": "penalties"}, page_size=PAGE).pull(SUBJECTS["penalties"], None, folder / "spool").rows


def landed(url: str, folder: Path) -> int:
    """From the platform into the warehouse."""
    from assets.delivery import Delivery
    from assets.ingest import ingest
    from assets.sources.rest import Rest
    from warehouse.landing import Landing
    from warehouse.store import Warehouse

    feed = Rest(base_url=url, paths={"penalties": "penalties"}, page_size=PAGE)
    warehouse = Warehouse(folder / "w.duckdb", "1GB", 2)
    with warehouse.step():
        pass
    delivery = Delivery("platform", AGENCY, feed)
    return ingest(warehouse, Landing(folder / "landing"), "penalties", [delivery], run_id="bench", limit_bytes=1 << 30).rows_new


def measured(name: str, url: str) -> tuple[float, float, int]:
    """Median seconds, megabytes and the rows of three runs."""
    seconds, memory, rows = [], [], 0
    for _ in range(3):
        with TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, __file__, "--step", name, url, folder], cwd=ROOT, capture_output=True, text=True, check=True,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )  # fmt: skip
            told = json.loads(done.stdout)
            seconds.append(told["seconds"])
            memory.append(told["mb"])
            rows = told["rows"]
    return statistics.median(seconds), statistics.median(memory), rows


def step(name: str, url: str, folder: str) -> None:
    """One measured piece of work."""
    started = time.perf_counter()
    rows = {"bytes_only": bytes_only, "bare": bare, "pull": pull, "landed": landed}[name](url, Path(folder))
    # Not ru_maxrss, which begins with what the parent had.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    mb = int(peak.split()[1]) / 1024
    print(json.dumps({"seconds": time.perf_counter() - started, "mb": mb, "rows": rows}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--step", nargs=3)
    given = parser.parse_args()
    if given.step:
        step(*given.step)
        return
    sys.path.insert(0, str(ROOT))
    with TemporaryDirectory() as folder, platform(write(Path(folder) / "many", given.rows)) as url:
        found = {name: measured(name, url) for name in ("bytes_only", "bare", "pull", "landed")}
    with TemporaryDirectory() as folder, platform(write(Path(folder) / "few", given.rows // 10)) as url:
        few = measured("pull", url)
    assert found["bare"][2] == found["pull"][2] == found["landed"][2] == given.rows
    for name, (seconds, mb, _) in found.items():
        print(f"{name:12} {seconds:7.2f} s {given.rows / seconds:10,.0f} rows/s {mb:6.0f} MB")
    print(f"B4 pulled and checked / bare loop {found['pull'][0] / found['bare'][0]:.2f}")
    print(f"B4 pulled and landed / bare loop {found['landed'][0] / found['bare'][0]:.2f}")
    print(f"B4 memory of {given.rows} rows / of a tenth {found['pull'][1] / few[1]:.2f}")


if __name__ == "__main__":
    main()
