"""Real database servers of Debian, for tests: started on loopback under their own users, ended by their pid.

Belongs here: starting and stopping PostgreSQL and MariaDB, and the address of their administrator. Does not belong here: tables, roles and
rows, which each test makes for itself. A server that is not installed is an error, never a skip: `tests/debian.sh` installs both.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

_PASSWORD = "only-for-tests"
_WAIT_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A running server: `admin` is the full address of its administrator, `pid` its process."""

    admin: sa.URL
    pid: int

    def url(self, user: str) -> str:
        """The address for another user, without password, as a configuration has it."""
        at = self.admin
        return sa.URL.create(at.drivername, user, None, at.host, at.port, at.database).render_as_string()

    @contextmanager
    def connection(self) -> Iterator[sa.Connection]:
        """A connection of the administrator; every statement is committed at once."""
        engine = sa.create_engine(self.admin, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as con:
            yield con

    def run(self, *statements: str) -> None:
        """Run statements as administrator, as they are: % and : have no meaning in them."""
        with self.connection() as con:
            for statement in statements:
                con.execution_options(no_parameters=True).exec_driver_sql(statement)


@contextmanager
def postgresql(folder: Path) -> Iterator[Server]:
    """PostgreSQL with its data below `folder`; passwords are checked (scram-sha-256), its clock stands in UTC."""
    programs = _newest(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    data, port, secret = folder / "data", _free_port(), folder / "password"
    _own(folder, "postgres")
    secret.write_text(_PASSWORD)
    auth = ["--username=gouji_admin", f"--pwfile={secret}", "--auth=scram-sha-256"]
    _run([f"{programs}/initdb", "-D", str(data), "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", *auth], "postgres", folder)
    settings = {
        "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off", "timezone": "UTC",
        "max_connections": 20, "shared_buffers": "64MB",
    }  # fmt: skip
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    admin = sa.URL.create("postgresql+psycopg", "gouji_admin", _PASSWORD, "127.0.0.1", port, "postgres")
    with _running([f"{programs}/postgres", "-D", str(data), *options], "postgres", folder, admin, signal.SIGINT) as server:
        yield server


@contextmanager
def mariadb(folder: Path) -> Iterator[Server]:
    """MariaDB with its data below `folder` and one empty database `oa`; its clock stands in UTC."""
    data, port, first = folder / "data", _free_port(), folder / "first.sql"
    _own(folder, "mysql")
    first.write_text(
        "CREATE DATABASE oa CHARACTER SET utf8mb4;\n"
        f"CREATE USER gouji_admin@'127.0.0.1' IDENTIFIED BY '{_PASSWORD}';\n"
        "GRANT ALL ON *.* TO gouji_admin@'127.0.0.1' WITH GRANT OPTION;\n"
    )
    install = [_program("mariadb-install-db"), "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"]
    _run([*install, "--skip-test-db"], "mysql", folder)
    options = [
        "--no-defaults", f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/socket",
        f"--pid-file={folder}/pid", f"--init-file={first}", "--skip-name-resolve", "--character-set-server=utf8mb4",
        "--default-time-zone=+00:00", "--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0",
    ]  # fmt: skip
    admin = sa.URL.create("mysql+pymysql", "gouji_admin", _PASSWORD, "127.0.0.1", port, "oa")
    with _running([_program("mariadbd"), *options], "mysql", folder, admin, signal.SIGTERM) as server:
        yield server


@contextmanager
def _running(command: Sequence[str], user: str, folder: Path, admin: sa.URL, stop: signal.Signals) -> Iterator[Server]:
    log = folder / "log"
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, cwd=folder, **_as(user)) as process:
        try:
            _await(process, admin, log)
            yield Server(admin, process.pid)
        finally:
            process.send_signal(stop)
            try:
                process.wait(_WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _await(process: subprocess.Popen[bytes], admin: sa.URL, log: Path) -> None:
    """Wait until the server takes the administrator in."""
    engine = sa.create_engine(admin, poolclass=sa.NullPool)
    until = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            with engine.connect():
                return
        except sa.exc.OperationalError:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}") from None
            time.sleep(0.1)


def _own(folder: Path, user: str) -> None:
    """Make the folder the server's own, and let it in through the folders above, which pytest closes to all others."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return
    shutil.chown(folder, user)
    for parent in folder.parents:
        mode = parent.stat().st_mode
        if not mode & 0o001:
            parent.chmod(mode | 0o011)


def _as(user: str) -> dict[str, object]:
    """Arguments that start a process as `user`: database servers refuse to run as root."""
    return {"user": user, "group": user, "extra_groups": []} if os.geteuid() == 0 else {}


def _run(command: Sequence[str], user: str, folder: Path) -> None:
    done = subprocess.run(command, capture_output=True, cwd=folder, check=False, **_as(user))
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout.decode(errors='replace')[-1000:]}{done.stderr.decode(errors='replace')[-1000:]}")


def _newest(programs: Iterator[Path]) -> Path:
    found = sorted((p.parent for p in programs), key=lambda p: int(p.parent.name))
    if not found:
        raise RuntimeError("PostgreSQL is not installed; run tests/debian.sh")
    return found[-1]


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if not found:
        raise RuntimeError(f"{name} is not installed; run tests/debian.sh")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
