"""What tests put into an inbox, and how they look at what was found in it."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zipfile
from pathlib import Path

from assets.sources.connector import Found

OLD = 1_700_000_000
PATTERNS = ["requests/applications*", "fees/fees*"]


def write(path: Path, content: bytes | str = "x", at: float = OLD) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (at, at))
    return path


def zipped(path: Path, files: dict[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> Path:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as writing:
        for name, content in files.items():
            writing.writestr(name, content)
    return write(path, made.getvalue())


def told(found: list[Found]) -> dict[str, str | None]:
    return {each.path: "waiting" if each.is_waiting else each.refused and each.refused[0] for each in found}


def state_of(root: Path) -> dict[str, tuple[str, int, int, int]]:
    """Everything below a folder: digest, size, modification time and mode."""
    state = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        digest = hashlib.sha256(path.read_bytes() if stat.S_ISREG(status.st_mode) else b"").hexdigest()
        state[str(path.relative_to(root))] = (digest, status.st_size, status.st_mtime_ns, status.st_mode)
    return state
