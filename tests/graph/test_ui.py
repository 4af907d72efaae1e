"""The Dagster UI in a real browser: the run that the command made is there to be looked at."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import replay

DROP = Path(__file__).parent.parent / "data" / "drops" / "xinxiang-2023-none"
_PATIENCE = 60.0
_BROWSER = [
    "chromium",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=20000",
]


def asked(port: int, query: str) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["data"]


@pytest.fixture
def ui(tmp_path: Path) -> Iterator[int]:
    """The port of a UI on a warehouse with one run."""
    config = tmp_path / "gouji.toml"
    config.write_text(replay.configuration([DROP], tmp_path / "var"), "utf-8")
    assert replay.run(config).returncode == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "pipelines.cli", "--config", str(config), "ui", "--port", str(port)]
    process = subprocess.Popen(command, cwd=replay.ROOT, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            time.sleep(1)
            try:
                asked(port, "{version}")
                break
            except OSError:
                continue
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.mark.wide
def test_the_ui_shows_the_run_that_the_command_made(ui: int, tmp_path: Path) -> None:
    assert shutil.which("chromium"), "tests/debian.sh installs it"
    data = asked(
        ui, "{runsOrError{... on Runs{results{runId status jobName}}} workspaceOrError{... on Workspace{locationEntries{name loadStatus}}}}"
    )
    (run,) = data["runsOrError"]["results"]
    assert (run["jobName"], run["status"]) == ("nightly", "SUCCESS")
    assert data["workspaceOrError"]["locationEntries"] == [{"name": "gouji", "loadStatus": "LOADED"}]
    for page, words in {
        f"runs/{run['runId']}": ["nightly", "Success", "report__publications"],
        "assets/report/cells": ["报告单元格", "新乡市工业和信息化局 2023", "单元格编号"],
    }.items():
        shown = subprocess.run(
            [*_BROWSER, f"--user-data-dir={tmp_path / 'browser'}", "--dump-dom", f"http://127.0.0.1:{ui}/{page}"],
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout
        assert [w for w in words if w not in shown] == [], page
