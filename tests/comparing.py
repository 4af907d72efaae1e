"""What a replay left (OUT/<year>/…) against what the drops say is expected (`expected.json`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

# The types of which `expected.json` lists every finding; the job has more.
LISTED = {"conflicting_duplicate", "bad_uscc", "fewer_than_two_inspectors", "expired_but_marked_valid", "newer_version_quarantined"}
_AT_MOST = 20


def differences(out: Path, expected: list[Path]) -> list[str]:
    """Every difference, in words; `expected` are the `expected.json` of all drops of the warehouse."""
    wanted = [read(file) for file in expected]
    found: list[str] = []
    for want in wanted:
        folder = out / str(want["year"])
        found += tables(want, read(folder / "tables.json"))
        rows, findings = read(folder / "ledger.json"), read(folder / "findings.json")
        if len(wanted) == 1:
            found += ledger(want, rows)
            found += unlike("findings", keys(want["findings"]), {k for k in keys(findings) if k[-1] in LISTED})
        else:
            found += ledger_of_pair(wanted, want, rows)
            found += [f"expected finding {k}" for k in keys(want["findings"]) - keys(findings)][:_AT_MOST]
            listed = {k for w in wanted for k in keys(w["findings"])}
            found += [f"unlisted {k}" for k in keys(findings) - listed if k[-1] == "conflicting_duplicate"][:_AT_MOST]
        rejected = {(f["file"], f["actual"]) for f in findings if f["type"] in ("rejected_file", "ignored_file")}
        found += [f"not rejected: {x}" for x in {(f["file"], f["reason"]) for f in want["rejected_files"]} - rejected]
    return found


def read(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Decimal | None]]:
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from flat(inner, f"{path}{name}.")
        else:
            yield f"{path}{name}", None if inner is None else Decimal(str(inner))


def keys(findings: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    return {tuple(f[name] for name in ("source", "file", "sheet", "row", "key", "type")) for f in findings}


def unlike(what: str, want: set[Any], have: set[Any]) -> list[str]:
    return [f"{what}, expected only: {x}" for x in sorted(want - have, key=str)[:_AT_MOST]] + [
        f"{what}, found only: {x}" for x in sorted(have - want, key=str)[:_AT_MOST]
    ]


def tables(want: dict[str, Any], have: dict[str, Any]) -> list[str]:
    """Cells of the three tables and the figures of sections 一 and 六."""
    # Where two published reports of a pair contradict each other, no records can give both.
    apart = {"carry_over": "table3.", "pending_cases_vanish": "table4."}
    excused = tuple(apart.get(c["type"], f"table2.{c.get('kind')}") for c in want["cross_year"] if c.get("unexplained_documents", 1))
    parts = ("table2", "table3", "table4")
    left, right = (dict(flat({p: t[p] for p in parts})) for t in (want, have))
    found = [
        f"{want['year']} {k}: expected {left.get(k)}, counted {right.get(k)}"
        for k in left.keys() | right.keys()
        if left.get(k) != right.get(k) and not (excused and k.startswith(excused))
    ]
    channels = [{c: n for c, n in t["section1"]["by_channel"].items() if n} for t in (want, have)]
    if want["section1"]["publications_total"] != have["section1"]["publications_total"] or channels[0] != channels[1]:
        found.append(f"{want['year']} section1: expected {want['section1']}, counted {have['section1']}")
    if dict(flat(want["section6"])) != dict(flat(have["section6"])):
        found.append(f"{want['year']} section6: expected {want['section6']}, counted {have['section6']}")
    return found


def uncounted(rows: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    return {tuple(r[name] for name in ("source", "file", "sheet", "row", "key", "place", "rule")) for r in rows}


def ledger(want: dict[str, Any], have: dict[str, Any]) -> list[str]:
    """Places in numbers and every row that is not counted."""
    found = [f"ledger {s}: expected {n}, found {have['sources'].get(s)}" for s, n in want["sources"].items() if have["sources"].get(s) != n]
    return found + unlike("row", uncounted(want["rows_not_counted"]), uncounted(have["rows_not_counted"]))


def ledger_of_pair(wanted: list[dict[str, Any]], want: dict[str, Any], have: dict[str, Any]) -> list[str]:
    """For several drops in one warehouse: rows written are the sum of theirs, quarantined rows are those of each."""
    found = []
    for source, places in have["sources"].items():
        written = sum(w["sources"][source]["rows_written"] for w in wanted)
        sums = sum(sum(v.values()) if isinstance(v, dict) else v for k, v in places.items() if k != "rows_written")
        if not written == places["rows_written"] == sums:
            found.append(f"ledger {source}: {written} rows written, {places['rows_written']} landed, {sums} places")
    quarantined = {r for r in uncounted(want["rows_not_counted"]) if r[-2] == "quarantined"}
    return found + [f"not quarantined: {r}" for r in sorted(quarantined - uncounted(have["rows_not_counted"]), key=str)[:_AT_MOST]]
