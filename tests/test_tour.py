"""What README and the page on sources let a reader do: the tour of live sources as it is written, the fragments of configuration."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from pipelines import settings

ROOT = Path(__file__).resolve().parent.parent
PORT = "8088"  # of the platform, as README and examples/live have it
TOUR = {"README.md": "## Live sources in five minutes", "README.zh-CN.md": "## 五分钟试一试接口"}


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of the fenced blocks."""
    return re.findall(r"^```(\w+)[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def tour(page: str) -> list[tuple[str, str]]:
    return blocks((ROOT / page).read_text("utf-8").partition(TOUR[page])[2].partition("\n## ")[0])


def plain(text: str) -> str:
    """Without what differs from day to day and with the width of a table."""
    return re.sub(r"\s+", " ", re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "…", text)).strip()


def is_shown(line: str, output: str) -> bool:
    """Whether a line of the page stands in an output; `…` is for anything on the line."""
    pattern = ".*".join(re.escape(part.strip()) for part in plain(line).split("…"))
    return any(re.search(pattern, plain(shown)) for shown in output.splitlines())


@contextmanager
def platform(command: str, port: str) -> Iterator[None]:
    """What `make` does for this command, at another port; the installation is not touched."""
    lines = subprocess.run(
        [*command.split(), "--no-print-directory", "-n", f"PORT={port}"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    words = [sys.executable if word.endswith("/python") else word for word in lines[-1].split()]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout and port in process.stdout.readline()
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


class Shell:
    """The second terminal, in a copy of the project: outputs and exit codes of the commands typed in it."""

    def __init__(self, folder: Path, port: str) -> None:
        self._folder, self._port = folder, port
        self._environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self.codes: list[int] = []

    def type(self, line: str) -> str:
        """The output of a command."""
        line = line.replace(PORT, self._port)
        program, *words = line.split()
        if program == "export":
            self._environment |= dict(word.split("=") for word in words)
            return ""
        if program == "curl":
            assert words[:2] == ["-X", "POST"], line
            return httpx.post(words[2], trust_env=False).text
        assert program == ".venv/bin/gouji", line
        command = [sys.executable, "-m", "pipelines.cli", *words]
        done = subprocess.run(command, cwd=self._folder, env=self._environment, capture_output=True, text=True, check=False)
        self.codes.append(done.returncode)
        return done.stdout + done.stderr


@pytest.mark.wide
def test_the_tour_gives_what_the_page_shows(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("var"))
    config = tmp_path / "examples" / "live" / "gouji.toml"
    config.write_text(config.read_text("utf-8").replace(PORT, port), "utf-8")
    (_, start), *rest = tour("README.md")
    shell, output = Shell(tmp_path, port), ""
    with platform(start, port):
        for language, block in rest:
            if language == "sh":
                output = "\n".join(map(shell.type, block.splitlines()))
            else:
                assert [line for line in block.splitlines() if not is_shown(line, output)] == [], output
    assert shell.codes == [0, 0, 3, 0, 0, 0]


def test_both_pages_show_the_same_tour() -> None:
    english, chinese = map(tour, TOUR)
    assert english == chinese and [language for language, _ in english] == ["sh", "sh", "text", "sh", "text", "sh", "text"]


def test_the_example_of_live_sources_is_good() -> None:
    made = settings.load(ROOT / "examples" / "live" / "gouji.toml")
    assert {source.name: source.kind for source in made.sources} == {"platform": "rest", "records": "files"}


def test_every_source_on_the_page_can_be_configured_so(tmp_path: Path) -> None:
    (_, agency), *sources = [b for b in blocks((ROOT / "docs" / "sources.zh-CN.md").read_text("utf-8")) if b[0] == "toml"]
    kinds = []
    for _, source in sources:
        (tmp_path / "gouji.toml").write_text(agency + source, "utf-8")
        kinds += [s.kind for s in settings.load(tmp_path / "gouji.toml").sources]
    assert kinds == ["files", "inbox", "inbox", "rest", "database"]
