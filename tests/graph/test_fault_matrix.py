"""Each fault of each way to reach a source, through a night: recovered and identical, or nothing counted, the reason named, healed after.

What became of each is left as a table, `fault-matrix.md`, in the temporary folder of pytest.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import inboxes
import live
import pytest
import replay
from building import AGENCY, NAME, good, write
from click.testing import CliRunner
from live import Live, Row, Told
from platforms import demo
from servers import Server, mariadb, postgresql
from sshd import Sshd, new_key, someone

from assets.sources.database_adbc import AdbcSession
from assets.sources.database_session import SqlSession
from assets.sources.sftp import SftpTree
from pipelines.cli import main

SECRET, PASSWORD = "GOUJI_TEST_SECRET", "matrix-p@ss:/w#%41"  # of visible ASCII, as it is a token too
Patch = pytest.MonkeyPatch


class World:
    """A source of one subject: how it is configured, what it holds at first, what it holds a night later."""

    name, subject = "source", "fees"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.root = live.open_folder(stack, "in")

    def source(self) -> Live:
        """The source as it is configured."""
        return Live(self.name, [self.subject], "path", {"path": str(self.root)})

    def first(self) -> None:
        """What it holds on the first night, with nothing wrong."""
        if self.root.is_file():
            self.root.unlink()
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(mode=0o755)
        inboxes.write(write(self.root / "fees" / "fees-1.csv", FEES), (self.root / "fees" / "fees-1.csv").read_bytes())

    def change(self) -> None:
        """What has come by the second night."""
        inboxes.write(write(self.root / "fees" / "fees-2.csv", MORE_FEES), (self.root / "fees" / "fees-2.csv").read_bytes())

    @property
    def new(self) -> Path:
        """The file that has come."""
        return self.root / "fees" / "fees-2.csv"


FEES = [good("fees", receipt_no=f"F-{n}") for n in range(5)]
MORE_FEES = [good("fees", receipt_no=f"F-{n}", updated_at="2023-06-01 10:00:00", note="备注" * 500) for n in range(4, 300)]


class Inbox(World):
    """A folder of this machine as an inbox."""

    def source(self) -> Live:
        return Live(self.name, [self.subject], "inbox", {"url": str(self.root)})


class Sftp(World):
    """An inbox behind OpenSSH."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        super().__init__(stack, folder)
        self.server = Sshd(live.open_folder(stack, "sshd") / "home", someone())
        self.authorized = (self.server.home / "authorized").read_bytes()
        stack.callback(self.server.stop)

    def source(self) -> Live:
        url = f"sftp://{self.server.user}@127.0.0.1:{self.server.port}{self.root}"
        return Live(self.name, [self.subject], "inbox", {"url": url, "key_file": str(self.server.key), "known_hosts": "known_hosts"})

    def first(self) -> None:
        super().first()
        (self.server.home / "authorized").write_bytes(self.authorized)


class Rest(World):
    """The demo platform."""

    subject = "penalties"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        rows = [penalty(n) for n in range(45)]
        changed = [penalty(0) | {"GXSJ": "2023-09-01 00:00:00", "CF_NR_FK": "7"}, *rows[1:], penalty(99)]
        self.records = [demo().read_records(live.pages(folder / str(at), "penalties", held))[0] for at, held in enumerate((rows, changed))]
        self.platform = stack.enter_context(demo().Platform(folder / "0", port=0, token=PASSWORD))
        self.platform.stall, self.platform.trickle, self.platform.cap, self.platform.retry_after = 3, 0.05, 7, "1"

    def source(self) -> Live:
        keys = {"page_size": 10, "attempts": 2, "timeout_seconds": 1, "deadline_seconds": 2, "max_pages": 30, "incremental": []}
        return Live(self.name, [self.subject], "rest", {"url": self.platform.url, "token_env": SECRET, **keys})

    def first(self) -> None:
        self.platform.set_fault("none")
        self.platform.records = self.records[0]

    def change(self) -> None:
        self.platform.records = self.records[1]


def penalty(number: int) -> Row:
    return {"CF_CFJGDM": AGENCY, "CF_WSH": f"P-{number}", "CF_JDRQ": "2023-05-01", "JDZT": "有效", "GXSJ": "2023-05-02 10:00:00"}


