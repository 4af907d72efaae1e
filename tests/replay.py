"""Run the job on drops as a user would and leave what it found in comparable form.

    python tests/replay.py DROP [DROP …] OUT

A drop is a folder of records with an `agency.json` (names, code, report year, local codes and headers). All drops share one
warehouse under OUT. Leaves in OUT/<year>/ tables.json, ledger.json and findings.json; the exit code is that of the job.
Reads nothing that says what is expected.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SUBJECTS = ("applications", "disputes", "penalties", "permits", "coercions", "inspections", "publications", "normative_documents", "fees")


def quoted(value: str) -> str:
    """A TOML string (a JSON string is one)."""
    return json.dumps(value, ensure_ascii=False)


def table(name: str, entries: Mapping[str, str]) -> list[str]:
    return [f"[{name}]", *(f"{quoted(k)} = {quoted(v)}" for k, v in entries.items()), ""]


def configuration(drops: list[Path], data: Path) -> str:
    """gouji.toml for these drops: one organ a code, one source a drop."""
    agencies = [json.loads((drop / "agency.json").read_text("utf-8")) for drop in drops]
    years = sorted({a["report_year"] for a in agencies})
    lines = ["[paths]", f"data = {quoted(str(data))}", "", "[nightly]", f"years = {years}", "", "[counting]"]
    for name in ("permit_results_counted", "penalty_states_counted"):
        lines.append(f"{name} = [{', '.join(map(quoted, agencies[0][name]))}]")
    for code, name in {a["uscc"]: a["name"] for a in agencies}.items():
        lines += ["", "[[agencies]]", f"name = {quoted(name)}", f"code = {quoted(code)}"]
    for at, (drop, agency) in enumerate(zip(drops, agencies, strict=True)):
        name = drop.name if [d.name for d in drops].count(drop.name) == 1 else f"{drop.name}-{at + 1}"
        lines += [
            "",
            "[[sources]]",
            f"name = {quoted(name)}",
            f"agency = {quoted(agency['uscc'])}",
            f"path = {quoted(str(drop.resolve()))}",
            "",
        ]
        for subject in SUBJECTS:
            lines += table(f"sources.columns.{subject}", agency["columns"][subject])
        lines += table("sources.values.applications.outcome", {**agency["outcome_synonyms"], **agency["outcome_codes"]})
        lines += table("sources.values.disputes.result", agency["dispute_results"])
    return "\n".join(lines) + "\n"


def run(config: Path) -> subprocess.CompletedProcess[str]:
    """The nightly job in a process of its own, as the scheduler starts it."""
    return gouji(config, "run")


def gouji(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A verb in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if k not in ("DAGSTER_HOME", "GOUJI_CONFIG")}
    command = [sys.executable, "-m", "pipelines.cli", "--config", str(config), *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True)


def answer(config: Path, *arguments: str) -> Any:
    """What a verb of the command line answers."""
    from click.testing import CliRunner

    from pipelines.cli import main

    done = CliRunner().invoke(main, ["--config", str(config), *arguments, "--format", "json"], catch_exceptions=False)
    if done.exit_code:
        raise SystemExit(f"gouji {' '.join(arguments)}: {done.exit_code}\n{done.output}")
    return json.loads(done.stdout)


def ledger(rows: list[dict[str, Any]], uncounted: list[dict[str, Any]]) -> dict[str, Any]:
    """The ledger in the shape of `expected.json`."""
    sources: dict[str, dict[str, Any]] = {
        name: {"rows_written": 0, "counted": 0, "pending": 0, "out_of_scope": {}, "superseded": 0, "duplicate": 0, "quarantined": {}}
        for name in (*SUBJECTS, "access_log")
    }
    for row in rows:
        entry = sources[row["subject"]]
        entry["rows_written"] += row["rows"]
        if isinstance(entry[row["place"]], dict):
            entry[row["place"]][row["rule"]] = entry[row["place"]].get(row["rule"], 0) + row["rows"]
        else:
            entry[row["place"]] += row["rows"]
    keys = {
        "subject": "source",
        "path": "file",
        "sheet": "sheet",
        "row_no": "row",
        "record_key": "key",
        "place": "place",
        "rule": "rule",
        "source": "origin",
    }
    return {"sources": sources, "rows_not_counted": [{new: row[old] for old, new in keys.items()} for row in uncounted]}


def findings(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    keys = {"subject": "source", "path": "file", "sheet": "sheet", "row_no": "row", "record_key": "key", "rule": "type", "source": "origin"}
    more = ("severity", "year", "cell_id", "field", "actual", "message")
    return [{new: row[old] for old, new in keys.items()} | {name: row[name] for name in more} for row in rows]


def write(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", "utf-8")


def collect(config: Path, year: str, code: str, out: Path) -> None:
    """Leave what the job found for one report in OUT/<year>/."""
    folder = out / year
    folder.mkdir(exist_ok=True)
    narrow = ("--year", year, "--agency", code)
    write(folder / "tables.json", answer(config, "tables", "--draft", *narrow)[0])
    write(folder / "ledger.json", ledger(answer(config, "ledger", *narrow), answer(config, "ledger", "--rows", *narrow)))
    write(folder / "findings.json", findings(answer(config, "findings", *narrow)))


def replay(drops: list[Path], out: Path) -> int:
    out.mkdir(parents=True, exist_ok=True)
    config = out / "gouji.toml"
    config.write_text(configuration(drops, out.resolve() / "var"), "utf-8")
    done = run(config)
    print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
    if done.returncode not in (0, 3):
        return done.returncode
    for drop in drops:
        agency = json.loads((drop / "agency.json").read_text("utf-8"))
        collect(config, str(agency["report_year"]), agency["uscc"], out)
    return done.returncode


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    *given, target = map(Path, sys.argv[1:])
    sys.exit(replay(given, target))
