"""One access log, from its landed bytes to committed rows: against plain DuckDB and against GoAccess.

    python tests/bench_logs.py [--mb 1024] [--check]

Each figure is the median of three, in processes of their own that take turns, the file in the page cache. Wall time is what the
targets are about; where others use the machine too, processor time (user + sys) moves less. With --check nothing is printed; the
exit status is 1 if a target is missed.

Belongs here: the log that is made up, the rivals, their table. Does not belong here: what a whole night costs (`bench.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
TARGETS = {"goaccess": 10.0, "bare": 1 / 1.3}  # how many times as fast as each the job has to be, at least
STEPS = ("job", "bare", "goaccess")
Figures = dict[str, float]

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 16_{} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0",
    "Mozilla/5.0 (Windows NT 6.1; WOW64; rv:{}.0) Gecko/20100101 Firefox/102.0",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html) {}",
    "Mozilla/5.0 (compatible; bingbot/2.{}; +http://www.bing.com/bingbot.htm)",
    "curl/7.{}.0",
)
PATHS = (
    "/",
    "/favicon.ico",
    "/xxgk/{}.html",
    "/zfxxgk/fdzdgknr/xzcf/202305/t20230501_{}.html",
    "/static/js/app.{}.js",
    "/api/search?q=%E5%A4%84%E7%BD%9A&page={}",
)
MALFORMED = (b"worker process exited on signal 9", b'10.0.0.1 - - [10/May/2023:13:55:36 +0800] "GET /cut', rb'\x16\x03\x01 "-" 400')
# Bare formulation E: one column, cut at the quotes. It tells no row number, no offset from UTC, no JSON, no escaped quote, and keeps
# nothing of what it cannot read.
BARE = r"""
COPY (
    WITH cut AS (
        SELECT string_split(line, '"') AS p
        FROM read_csv('{log}', columns = {{'line': 'VARCHAR'}}, header = false, auto_detect = false, delim = '{delim}', quote = '',
            escape = '', strict_mode = false, max_line_size = 4194304, store_rejects = true)
        WHERE line IS NOT NULL
    ),
    fields AS (
        SELECT p, string_split(p[1], ' ') AS head, string_split(p[2], ' ') AS request, string_split(p[3], ' ') AS tail
        FROM cut
        WHERE len(p) = 7
    ),
    typed AS (
        SELECT try_strptime(head[4], '[%d/%b/%Y:%H:%M:%S') AS hit_at, head[1] AS remote_addr, request[1] AS "method", request[2] AS path,
            TRY_CAST(tail[2] AS SMALLINT) AS status, TRY_CAST(tail[3] AS BIGINT) AS bytes, nullif(p[4], '-') AS referer,
            nullif(p[6], '-') AS user_agent, regexp_matches(p[6], 'bot|spider|crawl', 'i') AS is_bot
        FROM fields
    )
    FROM typed WHERE hit_at IS NOT NULL AND status IS NOT NULL
) TO '{parquet}' (COMPRESSION zstd)
"""


def write_log(file: Path, megabytes: int) -> None:
    """A combined log: one line in a thousand malformed, some blank, some with line ends of Windows, some with bytes that are no UTF-8."""
    chance = random.Random(megabytes)

    def line(n: int) -> bytes:
        if chance.random() < 0.001:
            return chance.choice(MALFORMED) + b"\n"
        address = f"{chance.randrange(1, 224)}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"
        at = f"{1 + n // 20_000:02}/May/2023:{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02} +0800"
        request = f"{chance.choice(['GET'] * 9 + ['POST'])} {chance.choice(PATHS).format(chance.randrange(99_999))}"
        status, size = chance.choice([200] * 16 + [301, 304, 404, 500]), chance.randrange(200, 90_000)
        referer = chance.choice(["-", "https://www.example.gov.cn/", f"https://www.baidu.com/link?url={chance.randrange(99_999)}"])
        agent = chance.choice(AGENTS).format(chance.randrange(10, 90)).encode()
        if chance.random() < 0.0001:
            agent = "浏览器".encode("gb18030")
        end = b"\r\n" if chance.random() < 0.0005 else b"\n" if chance.random() < 0.9998 else b"\n\n"
        return f'{address} - - [{at}] "{request} HTTP/1.1" {status} {size} "{referer}" "'.encode() + agent + b'"' + end

    lines = [line(n) for n in range(400_000)]
    size = 0
    with file.open("wb") as out:
        while size < megabytes << 20:
            at = chance.randrange(0, len(lines) - 4000)
            size += out.write(b"".join(lines[at : at + 4000]))


class Clock:
    """Seconds, wall and processor, that pass inside; both add up over several uses."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def __enter__(self) -> Clock:
        self.wall -= time.perf_counter()
        self.cpu -= _cpu()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall += time.perf_counter()
        self.cpu += _cpu()

    def timed(self, work: Callable[..., object]) -> Callable[..., object]:
        def inside(*arguments: object, **more: object) -> object:
            with self:
                return work(*arguments, **more)

        return inside


