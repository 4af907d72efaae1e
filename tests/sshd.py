"""A real OpenSSH server for tests: its own process, configuration, keys and port on loopback; nothing of the machine's own is used."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from assets.sources.connector import Secret
from assets.sources.sftp import Login, SftpTree

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {home}/host
PidFile {home}/pid
AuthorizedKeysFile {home}/authorized
StrictModes no
UsePAM no
PasswordAuthentication {password}
KbdInteractiveAuthentication no
AllowTcpForwarding no
Subsystem sftp internal-sftp
ForceCommand internal-sftp
LogLevel ERROR
"""


class Sshd:
    """A server; `user` may log in with the key file `key` and sees what that user may see."""

    def __init__(self, home: Path, user: str, password: str | None = None) -> None:
        program = shutil.which("sshd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        assert program, "sshd is missing: install the Debian package openssh-server (tests/debian.sh)"
        self.home, self.user, self._program = home, user, program
        home.mkdir(mode=0o755)
        self.key, self.known_hosts = new_key(home / "client"), home / "known_hosts"
        new_key(home / "host")
        shutil.copy(home / "client.pub", home / "authorized")
        (home / "authorized").chmod(0o644)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.known_hosts.write_text(self.known(home / "host.pub"))
        (home / "config").write_text(_CONFIG.format(port=self.port, home=home, password="yes" if password else "no"))
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # the separated process lives there
        self.start()

    def known(self, public: Path) -> str:
        """A line of known_hosts that gives the server this key."""
        return f"[127.0.0.1]:{self.port} {public.read_text()}"

    def start(self) -> None:
        """Start it, or start it again."""
        self._process = subprocess.Popen([self._program, "-D", "-e", "-f", str(self.home / "config")], stderr=subprocess.PIPE)
        wait_for(self._answers)

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._process.stderr or subprocess.DEVNULL).read()  # type: ignore[union-attr]
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as connection:
            return connection.recv(4) == b"SSH-"
        return False

    def sessions(self) -> list[int]:
        """The processes that serve those who are logged in, at whatever depth."""
        found, todo = [], [self._process.pid]
        while todo:
            inner = [int(p) for t in Path(f"/proc/{todo.pop()}/task").glob("*/children") for p in t.read_text().split()]
            found += inner
            todo += inner
        return found

    def signal_sessions(self, what: signal.Signals) -> None:
        """Send a signal to those processes."""
        for process in self.sessions():
            with suppress(ProcessLookupError):
                os.kill(process, what)

    def stop(self) -> None:
        """Stop it, and drop whoever is logged in."""
        self.signal_sessions(signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()

    def login(self, folder: Path, *, key: Path | None = None, password: Secret | None = None, known_hosts: Path | None = None) -> Login:
        """A login to a folder of this machine."""
        own = None if password else key or self.key
        return Login.of(f"sftp://{self.user}@127.0.0.1:{self.port}{folder}", known_hosts or self.known_hosts, own, password)

    def tree(self, folder: Path, timeout: float = 20.0) -> SftpTree:
        """A folder of this machine, seen through the server."""
        return SftpTree(self.login(folder), timeout)


def new_key(file: Path, kind: str = "ed25519") -> Path:
    """A new private key, its public one beside it."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "test", "-f", str(file)], check=True)
    return file


def wait_for(is_so: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@contextmanager
def a_user(password: str) -> Iterator[str]:
    """Someone who may log in by password and is nobody else; as root alone."""
    name = f"gouji-{uuid4().hex[:8]}"
    digest = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, text=True, check=True).stdout
    subprocess.run(
        ["/usr/sbin/useradd", "--no-create-home", "--home-dir", "/", "--shell", "/bin/sh", "--password", digest.strip(), name], check=True
    )
    try:
        yield name
    finally:
        subprocess.run(["/usr/sbin/userdel", "--force", name], check=True, capture_output=True)


def someone() -> str:
    """Who logs in by key: where tests are run by root, a user who may not read everything."""
    return "nobody" if os.geteuid() == 0 else getpass.getuser()
