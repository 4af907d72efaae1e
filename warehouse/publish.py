"""The folder of one published version, and the pointer to the version in force.

Belongs here: writing a version aside, reading it back, giving it its name in one step, never overwriting it; the manifest and checking
a folder by it; swapping `current`. Does not belong here: what the files contain (`export`), which version may be published (`gate`).

    exports/<agency>/<year>/v0001-<first 12 of content_sha256>/    tables.* evidence.csv manifest.json, read only
    exports/<agency>/<year>/current → v0001-…                      the version in force
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from warehouse.export.edition import Edition, differences, files
from warehouse.landing import flush

__all__ = ["MANIFEST", "Edition", "NotPublished", "Written", "folder_name", "point", "pointed", "verify", "write"]

MANIFEST = "manifest.json"
_CURRENT = "current"
_NAME = re.compile(r"v\d{4,}-[0-9a-f]{12}")
_ASIDE = ".tmp-"  # what stands under such a name was never published
_SHOWN = 5
_SET_ASIDE = "已发布的文件夹不会被覆盖：请把它移到别处备查，再运行一次，会从库中重新写出。"
_REASONS = {
    errno.ENOSPC: "磁盘空间不足",
    errno.EDQUOT: "超出磁盘配额",
    errno.EACCES: "没有权限",
    errno.EPERM: "没有权限",
    errno.EROFS: "文件系统只读",
    errno.EIO: "磁盘读写出错",
}
_FULL = (errno.ENOSPC, errno.EDQUOT)


class NotPublished(Exception):
    """A version that could not be published whole; the version in force is untouched. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Written:
    """A version's folder on the disk."""

    path: Path
    name: str
    manifest_sha256: str


def folder_name(edition: Edition) -> str:
    """The name of a version's folder: number and content, so that two contents never compete for one name."""
    return f"v{edition.version:04d}-{edition.content_sha256[:12]}"


def write(root: Path, edition: Edition) -> Written:
    """Write a version aside, check it, and let it appear under its name; a whole folder of that name is used again.

    Raises:
        NotPublished: it could not be written, does not read back as it was counted, or the name is taken by something else.
    """
    folder = _reports(root, edition.agency, edition.year)
    content = _content(edition)
    final = folder / folder_name(edition)
    with _explained(f"{edition.name}未能发布", folder):
        _tidy(folder)
        if final.exists():
            _assert_same(final, content[MANIFEST], edition)
        else:
            _appear(final, content, edition)
        flush(folder)  # also for a folder that was found: its run may have died before this
    return Written(final, final.name, sha256(content[MANIFEST]).hexdigest())


def verify(path: Path) -> list[str]:
    """What is wrong with a version's folder by its manifest; empty when it is whole."""
    try:
        listed = json.loads((path / MANIFEST).read_text("utf-8"))["files"]
        want = {name: (entry["sha256"], entry["bytes"]) for name, entry in listed.items()}
        there = {p.name for p in path.iterdir()} - {MANIFEST}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"清单 {MANIFEST} 缺失或无法读取（{type(error).__name__}）"]
    wrong = [f"缺少 {name}" for name in sorted(want.keys() - there)]
    wrong += [f"多出 {name}" for name in sorted(there - want.keys())]
    return wrong + [f"{name} 与清单不符" for name in sorted(want.keys() & there) if _facts_of(path / name) != want[name]]


def point(root: Path, agency: str, year: int, name: str) -> None:
    """Put this version in force: every reader finds the old one or this one, never none.

    Raises:
        NotPublished: the version is not whole, or the pointer could not be written.
    """
    folder = _reports(root, agency, year)
    wrong = verify(folder / name) if _NAME.fullmatch(name) else ["不是版本文件夹的名称"]
    if wrong:
        raise NotPublished(f"{folder / name} 不完整，未启用，现行版本不变：{_listed(wrong)}。{_SET_ASIDE}")
    aside = folder / f"{_ASIDE}{_CURRENT}-{os.getpid()}"
    with _explained(f"{agency} {year} 年度未能切换到 {name}", folder):
        aside.unlink(missing_ok=True)
        try:
            aside.symlink_to(name)
            aside.replace(folder / _CURRENT)
        finally:
            aside.unlink(missing_ok=True)
    with _explained(f"{agency} {year} 年度已切换到 {name}，但未能存稳", folder, "断电后可能退回旧版"):
        flush(folder)


