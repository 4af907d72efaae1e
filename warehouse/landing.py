"""The landing store: source bytes kept unchanged, found by their SHA-256.

Belongs here: putting bytes in (temporary name, fsync, rename) and finding them again. Does not belong here: what the
bytes mean (readers), which of them are new (`assets.ingest`).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

_CHUNK = 1 << 20
_YOUNG = 60.0  # seconds in which a folder may be without its lock
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


def flush(path: Path) -> None:
    """Make what is written in a file, or renamed inside a folder, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Unreadable(Exception):
    """A file of a source that cannot be read; the message is the system's reason."""


def status_of(source: Path) -> os.stat_result:
    """Size and times of a file of a source.

    Raises:
        Unreadable: the file is gone or may not be looked at.
    """
    try:
        return source.stat()
    except OSError as error:
        raise Unreadable(error.strerror or type(error).__name__) from error


def _chunks(source: Path) -> Iterator[bytes]:
    try:
        with source.open("rb") as reading:
            while chunk := reading.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise Unreadable(error.strerror or type(error).__name__) from error


def _is_free(lock: Path) -> bool:
    """Whether nobody holds the lock of a spool; one without a lock has just been made, or was removed in part."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return time.time() - lock.parent.stat().st_mtime > _YOUNG if lock.parent.exists() else False
    return True


@dataclass(frozen=True)
class Landing:
    """A folder of landed bytes: `<first two digits>/<sha256><suffix>`."""

    folder: Path

    def path_of(self, sha256: str, suffix: str) -> Path:
        """Where the bytes of this digest stand; an odd suffix of the source is left out."""
        return self.folder / sha256[:2] / (sha256 + (suffix.lower() if _SUFFIX.fullmatch(suffix) else ""))

    def put(self, source: Path, suffix: str | None = None) -> tuple[str, int]:
        """Copy a file into the store, under its own suffix or another, and return its digest and size.

        What is hashed is what was copied: a file that changes while it is read lands as it was read.

        Raises:
            Unreadable: the source cannot be read. Trouble in the store itself is an OSError, and the run's, not the file's.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f".{os.getpid()}.tmp"
        digest, size = hashlib.sha256(), 0
        with temporary.open("wb") as writing:
            for chunk in _chunks(source):
                digest.update(chunk)
                writing.write(chunk)
                size += len(chunk)
            writing.flush()
            os.fsync(writing.fileno())
        sha256 = digest.hexdigest()
        target = self.path_of(sha256, source.suffix if suffix is None else suffix)
        if target.exists():
            temporary.unlink()
            return sha256, size
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.chmod(0o400)  # kept bytes hold personal data: for the owner of the job alone
        temporary.rename(target)
        flush(target.parent)
        return sha256, size

    @contextmanager
    def spool(self) -> Iterator[Path]:
        """A folder for what is on its way into the store, removed at the end; what it holds is personal data like the store itself.

        It is locked while it is used: the lock ends with the process, however that ends.
        """
        self._spools.mkdir(parents=True, exist_ok=True)
        self._spools.chmod(0o700)
        with TemporaryDirectory(dir=self._spools) as folder, Path(folder, ".lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield Path(folder)

    @property
    def _spools(self) -> Path:
        return self.folder.with_name("spool")

    def tidy(self) -> None:
        """Remove what a killed run left behind: temporary files, and folders of processes that are gone."""
        for leftover in self.folder.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
        for folder in self._spools.glob("*"):
            if _is_free(folder / ".lock"):
                rmtree(folder, ignore_errors=True)
