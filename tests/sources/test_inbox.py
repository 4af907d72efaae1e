"""An inbox on this machine: complete files alone, archives read like folders and never trusted, copies that are what was listed."""

from __future__ import annotations

import os
import stat
import struct
import threading
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inboxes import OLD, PATTERNS, state_of, told, write, zipped

from assets.sources import archive
from assets.sources.connector import Found, Incomplete
from assets.sources.inbox import Inbox
from assets.sources.tree import LocalTree, Opened
from warehouse.landing import Unreadable

LIMIT = 1 << 20


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


def inbox(root: Path, **more: Any) -> Inbox:
    return Inbox(LocalTree(root), **({"limit_bytes": LIMIT} | more))


def of(store: Inbox, *patterns: str) -> dict[str, str | None]:
    return told(store.found(patterns or PATTERNS))


# ---- complete files --------------------------------------------------------------------------------------------------------


def test_a_file_is_complete_once_it_has_been_still_for_a_while(root: Path) -> None:
    now = time.time()
    for name, age in {"1": 0, "2": 50, "3": 70, "4": -3600}.items():
        write(root / "fees" / f"fees-{name}.csv", at=now - age)
    assert of(inbox(root)) == {
        "fees/fees-1.csv": "waiting",
        "fees/fees-2.csv": "waiting",
        "fees/fees-3.csv": None,
        "fees/fees-4.csv": "waiting",
    }
    assert of(inbox(root, settle_seconds=10))["fees/fees-2.csv"] is None


def test_a_file_is_complete_once_its_marker_lies_beside_it(root: Path) -> None:
    for name in ("1", "2", "3"):
        write(root / "fees" / f"fees-{name}.csv")
    write(root / "fees" / "fees-2.csv.done", "")
    write(root / "fees" / "fees-3.csv.done", "", at=OLD - 1)
    zipped(root / "fees" / "all.zip", {"fees-4.csv": "x"})
    expected = {"fees/fees-1.csv": "waiting", "fees/fees-2.csv": None, "fees/fees-3.csv": "waiting"}
    assert of(inbox(root, complete="marker")) == expected | {"fees/all.zip": "waiting"}
    write(root / "fees" / "all.zip.done", "")
    assert of(inbox(root, complete="marker")) == expected | {"fees/all.zip/fees-4.csv": None}


def test_temporary_names_and_markers_are_not_there(root: Path) -> None:
    for name in (".fees.csv", "fees.csv.part", "fees.TMP", "~$fees.xlsx", "fees.filepart", "fees.crdownload", "fees.csv.done"):
        write(root / "fees" / name)
    write(root / ".trash" / "fees.csv")
    (root / "fees" / ".fees-link").symlink_to("nothing")
    zipped(root / "mac.zip", {"__MACOSX/fees/._fees.csv": "x", "fees/.DS_Store": "x", "fees/~$fees.xlsx": "x"})
    assert of(inbox(root), "*/*", "*", "**/fees*") == {"mac.zip": "archive_without_records"}
    assert of(inbox(root)) == {}


def test_links_and_pipes_are_refused(root: Path, tmp_path: Path, spool: Path) -> None:
    write(tmp_path / "secret.csv", "secret")
    (root / "fees").mkdir()
    (root / "fees" / "fees-1.csv").symlink_to(tmp_path / "secret.csv")
    (root / "fees" / "fees.zip").symlink_to(tmp_path / "secret.csv")
    (root / "requests").symlink_to(tmp_path)
    os.mkfifo(root / "fees" / "fees-2.csv")
    found = inbox(root).found(PATTERNS)
    assert told(found) == {"fees/fees-1.csv": "outside", "fees/fees-2.csv": "not_a_file", "fees/fees.zip": "outside", "requests": "outside"}
    for each in (*found, Found("requests/secret.csv", 6, OLD * 10**9)):
        with pytest.raises(Unreadable):
            inbox(root).fetch(each, spool)
    assert list(spool.iterdir()) == []