class Postgres(World):
    """A view of a PostgreSQL server."""

    subject, start = "applications", staticmethod(postgresql)

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.server: Server = stack.enter_context(type(self).start(live.open_folder(stack, "server") / "server"))
        live.add_reader(self.server, PASSWORD)
        self.rows = [good("applications", application_no=f"A-{n}") for n in range(40)]
        live.fill(self.server, self.subject, list(self.rows[0]), self.rows)

    def source(self) -> Live:
        keys = {"url": self.server.url(live.READER), "password_env": SECRET, "tables": {self.subject: "v_applications"}}
        return Live(self.name, [self.subject], "database", {**keys, "timeout_seconds": 1, "attempts": 2})

    def first(self) -> None:
        self.view("SELECT * FROM applications")
        self.server.run("DELETE FROM applications", *self.account(PASSWORD))
        live.add(self.server, self.subject, list(self.rows[0]), self.rows)

    def change(self) -> None:
        self.server.run("UPDATE applications SET outcome = '部分公开', updated_at = '2023-06-01 10:00:00' WHERE application_no = 'A-3'")
        live.add(self.server, self.subject, list(self.rows[0]), [good("applications", application_no="A-99")], first=99)

    def view(self, query: str) -> None:
        """Let the view be this query."""
        self.server.run("DROP VIEW IF EXISTS v_applications", f"CREATE VIEW v_applications AS {query}")
        self.server.run(f"GRANT SELECT ON v_applications TO {live.account(self.server)}")

    def account(self, password: str) -> list[str]:
        """Statements that give the reader a password."""
        return [f"ALTER ROLE {live.READER} PASSWORD '{password}'"]

    asleep = "SELECT applications.* FROM applications, pg_sleep(3)"
    readers = f"SELECT pid FROM pg_stat_activity WHERE usename = '{live.READER}'"
    kill = "SELECT pg_terminate_backend({})"

    def drop_readers(self) -> None:
        """End every connection of the reader."""
        with self.server.connection() as con:
            found = [process for (process,) in con.exec_driver_sql(self.readers)]
        self.server.run(*(self.kill.format(process) for process in found))


class MariaDb(Postgres):
    """The same of a MariaDB server."""

    start = staticmethod(mariadb)
    asleep = "SELECT * FROM applications WHERE sleep(3) = 0"
    readers = f"SELECT id FROM information_schema.processlist WHERE user = '{live.READER}'"
    kill = "KILL {}"

    def account(self, password: str) -> list[str]:
        return [f"ALTER USER {live.account(self.server)} IDENTIFIED BY '{password}'"]


WORLDS: dict[str, type[World]] = {
    "files": World, "inbox": Inbox, "sftp": Sftp, "rest": Rest, "postgresql": Postgres, "mariadb": MariaDb,
}  # fmt: skip


