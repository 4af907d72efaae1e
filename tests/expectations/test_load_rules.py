"""The rules about loads: silent over a good night, planted, found, mended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from building import AGENCY, write
from feeds import Night, Table, fine

from assets.sources.connector import Found, Incomplete
from assets.sources.inbox import Inbox
from assets.sources.tree import LocalTree
from expectations import catalogue


def told(night: Night) -> dict[str, list[dict[str, Any]]]:
    """Findings by rule, but those of the house being small: reports without other sources."""
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in night.house.findings():
        found.setdefault(finding["rule"], []).append(finding)
    return found


@pytest.fixture
def feed() -> Table:
    return Table([fine(1), fine(2)])


@pytest.fixture
def night(tmp_path: Path, feed: Table) -> Night:
    night = Night(tmp_path, feed, full_days=0)
    night()
    assert told(night) == {}
    return night


def test_incomplete_load(night: Night, feed: Table) -> None:
    feed.trouble = Incomplete("server_error", "平台应答 503；请稍后重试。")
    night()
    (finding,) = told(night).pop("incomplete_load")
    assert set(told(night)) == {"incomplete_load"}
    assert (finding["severity"], finding["source"], finding["subject"], finding["actual"]) == (
        "critical",
        "platform",
        "penalties",
        "server_error",
    )
    assert "平台应答 503" in finding["message"] and "行政处罚" in finding["message"]
    night()
    assert [f["finding_id"] for f in told(night)["incomplete_load"]] == [finding["finding_id"]]  # the same fault, the same id
    feed.trouble = None
    night()
    assert told(night) == {}


def test_vanished_record(night: Night, feed: Table) -> None:
    gone = feed.rows.pop()
    night()
    (finding,) = told(night)["vanished_record"]
    assert set(told(night)) == {"vanished_record"}
    assert (finding["severity"], finding["record_key"], finding["row_no"]) == ("warning", f"{AGENCY}|P-2", 2)
    assert "platform" in finding["message"]
    feed.rows.append(gone)
    night()
    assert told(night) == {}


def test_empty_load(night: Night, feed: Table) -> None:
    rows, feed.rows = feed.rows, []
    night()
    (finding,) = told(night)["empty_load"]
    assert set(told(night)) == {"empty_load", "vanished_record"}
    assert (finding["severity"], finding["actual"], finding["detail"]) == ("warning", "2", "platform")
    feed.rows = rows
    night()
    assert told(night) == {}


@dataclass(frozen=True)
class _Unfinished:
    """An inbox of which some files are still being written."""

    inbox: Inbox
    waiting: frozenset[str]
    kind: str = "inbox"

    def found(self, patterns: Sequence[str]) -> list[Found]:
        return [replace(f, is_waiting=f.path in self.waiting) for f in self.inbox.found(patterns)]

    def fetch(self, found: Found, spool: Path) -> Path:
        return self.inbox.fetch(found, spool)


def test_waiting_file(tmp_path: Path) -> None:
    for no in (1, 2):
        write(tmp_path / "box" / "enforcement" / f"penalties-{no}.csv", [fine(no)])
    inbox = Inbox(LocalTree(tmp_path / "box"), 10_000_000, "growing")
    night = Night(tmp_path, _Unfinished(inbox, frozenset({"enforcement/penalties-2.csv"})), patterns=("enforcement/penalties*",))
    night()
    (finding,) = told(night)["waiting_file"]
    assert set(told(night)) == {"waiting_file"}
    assert (finding["severity"], finding["actual"], finding["detail"]) == ("warning", "1", "platform")
    assert night.landed() == ["P-1"] and night.load("files_seen", "files_waiting") == (1, 1)
    night.delivery = replace(night.delivery, connector=inbox)
    night()
    assert told(night) == {} and night.landed() == ["P-1", "P-2"]


def test_every_rule_about_loads_is_tested_here() -> None:
    text = Path(__file__).read_text("utf-8")
    for rule in ("incomplete_load", "vanished_record", "empty_load", "waiting_file"):
        assert rule in catalogue.rules() and f"def test_{rule}(" in text
