"""Zip archives: what is in one, and one member of it unpacked, without trusting anything that the archive says of itself.

Belongs here: the names of members, the limits, unpacking counted. Does not belong here: where archives lie and what the patterns say
(`inbox.py`); what looks like an archive but is a format of its own (.xlsx, .log.gz).

Zip alone: a tar has no directory, so that its members are known only when all of it has been unpacked.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from warehouse.landing import Unreadable

MEMBERS = 10_000
TOTAL = 4  # times the limit of a file
RATIO = 200  # unpacked to packed, beyond the first MiB: records and logs reach some tens, a bomb a thousand
_MIB = 1 << 20
_DIRECTORY = 4 * _MIB  # names of 10,000 members; zipfile reads the directory at one go and makes about 15 times of it in memory
_SUFFIX = ".zip"
_OTHERS = (".rar", ".7z", ".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others of zipfile unpack a block of any size into memory
_ENCRYPTED, _UTF8 = 0x1, 0x800
# What zipfile raises about bytes that are no archive or none that it knows; reading errors do not come through it (`_Guarded`).
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError, ValueError, OverflowError, RuntimeError)


class RefusedArchive(Exception):  # noqa: N818 - a verdict on the archive
    """An archive of which nothing is read: `reason` is a code, `detail` a sentence for a clerk."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive: its path within, its size unpacked as the archive tells it, and why it alone is refused."""

    path: str
    bytes: int
    refused: tuple[str, str] | None = None


def is_archive(name: str) -> bool:
    """Whether a file of this name is looked into."""
    return name.lower().endswith(_SUFFIX)


def is_other_archive(name: str) -> bool:
    """Whether it is an archive of a kind that is not looked into."""
    return name.lower().endswith(_OTHERS)


def unsupported() -> tuple[str, str]:
    """The refusal of such an archive."""
    return "archive_unsupported", "不支持这种压缩包；请改用普通 zip 压缩，或直接放入文件。"


def members(stream: BinaryIO, limit_bytes: int) -> list[Member]:
    """The files of an archive, in its order. No member is larger than `limit_bytes` unless it is refused.

    Raises:
        RefusedArchive: `archive_broken`, `archive_too_many`, `archive_unsafe_name`, `archive_link`, `archive_encrypted`,
            `archive_method`, `archive_duplicate`, `archive_too_large` or `archive_ratio`.
        Unreadable: the archive itself cannot be read.
    """
    try:
        with zipfile.ZipFile(_Guarded(stream)) as archive:
            files = [(path, info) for path, info in _named(archive.infolist()) if not path.endswith("/")]
    except _DAMAGED:
        raise RefusedArchive("archive_broken", "压缩包打不开，可能没有传完或已损坏；请重新压缩后提交。") from None
    if len(files) > MEMBERS:
        raise _too_many()
    for _, info in files:
        _check(info)
    if len({path for path, _ in files}) < len(files):
        raise RefusedArchive("archive_duplicate", "压缩包里有两个名称相同的文件，无法判断以哪个为准；请重新压缩后提交。")
    found = [Member(path, info.file_size, _refusal(path, info.file_size, limit_bytes)) for path, info in files]
    if sum(member.bytes for member in found if not member.refused) > TOTAL * limit_bytes:
        raise RefusedArchive("archive_too_large", f"压缩包解开后超过 {TOTAL * limit_bytes} 字节；请分成几个压缩包提交。")
    return found


def unpacked(stream: BinaryIO, path: str, size: int) -> Iterator[bytes]:
    """One member in blocks: exactly `size` bytes, as `members` told, with the right checksum, or an error at the end.

    Raises:
        Unreadable: the archive changed, is damaged, or cannot be read.
    """
    left = size
    try:
        with zipfile.ZipFile(_Guarded(stream)) as archive:
            info = next((info for name, info in _named(archive.infolist()) if name == path), None)
            if info is None or info.file_size != size:
                raise Unreadable("压缩包已经变了，下次再读")
            # zipfile itself ends a member at the size of the directory, so what a bomb holds beyond it is never unpacked.
            with archive.open(info) as member:
                while block := member.read(_MIB):
                    left -= len(block)
                    yield block
    except (RefusedArchive, *_DAMAGED):
        left = -1
    if left:
        raise Unreadable("压缩包里的这个文件已损坏；请重新压缩后提交")


class _Guarded(io.RawIOBase):
    """The archive's bytes for zipfile, which takes its directory in one piece, however long the archive says that it is."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def read(self, size: int = -1) -> bytes:
        if size > _DIRECTORY:
            raise _too_many()
        try:
            block = self._stream.read(size if size >= 0 else _DIRECTORY + 1)
        except OSError as error:  # not for zipfile, to which it means that this is no archive
            raise Unreadable(error.strerror or type(error).__name__) from error
        if len(block) > _DIRECTORY:
            raise _too_many()
        return block


def _too_many() -> RefusedArchive:
    return RefusedArchive("archive_too_many", f"压缩包里的文件超过 {MEMBERS} 个；请分成几个压缩包提交。")


def _named(infos: Sequence[zipfile.ZipInfo]) -> list[tuple[str, zipfile.ZipInfo]]:
    """Members under their real names: where the flag for UTF-8 is missing, all are UTF-8 (macOS) or all GB18030 (Windows)."""
    old = b"/".join(info.orig_filename.encode("cp437") for info in infos if not info.flag_bits & _UTF8)
    try:
        codec = "utf-8"
        old.decode(codec)
    except UnicodeDecodeError:
        codec = "gb18030"
    return [(_path(_decoded(info, codec)), info) for info in infos]


def _decoded(info: zipfile.ZipInfo, codec: str) -> str:
    return info.orig_filename if info.flag_bits & _UTF8 else info.orig_filename.encode("cp437").decode(codec)


def _path(name: str) -> str:
    """The path of a member, below the archive; a folder ends in `/`. Old programs on Windows write a backslash between folders."""
    path = name.replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or path[1:2] == ":" or ".." in parts or "\0" in path or not parts:
        raise RefusedArchive("archive_unsafe_name", "压缩包里有指向包外的路径（绝对路径或 ..）；没有读取，请核对来源后重新压缩。")
    return "/".join(parts) + ("/" if path.endswith("/") else "")


def _check(info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise RefusedArchive("archive_link", "压缩包里有链接或其他特殊文件；请去掉后重新压缩，只放普通文件。")
    if info.flag_bits & _ENCRYPTED:
        raise RefusedArchive("archive_encrypted", "压缩包有密码，读不了；请去掉密码后重新压缩。")
    if info.compress_type not in _METHODS:
        raise RefusedArchive("archive_method", "压缩包用了不支持的压缩方式；请用普通 zip 压缩（Deflate）后提交。")
    if info.file_size > _MIB and info.file_size > RATIO * max(info.compress_size, 1):
        raise RefusedArchive("archive_ratio", f"压缩包里有文件的压缩比超过 {RATIO} 倍，疑似压缩炸弹；没有读取，请直接放入文件。")


def _refusal(path: str, size: int, limit_bytes: int) -> tuple[str, str] | None:
    if is_archive(path) or is_other_archive(path):
        return "archive_nested", "压缩包里还有压缩包，没有打开；请把里面的文件解开后提交。"
    if size > limit_bytes:
        return (
            "archive_member_too_large",
            f"压缩包里的这个文件解开后有 {size} 字节，超过上限 {limit_bytes} 字节；请分成几个文件，或调高配置中的上限。",
        )
    return None
