"""An inbox behind a real OpenSSH server: it proves who it is, nothing is altered, and whatever breaks has a code and a sentence."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from inboxes import OLD, PATTERNS, state_of, told, write, zipped
from sshd import Sshd, a_user, new_key, someone, wait_for

from assets.sources.connector import Found, Incomplete, Secret
from assets.sources.inbox import Inbox
from assets.sources.sftp import Login, SftpTree
from warehouse.landing import Unreadable

LIMIT = 1 << 20


@pytest.fixture(scope="module")
def server() -> Iterator[Sshd]:
    with TemporaryDirectory(prefix="gouji-sshd-") as folder:
        Path(folder).chmod(0o755)
        server = Sshd(Path(folder) / "home", someone())
        yield server
        server.stop()


@pytest.fixture
def root() -> Iterator[Path]:
    """The inbox on the server, which whoever logs in may read."""
    with TemporaryDirectory(prefix="gouji-in-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


@pytest.fixture
def store(server: Sshd, root: Path) -> Iterator[Inbox]:
    store = Inbox(server.tree(root, timeout=10), LIMIT)
    yield store
    store.close()


def trouble(login: Login, timeout: float = 5) -> Incomplete:
    with pytest.raises(Incomplete) as caught:
        Inbox(SftpTree(login, timeout), LIMIT).found(PATTERNS)
    assert caught.value.__cause__ is None and "。" in caught.value.detail
    for hidden in (str(login.key), str(login.known_hosts), login.folder, login.host, login.user, "secret"):
        assert hidden not in str(caught.value)
    return caught.value


# ---- files and archives ----------------------------------------------------------------------------------------------------


@pytest.mark.wide
def test_files_and_members_come_over_and_nothing_at_the_source_is_altered(store: Inbox, root: Path, spool: Path) -> None:
    content = os.urandom(3_333_333)
    write(root / "fees" / "fees-补报.csv", content)
    write(root / "fees" / "fees-new.csv", at=time.time())
    write(root / "fees" / "fees.csv.part")
    zipped(root / "all.zip", {"requests/applications-1.csv": "一", "fees/fees-2.zip": "x"})
    raw = os.fsencode(root) + b"/fees/fees-\xb2\xb9.csv"
    os.rename(write(root / "x", "old name"), raw)  # noqa: PTH104 - a Path has no such name
    before = state_of(root)
    found = store.found(PATTERNS)
    assert told(found) == {
        "all.zip/fees/fees-2.zip": "archive_nested",
        "all.zip/requests/applications-1.csv": None,
        r"fees/fees-\xb2\xb9.csv": None,
        "fees/fees-new.csv": "waiting",
        "fees/fees-补报.csv": None,
    }
    assert found[-1] == Found("fees/fees-补报.csv", 3_333_333, OLD * 10**9)
    copies = [store.fetch(each, spool).read_bytes() for each in found if not each.refused and not each.is_waiting]
    assert copies == ["一".encode(), b"old name", content]
    assert state_of(root) == before


@pytest.mark.wide
def test_links_are_refused_and_cannot_be_swapped_in(store: Inbox, root: Path, spool: Path) -> None:
    with TemporaryDirectory(prefix="gouji-secret-") as elsewhere:
        Path(elsewhere).chmod(0o755)
        secret = write(Path(elsewhere) / "fees" / "fees.csv", "secret")
        file = write(root / "fees" / "fees.csv", "public")
        (root / "fees" / "fees-in.csv").symlink_to("fees.csv")
        (root / "fees" / "fees-out.csv").symlink_to(secret)
        (root / "requests").symlink_to(elsewhere)
        os.mkfifo(root / "fees" / "fees-pipe.csv")
        found = store.found([*PATTERNS, "../*/fees/fees*"])
        assert told(found) == {
            "fees/fees-in.csv": "symlink",
            "fees/fees-out.csv": "outside",
            "fees/fees-pipe.csv": "not_a_file",
            "fees/fees.csv": None,
            "requests": "outside",
        }
        listed = next(each for each in found if each.path == "fees/fees.csv")
        file.unlink()
        file.symlink_to(secret)
        paths = [each.path for each in found] + ["requests/fees/fees.csv", "fees/../../x", "/etc/passwd"]
        for path in paths:
            with pytest.raises(Unreadable):
                store.fetch(replace(listed, path=path, refused=None), spool)
    assert list(spool.iterdir()) == []


@pytest.mark.wide
def test_a_file_or_folder_that_may_not_be_read(store: Inbox, root: Path, spool: Path) -> None:
    write(root / "fees" / "fees-1.csv").chmod(0)
    write(root / "fees" / "fees-2.csv")
    zipped(root / "fees" / "all.zip", {"fees-3.csv": ""}).chmod(0)
    one, two, three = store.found(PATTERNS)[::-1]
    assert told([one, two, three]) == {"fees/fees-2.csv": None, "fees/fees-1.csv": None, "fees/all.zip": "archive_unreadable"}
    assert store.fetch(one, spool).read_text() == "x"
    with pytest.raises(Unreadable, match="Permission denied"):
        store.fetch(two, spool)
    (root / "fees").chmod(0)
    with pytest.raises(Incomplete) as caught:
        store.found(PATTERNS)
    assert caught.value.reason == "unreadable_folder"
    (root / "fees").chmod(0o755)


@pytest.mark.wide
def test_a_file_that_changes_or_goes_is_left_for_the_next_look(store: Inbox, root: Path, spool: Path) -> None:
    file = write(root / "fees" / "fees.csv", b"x" * 100)
    (found,) = store.found(PATTERNS)
    write(file, b"x" * 101)
    with pytest.raises(Unreadable, match="正在写入"):
        store.fetch(found, spool)
    file.unlink()
    with pytest.raises(Unreadable, match="No such file"):
        store.fetch(found, spool)
    assert list(spool.iterdir()) == []


def dripping(tree: SftpTree, then: Any) -> None:
    """Do something once the first block of a file has come."""
    ask = tree.ask

    def counted(*arguments: Any, **more: Any) -> Any:
        answer = ask(*arguments, **more)
        if isinstance(answer, bytes) and not done.is_set():
            done.set()
            then()
        return answer

    done = threading.Event()
    tree.ask = counted  # type: ignore[method-assign]


@pytest.mark.wide
def test_a_file_that_grows_while_it_is_fetched(store: Inbox, root: Path, spool: Path) -> None:
    file = write(root / "fees" / "fees.csv", b"x" * (2 << 20))
    (found,) = store.found(PATTERNS)

    def grow() -> None:
        with file.open("ab") as writing:
            writing.write(b"more")

    assert isinstance(store.tree, SftpTree)
    dripping(store.tree, grow)
    with pytest.raises(Unreadable, match="正在写入"):
        store.fetch(found, spool)
    assert list(spool.iterdir()) == []
    (found,) = replace(store, complete="growing").found(PATTERNS)
    assert replace(store, complete="growing").fetch(found, spool).stat().st_size == (2 << 20) + 4


@pytest.mark.wide
def test_a_large_file_is_not_held_in_memory(store: Inbox, root: Path, spool: Path) -> None:
    write(root / "fees" / "fees.csv", os.urandom(1 << 20) * 64)
    (found,) = store.found(PATTERNS)
    tracemalloc.start()
    assert store.fetch(found, spool).stat().st_size == 64 << 20
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000


# ---- what breaks -----------------------------------------------------------------------------------------------------------


@pytest.mark.wide
def test_a_server_that_is_not_the_one_that_is_known_is_not_logged_in_to(server: Sshd, root: Path, tmp_path: Path) -> None:
    other = new_key(tmp_path / "other").with_suffix(".pub")
    rsa = new_key(tmp_path / "rsa", "rsa").with_suffix(".pub")
    for content, reason in ((server.known(other), "host_key_mismatch"), (server.known(rsa), "connection_failed")):
        (tmp_path / "known").write_text(content)
        verdict = trouble(server.login(root, known_hosts=tmp_path / "known"))
        assert verdict.reason == reason and "known_hosts" in verdict.detail
    for content in ("", "example.org ssh-ed25519 AAAA\n", server.known(server.home / "host.pub").replace("[127", "[128")):
        (tmp_path / "known").write_text(content)
        verdict = trouble(server.login(root, known_hosts=tmp_path / "known"))
        assert verdict.reason == "host_key_mismatch" and "没有这台" in verdict.detail
    assert trouble(server.login(root, known_hosts=tmp_path / "nothing")).reason == "host_key_mismatch"
    (tmp_path / "known").write_text("@revoked " + server.known(server.home / "host.pub") + server.known(server.home / "host.pub"))
    assert trouble(server.login(root, known_hosts=tmp_path / "known")).reason == "host_key_mismatch"


@pytest.mark.wide
def test_a_login_that_is_refused(server: Sshd, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").write_bytes(server.key.read_bytes())  # good, but not the one that is configured
    wrong = new_key(tmp_path / "wrong")
    assert trouble(server.login(root, key=wrong)).reason == "unauthorized"
    assert trouble(server.login(root, password=Secret("secret"))).reason == "unauthorized"
    assert trouble(replace(server.login(root), user="gouji-nobody")).reason == "unauthorized"
    wrong.chmod(0o640)
    assert "chmod 600" in trouble(server.login(root, key=wrong)).detail
    assert trouble(server.login(root, key=tmp_path / "nothing")).reason == "unauthorized"
    (tmp_path / "text").write_text("no key")
    (tmp_path / "text").chmod(0o600)
    assert trouble(server.login(root, key=tmp_path / "text")).reason == "unauthorized"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(tmp_path / "locked")], check=True)
    assert "口令" in trouble(server.login(root, key=tmp_path / "locked")).detail


@pytest.mark.wide
@pytest.mark.skipif(os.geteuid() != 0, reason="a user with a password can only be made by root")
def test_a_login_by_password(root: Path) -> None:
    write(root / "fees" / "fees.csv")
    with TemporaryDirectory(prefix="gouji-sshd-") as folder, a_user("测试-secret") as user:
        Path(folder).chmod(0o755)
        server = Sshd(Path(folder) / "home", user, password="yes")
        try:
            store = Inbox(SftpTree(server.login(root, password=Secret("测试-secret"))), LIMIT)
            assert told(store.found(PATTERNS)) == {"fees/fees.csv": None}
            assert "secret" not in repr(store) and "secret" not in repr(server.login(root, password=Secret("测试-secret")))
            store.close()
            assert trouble(server.login(root, password=Secret("secret"))).reason == "unauthorized"
        finally:
            server.stop()


@pytest.mark.wide
def test_a_folder_that_is_not_there(server: Sshd, root: Path) -> None:
    write(root / "file")
    assert trouble(server.login(root / "nothing")).reason == "not_found"
    assert trouble(server.login(root / "file")).reason == "not_found"
    (root / "link").symlink_to(root)
    assert Inbox(SftpTree(server.login(root / "link")), LIMIT).found(["file"])[0].path == "file"


@pytest.mark.wide
def test_a_server_that_does_not_answer(server: Sshd, root: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        known = server.home / "elsewhere"
        port = closed.getsockname()[1]
        known.write_text(server.known_hosts.read_text().replace(str(server.port), str(port)))
        nowhere = replace(server.login(root, known_hosts=known), port=port)
        began = time.monotonic()
        assert trouble(nowhere).reason == "connection_failed"
        assert 0.5 < time.monotonic() - began < 10  # tried again, not for ever
        closed.listen()
        assert trouble(nowhere, timeout=1).reason == "timeout"
    assert trouble(replace(nowhere, host="nowhere.invalid", known_hosts=_everywhere(server))).reason == "connection_failed"


def _everywhere(server: Sshd) -> Path:
    known = server.home / "everywhere"
    known.write_text("* " + server.known_hosts.read_text().split(" ", 1)[1])
    return known


@pytest.mark.wide
@pytest.mark.parametrize("member", [False, True])
def test_a_server_that_stops_in_the_middle_leaves_nothing_behind_and_the_next_look_is_whole(
    server: Sshd, root: Path, spool: Path, member: bool
) -> None:
    content = os.urandom(900_000)
    zipped(root / "a.zip", {"fees/fees.csv": content}) if member else write(root / "fees" / "fees.csv", content)
    tree = server.tree(root, timeout=5)
    store = Inbox(tree, LIMIT)
    (found,) = store.found(PATTERNS)
    dripping(tree, server.stop)
    with pytest.raises(Incomplete) as caught:
        store.fetch(found, spool)
    assert caught.value.reason == "connection_lost" and "中断" in caught.value.detail
    assert list(spool.iterdir()) == []
    assert trouble(server.login(root)).reason == "connection_failed"
    server.start()
    assert store.fetch(found, spool).read_bytes() == content
    store.close()


@pytest.mark.wide
def test_a_server_that_hangs_in_the_middle_is_given_up(server: Sshd, root: Path, spool: Path) -> None:
    write(root / "fees" / "fees.csv", os.urandom(2 << 20))
    tree = server.tree(root, timeout=1)
    store = Inbox(tree, LIMIT)
    (found,) = store.found(PATTERNS)
    dripping(tree, lambda: server.signal_sessions(signal.SIGSTOP))
    began = time.monotonic()
    with pytest.raises(Incomplete) as caught:
        store.fetch(found, spool)
    assert caught.value.reason == "timeout" and time.monotonic() - began < 5
    server.signal_sessions(signal.SIGCONT)
    assert store.fetch(found, spool).stat().st_size == 2 << 20
    store.close()


@pytest.mark.wide
@pytest.mark.parametrize("ending", ["", "store.close()", "server_is_stopped()", "raise SystemExit(0)"])
def test_a_process_that_used_it_ends_at_once(server: Sshd, root: Path, tmp_path: Path, ending: str) -> None:
    write(root / "fees" / "fees.csv")
    login = server.login(root)
    code = f"""
