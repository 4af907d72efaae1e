"""Measurements of counting, publishing and of a night with nothing new, each as a ratio to the bare work.

    python tests/bench_report.py [--applications N] [--rows N]

B2  175 cells with evidence from core rows, against one hand-written query for the same
B3  a night with nothing new, against `dg launch` of an empty asset; with ten years of history, against one
B6a the auditors' file, against a bare copy of the same tables

Every figure is the median of three in processes of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
AGENCY = "11990100F7AB5ABF0J"
# The same cells and the same evidence, as somebody would write it who needs this one report of this one kind of record.
BY_HAND = """
CREATE OR REPLACE TABLE main.evidence AS
WITH judged AS (
    SELECT file_id, row_no, applicant_class, [
        CASE WHEN received_on >= DATE '2023-01-01' THEN 'new_received' ELSE 'carried_in' END,
        CASE WHEN coalesce(replied_on > DATE '2023-12-31', true) THEN 'carried_out' ELSE 'total_handled' END,
        CASE WHEN replied_on <= DATE '2023-12-31' THEN outcome_leaf END] AS marks
    FROM core.applications
    WHERE state = 'current' AND received_on <= DATE '2023-12-31' AND coalesce(replied_on >= DATE '2023-01-01', true)
),
marked AS (SELECT file_id, row_no, applicant_class, unnest(marks) AS mark FROM judged)
SELECT agency, 2023 AS year, 'table3.' || mark || '.' || class AS cell_id, 'applications' AS subject, file_id, row_no,
    1::DECIMAL(28, 10) AS amount