def pointed(root: Path, agency: str, year: int) -> str | None:
    """The folder name of the version in force, None when there is none."""
    try:
        return str((_reports(root, agency, year) / _CURRENT).readlink())
    except OSError:
        return None


def _reports(root: Path, agency: str, year: int) -> Path:
    return root / agency / str(year)


def _content(edition: Edition) -> dict[str, bytes]:
    """Every file of the version, the manifest last."""
    try:
        content = files(edition)
    except ValueError as error:
        raise NotPublished(f"{edition.name}未能发布，现行版本不变。数值与表样不符：{error}") from error
    return {**content, MANIFEST: _manifest(edition, content)}


def _manifest(edition: Edition, content: Mapping[str, bytes]) -> bytes:
    facts: dict[str, Any] = {
        **edition.facts,
        **edition.about(),
        "content_sha256": edition.content_sha256,
        "files": {name: {"sha256": sha256(data).hexdigest(), "bytes": len(data)} for name, data in content.items()},
    }
    return (json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _assert_same(final: Path, manifest: bytes, edition: Edition) -> None:
    wrong = verify(final)
    if not wrong and (final / MANIFEST).read_bytes() != manifest:
        wrong = ["其内容与现在要写的不同"]
    if wrong:
        raise NotPublished(f"{edition.name}未能发布，现行版本不变。{final} 已经存在，但{_listed(wrong)}。{_SET_ASIDE}")


def _appear(final: Path, content: Mapping[str, bytes], edition: Edition) -> None:
    aside = final.with_name(f"{_ASIDE}{final.name}-{os.getpid()}")
    try:
        aside.mkdir()
        for name, data in content.items():
            _put(aside / name, data)
        flush(aside)
        _assert_reads_back(aside, content[MANIFEST], edition)
        aside.rename(final)
    finally:
        _remove(aside)  # is gone already when it got its name


def _put(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as writing:
            writing.write(data)
            writing.flush()
            os.fchmod(writing.fileno(), 0o444)
            os.fsync(writing.fileno())
    except OSError as error:
        error.filename = error.filename or str(path)  # a full disk does not say which file it was about
        raise


def _assert_reads_back(aside: Path, manifest: bytes, edition: Edition) -> None:
    wrong = verify(aside)
    if (aside / MANIFEST).read_bytes() != manifest:
        wrong.append(f"{MANIFEST} 与写出的不同")
    wrong = wrong or list(differences(edition, aside))
    if wrong:
        raise NotPublished(
            f"{edition.name}未能发布，现行版本不变。写出的文件读回来与数值不符：{_listed(wrong)}。请再运行一次；仍然如此是程序错误，请报告。"
        )


def _facts_of(path: Path) -> tuple[str, int] | None:
    """Digest and size of a file, None for what is no readable file of its own."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        with path.open("rb") as reading:
            return file_digest(reading, "sha256").hexdigest(), os.fstat(reading.fileno()).st_size
    except OSError:
        return None


def _tidy(folder: Path) -> None:
    """Make the folder of a report's versions, durably, and remove what dead runs left aside in it.

    Only the holder of the warehouse's lock publishes, so nothing aside belongs to a run that is still alive.
    """
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in reversed(missing):
        flush(made.parent)
    for leftover in folder.glob(f"{_ASIDE}*"):
        _remove(leftover)


def _remove(path: Path) -> None:
    """Remove what stands aside as far as possible; what is left is no version, and the next run tries again."""
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _explained(what: str, folder: Path, state: str = "现行版本不变，旧版照常使用") -> Iterator[None]:
    """Trouble with the disk as a message for a clerk: what failed, where and why, what is in force now, what to do."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0) or error.strerror or type(error).__name__
        todo = "请释放磁盘空间" if error.errno in _FULL else "请检查磁盘和文件夹权限"
        place = error.filename or folder
        raise NotPublished(f"{what}：{place}：{reason}。{state}。{todo}，然后再运行一次。") from error


def _listed(wrong: list[str]) -> str:
    more = f"等 {len(wrong)} 处" if len(wrong) > _SHOWN else ""
    return "；".join(wrong[:_SHOWN]) + more