def test_a_missing_inbox_is_not_an_empty_one(root: Path) -> None:
    with pytest.raises(Incomplete) as caught:
        inbox(root / "nothing").found(PATTERNS)
    assert caught.value.reason == "not_found" and "nothing" not in caught.value.detail


# ---- copies ----------------------------------------------------------------------------------------------------------------


def test_a_copy_is_whole_private_and_keeps_the_suffix(root: Path, spool: Path) -> None:
    content = os.urandom(3 << 20)
    write(root / "fees" / "fees.XLSX", content)
    (found,) = inbox(root).found(PATTERNS)
    copy = inbox(root).fetch(found, spool)
    assert (copy.parent, copy.suffix, stat.S_IMODE(copy.stat().st_mode)) == (spool, ".XLSX", 0o600)
    assert copy.read_bytes() == content
    assert inbox(root).fetch(found, spool) == copy


@pytest.mark.parametrize("content", ["xyz", "y", "x"])
def test_a_file_that_changed_since_it_was_listed_is_left_for_the_next_look(root: Path, spool: Path, content: str) -> None:
    file = write(root / "fees" / "fees.csv", "x")
    (found,) = inbox(root).found(PATTERNS)
    write(file, content, at=OLD + 1)
    with pytest.raises(Unreadable, match="正在写入"):
        inbox(root).fetch(found, spool)
    assert list(spool.iterdir()) == []


class Written(LocalTree):
    """A folder whose files someone goes on writing as soon as they are opened."""

    def open(self, path: str) -> Opened:
        opened = super().open(path)
        with (self.root / path).open("ab") as writing:
            writing.write(b"more")
        return opened


def test_a_file_that_grows_while_it_is_copied_is_left_for_the_next_look(root: Path, spool: Path) -> None:
    write(root / "fees" / "fees.csv", b"x" * (3 << 20))
    zipped(root / "a.zip", {"fees/fees.csv": "x"})
    for found in inbox(root).found(PATTERNS):
        with pytest.raises(Unreadable, match="正在写入"):
            Inbox(Written(root), LIMIT).fetch(found, spool)
    assert list(spool.iterdir()) == []


def test_of_a_log_that_grows_its_listed_beginning_is_handed_over(root: Path, spool: Path) -> None:
    file = write(root / "site" / "access.log", "one\n", at=time.time() + 100)
    store = inbox(root, complete="growing")
    (found,) = store.found(["site/*"])
    assert not found.is_waiting
    with file.open("a") as writing:
        writing.write("two\n")
    assert store.fetch(found, spool).read_text() == "one\n"
    write(file, "x")
    with pytest.raises(Unreadable):
        store.fetch(found, spool)


def test_a_link_swapped_in_at_any_moment_is_never_read(root: Path, tmp_path: Path, spool: Path) -> None:
    secret = write(tmp_path / "secret" / "fees.csv", "secret")
    file = write(root / "fees" / "fees.csv", "public")
    (found,) = inbox(root).found(PATTERNS)
    aside, done = root / "aside", threading.Event()

    def swap() -> None:
        while not done.is_set():
            for real, other in ((file, secret), (file.parent, secret.parent)):
                real.rename(aside)
                real.symlink_to(other)
                real.unlink()
                aside.rename(real)

    thread = threading.Thread(target=swap)
    thread.start()
    outcomes = set()
    try:
        for _ in range(1500):
            try:
                outcomes.add(inbox(root).fetch(found, spool).read_text())
            except Unreadable:
                outcomes.add("unreadable")
    finally:
        done.set()
        thread.join()
    assert outcomes == {"public", "unreadable"}