import os, signal
from pathlib import Path
from assets.sources.inbox import Inbox
from assets.sources.sftp import Login, SftpTree
login = Login.of("sftp://{login.user}@127.0.0.1:{login.port}{login.folder}", Path({str(login.known_hosts)!r}), Path({str(login.key)!r}))
store = Inbox(SftpTree(login), 1000)
def server_is_stopped():
    for process in input().split():
        os.kill(int(process), signal.SIGSTOP)
(found,) = store.found(["fees/*"])
store.fetch(found, Path({str(tmp_path)!r}))
print("used", flush=True)
{ending}
"""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stdout.readline() == "used\n"
        began = time.monotonic()
        _, errors = process.communicate(" ".join(map(str, server.sessions())) + "\n", timeout=20)
    server.signal_sessions(signal.SIGCONT)
    assert (process.returncode, errors) == (0, "") and time.monotonic() - began < 3


@pytest.mark.wide
def test_no_connection_outlives_its_inbox(server: Sshd, root: Path) -> None:
    wait_for(lambda: not server.sessions())
    for _ in range(3):
        Inbox(server.tree(root), LIMIT).found(PATTERNS)
    wait_for(lambda: not server.sessions(), 5)
    assert not [thread.name for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]


# ---- addresses -------------------------------------------------------------------------------------------------------------


def test_an_address_is_taken_apart() -> None:
    login = Login.of("sftp://%E6%9F%90@files.example.org:2222/in%20box/a%23b", Path("known"), Path("key"))
    assert (login.host, login.port, login.user, login.folder) == ("files.example.org", 2222, "某", "/in box/a#b")
    assert Login.of("sftp://a@host/in", Path("known"), password=Secret("x")).port == 22


@pytest.mark.parametrize(
    "url",
    [
        "sftp://host/in",
        "sftp://a@host",
        "sftp://a:secret@host/in",
        "ssh://a@host/in",
        "sftp://a@host:x/in",
        "sftp://a@/in",
        "sftp://a@host/in#secret",
    ],
)
def test_an_address_that_is_wrong_is_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="SFTP") as caught:
        Login.of(url, Path("known"), Path("key"))
    assert "secret" not in str(caught.value) and "host" not in str(caught.value)


@pytest.mark.parametrize("given", [{}, {"key": Path("key"), "password": Secret("secret")}])
def test_there_is_one_way_to_log_in(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="一个"):
        Login.of("sftp://a@host/in", Path("known"), **given)
