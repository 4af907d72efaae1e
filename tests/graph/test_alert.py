"""The alert of a failed run: written into the data folder, posted where the configuration says, without data."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipelines import settings as config
from pipelines.sensors import AlertNotSent, alert

CONFIG = """
[[agencies]]
name = "测试机关"
code = "11990100F7AB5ABF0J"

[[sources]]
name = "records"
agency = "11990100F7AB5ABF0J"
path = "records"
"""


@pytest.fixture
def settings(tmp_path: Path) -> config.Settings:
    file = tmp_path / "gouji.toml"
    file.write_text(CONFIG, "utf-8")
    return config.load(file)


@pytest.fixture
def posted() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """An address on loopback and what has been posted to it."""
    received: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204 if self.path == "/alert" else 500)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


def test_an_alert_is_written_and_posted(settings: config.Settings, posted: tuple[str, list[dict[str, str]]]) -> None:
    address, received = posted
    alert(replace(settings, alert_url=f"{address}/alert"), "run-1", "nightly", "失败的步骤：raw__fees")
    written = json.loads((settings.data / "alerts" / "run-1.json").read_text("utf-8"))
    assert received == [written]
    assert written.keys() == {"time", "job", "run_id", "what"}
    assert (written["job"], written["run_id"], written["what"]) == ("nightly", "run-1", "失败的步骤：raw__fees")


def test_an_address_that_refuses_is_an_error_and_the_file_is_there_all_the_same(
    settings: config.Settings, posted: tuple[str, list[dict[str, str]]]
) -> None:
    with pytest.raises(AlertNotSent) as trouble:
        alert(replace(settings, alert_url=f"{posted[0]}/broken?token=secret"), "run-2", "nightly", "x")
    assert "secret" not in str(trouble.value) and trouble.value.__suppress_context__
    assert (settings.data / "alerts" / "run-2.json").exists()