def _cpu() -> float:
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def job(folder: Path, work: Path) -> Figures:
    """The job itself. Copying into the landing store is taken out and told apart; so is the counting of days."""
    import assets.logs
    from assets.delivery import Delivery
    from assets.sources.folder import Folder
    from warehouse.landing import Landing
    from warehouse.store import Warehouse

    whole, landing, days = Clock(), Clock(), Clock()
    for owner, name in ((assets.logs, "new_range"), (Landing, "put")):
        setattr(owner, name, landing.timed(getattr(owner, name)))
    warehouse, hits = Warehouse(work / "gouji.duckdb"), work / "hits"
    delivery = Delivery("bench", "11990100F7AB5ABF0J", Folder(folder), ("access*",), {})
    with warehouse.step():  # makes the tables, which happens once
        pass
    with whole:
        landed = assets.logs.land_logs(warehouse, Landing(work / "landing"), hits, [delivery], run_id="bench")
    with days:
        assets.logs.count_days(warehouse, hits)
    return {"wall": whole.wall - landing.wall, "cpu": whole.cpu - landing.cpu, "rows": landed.rows_new,
            "landing": landing.wall, "landing_cpu": landing.cpu, "days": days.wall, "days_cpu": days.cpu}  # fmt: skip


def bare(folder: Path, work: Path) -> Figures:
    import duckdb

    with duckdb.connect(config={"threads": "2", "memory_limit": "2GB"}) as con, (clock := Clock()):
        con.execute(BARE.format(log=folder / "access.log", delim="\x01", parquet=work / "bare.parquet"))
    return {"wall": clock.wall, "cpu": clock.cpu}


def goaccess(folder: Path, work: Path) -> Figures:
    with (clock := Clock()):
        subprocess.run(
            ["goaccess", folder / "access.log", "--log-format=COMBINED", "--no-global-config", "-o", work / "report.json"],
            check=True, stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip
    return {"wall": clock.wall, "cpu": clock.cpu}


def step(verb: str, folder: Path) -> None:
    """One measured piece of work, in this process."""
    with TemporaryDirectory(dir=folder.parent) as work:
        figures = {"job": job, "bare": bare, "goaccess": goaccess}[verb](folder, Path(work))
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    print(json.dumps(figures | {"peak": peak}))


def measured(megabytes: int) -> dict[str, Figures]:
    """The medians of each rival that is installed."""
    verbs = [v for v in STEPS if v != "goaccess" or shutil.which(v)]
    found: dict[str, list[Figures]] = {verb: [] for verb in verbs}
    with TemporaryDirectory() as name:
        folder = Path(name) / "in"
        folder.mkdir()
        write_log(folder / "access.log", megabytes)
        for _ in range(3):
            for verb in verbs:
                command = [sys.executable, __file__, "--step", verb, "--folder", str(folder)]
                done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True)
                found[verb].append(json.loads(done.stdout))
    return {verb: {key: statistics.median(r[key] for r in runs) for key in runs[0]} for verb, runs in found.items()}


def show(megabytes: int, figures: dict[str, Figures]) -> None:
    ours = figures["job"]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    print(f"{megabytes} MiB, {ours['rows']:.0f} lines that are not blank; {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB memory, "
          f"load {os.getloadavg()[0]:.1f}; median of 3\n")  # fmt: skip
    print("| | wall s | MiB/s | wall / job | cpu s | cpu / job | peak MB |\n|---|--:|--:|--:|--:|--:|--:|")
    named = {
        "job": "job: landed bytes to committed rows and rejects",
        "bare": "bare DuckDB (E) to zstd Parquet",
        "goaccess": "GoAccess to JSON",
    }
    for verb, name in named.items():
        if f := figures.get(verb):
            print(f"| {name} | {f['wall']:.2f} | {megabytes / f['wall']:.0f} | {f['wall'] / ours['wall']:.2f} | {f['cpu']:.2f} "
                  f"| {f['cpu'] / ours['cpu']:.2f} | {f['peak']:.0f} |")  # fmt: skip
        else:
            print(f"| {name} | not installed | | | | | |")
    for part, name in {"landing": "beside it: copying into the landing store", "days": "beside it: counting and balancing days"}.items():
        print(f"| {name} | {ours[part]:.2f} | {megabytes / ours[part]:.0f} | {ours[part] / ours['wall']:.2f} | {ours[part + '_cpu']:.2f} "
              f"| {ours[part + '_cpu'] / ours['cpu']:.2f} | |")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=int, default=1024)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step(options.step, options.folder)
        return
    figures = measured(options.mb)
    if options.check:
        sys.exit(any(figures[v]["wall"] / figures["job"]["wall"] < least for v, least in TARGETS.items() if v in figures))
    show(options.mb, figures)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