FROM (SELECT file_id, row_no, mark, unnest([applicant_class, 'total']) AS class, $agency AS agency FROM marked WHERE mark IS NOT NULL);
CREATE OR REPLACE TABLE main.cells AS SELECT cell_id, sum(amount) AS value, count(*) AS records FROM main.evidence GROUP BY cell_id;
"""
EMPTY_PROJECT = {
    "pyproject.toml": '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "empty"\n'
    'code_location_target_module = "empty.definitions"\n',
    "empty/__init__.py": "",
    "empty/definitions.py": "import dagster as dg\n\n\n@dg.asset\ndef nothing() -> None: ...\n\n\n"
    "defs = dg.Definitions(assets=[nothing], executor=dg.in_process_executor)\n",
    "home/dagster.yaml": "telemetry:\n  enabled: false\n",
}


def core_applications(folder: Path, rows: int) -> None:
    """A warehouse with that many current applications, as cleaning leaves them."""
    from warehouse import forms
    from warehouse.store import Warehouse

    form = forms.load("2021")
    classes = sorted({c.class_ for c in form.cells.values() if c.table == "table3" and c.class_ != "*"})
    with Warehouse(folder / "w.duckdb").step() as con:
        con.execute(
            "INSERT INTO raw.files BY NAME SELECT 1 AS file_id, 1 AS load_id, ? AS agency, 'bench' AS source, 'applications' AS subject, "
            "'a.csv' AS path, repeat('ab', 32) AS sha256, 'landed' AS state, ? AS rows_read, 'r' AS reader",
            [AGENCY, rows],
        )
        con.execute(
            "INSERT INTO core.applications BY NAME SELECT ? AS agency, 1 AS file_id, i AS row_no, 'A-' || i AS record_key, "
            "'A-' || i AS application_no, DATE '2022-06-01' + (i % 570)::INT AS received_on, "
            "CASE WHEN i % 17 <> 0 THEN DATE '2022-06-10' + (i % 570)::INT END AS replied_on, "
            "list_extract(?, 1 + (hash(i) % ?)::INT) AS outcome_leaf, list_extract(?, 1 + (hash(i + 7) % ?)::INT) AS applicant_class, "
            "'current' AS state, false AS is_conflicting FROM range(?) AS t(i)",
            [AGENCY, list(form.leaves), len(form.leaves), classes, len(classes), rows],
        )


def step(folder: Path, verb: str) -> None:
    """One measured piece of work."""
    import duckdb

    from warehouse import counting, report, snapshot
    from warehouse.store import Warehouse

    warehouse = Warehouse(folder / "w.duckdb")
    defaults = {n: s.default for n, s in counting.settings().items()}
    settings = tuple((n, ",".join(d) if isinstance(d, tuple) else str(d).lower()) for n, d in defaults.items())
    scope = report.Scope(((AGENCY, "测试机关", ()),), (2023,), settings, ((AGENCY, "bench", "applications"),))
    spent: dict[str, float] = {}
    match verb:
        case "by hand":
            with warehouse.connect() as con:
                start = time.perf_counter()
                for statement in BY_HAND.split(";")[:2]:
                    con.execute(statement, {"agency": AGENCY} if "$agency" in statement else {})
                spent["all"] = time.perf_counter() - start
        case "count":
            with warehouse.step() as con:
                report.describe(con, scope)
                start = time.perf_counter()
                report.collect(con, [2023])
                con.execute(f"CREATE OR REPLACE TEMP TABLE new_cells AS {report.query('report/cells')}", {"years": [2023]})
                spent["cells"] = time.perf_counter() - start
            start = time.perf_counter()
            with warehouse.step() as con:
                report.count(con, [2023], date(2024, 1, 20), again=True)
            spent["all"] = time.perf_counter() - start
        case "bare copy":
            (folder / "bare.duckdb").unlink(missing_ok=True)
            with warehouse.connect() as con:
                start = time.perf_counter()
                con.execute(f"ATTACH '{folder / 'bare.duckdb'}' AS bare")
                for name in snapshot.copies():
                    con.execute(f"CREATE SCHEMA IF NOT EXISTS bare.{name.split('.')[0]}")
                    con.execute(f"CREATE TABLE bare.{name} AS FROM {name}")
                con.execute("CHECKPOINT bare")
                con.execute("DETACH bare")
                spent["all"] = time.perf_counter() - start
        case "snapshot":
            with warehouse.connect() as con:
                con.execute(
                    "INSERT INTO report.ignored VALUES (?, 'bench', DATE '2030-01-01')", [str(time.time())]
                )  # new content each time
                start = time.perf_counter()
                snapshot.publish(con, folder / "audit")
                spent["all"] = time.perf_counter() - start
    spent["mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(spent | {"duckdb": duckdb.__version__}))


def measured(folder: Path, verb: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, "--step", verb, "--folder", str(folder)], cwd=ROOT, text=True, capture_output=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def median(make: Callable[[], float], times: int = 3) -> float:
    return statistics.median(make() for _ in range(times))


def counting_and_publishing(rows: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        core_applications(folder, rows)
        hand = [measured(folder, "by hand") for _ in range(3)]
        ours = [measured(folder, "count") for _ in range(3)]
        middle = statistics.median(f["all"] for f in hand)
        cells, every = (statistics.median(f[part] for f in ours) / middle for part in ("cells", "all"))
        print(f"| B2 cells with evidence, {rows:,} applications / by hand | {cells:.2f} | 1.5 |")
        print(f"| B2 the same with ledger proof, comparison and version / by hand | {every:.2f} | |")
        print(f"| B2 peak memory, GiB | {max(f['mb'] for f in ours) / 1024:.2f} | 4 |")
        bare = median(lambda: measured(folder, "bare copy")["all"])
        print(f"| B6a auditors' file / bare copy of its tables | {median(lambda: measured(folder, 'snapshot')['all']) / bare:.2f} | 1.3 |")


def timed(command: list[str], folder: Path, **environment: str) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command}: {done.stdout}{done.stderr}")
    return time.perf_counter() - start


def a_night_with_nothing_new(rows: int) -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    from bench import penalties

    tools = Path(sys.executable).parent
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in EMPTY_PROJECT.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, "utf-8")
        launch = [str(tools / "dg"), "launch", "--assets", "nothing"]
        empty = median(lambda: timed(launch, folder, DAGSTER_HOME=str(folder / "home"), PYTHONPATH=str(folder)))
        nights = {}
        for years in (1, 10):
            records = folder / f"{years} years" / "records"
            records.mkdir(parents=True)
            (records.parent / "gouji.toml").write_text(
                f'[nightly]\nyears = [2023, 2024]\n[[agencies]]\nname = "测试机关"\ncode = "{AGENCY}"\n[[sources]]\nname = "bench"\n'
                f'agency = "{AGENCY}"\npath = "records"\nsubjects = ["penalties"]\nfiles.penalties = ["penalties*"]\n',
                "utf-8",
            )
            for year in range(2025 - years, 2025):
                penalties(records / f"penalties-{year}.csv", year * 1_000_000, rows, year)
            night = [str(tools / "gouji"), "--config", str(records.parent / "gouji.toml"), "run"]
            timed(night, ROOT)
            nights[years] = median(lambda command=night: timed(command, ROOT))  # type: ignore[misc]
        print(f"| B3 night with nothing new / `dg launch` of an empty asset | {nights[1] / empty:.2f} | 2.5 |")
        print(f"| B3 the same with ten years of {rows:,} records / one year | {nights[10] / nights[1]:.2f} | 1.2 |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--applications", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--step")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.step:
        step(options.folder, options.step)
        return
    print("| measured | ratio | target |\n| --- | --- | --- |")
    counting_and_publishing(options.applications)
    a_night_with_nothing_new(options.rows)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
