"""Web servers for tests: a house that looks at its site, made-up log lines, and real servers on the loopback.

Belongs here: what several tests of the site need. Does not belong here: what is expected of them.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from building import House

from assets.site import count_site


class SiteHouse(House):
    """A house that brings publications and logs together after everything has settled, as the graph does."""

    def records(self) -> None:
        """Land and settle every subject, then count the site."""
        super().records()
        self.count_site()

    def count_site(self) -> int:
        """Bring the site up to date; ranges that were read."""
        return count_site(self.warehouse, self.hits).files


def hit(
    path: str, day: str = "01/May/2023", *, at: str = "09:00:00", status: int = 200, agent: str = "Mozilla/5.0", verb: str = "GET"
) -> str:
    """A combined line."""
    return f'198.51.100.7 - - [{day}:{at} +0800] "{verb} {path} HTTP/1.1" {status} 512 "-" "{agent}"\n'


_COMBINED = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
# Formats of nginx by name: the first is built in, the second is the stock `main`.
NGINX_FORMATS = {
    "combined": "",
    "main": f"'{_COMBINED} \"$http_x_forwarded_for\"'",
    "timed": f"'{_COMBINED} rt=$request_time uht=\"$upstream_header_time\" $host'",
    "json": 'escape=json \'{"time_iso8601":"$time_iso8601","remote_addr":"$remote_addr","request":"$request","status":$status,'
    '"body_bytes_sent":$body_bytes_sent,"http_referer":"$http_referer","http_user_agent":"$http_user_agent"}\'',
    "epoch": 'escape=json \'{"msec":$msec,"remote_addr":"$remote_addr","request_method":"$request_method","uri":"$request_uri",'
    '"request":"$request","status":"$status","bytes_sent":$bytes_sent,"referer":"$http_referer","agent":"$http_user_agent"}\'',
}
# Formats of Apache as Debian's configuration has them.
_APACHE_COMBINED = r"%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\""
APACHE_FORMATS = {
    "apache_common": r"%h %l %u %t \"%r\" %>s %O",
    "apache_combined": _APACHE_COMBINED,
    "apache_combinedio": f"{_APACHE_COMBINED} %I %O",
    "vhost_combined": f"%v:%p {_APACHE_COMBINED}",
}


@dataclass(frozen=True)
class Server:
    """A running server: its folder, which holds `pages` and for each format `<format>/site/access.log`; its port and process."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    formats: tuple[str, ...]

    def log(self, name: str, suffix: str = "") -> Path:
        """The log in a format, or one rotated away under a suffix."""
        return self.folder / name / "site" / f"access.log{suffix}"

    def reopen(self) -> None:
        """Have nginx open its logs anew, after they were renamed."""
        self.process.send_signal(signal.SIGUSR1)
        wait_for(lambda: all(self.log(name).exists() for name in self.formats))

    def raw(self, request: bytes) -> None:
        """Send bytes as they are, in a connection of their own; the answer does not matter."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass


@contextmanager
def nginx(folder: Path) -> Iterator[Server]:
    """A running nginx that logs in every format of `NGINX_FORMATS`; /gone.html answers 410."""
    port = _prepare(folder, NGINX_FORMATS)
    formats = "".join(f"log_format {name} {text};\n" for name, text in NGINX_FORMATS.items() if text)
    logs = "".join(f"access_log {name}/site/access.log {name};\n" for name in NGINX_FORMATS)
    temporary = "".join(f"{kind}_temp_path t-{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "server.conf").write_text(
        f"daemon off;\nworker_processes 1;\npid nginx.pid;\nevents {{ worker_connections 64; }}\nhttp {{\n{temporary}{formats}{logs}"
        f"types {{ text/html html; }}\nserver {{ listen 127.0.0.1:{port}; root pages; location = /gone.html {{ return 410; }} }}\n}}\n"
    )
    command = [_program("nginx"), "-p", str(folder), "-c", "server.conf", "-e", "error.log"]
    with _running(command, folder, port, NGINX_FORMATS) as server:
        yield server


@contextmanager
def apache(folder: Path) -> Iterator[Server]:
    """A running Apache that logs in every format of `APACHE_FORMATS`."""
    port = _prepare(folder, APACHE_FORMATS)
    modules = "".join(f"LoadModule {m}_module {_APACHE_MODULES}/mod_{m}.so\n" for m in ("mpm_event", "authz_core", "dir"))
    logs = "".join(f'CustomLog {name}/site/access.log "{text}"\n' for name, text in APACHE_FORMATS.items())
    (folder / "server.conf").write_text(
        f"ServerRoot {folder}\nServerName www.example.gov.cn\nDefaultRuntimeDir {folder}\nMutex file:{folder}\nPidFile apache.pid\n"
        f"ErrorLog error.log\nListen 127.0.0.1:{port}\n{modules}DocumentRoot {folder}/pages\nDirectoryIndex index.html\n{logs}"
    )
    command = [_program("apache2"), "-DFOREGROUND", "-f", str(folder / "server.conf")]
    with _running(command, folder, port, APACHE_FORMATS) as server:
        yield server


_APACHE_MODULES = Path("/usr/lib/apache2/modules")
_USER = "nobody"


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert found, f"{name} is not installed: tests/debian.sh installs it"
    return found


def _prepare(folder: Path, formats: Iterable[str]) -> int:
    """The folders of a server, for whoever it runs as; a port that is free."""
    for name in formats:
        (folder / name / "site").mkdir(parents=True)
    if os.geteuid() == 0:
        for each in (folder, *folder.rglob("*")):
            shutil.chown(each, _USER)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(command: Sequence[str], folder: Path, port: int, formats: Iterable[str]) -> Iterator[Server]:
    """The server until the end of the block; not as root, and ended by its own process."""
    who: dict[str, Any] = {"user": _USER, "group": pwd.getpwnam(_USER).pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, **who)
        try:
            wait_for(lambda: _answers(port) or process.poll() is not None)
            assert process.poll() is None, (folder / "output.log").read_text()
            yield Server(folder, port, process, tuple(formats))
        finally:
            process.terminate()
            process.wait(20)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(is_done: Callable[[], bool], seconds: float = 20) -> None:
    """Until a condition holds."""
    until = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < until, "the server did not get there"
        time.sleep(0.02)
