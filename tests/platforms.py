"""Platforms for tests: the demo platform over made-up records, and a server that sends whatever bytes it is told."""

from __future__ import annotations

import importlib.util
import json
import socket
import sys
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

Row = dict[str, Any]


@cache
def demo() -> Any:
    """The module `examples/demo_platform.py`."""
    file = Path(__file__).parent.parent / "examples" / "demo_platform.py"
    spec = importlib.util.spec_from_file_location("demo_platform", file)
    assert spec and spec.loader
    module = sys.modules["demo_platform"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def penalties(count: int) -> list[Row]:
    """Penalties of one organ, changed one after the other from 1 January 2023 on, an hour apart."""
    return [
        {
            "CF_XDR_MC": "测试甲",
            "CF_WSH": f"测工信罚决〔2023〕{n}号",
            "CF_SY": "测试事由：货物堆放在消防通道，已责令改正",
            "CF_NR_FK": 0.10,
            "CF_CFJGDM": "11990100F7AB5ABF0J",
            "GXSJ": f"2023-01-{1 + n // 24:02} {n % 24:02}:00:00" if n < 24 * 31 else "2023-02-01 00:00:00",
            "BZ": None,
        }
        for n in range(count)
    ]


def inspections(count: int) -> list[Row]:
    """Inspections, all changed at one time, which is written in UTC."""
    return [{"raninsTaskId": f"T{n}", "objUscc": "测试", "updatedAt": "2023-06-30T16:00:00Z"} for n in range(count)]


def write_drop(folder: Path, **subjects: list[Row]) -> Path:
    """A folder as the demo platform takes it."""
    for subject, rows in subjects.items():
        (folder / "rest" / subject).mkdir(parents=True)
        (folder / "rest" / subject / "page-1.json").write_text(json.dumps({"code": 0, "data": {"rows": rows}}), "utf-8")
    return folder


def page_of(rows: list[Row], total: int | None, number: int = 1) -> bytes:
    """A page in the standard envelope."""
    data = {"total": total, "pageNum": number, "rows": rows}
    return json.dumps({"code": 0, "msg": "ok", "data": data}, ensure_ascii=False).encode()


def http(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """A whole answer of a server that closes the connection after it."""
    fixed = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}\r\n" for name, value in (fixed | given).items()]
    return f"HTTP/1.1 {status}\r\n{''.join(lines)}\r\n".encode() + body


class Raw:
    """A server on a free port; `answer` gets the parameters of each request and gives the bytes to send, or None for none."""

    def __init__(self, answer: Callable[[dict[str, str]], bytes | None]) -> None:
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.heads: list[str] = []
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                head = b""
                while b"\r\n\r\n" not in head and (block := connection.recv(4096)):
                    head += block
                if not head:
                    continue
                self.heads.append(head.decode())
                try:
                    connection.sendall(self._answer(dict(parse_qsl(urlsplit(self.heads[-1].split(" ")[1]).query))) or b"")
                except OSError:
                    continue

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
