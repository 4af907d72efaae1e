"""The landing store: source bytes kept unchanged, found by their SHA-256.

Belongs here: putting bytes in (temporary name, fsync, rename) and finding them again. Does not belong here: what the
bytes mean (readers), which of them are new (`assets.ingest`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 1 << 20


def fsync_folder(folder: Path) -> None:
    """Make a rename inside a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest(path: Path) -> str:
    """SHA-256 of a file, read in chunks."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


@dataclass(frozen=True)
class Landing:
    """A folder of landed bytes: `<first two digits>/<sha256><suffix>`."""

    folder: Path

    def path_of(self, sha256: str, suffix: str) -> Path:
        """Where the bytes of this digest stand."""
        return self.folder / sha256[:2] / (sha256 + suffix.lower())

    def put(self, source: Path) -> tuple[str, int]:
        """Copy a file into the store and return its digest and size.

        What is hashed is what was copied: a file that changes while it is read lands as it was read.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f".{os.getpid()}.tmp"
        with source.open("rb") as reading, temporary.open("wb") as writing:
            shutil.copyfileobj(reading, writing, _CHUNK)
            writing.flush()
            os.fsync(writing.fileno())
        sha256, size = digest(temporary), temporary.stat().st_size
        target = self.path_of(sha256, source.suffix)
        if target.exists():
            temporary.unlink()
            return sha256, size
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.chmod(0o444)
        temporary.rename(target)
        fsync_folder(target.parent)
        return sha256, size

    def tidy(self) -> None:
        """Remove temporary files that a killed run left behind."""
        for leftover in self.folder.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
