"""The sensor of the inboxes: one run for what has newly come, none for what is not finished, gone, or running already."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from inboxes import OLD, write, zipped

from assets.sources.connector import Found, Incomplete
from assets.sources.folder import Folder
from assets.sources.inbox import Inbox
from assets.sources.tree import LocalTree
from pipelines import settings as config
from pipelines.alive import hold
from pipelines.inbox_sensor import SECONDS, Watched, inbox_sensor
from pipelines.jobs import nightly, year_tags
from warehouse import clock

CONFIG = """
[[agencies]]
name = "测试机关"
code = "11990100F7AB5ABF0J"

[[sources]]
name = "records"
agency = "11990100F7AB5ABF0J"
path = "records"
"""
PATTERNS = ("fees/fees*",)


@dataclass
class Watch:
    """The sensor over inboxes `a` and `b`, with an instance of its own; what it keeps from look to look."""

    folder: Path
    instance: dg.DagsterInstance
    cursor: str | None = None
    stores: list[Watched] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def look(self, *, keep: bool = True) -> str:
        """A look: `run`, or why there is none."""
        context = dg.build_sensor_context(self.instance, cursor=self.cursor)
        told = inbox_sensor(True, lambda _: self.stores).evaluate_tick(context)
        if not told.run_requests:
            assert told.skip_message and told.cursor == self.cursor
            return told.skip_message
        (request,) = told.run_requests
        assert request.run_key and told.cursor
        self.keys.append(request.run_key)
        assert year_tags([clock.today().year - 1, clock.today().year]).items() <= request.tags.items()
        self.cursor = told.cursor if keep else self.cursor
        return "run"


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    (tmp_path / "gouji.toml").write_text(CONFIG, "utf-8")
    monkeypatch.setenv("GOUJI_CONFIG", str(tmp_path / "gouji.toml"))
    with dg.DagsterInstance.ephemeral() as instance:
        watch = Watch(tmp_path, instance)
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            watch.stores.append((name, Inbox(LocalTree(tmp_path / name), 1 << 20), PATTERNS))
        yield watch


class Unreachable:
    """A store that cannot be looked through."""

    kind = "inbox"
    closed = 0

    def found(self, patterns: Sequence[str]) -> list[Found]:
        raise Incomplete("connection_failed", "连不上。")

    def fetch(self, found: Found, spool: Path) -> Path:
        raise AssertionError

    def close(self) -> None:
        self.closed += 1


def test_a_run_starts_once_for_what_has_come_and_again_for_what_is_new_or_changed(watch: Watch) -> None:
    assert watch.look() == "收件箱里没有新的文件。" and watch.cursor is None
    file = write(watch.folder / "a" / "fees" / "fees-1.csv")
    assert [watch.look(), watch.look()] == ["run", "收件箱里没有新的文件。"]
    zipped(watch.folder / "b" / "all.zip", {"fees/fees-2.csv": "x"})
    assert [watch.look(), watch.look()] == ["run", "收件箱里没有新的文件。"]
    write(file, at=OLD + 1)
    assert [watch.look(), watch.look()] == ["run", "收件箱里没有新的文件。"]
    write(file)  # as it was the first time, but not as it was when a run was last started
    assert [watch.look(), watch.look()] == ["run", "收件箱里没有新的文件。"]
    assert len(set(watch.keys)) == 4


def test_what_is_taken_away_or_not_looked_for_starts_nothing(watch: Watch) -> None:
    write(watch.folder / "a" / "fees" / "fees-1.csv")
    write(watch.folder / "a" / "fees" / "fees-2.csv")
    assert watch.look() == "run"
    (watch.folder / "a" / "fees" / "fees-1.csv").unlink()
    write(watch.folder / "a" / "other" / "fees-3.csv")
    assert watch.look() == "收件箱里没有新的文件。"
    write(watch.folder / "a" / "fees" / "fees-1.csv")
    assert watch.look() == "收件箱里没有新的文件。"


def test_a_cursor_that_was_not_kept_asks_for_the_same_run_again(watch: Watch) -> None:
    write(watch.folder / "a" / "fees" / "fees-1.csv")
    assert [watch.look(keep=False), watch.look()] == ["run", "run"]
    assert len(set(watch.keys)) == 1


def test_nothing_starts_while_files_are_only_on_their_way(watch: Watch) -> None:
    coming = write(watch.folder / "a" / "fees" / "fees-1.csv", at=clock.now().timestamp() + 1000)
    assert watch.look() == "a：有 1 个文件还没有传完。"
    write(watch.folder / "a" / "fees" / "fees-2.csv")
    assert [watch.look(), watch.look()] == ["run", "a：有 1 个文件还没有传完。"]
    os.utime(coming, (OLD, OLD))
    assert watch.look() == "run"


def test_a_file_that_is_refused_starts_a_run_that_records_it(watch: Watch) -> None:
    write(watch.folder / "a" / "broken.zip")
    assert [watch.look(), watch.look()] == ["run", "收件箱里没有新的文件。"]


def test_a_source_that_cannot_be_looked_through_is_told_and_holds_up_no_other(watch: Watch) -> None:
    broken = Unreachable()
    write(watch.folder / "a" / "fees" / "fees-1.csv")
    good = list(watch.stores)
    watch.stores[0] = ("a", broken, PATTERNS)
    assert watch.look() == "a：连不上。（connection_failed）" and (watch.cursor, broken.closed) == (None, 1)
    write(watch.folder / "b" / "fees" / "fees-1.csv")
    assert [watch.look(), watch.look()] == ["run", "a：连不上。（connection_failed）"]
    watch.stores[:] = good
    assert watch.look() == "run"
    watch.stores[:] = [*good, ("a", broken, PATTERNS)]
    assert watch.look() == "a：连不上。（connection_failed）"
    assert json.loads(watch.cursor or "")["files"].keys() == {"a", "b"}


def test_a_source_that_comes_twice_is_one(watch: Watch) -> None:
    watch.stores.append(("a", Folder(watch.folder / "a"), ("requests/*",)))
    write(watch.folder / "a" / "fees" / "fees-1.csv")
    write(watch.folder / "a" / "requests" / "x.csv")
    assert [watch.look(), watch.look()] == ["run", "收件箱里没有新的文件。"]


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_no_run_starts_beside_another(watch: Watch, status: dg.DagsterRunStatus) -> None:
    write(watch.folder / "a" / "fees" / "fees-1.csv")
    going = dg.DagsterRun(job_name=nightly.name, run_id=str(uuid4()), status=status)
    watch.instance.add_run(going)
    if status is dg.DagsterRunStatus.STARTED:
        hold(config.load(watch.folder / "gouji.toml").data / "dagster", going.run_id)
    assert watch.look() == "已有运行在进行，或在等待；这次不看收件箱。"
    watch.instance.report_run_failed(going)
    assert watch.look() == "run"


def test_it_runs_by_itself_only_where_it_is_told_to() -> None:
    sensors = [inbox_sensor(on, lambda _: []) for on in (False, True)]
    assert [each.default_status for each in sensors] == [dg.DefaultSensorStatus.STOPPED, dg.DefaultSensorStatus.RUNNING]
    assert {(each.name, each.job_name, each.minimum_interval_seconds) for each in sensors} == {("inbox", "nightly", SECONDS)}


def test_the_years_are_those_that_are_due(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "today", lambda: date(2024, 1, 2))
    write(watch.folder / "a" / "fees" / "fees-1.csv")
    told = inbox_sensor(True, lambda _: watch.stores).evaluate_tick(dg.build_sensor_context(watch.instance))
    assert told.run_requests
    assert year_tags([2023, 2024]).items() <= told.run_requests[0].tags.items()
