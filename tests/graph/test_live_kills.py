"""SIGKILL to the process group of nights that pull from live sources: no half pull ever counts, the rerun is as if nothing had been."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb
import inboxes
import live
import pytest
import replay
from building import AGENCY, NAME, good, write
from live import Live, Row
from servers import Server, postgresql
from sshd import Sshd, someone

from warehouse import clock, publish

ROUNDS, KILLS = 5, 10
SECRET, PASSWORD = "GOUJI_TEST_SECRET", "only-for-kills"
PAGES, PAGE = 150, 20
# Rows that a subject has on the first night and on the second; the second night shows a tenth of the first rows changed.
ROWS = {"penalties": (PAGES * PAGE - 1000, PAGES * PAGE), "applications": (5_000, 6_000), "fees": (4_000, 6_000)}
_FILE = 1_000  # rows of a file of the inbox
FIRST, SECOND = "2023-05-02 10:00:00", "2023-06-01 10:00:00"


def penalty(number: int, updated_at: str) -> Row:
    return {"CF_CFJGDM": AGENCY, "CF_WSH": f"P-{number}", "CF_JDRQ": "2023-05-01", "JDZT": "有效", "CF_SY": "测试事由", "GXSJ": updated_at}


def penalties(count: int, *, changed: bool) -> list[Row]:
    return [penalty(n, SECOND if changed and n % 10 == 0 else FIRST) for n in range(count)]


@dataclass
class Sources:
    """A platform, a database and an inbox; `advance` shows what the second night finds."""

    folder: Path
    server: Server
    inbox: Path
    sshd: Sshd

    def __post_init__(self) -> None:
        self.records = live.pages(self.folder / "platform", "penalties", penalties(ROWS["penalties"][0], changed=False))
        names = list(good("applications"))
        live.add_reader(self.server, PASSWORD)
        rows = [good("applications", application_no=f"A-{n}") for n in range(ROWS["applications"][1])]
        live.fill(self.server, "applications", names, rows[: ROWS["applications"][0]])
        self._later = names, rows[ROWS["applications"][0] :]
        self._files(0, ROWS["fees"][0])

    def _files(self, start: int, end: int) -> None:
        for first in range(start, end, _FILE):
            rows = [good("fees", receipt_no=f"F-{n}", note="备注" * 20) for n in range(first, first + _FILE)]
            file = write(self.inbox / "fees" / f"fees-{first}.csv", rows)
            inboxes.write(file, file.read_bytes())

    def advance(self) -> None:
        """A night later."""
        live.pages(self.records, "penalties", penalties(ROWS["penalties"][1], changed=True))
        self.server.run(f"UPDATE applications SET outcome = '部分公开', updated_at = '{SECOND}' WHERE seq % 10 = 0")
        live.add(self.server, "applications", *self._later, first=ROWS["applications"][0] + 1)
        self._files(*ROWS["fees"])

    def configuration(self, url: str) -> str:
        keys = {"url": url, "token_env": SECRET, "page_size": PAGE, "pause_ms": 8, "incremental": []}
        database = {"url": self.server.url(live.READER), "password_env": SECRET, "tables": {"applications": "v_applications"}}
        sftp = f"sftp://{self.sshd.user}@127.0.0.1:{self.sshd.port}{self.inbox}"
        login = {"key_file": str(self.sshd.key), "known_hosts": str(self.sshd.known_hosts)}
        sources = [
            Live("platform", ["penalties"], "rest", keys),
            Live("oa", ["applications"], "database", database),
            Live("inbox", ["fees"], "inbox", {"url": sftp, **login}),
        ]
        return live.configuration(AGENCY, NAME, 2023, sources)


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sources]:
    monkeypatch.setenv(SECRET, PASSWORD)
    with ExitStack() as stack:
        server = stack.enter_context(postgresql(live.open_folder(stack, "server") / "server"))
        inbox, sshd = live.open_folder(stack, "in"), Sshd(live.open_folder(stack, "sshd") / "home", someone())
        stack.callback(sshd.stop)
        yield Sources(tmp_path, server, inbox, sshd)


def started(config: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pipelines.cli", "--config", str(config), "run"]
    return subprocess.Popen(command, cwd=replay.ROOT, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def pulling(config: Path) -> tuple[float, float, float]:
    """A night that is left alone: seconds from its start to the first look at a source, to the last landing, to its end."""
    began = clock.now()
    process = started(config)
    assert process.wait() == 0
    lasted = clock.now() - began
    ((first, last),) = live.ask(config.parent / "var", f"SELECT min(began_at), max(loaded_at) FROM raw.loads WHERE began_at > '{began}'")
    return (first - began) / timedelta(seconds=1), (last - began) / timedelta(seconds=1), lasted / timedelta(seconds=1)


def half_pulls(var: Path) -> list[str]:
    """Subjects of which something is landed that is not a whole pull: rows by subject are those of one night or of the other."""
    with duckdb.connect(var / "gouji.duckdb", read_only=True) as con:
        found = []
        for subject, (first, second) in ROWS.items():
            changed = 0 if subject == "fees" else (first + 9) // 10
            landed, current = (
                con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
                for table in (f"raw.{subject}", f"(FROM report.places WHERE subject = '{subject}' AND place = 'counted')")
            )
            files, read = con.execute(f"SELECT count(*), sum(rows_read) FROM raw.files WHERE subject = '{subject}'").fetchall()[0]
            if landed != read or landed not in (first, second + changed) or current not in (first, second):
                found.append(f"{subject}: {landed} rows of {files} files, which say {read}; {current} count")
        return found


def left_over(var: Path) -> list[Path]:
    """What a killed night left that the next should have removed."""
    return [*(var / "spool").iterdir(), *(var / "landing").glob(".*"), *(var / "exports").rglob(".tmp*")]


def unpublished(var: Path) -> list[str]:
    """What is not whole of what the pointers name."""
    return [fault for pointer in (var / "exports").glob("*/*/current") for fault in publish.verify(pointer.resolve())]


@pytest.mark.wide
def test_a_night_that_is_killed_while_it_pulls_counts_nothing_by_half(sources: Sources, tmp_path: Path) -> None:
    chance = random.Random(20260202)
    before = tmp_path / "before"
    before.mkdir()
    with live.platform(sources.records, SECRET) as url:
        port = int(url.rpartition(":")[2])
        (before / "gouji.toml").write_text(sources.configuration(url), "utf-8")
        assert started(before / "gouji.toml").wait() == 0
    sources.advance()

    def second(name: str) -> Path:
        shutil.copytree(before, tmp_path / name, symlinks=True)
        return tmp_path / name / "gouji.toml"

    with live.platform(sources.records, SECRET, port):
        undisturbed = second("undisturbed")
        first, last, lasted = pulling(undisturbed)
        want = undisturbed.parent / "var"
        told, published = live.told(want), live.published(want)
        assert half_pulls(want) == [] and half_pulls(before / "var") == [] and left_over(want) == []
        amid = 0
        for turn in range(ROUNDS):
            config = second(f"turn-{turn}")
            var = config.parent / "var"
            for kill in range(KILLS):
                # Four of five while it pulls and lands, the others anywhere.
                moment = chance.uniform(first, last) if kill % 5 else chance.uniform(0.5, lasted)
                process = started(config)
                time.sleep(moment)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                amid += bool(list((var / "spool").glob("*/*/*")))
                assert half_pulls(var) == [] and unpublished(var) == []
            assert started(config).wait() == 0
            assert live.unlike(live.told(var), told) == {} and live.published(var) == published
            assert half_pulls(var) == [] and left_over(var) == []
            shutil.rmtree(config.parent)
    assert amid >= ROUNDS  # it was amid a pull that they were killed