# ---- what goes wrong, and what becomes of it --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, and what becomes of it.

    `do` switches it on; what it changes at the source, `World.first` and `World.change` put right. `rule` is the finding that tells it,
    "" where the night recovers, `waiting_file` where what is not complete is left for the next night. `keys` are further keys of the way.
    """

    name: str
    do: Callable[[Any, Path, Patch], object]
    reason: str | None = None
    rule: str = "incomplete_load"
    keys: Mapping[str, Any] = field(default_factory=dict)


# Fault of the platform → the reason when it goes on for ever; None where it does no harm. `_AT_ONCE` is refused without another attempt.
_PLATFORM = {
    "none": None, "timeout": "timeout", "reset": "connection_failed", "slow_body": "too_slow", "401": "unauthorized", "403": "forbidden",
    "404": "not_found", "429": "rate_limited", "500": "server_error", "503": "server_error", "error_code": "error_code", "html": "not_json",
    "truncated": "truncated_json", "invalid_json": "truncated_json", "wrong_charset": "bad_encoding", "invalid_bytes": "bad_encoding",
    "total_changes": "total_changed", "rows_move": "rows_moved", "duplicate_page": "duplicate_page", "empty_page": "empty_page",
    "fewer_rows": "fewer_rows", "more_rows": "more_rows", "ignores_page_size": None, "caps_page_size": None, "endless": "too_many_pages",
    "redirect_elsewhere": "redirect_elsewhere", "redirect_same": None, "redirect_loop": "too_many_redirects", "clock_skew": None,
    "no_total": "no_total",
}  # fmt: skip
_AT_ONCE = {"401", "403", "404", "wrong_charset", "invalid_bytes", "redirect_elsewhere", "no_total"}
_ON_OTHER_PAGES = {"rows_move", "ignores_page_size", "caps_page_size"}  # the same records, each told by another page and row
_ON_ITS_PAGE = {"rows_move", "fewer_rows", "more_rows"}


def _of_the_platform(fault: str, times: int | None) -> Fault:
    reason = _PLATFORM[fault] if times is None else None
    page = 2 if times and fault not in _ON_ITS_PAGE else None
    name = f"{fault} {'once' if times else 'for ever'}"
    return Fault(name, lambda world, *_: world.platform.set_fault(fault, times, page), reason, "incomplete_load" if reason else "")


def _env(value: str | None) -> Callable[[Any, Path, Patch], object]:
    return lambda world, config, patch: patch.setenv(SECRET, value) if value else patch.delenv(SECRET)


def _edit(before: Callable[[Any], str], after: str) -> Callable[[Any, Path, Patch], object]:
    """Write something else into the configuration."""

    def do(world: Any, config: Path, patch: Patch) -> None:
        text = config.read_text("utf-8")
        assert before(world) in text
        config.write_text(text.replace(before(world), after), "utf-8")

    return do


def _lost(times: int) -> Callable[[Any, Path, Patch], object]:
    """Drop the connection after the rows were counted and before they have come, so many times."""

    def do(world: Postgres, config: Path, patch: Patch) -> None:
        left = [None] * times

        def drop(asked: Any) -> Any:
            def batches(self: Any, statement: Any) -> Any:
                if left:
                    left.pop()
                    world.drop_readers()
                return asked(self, statement)

            return batches

        for session in (SqlSession, AdbcSession):
            patch.setattr(session, "batches", drop(session.batches))

    return do


def _broken_off(world: Sftp, config: Path, patch: Patch) -> None:
    """Stop the server once a block of the new file has come."""
    asked = SftpTree.ask
    blocks: list[int] = []

    def ask(self: Any, *arguments: Any, **more: Any) -> Any:
        answer = asked(self, *arguments, **more)
        if isinstance(answer, bytes) and answer and not blocks:
            blocks.append(len(answer))
            world.server.stop()
        return answer

    patch.setattr(SftpTree, "ask", ask)


def _port_of(world: Any) -> str:
    return f":{world.platform.url.rpartition(':')[2]}" if isinstance(world, Rest) else f":{world.server.admin.port}/"


_DATABASE = [
    Fault("nobody listens", _edit(_port_of, ":1/"), "connection_failed"),
    Fault("wrong password", _env("wrong"), "unauthorized"),
    Fault("no password", _env(None), "no_secret"),
    Fault("account gone", lambda world, *_: world.server.run(*world.account("another")), "unauthorized"),
    Fault("privilege revoked", lambda w, *_: w.server.run(f"REVOKE SELECT ON v_applications FROM {live.account(w.server)}"), "forbidden"),
    Fault("view dropped", lambda world, *_: world.server.run("DROP VIEW v_applications"), "not_found"),
    Fault("key column gone", lambda world, *_: world.view("SELECT seq, outcome FROM applications"), "missing_key_column"),
    Fault("statement too slow", lambda world, *_: world.view(world.asleep), "timeout"),
    Fault("connection killed once", _lost(1), None, ""),
    Fault("connection killed for ever", _lost(99), "connection_lost"),
]
_FILES = [
    Fault("folder gone", lambda world, *_: shutil.rmtree(world.root), None, "missing_source"),
    Fault("folder unreadable", lambda world, *_: _to_a_file(world.root), "unreadable_folder"),
    Fault("half a file", lambda world, *_: _half(world), "truncated_json", "rejected_file"),
    Fault("link", lambda world, *_: _to_a_link(world), "symlink", "rejected_file"),
]
_INBOX = [
    Fault("folder gone", lambda world, *_: shutil.rmtree(world.root), "not_found"),
    *_FILES[2:],
    Fault("still growing", lambda world, *_: os.utime(world.new), None, "waiting_file"),
    Fault("half a file without marker", lambda world, *_: _unmarked(world), None, "waiting_file", {"complete": "marker"}),
    Fault("zip bomb", lambda world, *_: _bomb(world), "archive_ratio", "rejected_file"),
]
_SFTP = [
    *_INBOX,
    Fault("file unreadable", lambda world, *_: world.new.chmod(0), "unreadable", "rejected_file"),
    Fault("server down", lambda world, *_: world.server.stop(), "connection_failed"),
    Fault("another host key", lambda world, config, _: _another_key(world, config), "host_key_mismatch"),
    Fault("login refused", lambda world, *_: (world.server.home / "authorized").write_text(""), "unauthorized"),
    Fault("connection lost amid a file", _broken_off, "connection_lost"),
]
FAULTS = {
    "files": _FILES,
    "inbox": [_INBOX[0], *_FILES[1:2], *_INBOX[1:]],
    "sftp": _SFTP,
    "rest": [
        *(_of_the_platform(fault, 1) for fault, reason in _PLATFORM.items() if reason and fault not in _AT_ONCE),
        *(_of_the_platform(fault, None) for fault in _PLATFORM),
        Fault("nobody listens", _edit(_port_of, ":1"), "connection_failed"),
        Fault("no token", _env(None), "no_secret"),
    ],
    "postgresql": _DATABASE,
    "mariadb": _DATABASE,
}


def _to_a_file(root: Path) -> None:
    shutil.rmtree(root)
    root.write_text("")  # not to be listed by anyone, also not by root


def _half(world: World) -> None:
    content = json.dumps(MORE_FEES, ensure_ascii=False).encode()
    world.new.unlink()
    inboxes.write(world.new.with_suffix(".json"), content[: len(content) // 2])


def _to_a_link(world: World) -> None:
    world.new.rename(world.root / "elsewhere.csv")
    world.new.symlink_to("../elsewhere.csv")


def _unmarked(world: World) -> None:
    inboxes.write(world.root / "fees" / "fees-1.csv.done")
    inboxes.write(world.new, world.new.read_bytes()[:1000])


def _bomb(world: World) -> None:
    world.new.unlink()
    inboxes.zipped(world.root / "fees" / "all.zip", {"fees-2.csv": bytes(8 << 20)})


def _another_key(world: Sftp, config: Path) -> None:
    other = new_key(config.parent / "other").with_suffix(".pub")
    (config.parent / "known_hosts").write_text(world.server.known(other))


# ---- nights -----------------------------------------------------------------------------------------------------------------


@dataclass
class Stage:
    """A source after a good first night, kept to start from, and what a second night without a fault gives."""

    world: World
    kept: Path
    before: Told
    after: Told
    exported: dict[str, bytes]  # before
    published: dict[str, bytes]  # after


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[str, str, str]]]:
    """(connector, fault, outcome) of every case that was tried."""
    rows: list[tuple[str, str, str]] = []
    yield rows
    lines = ["| connector | fault | outcome |", "|---|---|---|", *("| " + " | ".join(row) + " |" for row in rows)]
    (tmp_path_factory.getbasetemp() / "fault-matrix.md").write_text("\n".join(lines) + "\n", "utf-8")


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Stage]]:
    """The stage of each connector, set when it is first needed."""
    made: dict[str, Stage] = {}
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())

        def stage(name: str) -> Stage:
            if name not in made:
                patch.setenv(SECRET, PASSWORD)
                made[name] = _set(WORLDS[name](stack, tmp_path_factory.mktemp(name)), tmp_path_factory.mktemp(f"{name}-kept"))
            return made[name]

        yield stage


def _set(world: World, kept: Path) -> Stage:
    world.first()
    if isinstance(world, Sftp):
        (kept / "known_hosts").write_bytes(world.server.known_hosts.read_bytes())
    limits = live.table("[limits]", {"threads": 1})  # small nights are faster so
    (kept / "gouji.toml").write_text(live.configuration(AGENCY, NAME, 2023, [world.source()], limits), "utf-8")
    assert live.night(kept / "gouji.toml") == 0
    undisturbed = kept.with_name(f"{kept.name}-undisturbed")
    shutil.copytree(kept, undisturbed, symlinks=True)
    world.change()
    assert live.night(undisturbed / "gouji.toml") == 0
    before, after = live.told(kept / "var"), live.told(undisturbed / "var")
    assert live.unlike(before, after)
    return Stage(world, kept, before, after, live.exported(kept / "var"), live.published(undisturbed / "var"))


@dataclass
class Case:
    """A stage with a fault, in a folder of its own."""

    stage: Stage
    fault: Fault
    config: Path

    @property
    def var(self) -> Path:
        return self.config.parent / "var"

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return live.ask(self.var, query)

    def rows(self) -> list[tuple[Any, ...]]:
        """What is landed, which a load that is refused does not touch."""
        return self.ask(f"SELECT * FROM raw.{self.stage.world.subject} ORDER BY ALL")

    def state(self) -> str:
        """What `gouji sources` says of the source."""
        done = CliRunner().invoke(main, ["--config", str(self.config), "sources", "--format", "json"], catch_exceptions=False)
        (source,) = json.loads(done.stdout)
        return str(source["state"])

    def is_as_without(self) -> None:
        """All is as it is without a fault: cells, ledger, findings, what is published."""
        assert live.unlike(live.told(self.var), self.stage.after) == {}
        if self.fault.name.partition(" ")[0] not in _ON_OTHER_PAGES:
            assert live.published(self.var) == self.stage.published
        assert self.state() == "取全"

    def is_held(self) -> None:
        """Nothing counts, what was published stays, and everybody is told why and since when."""
        rule, reason = self.fault.rule, self.fault.reason
        assert self.ask("SELECT rule, actual FROM report.findings WHERE severity = 'critical'") == [(rule, reason)]
        told = live.told(self.var)
        assert [told[name] for name in ("cells", "places", "ledger")] == [self.stage.before[n] for n in ("cells", "places", "ledger")]
        assert live.exported(self.var) == self.stage.exported
        status = json.loads((self.var / "status.json").read_text("utf-8"))
        (of_report,), (of_source,) = status["reports"], status["sources"]
        assert of_report["published_version"] == 1 and of_report["held_since"] and of_report["held_why"]
        if rule == "incomplete_load":
            stale, completed = (datetime.fromisoformat(of_source[name]) for name in ("stale_since", "completed_at"))
            assert (of_source["reason"], stale) == (reason, completed)
            assert of_source["detail"] in of_report["held_why"] and of_source["looked_at"] > of_source["completed_at"]
            assert self.state().startswith(f"没有取全（{reason}）：")

    def is_waiting(self) -> None:
        """Nothing has come yet, and that is told."""
        told = live.told(self.var)
        assert [told[name] for name in ("cells", "ledger")] == [self.stage.before[name] for name in ("cells", "ledger")]
        assert live.exported(self.var) == self.stage.exported
        assert self.state() == "取全；1 个文件还没有传完"

    def heal(self) -> None:
        """Put everything right."""
        world = self.stage.world
        if isinstance(world, Sftp) and world.server._process.poll() is not None:
            world.server.start()
        world.first()
        world.change()
        if self.fault.keys:
            for file in (world.root / "fees").glob("*.csv"):
                inboxes.write(file.with_name(f"{file.name}.done"))
        self.config.write_bytes((self.stage.kept / "gouji.toml").read_bytes() + _keys(self.fault))
        if isinstance(world, Sftp):
            shutil.copy(self.stage.kept / "known_hosts", self.config.parent / "known_hosts")


def _keys(fault: Fault) -> bytes:
    return live.table("", fault.keys).encode()  # the table of the way is the last one


def begun(stage: Stage, fault: Fault, folder: Path) -> Case:
    """The stage a night later, nothing wrong yet."""
    case = Case(stage, fault, folder / "case" / "gouji.toml")
    shutil.copytree(stage.kept, case.config.parent, symlinks=True)
    stage.world.first()
    stage.world.change()
    case.config.write_bytes(case.config.read_bytes() + _keys(fault))
    return case


def through(case: Case, night: Callable[[Path], int]) -> str:
    """A night with the fault and one without it; what became of it."""
    fault, landed = case.fault, case.rows()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SECRET, PASSWORD)
        fault.do(case.stage.world, case.config, patch)
        code = night(case.config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SECRET, PASSWORD)
        if not fault.rule:
            assert code == 0
            case.is_as_without()
            case.heal()
            return "recovered, identical"
        assert (code, case.rows()) == (0 if fault.rule == "waiting_file" else 3, landed)
        case.is_waiting() if fault.rule == "waiting_file" else case.is_held()
        case.heal()
        assert night(case.config) == 0
        case.is_as_without()
        told = f"`{fault.reason}`" if fault.reason else f"`{fault.rule}`"
        return f"{'left for the next night' if fault.rule == 'waiting_file' else 'refused'}: {told}; next night identical"


def cases() -> Sequence[Any]:
    return [pytest.param(name, fault, id=f"{name}-{fault.name.replace(' ', '-')}") for name, faults in FAULTS.items() for fault in faults]


@pytest.mark.wide
@pytest.mark.parametrize(("name", "fault"), cases())
def test_a_fault_is_recovered_from_or_nothing_counts(
    name: str, fault: Fault, stages: Callable[[str], Stage], matrix: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    case = begun(stages(name), fault, tmp_path)
    try:
        matrix.append((name, fault.name, through(case, live.night)))
    finally:
        case.heal()


@pytest.mark.wide
def test_every_fault_of_the_demo_platform_is_in_the_matrix() -> None:
    assert set(_PLATFORM) == set(demo().FAULTS)


# One as it really runs: `gouji run`, with Dagster, in a process of its own. `test_secrets.py` has more such nights.
_REALLY = {"rest": "500 for ever"}


@pytest.mark.wide
@pytest.mark.parametrize("name", _REALLY)
def test_a_night_of_its_own_says_the_same(name: str, stages: Callable[[str], Stage], tmp_path: Path) -> None:
    (fault,) = (fault for fault in FAULTS[name] if fault.name == _REALLY[name])
    case = begun(stages(name), fault, tmp_path)
    try:
        through(case, lambda config: replay.run(config).returncode)
    finally:
        case.heal()
