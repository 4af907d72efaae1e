"""Access logs of a web server: growing files landed as ranges of whole lines, lines read as hits.

Belongs here: which bytes of a log are new (`new_range`), what its lines say (`parse`, `web_log.sql`). Does not belong here:
where logs come from, which ranges are known, tables (`assets.logs`), the report year (a view over the hits).

A log is known by the SHA-256 of its first bytes, decompressed: renaming or compressing a rotated log makes nothing new. The head
of a range is the start of its log up to `HEAD` bytes, but not beyond the range: a log first seen with one line is known by
that line until it has grown. Two logs with the same first `HEAD` bytes are taken for one; a log cut below its head is another.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.sources.shape import Rejected
from warehouse.landing import fsync_folder

HEAD = 4096
_CHUNK = 1 << 20
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_LEVEL = 1  # level 6 saves a fifth of the space and takes three times as long
_BLOCK = 16 << 20  # a block takes some fifteen times its size while it is read
_BATCH = 8192  # rows that DuckDB hands to one thread
_LONGEST = 4 << 20  # bytes; a longer line is malformed
_SHOWN = 64 << 10
_REJECTED_TEXT = 256 << 20

HITS = pa.schema(
    {
        "row_no": pa.int64(),
        "hit_at": pa.timestamp("us"),
        "remote_addr": pa.string(),
        "method": pa.string(),
        "path": pa.string(),
        "status": pa.int16(),
        "bytes": pa.int64(),
        "referer": pa.string(),
        "user_agent": pa.string(),
        "is_bot": pa.bool_(),
    }
)
_REJECTS = {"row_no": pl.Int64(), "line": pl.String()}
# A third smaller and faster than dictionaries of every column.
_LAYOUT = {
    "compression": "zstd",
    "use_dictionary": ["method", "status", "user_agent"],
    "column_encoding": dict.fromkeys(("row_no", "hit_at", "bytes"), "DELTA_BINARY_PACKED"),
}


class LostLines(AssertionError):  # noqa: N818 - what happened, as the ledger calls it
    """Hits, rejects and blanks of a range are not its lines; the message names the numbers."""


@dataclass(frozen=True, slots=True)
class KnownRange:
    """A landed range of some log: its head, and where it ended."""

    head_sha256: str
    head_bytes: int
    byte_to: int
    line_to: int


@dataclass(frozen=True, slots=True)
class Range:
    """New whole lines of a log: its head, where they stood in it (decompressed), and the lines as a gzip file."""

    head_sha256: str
    head_bytes: int
    byte_from: int
    byte_to: int
    line_from: int
    lines: int
    file: Path


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a range says. `lines` is counted on the bytes; `rejects` are row_no and line.

    The line of a reject is cut to 64 Ki characters, and null once the rejects before it hold 256 MiB: the landed bytes have it.
    """

    lines: int
    hits: int
    blanks: int
    rejects: pl.DataFrame


def new_range(path: Path, name: str, known: Sequence[KnownRange], spool: Path) -> Range | None:
    """Copy the lines of a log that are not known yet into a file of the folder `spool`.

    Args:
        path: The log as the server writes it, or its rotated, perhaps compressed form (told by content).
        name: The name it has at the source.
        known: What has been landed from this source, any log.
        spool: Folder for the copy; the caller removes it, also when nothing is returned.

    Returns:
        The new lines, or None when there is none. A last line without line end is left for the next look, except in gzip, which
        is not written to any more.

    Raises:
        Rejected: `corrupt_gzip`, `not_a_log` or `log_changed`.
    """
    with path.open("rb") as raw:
        is_gzip = raw.peek(2).startswith(_GZIP)
        if name.lower().endswith(".gz") and not raw.peek(1):
            raise Rejected("corrupt_gzip", "压缩文件是空的（0 字节），可能没有传完；请重新传送。")
        if not is_gzip:
            return _new_range(raw, _end_of_lines(raw), known, spool)
        try:
            with gzip.GzipFile(fileobj=raw) as log:
                return _new_range(log, sys.maxsize, known, spool)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Rejected("corrupt_gzip", "压缩文件不完整或已损坏，无法解压到末尾；请重新传送，或等服务器压缩完成后再取。") from error


def _new_range(log: gzip.GzipFile | io.BufferedReader, end: int, known: Sequence[KnownRange], spool: Path) -> Range | None:
    log.seek(0)
    head = log.read(HEAD)
    if b"\0" in head or head.startswith(_ZIP):
        raise Rejected("not_a_log", "文件开头含有空字节或压缩包标志，不是文本日志；请确认文件类型（zip、xlsx 等不能改名为 .log 提交）。")
    start, line = _landed(head, known)
    if end <= start:
        return None
    log.seek(max(start - 1, 0))
    is_line_start = start == 0 or log.read(1) == b"\n"
    file = spool / "lines.log.gz"
    size, lines = _copy(log, end - start, file)
    if size == 0 or end not in (sys.maxsize, start + size):  # nothing new, or the log was cut while it was read
        return None
    if not is_line_start:
        raise Rejected(
            "log_changed",
            f"日志开头与已落地的相同，但第 {start} 字节处不是行首：已读部分被改动过，或先前的压缩文件末行没有写完；请核对原始日志。",
        )
    head = head[: start + size]
    return Range(_sha256(head), len(head), start, start + size, line + 1, lines, file)