def test_nothing_in_the_inbox_is_altered(root: Path, spool: Path) -> None:
    write(root / "fees" / "fees.csv", at=time.time())
    write(root / "requests" / "applications.csv")
    write(root / "requests" / "applications.csv.done")
    zipped(root / "all.zip", {"fees/fees-1.csv": "a", "fees/fees-2.zip": "b"})
    write(root / "broken.zip", "x")
    (root / "fees" / "fees-link").symlink_to("fees.csv")
    before = state_of(root)
    for store in (inbox(root, settle_seconds=0), inbox(root, complete="marker"), inbox(root, complete="growing")):
        for found in store.found(PATTERNS):
            if not found.refused and not found.is_waiting:
                store.fetch(found, spool)
    assert len(list(spool.iterdir())) == 3
    assert state_of(root) == before


def test_a_copy_that_cannot_be_written_is_the_trouble_of_the_run(root: Path, spool: Path) -> None:
    write(root / "fees" / "fees.csv")
    (found,) = inbox(root).found(PATTERNS)
    with pytest.raises(FileNotFoundError):
        inbox(root).fetch(found, spool / "nothing")


# ---- archives --------------------------------------------------------------------------------------------------------------


def test_an_archive_reads_as_if_it_were_unpacked_where_it_lies(root: Path, spool: Path) -> None:
    zipped(root / "2023.ZIP", {"./fees/fees-1.csv": "one", "fees/other.csv": "", "requests/applications.xlsx": b"PK"})
    zipped(root / "fees" / "fees-all.zip", {"fees-2.csv": "two", "inner/fees-3.csv": ""})
    zipped(root / "elsewhere" / "x.zip", {"fees/fees-4.csv": ""})
    zipped(root / "fees" / "fees.xlsx", {"xl/workbook.xml": "fees"})
    write(root / "fees" / "fees.log.gz", "x")
    store = inbox(root)
    found = store.found(PATTERNS)
    assert told(found) == dict.fromkeys(
        [
            "2023.ZIP/fees/fees-1.csv",
            "2023.ZIP/requests/applications.xlsx",
            "fees/fees-all.zip/fees-2.csv",
            "fees/fees.log.gz",
            "fees/fees.xlsx",
        ]
    )
    assert (found[0].bytes, found[0].mtime_ns) == (3, OLD * 10**9)
    assert [store.fetch(each, spool).read_bytes() for each in found[:3]] == [b"one", b"PK", b"two"]
    assert store.fetch(found[1], spool).suffix == ".xlsx"


def test_a_folder_that_is_called_like_an_archive_is_a_folder(root: Path, spool: Path) -> None:
    write(root / "fees.zip" / "fees" / "fees.csv", "one")
    (found,) = inbox(root).found(["*/fees/*"])
    assert inbox(root).fetch(found, spool).read_text() == "one"


@pytest.mark.parametrize(("codec", "flag"), [("gbk", 0), ("utf-8", 0), ("utf-8", 0x800)])
def test_names_in_chinese_whatever_program_packed_them(root: Path, spool: Path, codec: str, flag: int) -> None:
    name = r"fees\fees-补报（一）.csv"  # as old programs on Windows write folders
    stand_in = "x" * len(name.encode(codec))
    content = (
        zipped(root / "a.zip", {stand_in: "one", "fees/fees-2.csv": "two"}).read_bytes().replace(stand_in.encode(), name.encode(codec))
    )
    at = content.index(b"PK\x01\x02")
    content = content[: at + 8] + struct.pack("<H", flag) + content[at + 10 :]
    write(root / "a.zip", content[:6] + struct.pack("<H", flag) + content[8:])
    found = inbox(root).found(PATTERNS)
    assert [each.path for each in found] == ["a.zip/fees/fees-2.csv", "a.zip/fees/fees-补报（一）.csv"]
    assert [inbox(root).fetch(each, spool).read_text() for each in found] == ["two", "one"]


