"""Folders of files as a store walks them: which files the patterns lead to, and opening one without ever following a link.

Belongs here: the shape of a tree, names as text, the walk by patterns, the tree on a local disk. Does not belong here: the tree behind
SFTP (`sftp.py`), when a file is complete and archives (`inbox.py`, `archive.py`).
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal, Protocol

from assets.sources.connector import Found, Incomplete
from warehouse.landing import Unreadable

Kind = Literal["file", "folder", "link", "other"]
Rest = tuple[str, ...]
"""What is left of a pattern once some folders of a path are taken off: its parts."""

_ESCAPED = re.compile(r"\\x([89a-f][0-9a-f])")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # not blocking: a pipe must not hold the night up

_REFUSALS = {
    "symlink": "这是链接（快捷方式），不是文件本身，没有打开；请把文件本身放进来源文件夹。",
    "outside": "这是通向来源文件夹之外的链接，没有打开；请把文件本身放进来源文件夹。",
    "not_a_file": "这不是普通文件（而是管道、设备等），没有打开；请移走，并放入文件本身。",
    "bad_name": "文件或文件夹的名称里有换行等不可见字符，没有打开；请改名后重新提交。",
}


# ---- the shape ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """What a folder holds under a name: a byte of the name that is not UTF-8 is a surrogate; size in bytes, modification time in ns."""

    name: str
    kind: Kind
    bytes: int
    mtime_ns: int


class Opened(Protocol):
    """A file that is open for reading, and what the open file itself says of its size and time (ns)."""

    @property
    def stream(self) -> BinaryIO:
        """Its bytes; seekable. Reading raises OSError, or `Incomplete` when the other side is gone."""
        ...

    def status(self) -> tuple[int, int]:
        """Size in bytes and modification time in ns of the file that is open."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class Tree(Protocol):
    """Folders and files below a root. Paths are relative, with `/`, and never lead through a link; "" is the root."""

    def entries(self, folder: str) -> list[Entry]:
        """What a folder holds, in any order.

        Raises:
            OSError: FileNotFoundError where there is no such folder (any more), another one where it cannot be read.
            Incomplete: the other side does not answer.
        """
        ...

    def open(self, path: str) -> Opened:
        """The file itself: no component of the path was a link when it was opened.

        Raises:
            OSError: IsADirectoryError for a folder; anything else for what is gone, may not be read, or is no regular file.
            Incomplete: the other side does not answer.
        """
        ...

    def leads_outside(self, path: str) -> bool:
        """Whether the link at this path leads out of the tree."""
        ...

    def now_ns(self) -> int:
        """The time by which modification times are judged."""
        ...

    def close(self) -> None:
        """Let go of whatever is held open; the tree may be used again."""
        ...


# ---- names ----------------------------------------------------------------------------------------------------------------


def told(path: str) -> str:
    r"""A path as text: a byte that is not UTF-8, as old archives leave them, is shown as \xb2, a control character as \x0a."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c.encode("unicode_escape").decode() if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)


def untold(text: str) -> str:
    """The path that is told so; a path which this does not give back is refused, so that no two are told alike."""
    return _ESCAPED.sub(lambda byte: bytes.fromhex(byte[1]).decode("utf-8", "surrogateescape"), text)


def reason_of(error: OSError) -> str:
    """The system's reason, without the path."""
    return error.strerror or type(error).__name__


# ---- the walk -------------------------------------------------------------------------------------------------------------


def rests_of(patterns: Iterable[str]) -> frozenset[Rest]:
    """The patterns before anything is taken off."""
    return frozenset(PurePosixPath(pattern).parts for pattern in patterns)


def after(rests: Iterable[Rest], name: str) -> frozenset[Rest]:
    """What is left behind a file or folder of this name; `()` among it: the patterns end here, it is one of the files."""
    return frozenset(rest for each in rests for rest in _after(each, name))


