"""CSV files: records of text, separated by comma, tab or semicolon.

Belongs here: the `csv` dialect, the search for the header, records longer or shorter than it. Does not belong here: the
encoding (`encoding.py`), what a header means (`shape.py`).

A record's number is its place in the file, empty records included; the header of a file that starts with its header has 1.
The file is read to its end once before the first row is handed over, so nothing of a broken file is landed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from assets.sources.encoding import detect
from assets.sources.shape import HEADER_ROWS, Headers, Landed, Layout, Rejected, frames, is_blank

_DELIMITERS = ",\t;"
# One field: far above any text, far below what an unterminated quote could swallow.
_FIELD_LIMIT = 16 * 1024 * 1024


def read_csv(path: Path, headers: Headers) -> Landed:
    """Read a CSV file.

    Raises:
        Rejected: `bad_encoding`, `malformed_csv`, `missing_key_column` or `duplicate_column`.
    """
    codec = detect(path)
    csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))
    delimiter, header_no, header = _find_header(path, codec, headers)
    unnamed = _columns_without_header(path, codec, delimiter, header_no, header)
    layout = headers.layout(header, f"第 {header_no} 行的表头", unnamed)
    rows = _rows(path, codec, delimiter, header_no, layout)
    return Landed(None, layout.unknown_names, (), frames(headers.subject, rows))


def _records(path: Path, codec: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding=codec, newline="") as lines:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        for number in count(1):
            line = reader.line_num + 1
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise Rejected(
                    "malformed_csv", f"第 {line} 行开始的记录引号不成对或位置不对，无法分栏；请检查该行的双引号后重新导出。"
                ) from error
            yield number, record


def _rows(path: Path, codec: str, delimiter: str, header_no: int, layout: Layout) -> Iterator[tuple[int, list[str | None], str | None]]:
    for number, record in _records(path, codec, delimiter):
        if number > header_no and not is_blank(record):
            yield number, *layout.row(record)


def _find_header(path: Path, codec: str, headers: Headers) -> tuple[str, int, list[str]]:
    """Delimiter, number and cells of the header: the delimiter under which the header names the most fields."""
    heads = {delimiter: _head(path, codec, delimiter) for delimiter in _DELIMITERS}
    found = {delimiter: place for delimiter, (records, _) in heads.items() if (place := headers.find(records))}
    if found:
        delimiter = max(found, key=lambda d: found[d][1])
        index = found[delimiter][0]
        return delimiter, index + 1, heads[delimiter][0][index]
    if error := heads[","][1]:
        raise error
    raise headers.missing((record for records, _ in heads.values() for record in records), f"前 {HEADER_ROWS} 行")


def _head(path: Path, codec: str, delimiter: str) -> tuple[list[list[str]], Rejected | None]:
    records: list[list[str]] = []
    try:
        records.extend(record for _, record in islice(_records(path, codec, delimiter), HEADER_ROWS))
    except Rejected as error:
        return records, error
    return records, None


def _columns_without_header(path: Path, codec: str, delimiter: str, header_no: int, header: list[str]) -> set[int]:
    """Read the file to its end; positions that hold a value under no header."""
    nameless = {at for at, name in enumerate(header) if not name.strip()}
    width = len(header)
    used: set[int] = set()
    for number, record in _records(path, codec, delimiter):
        if number > header_no and (nameless or len(record) > width):
            used.update(at for at, value in enumerate(record) if value and (at >= width or at in nameless))
    return used