def test_an_archive_whose_name_is_looked_for_and_whose_members_are_not_is_told(root: Path) -> None:
    zipped(root / "fees" / "fees-2023.zip", {"data.csv": "x"})
    zipped(root / "other.zip", {"data.csv": "x"})
    assert of(inbox(root)) == {"fees/fees-2023.zip": "archive_without_records"}


@pytest.mark.parametrize("name", ["a.rar", "a.7z", "a.tar.gz", "A.TGZ"])
def test_other_archives_are_told_not_passed_over(root: Path, name: str) -> None:
    write(root / name)
    write(root / "elsewhere" / name)
    assert of(inbox(root)) == {name: "archive_unsupported"}


def test_archives_within_archives_are_refused(root: Path) -> None:
    inner = zipped(root / "x" / "inner.zip", {"fees.csv": "x"}).read_bytes()
    zipped(root / "a.zip", {"fees/b.zip": inner, "fees/fees.rar": "x", "fees/fees-1.csv": "x", "elsewhere/c.zip": inner})
    expected = {"a.zip/fees/b.zip": "archive_nested", "a.zip/fees/fees.rar": "archive_nested", "a.zip/fees/fees-1.csv": None}
    assert of(inbox(root)) == expected


@pytest.mark.parametrize("name", ["../fees.csv", "fees/../../fees.csv", "/etc/fees.csv", "C:/fees.csv", "..\\fees.csv", "\\fees.csv"])
def test_a_path_out_of_the_archive_refuses_it(root: Path, name: str) -> None:
    zipped(root / "a.zip", {name: "x", "fees/fees.csv": "x"})
    assert of(inbox(root)) == {"a.zip": "archive_unsafe_name"}


def test_a_member_whose_name_breaks_lines_is_refused(root: Path) -> None:
    zipped(root / "a.zip", {"fees/fees\n.csv": "x"})
    assert of(inbox(root)) == {r"a.zip/fees/fees\n.csv": "bad_name"}


