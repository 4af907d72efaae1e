"""The one way in: a landed file, read by the reader its name calls for.

Belongs here: choice of the reader, checks that hold for every format. Does not belong here: how a format is read
(`spreadsheet.py`, `delimited.py`, `json_rows.py`), the shape they share (`shape.py`), where files come from or go to.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from assets.sources.delimited import read_csv
from assets.sources.envelope import STANDARD, Envelope
from assets.sources.json_rows import read_json
from assets.sources.parquet import read_parquet
from assets.sources.shape import Headers, Landed, Rejected
from assets.sources.spreadsheet import read_spreadsheet
from warehouse.subjects import Subject

__all__ = ["Landed", "Rejected", "SUFFIXES", "read"]

SUFFIXES = frozenset({".xlsx", ".xls", ".csv", ".json"})
_PARTS = frozenset({".json", ".parquet"})  # of pulls; a packed Parquet file of strangers could hold any number of rows


def read(
    path: Path,
    name: str,
    subject: Subject,
    columns: Mapping[str, str],
    limit_bytes: int,
    envelope: Envelope | None = None,
    *,
    is_part: bool = False,
) -> Landed:
    """Read the records of one file, every value as the text that stands in it.

    Args:
        path: The landed bytes.
        name: The original file name; its suffix decides the reader.
        subject: The contract of the records.
        columns: Configured headers → field (house name or contract code); they win over the built-in headers.
        limit_bytes: Largest file that is read.
        is_part: Whether it is a part of a pull, written by a connector of ours.
        envelope: Where a page of a platform keeps its records; None for the standard one. Only JSON has one.

    Returns:
        The rows in chunks. The chunks may be taken once.

    Raises:
        Rejected: The file is not landed; also possible while the chunks are taken, then none of its rows may stay.
        ValueError: If `columns` names a field the subject does not have.
    """
    headers = Headers.of(subject, columns)
    suffix = Path(name).suffix.lower()
    if suffix not in (SUFFIXES | _PARTS if is_part else SUFFIXES):
        raise Rejected("unsupported_type", f"不支持“{suffix or '没有后缀'}”类型的文件；请提交 .xlsx、.xls、.csv 或 .json 文件。")
    size = path.stat().st_size
    if size == 0:
        raise Rejected("empty_file", "文件是空的（0 字节）；请重新导出或重新传送。")
    if size > limit_bytes:
        raise Rejected("too_large", f"文件有 {size} 字节，超过上限 {limit_bytes} 字节；请分成几个文件提交，或调高配置中的上限。")
    if suffix == ".csv":
        return read_csv(path, headers)
    if suffix == ".json":
        return read_json(path, headers, envelope or STANDARD)
    if suffix == ".parquet":
        return read_parquet(path, headers)
    return read_spreadsheet(path, headers, limit_bytes)
