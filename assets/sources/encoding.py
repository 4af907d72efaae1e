"""Which encoding a text file has, decided over the whole file before anything is read from it.

Belongs here: UTF-8, UTF-16 with a byte order mark, GB18030, and the rejection of everything else. Does not belong here: what
the text says.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from assets.sources.shape import Rejected

_BLOCK = 1 << 20
# A GB18030 file that decodes as UTF-8 for this many Chinese characters in a row does not exist in practice. So a defect after
# them is a defect of a UTF-8 file, which must not be read as GB18030: that mostly works and yields garbled text.
_PROOF = 8


@dataclass(frozen=True, slots=True)
class _Defect:
    """First byte that does not decode: offset, line, Chinese characters before it, whether the file just ends too early."""

    offset: int
    line: int
    chinese: int
    cut: bool


def detect(path: Path, cut_reason: str = "bad_encoding") -> str:
    """Name of the codec that decodes the whole file.

    Args:
        path: The file.
        cut_reason: Reason of the rejection when the file ends in the middle of a character.

    Raises:
        Rejected: `bad_encoding` (or `cut_reason`) with the position of the byte at fault.
    """
    with path.open("rb") as file:
        head = file.read(3)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        defects = [_first_defect(path, "utf-16")]
        if defects[0] is None:
            return "utf-16"
    else:
        defects = [_first_defect(path, "utf-8")]
        if defects[0] is None:
            return "utf-8-sig"
        if defects[0].chinese < _PROOF and head != codecs.BOM_UTF8:
            defects.append(_first_defect(path, "gb18030"))
            if defects[-1] is None:
                return "gb18030"
    raise _rejection(max((d for d in defects if d), key=lambda d: d.offset), cut_reason)


def _rejection(defect: _Defect, cut_reason: str) -> Rejected:
    place = f"第 {defect.offset + 1} 字节（约第 {defect.line} 行）"
    if defect.cut:
        return Rejected(cut_reason, f"文件在{place}处的一个字符中间断开，可能没有传完；请重新导出或重新传送。")
    return Rejected("bad_encoding", f"{place}不是 UTF-8、UTF-16 或 GB18030 文字；请用 UTF-8 编码重新导出。")


def _first_defect(path: Path, codec: str) -> _Defect | None:
    decoder = codecs.getincrementaldecoder(codec)("strict")
    offset, lines, chinese = 0, 1, 0
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK)
            held = len(decoder.getstate()[0])
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                good = error.object[: error.start]
                before = chinese + _chinese(good.decode(codec, "ignore"))
                return _Defect(offset - held + error.start, lines + good.count(b"\n"), before, cut=not block)
            nul = text.find("\0")
            if nul >= 0:
                before_nul = text[:nul]
                return _Defect(offset - held + len(before_nul.encode(codec)), lines + before_nul.count("\n"), _PROOF, cut=False)
            if not block:
                return None
            offset += len(block)
            lines += text.count("\n")
            chinese += 0 if chinese >= _PROOF else _chinese(text)


def _chinese(text: str) -> int:
    return 0 if text.isascii() else sum("一" <= c <= "鿿" for c in text)