def _after(rest: Rest, name: str) -> Iterator[Rest]:
    if rest and rest[0] == "**":
        yield rest
        yield from _after(rest[1:], name)
    elif rest and fnmatchcase(name, rest[0]):
        yield rest[1:]


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that patterns lead into: its path, what it holds, and what is left of the patterns."""

    folder: str
    entries: Sequence[Entry]
    rests: frozenset[Rest]

    def path(self, name: str) -> str:
        """The path of something in it."""
        return f"{self.folder}/{name}" if self.folder else name

    def found(self, tree: Tree, entry: Entry) -> Found | None:
        """What the patterns say of an entry: a file, something refused, or nothing that is looked for."""
        left = after(self.rests, entry.name)
        # A link may stand for a folder on the way: it is told as well, or its files would be missed in silence.
        if entry.kind == "folder" or not (() in left or (left and entry.kind == "link")):
            return None
        path = self.path(entry.name)
        return found_of(path, entry.bytes, entry.mtime_ns, _why_not(tree, path, entry.kind))


def found_of(path: str, size: int, mtime_ns: int, refused: tuple[str, str] | None = None) -> Found:
    """A file as it is told, refused when its name is ambiguous or breaks lines."""
    text = told(path)
    return Found(text, size, mtime_ns, refused or (None if untold(text) == path else ("bad_name", _REFUSALS["bad_name"])))


def _why_not(tree: Tree, path: str, kind: Kind) -> tuple[str, str] | None:
    if kind == "file":
        return None
    reason = "not_a_file" if kind == "other" else "outside" if tree.leads_outside(path) else "symlink"
    return reason, _REFUSALS[reason]


def walk(tree: Tree, patterns: Sequence[str], is_skipped: Callable[[str], bool] = lambda _: False) -> Iterator[Place]:
    """Every folder that the patterns lead into; names that are skipped are not there at all.

    Raises:
        FileNotFoundError: there is no root.
        Incomplete: `unreadable_folder`, a folder cannot be read; or the tree does not answer.
    """
    todo = [("", rests_of(patterns))]
    while todo:
        folder, rests = todo.pop()
        try:
            entries = [entry for entry in tree.entries(folder) if not is_skipped(entry.name)]
        except FileNotFoundError:
            if not folder:
                raise
            continue  # gone since its parent was read
        except OSError as error:
            where = f"文件夹“{told(folder)}”" if folder else "来源文件夹"
            raise Incomplete("unreadable_folder", f"{where}读不了（{reason_of(error)}）；请检查文件夹的权限和存放位置。") from None
        place = Place(folder, entries, rests)
        yield place
        inner = ((place.path(entry.name), after(rests, entry.name)) for entry in entries if entry.kind == "folder")
        todo += [(path, left) for path, left in inner if left - {()}]


@contextmanager
def reading(tree: Tree, path: str) -> Iterator[Opened]:
    """A file of a tree, open.

    Raises:
        warehouse.landing.Unreadable: it cannot be opened.
        IsADirectoryError: it is a folder.
    """
    try:
        opened = tree.open(path)
    except IsADirectoryError:
        raise
    except OSError as error:
        raise Unreadable("是链接，不是文件本身" if error.errno == errno.ELOOP else reason_of(error)) from error
    with closing(opened):
        yield opened


# ---- a local disk ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Local:
    stream: BinaryIO

    def status(self) -> tuple[int, int]:
        status = os.fstat(self.stream.fileno())
        return status.st_size, status.st_mtime_ns

    def close(self) -> None:
        self.stream.close()


@dataclass(frozen=True, slots=True)
class LocalTree:
    """A folder of this machine. The root itself may be a link: it is configuration.

    Every component below it is opened from the folder that holds it and never through a link, so whatever is renamed, linked or
    swapped meanwhile, what is listed and what is opened lies below the root.
    """

    root: Path

    def entries(self, folder: str) -> list[Entry]:
        """See `Tree`."""
        with self._folder(_parts(folder)) as handle, os.scandir(handle) as entries:
            return [found for entry in entries if (found := _entry(entry))]

    def open(self, path: str) -> Opened:
        """See `Tree`."""
        *folders, name = _parts(path)
        with self._folder(folders) as handle:
            file = os.open(name, _FILE, dir_fd=handle)
        mode = os.fstat(file).st_mode
        if stat.S_ISREG(mode):
            return _Local(os.fdopen(file, "rb"))
        os.close(file)
        code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(code, os.strerror(code))

    def leads_outside(self, path: str) -> bool:
        """See `Tree`."""
        try:
            return not (self.root / path).resolve().is_relative_to(self.root.resolve())
        except (OSError, RuntimeError):  # links in a circle
            return False

    def now_ns(self) -> int:
        """See `Tree`."""
        return time.time_ns()

    def close(self) -> None:
        """Nothing is held open."""

    @contextmanager
    def _folder(self, parts: Sequence[str]) -> Iterator[int]:
        handle = os.open(self.root, _FOLDER)
        try:
            for part in parts:
                inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=handle)
                os.close(handle)
                handle = inner
            yield handle
        finally:
            os.close(handle)


def _parts(path: str) -> list[str]:
    parts = path.split("/") if path else []
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return parts


def _entry(entry: os.DirEntry[str]) -> Entry | None:
    """None: gone already. A file whose status cannot be had is told all the same; it cannot be fetched either."""
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError:
        return Entry(entry.name, "link" if entry.is_symlink() else "folder" if entry.is_dir(follow_symlinks=False) else "file", 0, 0)
    return Entry(entry.name, kind_of(status.st_mode), status.st_size, status.st_mtime_ns)


def kind_of(mode: int) -> Kind:
    """The kind that the bits of a mode say."""
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "other"