def test_links_encryption_odd_methods_and_duplicates_refuse_an_archive(root: Path) -> None:
    link = zipfile.ZipInfo("fees/fees.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(root / "link.zip", "w") as writing:
        writing.writestr(link, "/etc/passwd")
    locked = bytearray(zipped(root / "locked.zip", {"fees/fees.csv": "x"}).read_bytes())
    for at in (6, locked.index(b"PK\x01\x02") + 8):
        locked[at] |= 1
    write(root / "locked.zip", bytes(locked))
    zipped(root / "method.zip", {"fees/fees.csv": "x"}, zipfile.ZIP_BZIP2)
    content = zipped(root / "twice.zip", {"fees/fees-1.csv": "x", "fees/fees-2.csv": "y"}).read_bytes()
    write(root / "twice.zip", content.replace(b"fees-2", b"fees-1"))
    write(root / "cut.zip", content[:-30])
    write(root / "text.zip", "no archive")
    write(root / "empty.zip", b"")
    for path in root.iterdir():
        os.utime(path, (OLD, OLD))
    found = inbox(root).found(PATTERNS)
    assert told(found) == {
        "cut.zip": "archive_broken",
        "empty.zip": "archive_broken",
        "link.zip": "archive_link",
        "locked.zip": "archive_encrypted",
        "method.zip": "archive_method",
        "text.zip": "archive_broken",
        "twice.zip": "archive_duplicate",
    }
    assert all(each.refused and each.refused[1].startswith("压缩包") for each in found)


def test_limits_of_size_and_number(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = os.urandom(1000)
    zipped(root / "member.zip", {"fees/fees-1.csv": noise + b"x", "fees/fees-2.csv": noise})
    zipped(root / "total.zip", {f"fees/fees-{n}.csv": noise[:900] for n in range(5)})
    zipped(root / "many.zip", {f"fees/fees-{n}.csv": "" for n in range(6)})
    monkeypatch.setattr(archive, "MEMBERS", 5)
    assert of(inbox(root, limit_bytes=1000)) == {
        "many.zip": "archive_too_many",
        "member.zip/fees/fees-1.csv": "archive_member_too_large",
        "member.zip/fees/fees-2.csv": None,
        "total.zip": "archive_too_large",
    }


def test_a_bomb_is_refused_by_its_ratio_and_does_not_fill_the_memory(root: Path) -> None:
    zipped(root / "bomb.zip", {"fees/fees.csv": bytes(64 << 20)})
    zipped(root / "logs.zip", {"fees/fees.csv": b"".join(b"%d,same\n" % n for n in range(200_000))})
    assert of(inbox(root, limit_bytes=1 << 30)) == {"bomb.zip": "archive_ratio", "logs.zip/fees/fees.csv": None}


def lying(real: bytes, told_size: int, crc: int) -> bytes:
    """An archive with one deflated member that says it is shorter than it is."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(real) + packer.flush()
    name = b"fees/fees.csv"
    common = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, crc, len(packed), told_size, len(name), 0)
    local = b"PK\x03\x04" + common + name
    directory = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    return local + packed + directory + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(directory), len(local + packed), 0)


@pytest.mark.parametrize("crc", [zlib.crc32(bytes(1000)), 12345])
def test_a_bomb_that_lies_about_its_size_is_unpacked_to_that_size_at_most(root: Path, spool: Path, crc: int) -> None:
    write(root / "bomb.zip", lying(bytes(256 << 20), 1000, crc))
    (found,) = inbox(root).found(PATTERNS)
    assert found.bytes == 1000
    tracemalloc.start()
    try:
        copied = inbox(root).fetch(found, spool).stat().st_size
    except Unreadable:
        copied = 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert copied == (1000 if crc != 12345 else 0) and peak < 8_000_000
    assert [file.stat().st_size for file in spool.iterdir()] == [copied] * bool(copied)


def test_a_member_that_is_longer_in_the_directory_than_in_truth_is_unreadable(root: Path, spool: Path) -> None:
    write(root / "a.zip", lying(b"x" * 10, 20, zlib.crc32(b"x" * 10)))
    (found,) = inbox(root).found(PATTERNS)
    with pytest.raises(Unreadable, match="损坏"):
        inbox(root).fetch(found, spool)
    assert list(spool.iterdir()) == []


def test_a_huge_directory_is_not_read_into_memory(root: Path) -> None:
    entry = b"PK\x01\x02" + bytes(42)
    directory = entry * 500_000
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(directory), 0, 0)
    write(root / "a.zip", directory + end)
    tracemalloc.start()
    found = of(inbox(root))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == {"a.zip": "archive_too_many"} and peak < 6_000_000


def test_an_archive_that_changed_or_is_damaged_inside_is_unreadable(root: Path, spool: Path) -> None:
    path = zipped(root / "a.zip", {"fees/fees.csv": os.urandom(2000)})
    store = inbox(root)
    (found,) = store.found(PATTERNS)
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    write(path, bytes(content))
    with pytest.raises(Unreadable, match="损坏"):
        store.fetch(found, spool)
    write(path, bytes(content), at=OLD + 1)
    with pytest.raises(Unreadable, match="正在写入"):
        store.fetch(found, spool)
    zipped(path, {"fees/other.csv": "x"})
    with pytest.raises(Unreadable, match="变"):
        store.fetch(found, spool)
    assert list(spool.iterdir()) == []


WHOLE = lying(b"x" * 50, 50, zlib.crc32(b"x" * 50))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_an_archive_with_any_bytes_changed_is_read_refused_or_unreadable(root: Path, spool: Path, data: st.DataObject) -> None:
    content = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    write(root / "a.zip", bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content))
    for found in inbox(root).found(PATTERNS):
        if not found.refused:
            try:
                assert inbox(root).fetch(found, spool).stat().st_size == found.bytes
            except Unreadable as error:
                assert "fees" not in str(error)
