"""Measurements as ratios: what a night costs, and against what.

    python tests/bench.py [--rows N] [--log-mb N]

Each figure is the best of three (the spreadsheet: one) in a process of its own; peak memory is that process's. Ratios move less
than seconds do between machines; they are what to compare between versions.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
AGENCY = "11990100F7AB5ABF0J"


def penalties(file: Path, first: int, rows: int, year: int = 2023) -> None:
    """A CSV of made-up penalty decisions."""
    chance = random.Random(first)
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(
            [
                "行政相对人名称",
                "行政处罚决定书文号",
                "处罚决定日期",
                "处罚机关",
                "处罚机关统一社会信用代码",
                "决定状态",
                "罚款金额（万元）",
                "更新时间",
            ]
        )
        for n in range(first, first + rows):
            day = date(year, 1, 1) + timedelta(chance.randrange(365))
            writer.writerow(
                [
                    f"测试{n}有限公司",
                    f"测罚决〔{year}〕{n}号",
                    day,
                    "测试机关",
                    AGENCY,
                    "有效",
                    f"{chance.randrange(1, 500) / 100}",
                    f"{day} 10:00:00",
                ]
            )


def log(file: Path, megabytes: int) -> int:
    """An access log of about that size; its number of lines."""
    line = (
        '10.0.{a}.{b} - - [{day:02d}/May/2023:10:11:12 +0800] "GET /xxgk/{n}.html HTTP/1.1" 200 {n} "-" "Mozilla/5.0 (Windows NT 10.0)"\n'
    )
    block = "".join(line.format(a=n % 250, b=n % 200, day=1 + n % 28, n=n) for n in range(9000)).encode()
    times = megabytes * 1_000_000 // len(block)
    with file.open("wb") as out:
        for _ in range(times):
            out.write(block)
    return times * 9000


def step(folder: Path, verb: str) -> None:
    """One measured piece of work, run in a process of its own."""
    from assets.delivery import Delivery
    from assets.ingest import ingest
    from assets.logic.vocabulary import Vocabulary
    from assets.logs import count_days, land_logs
    from assets.records import settle
    from assets.sources.folder import Folder
    from warehouse import counting, report
    from warehouse.landing import Landing
    from warehouse.store import Warehouse

    warehouse, landing = Warehouse(folder / "var" / "gouji.duckdb"), Landing(folder / "var" / "landing")
    records = Delivery("bench", AGENCY, Folder(folder / "in"), ("penalties*",), {})
    logs = Delivery("bench", AGENCY, Folder(folder / "in"), ("access*",), {})
    start = time.perf_counter()
    match verb:
        case "records":
            ingest(warehouse, landing, "penalties", [records], run_id="bench", limit_bytes=1 << 40)
            settle(warehouse, "penalties", Vocabulary.of([]))
        case "count":
            settings = tuple(
                (n, ",".join(map(str, s.default)) if isinstance(s.default, tuple) else str(s.default).lower())
                for n, s in counting.settings().items()
            )
            scope = report.Scope(((AGENCY, "测试机关", ()),), (2023,), settings, ((AGENCY, "bench", "penalties"),))
            with warehouse.step() as con:
                report.describe(con, scope)
                report.count(con, [2023], date(2024, 1, 20), again=True)
        case "logs":
            land_logs(warehouse, landing, folder / "var" / "hits", [logs], run_id="bench")
            count_days(warehouse, folder / "var" / "hits")
        case "nothing":
            pass
    print(json.dumps({"seconds": time.perf_counter() - start, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def measured(folder: Path, verb: str) -> tuple[float, float]:
    """Seconds and peak MB of one piece of work."""
    done = subprocess.run(
        [sys.executable, __file__, "--step", verb, "--folder", str(folder)], cwd=ROOT, text=True, capture_output=True, check=True
    )
    figures = json.loads(done.stdout)
    return figures["seconds"], figures["mb"]


def best(times: int, make: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    return min((make() for _ in range(times)), key=lambda f: f[0])


def record_figures(rows: int) -> None:
    firsts, seconds, thirds, counts = [], [], [], []
    for _ in range(3):
        with TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "in").mkdir()
            penalties(folder / "in" / "penalties-1.csv", 0, rows)
            firsts.append(measured(folder, "records"))
            counts.append(measured(folder, "count"))
            seconds.append(measured(folder, "records"))
            penalties(folder / "in" / "penalties-2.csv", rows, rows // 100)
            thirds.append(measured(folder, "records"))
    first, second, third, count = (min(f, key=lambda x: x[0]) for f in (firsts, seconds, thirds, counts))
    print(f"first night, {rows} penalties: {first[0]:.2f} s ({rows / first[0]:.0f} rows/s), peak {first[1]:.0f} MB")
    print(f"second night, nothing new / first night: {second[0] / first[0]:.3f}")
    print(f"night with 1 % new / first night: {third[0] / first[0]:.3f}")
    print(f"counting one report year / first night: {count[0] / first[0]:.3f}, peak {count[1]:.0f} MB")


def log_figures(megabytes: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        lines = log(folder / "in" / "access.log", megabytes)
        packed = folder / "packed.gz"

        def zipped() -> tuple[float, float]:
            start = time.perf_counter()
            with (folder / "in" / "access.log").open("rb") as raw, gzip.open(packed, "wb", 1) as out:
                while block := raw.read(1 << 20):
                    out.write(block)
            return time.perf_counter() - start, 0.0

        gzip_only = best(1, zipped)
        landed = measured(folder, "logs")
        again = measured(folder, "logs")
        print(f"access log of {megabytes} MB, {lines} lines: {landed[0]:.2f} s ({megabytes / landed[0]:.0f} MB/s), peak {landed[1]:.0f} MB")
        print(f"landing and parsing / compressing the same bytes alone: {landed[0] / gzip_only[0]:.2f}")
        print(f"the same log again / first: {again[0] / landed[0]:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--log-mb", type=int, default=512)
    parser.add_argument("--step")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.step:
        step(options.folder, options.step)
        return
    idle = measured(ROOT, "nothing")
    print(f"memory of a process that does nothing: {idle[1]:.0f} MB")
    record_figures(options.rows)
    log_figures(options.log_mb)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
