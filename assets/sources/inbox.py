"""An inbox as a store: a folder, here or behind SFTP, into which others put files while it is looked through.

Belongs here: which files are complete, archives as folders, copies that are what was listed. Does not belong here: how the folder is
reached (`tree.py`, `sftp.py`), what is in an archive (`archive.py`), what starts a run (`pipelines`).

An archive reads as if it had been unpacked where it lies: `requests/2023.zip` with `applications.xlsx` in it matches the pattern
`requests/applications*` and is told as `requests/2023.zip/applications.xlsx`; so does `2023.zip` with `requests/applications.xlsx` in it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from assets.sources import archive
from assets.sources.connector import Found, Incomplete
from assets.sources.tree import Entry, Opened, Place, Tree, after, found_of, reading, reason_of, untold, walk
from warehouse.landing import Unreadable

Complete = Literal["stable", "marker", "growing"]

MARKER = ".done"
_NO_RECORDS = (".*", "~$*", "*.part", "*.tmp", "*.filepart", "*.crdownload")
_BLOCK = 1 << 20
_SUFFIX_LENGTH = 9
_CHANGED = "文件正在写入，或清点之后变过，下次再读"


@dataclass(frozen=True)
class Inbox:
    """A folder that others fill. Nothing in it is ever changed; what is handed over is a copy.

    Attributes:
        tree: The folder, on this machine or behind SFTP.
        limit_bytes: The largest member of an archive that is unpacked; an archive holds four times that at most.
        complete: When a file is finished: `stable`, it was last written `settle_seconds` ago by the clock of its folder, as near as that
            can be known; `marker`, a file `<name>.done` lies beside it that is not older; `growing`, at any time, as a log never is:
            what is handed over are its first bytes, as many as were listed.
        settle_seconds: See `complete`.
    """

    tree: Tree
    limit_bytes: int
    complete: Complete = "stable"
    settle_seconds: int = 60

    @property
    def kind(self) -> str:
        """`inbox`."""
        return "inbox"

    def found(self, patterns: Sequence[str]) -> list[Found]:
        """See `Store`. Refused are links and oddities as by a `Folder`, and archives or members with a reason `archive_…`.

        Raises:
            Incomplete: `not_found`, `unreadable_folder`, or a code of `sftp.py`.
        """
        try:
            files = [found for place in walk(self.tree, patterns, _is_no_record) for found in self._at(place)]
        except FileNotFoundError:
            raise Incomplete("not_found", "收件文件夹不存在，或路径写错了；请核对配置中的路径。") from None
        return sorted(files, key=lambda found: found.path)

    def fetch(self, found: Found, spool: Path) -> Path:
        """A copy in `spool`, of the size and time that were listed, read from a file that was reached through no link.

        Raises:
            Unreadable: it is gone, may not be read, is a link now, changed since it was listed, or is damaged in its archive.
            Incomplete: the server does not answer any more.
            OSError: the copy cannot be written.
        """
        path = untold(found.path)
        suffix = Path(found.path).suffix
        copy = spool / (hashlib.sha256(found.path.encode()).hexdigest()[:16] + (suffix if len(suffix) <= _SUFFIX_LENGTH else ""))
        try:
            with os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as writing:  # for the owner alone
                for block in self._blocks(path, found):
                    writing.write(block)
        except BaseException:
            copy.unlink(missing_ok=True)
            raise
        return copy

    def close(self) -> None:
        """Let go of the connection, if there is one; the inbox may be used again."""
        self.tree.close()

    # ---- what lies there --------------------------------------------------------------------------------------------------

    def _at(self, place: Place) -> Iterator[Found]:
        markers = {entry.name: entry for entry in place.entries if entry.kind == "file" and entry.name.endswith(MARKER)}
        for entry in place.entries:
            if entry.name.endswith(MARKER):
                continue
            found, is_waiting = place.found(self.tree, entry), not self._is_complete(entry, markers.get(entry.name + MARKER))
            if entry.kind == "file" and archive.is_archive(entry.name):
                lies = found_of(place.path(entry.name), entry.bytes, entry.mtime_ns)
                yield from [replace(lies, is_waiting=True)] if is_waiting else self._unpacked(place, entry, lies, found is not None)
            elif entry.kind == "file" and archive.is_other_archive(entry.name):
                yield found_of(place.path(entry.name), entry.bytes, entry.mtime_ns, archive.unsupported())
            elif found:
                yield replace(found, is_waiting=is_waiting and found.refused is None)

    def _is_complete(self, entry: Entry, marker: Entry | None) -> bool:
        if self.complete == "growing":
            return True
        if self.complete == "marker":  # one that is older was set for what lay there before
            return marker is not None and marker.mtime_ns >= entry.mtime_ns
        return self.tree.now_ns() - entry.mtime_ns >= self.settle_seconds * 1_000_000_000

    def _unpacked(self, place: Place, entry: Entry, lies: Found, is_named: bool) -> list[Found]:
        """The members that are looked for; the archive itself, refused, when there is something wrong with it."""
        if lies.refused:
            return [lies]
        path = place.path(entry.name)
        try:
            with reading(self.tree, path) as opened:
                members = archive.members(opened.stream, self.limit_bytes)
        except archive.RefusedArchive as verdict:
            return [replace(lies, refused=(verdict.reason, verdict.detail))]
        except (Unreadable, IsADirectoryError) as error:
            return [replace(lies, refused=("archive_unreadable", f"压缩包打不开（{error}）；请检查文件的权限和存放位置。"))]
        looked_for = [member for member in members if _is_looked_for(place, member)]
        if is_named and not looked_for:
            return [replace(lies, refused=("archive_without_records", "压缩包里没有名称符合配置的文件；请核对包内的文件名。"))]
        return [found_of(f"{path}/{member.path}", member.bytes, entry.mtime_ns, member.refused) for member in looked_for]

    # ---- handing over -----------------------------------------------------------------------------------------------------

    def _blocks(self, path: str, found: Found) -> Iterator[bytes]:
        """The bytes of a file or member, in blocks; raises at the end if they are not what was listed."""
        inner = _archive_in(path)
        for outer in (*inner, path):
            try:
                with reading(self.tree, outer) as opened:
                    is_growing = self.complete == "growing"
                    yield from _whole(opened, found, is_growing) if outer == path else _member(opened, path[len(outer) + 1 :], found)
                    return
            except IsADirectoryError as error:  # a folder that is called like an archive
                if outer == path:
                    raise Unreadable(reason_of(error)) from error


def _is_no_record(name: str) -> bool:
    return any(fnmatchcase(name.lower(), pattern) for pattern in _NO_RECORDS)


def _is_looked_for(place: Place, member: archive.Member) -> bool:
    *folders, name = member.path.split("/")
    if any(map(_is_no_record, (*folders, name))):
        return False
    rests = place.rests
    for folder in folders:
        rests = after(rests, folder)
    is_nested = member.refused is not None and member.refused[0] == "archive_nested"
    return () in after(rests, name) or (is_nested and bool(rests - {()}))


def _archive_in(path: str) -> list[str]:
    """The archives that a path may lead through, from the outermost."""
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts)) if archive.is_archive(parts[n - 1])]


def _whole(opened: Opened, found: Found, is_growing: bool) -> Iterator[bytes]:
    def is_as_listed() -> bool:
        size, mtime_ns = _status(opened)
        return size >= found.bytes if is_growing else (size, mtime_ns) == (found.bytes, found.mtime_ns)

    left = found.bytes
    while is_as_listed() and left and (block := _read(opened, left)):
        left -= len(block)
        yield block
    if left or not is_as_listed():
        raise Unreadable(_CHANGED)


def _member(opened: Opened, member: str, found: Found) -> Iterator[bytes]:
    before = _status(opened)
    if before[1] != found.mtime_ns:
        raise Unreadable(_CHANGED)
    yield from archive.unpacked(opened.stream, member, found.bytes)
    if _status(opened) != before:
        raise Unreadable(_CHANGED)


def _read(opened: Opened, most: int) -> bytes:
    try:
        return opened.stream.read(min(_BLOCK, most))
    except OSError as error:
        raise Unreadable(reason_of(error)) from error


def _status(opened: Opened) -> tuple[int, int]:
    try:
        return opened.status()
    except OSError as error:
        raise Unreadable(_CHANGED) from error