def _landed(head: bytes, known: Sequence[KnownRange]) -> tuple[int, int]:
    """Bytes and lines of the log with this head that are known: by the longest head that fits, which leaves the least to chance."""
    digests = {n: _sha256(head[:n]) for n in {k.head_bytes for k in known} if n <= len(head)}
    same = [k for k in known if digests.get(k.head_bytes) == k.head_sha256]
    best = max(same, key=lambda k: (k.head_bytes, k.byte_to), default=None)
    return (best.byte_to, best.line_to) if best else (0, 0)


def _end_of_lines(log: io.BufferedReader) -> int:
    """The byte after the last line end."""
    at = log.seek(0, os.SEEK_END)
    while at > 0:
        step = min(_CHUNK, at)
        at = log.seek(at - step)
        found = log.read(step).rfind(b"\n")
        if found >= 0:
            return at + found + 1
    return 0


def _copy(log: gzip.GzipFile | io.BufferedReader, wanted: int, target: Path) -> tuple[int, int]:
    """Bytes and lines copied: those wanted, or fewer at the end of the log."""
    size = lines = 0
    last = b"\n"
    with target.open("wb") as out, gzip.GzipFile("", "wb", _LEVEL, out, mtime=0) as packed:
        while chunk := log.read(min(_CHUNK, wanted - size)):
            packed.write(chunk)
            size += len(chunk)
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return size, lines + (last != b"\n")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def parse(gz: Path, line_from: int, hits: Path, *, memory_limit: str = "1GB") -> Parsed:
    """Read the lines of a landed range and write those that can be read to a Parquet file.

    Args:
        gz: The range, as `new_range` wrote it.
        line_from: Physical number of its first line.
        hits: The Parquet file, columns as in `HITS`; it appears whole or not at all.
        memory_limit: Of DuckDB; Python takes about half a gigabyte beside it.

    Raises:
        LostLines: Some line is neither hit nor reject nor blank; no Parquet file is written.
    """
    temporary = hits.with_name(f".{hits.name}.{os.getpid()}.tmp")
    try:
        with _engine(memory_limit) as con, pq.ParquetWriter(temporary, HITS, **_LAYOUT) as writer:
            parsed = _parse(con, _blocks(gz), line_from, writer)
        with temporary.open("rb") as f:
            os.fsync(f.fileno())
        temporary.rename(hits)
        fsync_folder(hits.parent)
    finally:
        temporary.unlink(missing_ok=True)
    return parsed


def _engine(memory_limit: str) -> duckdb.DuckDBPyConnection:
    closed = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "enable_external_access": "false"}
    return duckdb.connect(config={**closed, "memory_limit": memory_limit, "threads": "2", "temp_directory": ""})


def _parse(con: duckdb.DuckDBPyConnection, blocks: Iterator[bytes], line_from: int, writer: pq.ParquetWriter) -> Parsed:
    lines = hits = blanks = text = 0
    rejects = [pl.DataFrame(schema=_REJECTS)]
    for counted, blank, filled in map(_lines, blocks):
        read = _read(con, filled.with_columns(pl.col("row_no") + (line_from + lines)))
        good = read.filter(pc.field("is_hit")).select(HITS.names)
        bad = pl.DataFrame(read.filter(~pc.field("is_hit")).select(list(_REJECTS)))
        writer.write_table(good)
        text += int(bad["line"].str.len_bytes().sum())
        rejects.append(bad if text <= _REJECTED_TEXT else bad.with_columns(pl.lit(None, pl.String).alias("line")))
        lines += counted
        hits += good.num_rows
        blanks += blank
    _assert_all(line_from, lines, hits, sum(map(len, rejects)), blanks)
    return Parsed(lines, hits, blanks, pl.concat(rejects))


def _assert_all(line_from: int, lines: int, hits: int, rejects: int, blanks: int) -> None:
    if hits + rejects + blanks != lines:
        raise LostLines(f"从第 {line_from} 行起共 {lines} 行，可读 {hits}、不可读 {rejects}、空行 {blanks}，合计不等")


def _blocks(gz: Path) -> Iterator[bytes]:
    """The bytes in blocks of whole lines; of a line that is longer than any may be, the start."""
    rest = b""
    with gzip.open(gz) as log:
        while block := log.read(_BLOCK):
            cut = block.rfind(b"\n") + 1
            if cut:
                yield rest + block[:cut]
                rest = block[cut:]
            else:
                rest = (rest + block)[: _LONGEST + 1]
    if rest:
        yield rest


def _lines(block: bytes) -> tuple[int, int, pl.DataFrame]:
    """Number of lines by their line ends, number of blank ones, and the others numbered from 0.

    A byte that is not UTF-8 becomes its escape, as the servers themselves write it: the line stays what it is otherwise.
    """
    text = block.decode("utf-8", "backslashreplace").removesuffix("\n")
    every = pl.Series("line", [text]).str.split("\n").explode().str.strip_chars_end("\r").to_frame()
    filled = every.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("row_no")).filter(pl.col("line").str.strip_chars() != "")
    return block.count(b"\n") + (not block.endswith(b"\n")), len(every) - len(filled), filled


def _read(con: duckdb.DuckDBPyConnection, lines: pl.DataFrame) -> pa.Table:
    """The lines as fields: the columns of `HITS`, `is_hit`, and the text of those that are none."""
    table = lines.to_arrow()
    con.register("lines", pa.Table.from_batches(table.to_batches(max_chunksize=_BATCH), table.schema))
    return con.execute(_query(), {"longest": _LONGEST, "shown": _SHOWN}).to_arrow_table()


@cache
def _query() -> str:
    return files("assets.sources").joinpath("web_log.sql").read_text("utf-8")
