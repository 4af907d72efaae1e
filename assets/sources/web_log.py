"""Access logs of a web server: growing files landed as ranges of whole lines, lines read as hits.

Belongs here: which bytes of a log are new (`new_range`), what its lines say (`parse`, `web_log.sql`). Does not belong here:
where logs come from, which ranges are known, tables (`assets.logs`), the report year (a view over the hits).

A log is known by its bytes, decompressed, not by its name: renaming or compressing a rotated log makes nothing new. It holds a
landed range if the SHA-256 of its first bytes (the head: up to `HEAD`, not beyond the end of the range) and of the bytes before the
end of the range (the tail: up to `HEAD`) are those of the range. It goes on behind the longest range it holds that no landed range
went on behind before; otherwise it is a new log and lands from its first byte. So two nodes' logs that begin alike both land fully.

An older, shorter copy that ends where a landed range ends is known. A copy that is cut elsewhere, or a log that was changed, counts
as a new log, and its lines count again: nothing lost is worth more than nothing doubled, and no statutory cell counts access logs.
Two logs that are equal byte for byte are one as long as they are.

With copytruncate the copy goes on behind what was landed, and what stands in the emptied log is a new one, also where it has grown past
its old size before the next look. What cannot be known: lines that the server wrote between copy and truncation, which stand nowhere,
and that a copy is still being written; such a part of one counts as a log of its own.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import os
import sys
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
from warehouse.landing import flush

HEAD = 4096
_CHUNK = 1 << 20
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_BLOCK = 16 << 20  # a block takes some six times its size while it is read, and up to four are in memory
_BATCH = 2048  # rows that DuckDB looks at at a time
_THREADS = 2
_LONGEST = 4 << 20  # bytes, with the line end; a longer line is malformed
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
# A third smaller and faster than dictionaries and statistics of every column.
_LAYOUT = {
    "compression": "zstd",
    "use_dictionary": ["method", "status", "user_agent"],
    "column_encoding": dict.fromkeys(("row_no", "hit_at", "bytes"), "DELTA_BINARY_PACKED"),
    "write_statistics": ["row_no", "hit_at", "status"],
}


class LostLines(AssertionError):  # noqa: N818 - what happened, as the ledger calls it
    """Hits, rejects and blanks of a range are not its lines; the message names the numbers."""


@dataclass(frozen=True, slots=True)
class KnownRange:
    """A landed range of some log: its head, where it ended and its tail there, whether another landed range went on behind it."""

    head_sha256: str
    head_bytes: int
    byte_to: int
    line_to: int
    tail_sha256: str
    is_continued: bool


@dataclass(frozen=True, slots=True)
class Range:
    """New whole lines of a log: its head, where they stood in it (decompressed), its tail there, and the lines as a zstd file."""

    head_sha256: str
    head_bytes: int
    byte_from: int
    byte_to: int
    tail_sha256: str
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


@dataclass(frozen=True, slots=True)
class _Block:
    """What some lines say, as in `Parsed`."""

    lines: int
    hits: pa.Table
    blanks: int
    rejects: pl.DataFrame


def new_range(path: Path, name: str, known: Sequence[KnownRange], spool: Path) -> Range | None:
    """Copy the lines of a log that are not known yet into a file of the folder `spool`.

    Args:
        path: The log as the server writes it, or its rotated, perhaps compressed form (told by content).
        name: The name it has at the source.
        known: Every range that has been landed for this organ, of any log.
        spool: Folder for the copy; the caller removes it, also when nothing is returned.

    Returns:
        The new lines, or None when there is none. A last line without line end is left for the next look, except in gzip, which
        is not written to any more.

    Raises:
        Rejected: `corrupt_gzip` or `not_a_log`.
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
    same = _same_head(head, known)
    tails = _tails(log, sorted({k.byte_to for k in same}))
    if end == sys.maxsize and not log.peek(1):
        end = log.tell()
    held = [k for k in same if k.byte_to in tails and _sha256(tails[k.byte_to]) == k.tail_sha256]
    if held and end <= held[0].byte_to:
        return None
    # The last line of a compressed log may have been a half one: what follows that is no line.
    last = next((k for k in held if not k.is_continued and tails[k.byte_to].endswith(b"\n")), None)
    start, line, tail = (last.byte_to, last.line_to, tails[last.byte_to]) if last else (0, 0, b"")
    log.seek(start)
    file = spool / "lines.log.zst"
    size, lines, tail = _copy(log, end - start, tail, file)
    if size == 0 or end not in (sys.maxsize, start + size):  # nothing new, or the log was cut while it was read
        return None
    head = head[: start + size]
    return Range(_sha256(head), len(head), start, start + size, _sha256(tail), line + 1, lines, file)


def _same_head(head: bytes, known: Sequence[KnownRange]) -> list[KnownRange]:
    """Ranges of logs with this head; the longest head, which leaves the least to chance, and the latest end first."""
    digests = {n: _sha256(head[:n]) for n in {k.head_bytes for k in known} if n <= len(head)}
    return sorted((k for k in known if digests.get(k.head_bytes) == k.head_sha256), key=lambda k: (-k.head_bytes, -k.byte_to))


def _tails(log: gzip.GzipFile | io.BufferedReader, ends: Sequence[int]) -> dict[int, bytes]:
    """The tail at each of these ends, in ascending order, that the log reaches; read forwards only, as gzip wants it."""
    tails: dict[int, bytes] = {}
    at, tail = log.seek(0), b""
    for end in ends:
        start = max(at, end - HEAD)
        if start > at:
            log.seek(start)
            tail = b""
        read = log.read(end - start)
        if len(read) < end - start:
            break
        at, tail = end, (tail + read)[-HEAD:]
        tails[end] = tail
    return tails


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


def _copy(log: gzip.GzipFile | io.BufferedReader, wanted: int, tail: bytes, target: Path) -> tuple[int, int, bytes]:
    """Bytes and lines copied, those wanted or fewer at the end of the log, and the tail after them; `tail` is the one before."""
    size = lines = 0
    last = b"\n"
    # zstd as Arrow writes it (level 1): smaller than gzip and four times as fast to read; the same lines give the same bytes.
    with pa.CompressedOutputStream(str(target), "zstd") as packed:
        while chunk := log.read(min(_CHUNK, wanted - size)):
            packed.write(chunk)
            size += len(chunk)
            lines += chunk.count(b"\n")
            last = chunk[-1:]
            tail = (tail + chunk[-HEAD:])[-HEAD:]
    return size, lines + (last != b"\n"), tail


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def parse(landed: Path, line_from: int, hits: Path, *, memory_limit: str = "1GB") -> Parsed:
    """Read the lines of a landed range and write those that can be read to a Parquet file.

    Args:
        landed: The range, as `new_range` wrote it.
        line_from: Physical number of its first line.
        hits: The Parquet file, columns as in `HITS`; it appears whole or not at all.
        memory_limit: Of DuckDB; Python takes about half a gigabyte beside it.

    Raises:
        LostLines: Some line is neither hit nor reject nor blank; no Parquet file is written.
    """
    temporary = hits.with_name(f".{hits.name}.{os.getpid()}.tmp")
    try:
        with _engine(memory_limit) as con, pq.ParquetWriter(temporary, HITS, **_LAYOUT) as writer:
            parsed = _parse(con, landed, line_from, writer)
        with temporary.open("rb") as f:
            os.fsync(f.fileno())
        temporary.rename(hits)
        flush(hits.parent)
    finally:
        temporary.unlink(missing_ok=True)
    return parsed


def _engine(memory_limit: str) -> duckdb.DuckDBPyConnection:
    # One thread: the blocks are what is read side by side, each by a cursor in a thread of its own.
    closed = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "enable_external_access": "false"}
    return duckdb.connect(config={**closed, "memory_limit": memory_limit, "threads": "1", "temp_directory": ""})


def _parse(con: duckdb.DuckDBPyConnection, landed: Path, line_from: int, writer: pq.ParquetWriter) -> Parsed:
    lines = hits = blanks = text = 0
    rejects = [pl.DataFrame(schema=_REJECTS)]
    for read in _read_all(con, landed, line_from):
        writer.write_table(read.hits)
        text += int(read.rejects["line"].str.len_bytes().sum())
        rejects.append(read.rejects if text <= _REJECTED_TEXT else read.rejects.with_columns(pl.lit(None, pl.String).alias("line")))
        lines += read.lines
        hits += read.hits.num_rows
        blanks += read.blanks
    _assert_all(line_from, lines, hits, sum(map(len, rejects)), blanks)
    return Parsed(lines, hits, blanks, pl.concat(rejects))


def _assert_all(line_from: int, lines: int, hits: int, rejects: int, blanks: int) -> None:
    if hits + rejects + blanks != lines:
        raise LostLines(f"从第 {line_from} 行起共 {lines} 行，可读 {hits}、不可读 {rejects}、空行 {blanks}，合计不等")


def _blocks(landed: Path, *, is_start: bool) -> Iterator[bytes]:
    """The bytes in blocks of whole lines, without the mark some editors put at the start; of a line that is too long, its start."""
    rest = b""
    with pa.CompressedInputStream(str(landed), "zstd") as log:
        while block := log.read(_BLOCK):
            if is_start:
                block, is_start = block.removeprefix(codecs.BOM_UTF8), False
            cut = block.rfind(b"\n") + 1
            if cut:
                yield b"".join((rest, memoryview(block)[:cut]))
                rest = block[cut:]
            else:
                rest = (rest + block)[: _LONGEST + 1]
    if rest:
        yield rest


def _lines(block: bytes) -> pa.ChunkedArray:
    """The lines with their line ends, in place: Arrow is only told where each begins."""
    characters = pa.UInt8Array.from_buffers(pa.uint8(), len(block), [None, pa.py_buffer(block)])
    after = (pl.Series(characters) == ord("\n")).arg_true() + 1
    ends = [] if block.endswith(b"\n") else [len(block)]
    begins = pl.concat([pl.Series([0], dtype=pl.Int32), after.cast(pl.Int32), pl.Series(ends, dtype=pl.Int32)], rechunk=True)
    lines = pa.StringArray.from_buffers(len(begins) - 1, begins.to_arrow().buffers()[1], pa.py_buffer(block))
    return pa.chunked_array([_as_utf8(lines.slice(at, _BATCH)) for at in range(0, len(lines), _BATCH)])


def _as_utf8(lines: pa.StringArray) -> pa.StringArray:
    """A byte that is not UTF-8 becomes its escape, as the servers themselves write it: the line stays what it is otherwise."""
    try:
        lines.validate(full=True)
    except pa.ArrowInvalid:
        return pa.array([line.decode("utf-8", "backslashreplace") for line in lines.cast(pa.binary()).to_pylist()])
    return lines


def _read_all(con: duckdb.DuckDBPyConnection, landed: Path, line_from: int) -> Iterator[_Block]:
    """What the blocks say, in their order; while one is written the next ones are read."""
    reading: deque[Future[_Block]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        for lines in map(_lines, _blocks(landed, is_start=line_from == 1)):
            reading.append(pool.submit(_read, con, lines, line_from))
            line_from += len(lines)
            if len(reading) > _THREADS:
                yield reading.popleft().result()
        while reading:
            yield reading.popleft().result()


def _read(con: duckdb.DuckDBPyConnection, lines: pa.ChunkedArray, line_from: int) -> _Block:
    numbers = pl.int_range(line_from, line_from + len(lines), eager=True).to_arrow()
    with con.cursor() as own:
        own.register("lines", pa.table({"row_no": numbers, "line": lines}))
        read = own.execute(_query(), {"longest": _LONGEST}).to_arrow_table()
    hits = read.filter(pc.field("is_hit"))
    hits = hits.append_column("is_bot", _is_bot(hits["user_agent"].combine_chunks())).select(HITS.names)
    text = pl.col("line").str.strip_chars_end("\r\n")
    others = pl.DataFrame(read.filter(~pc.field("is_hit")).select(list(_REJECTS)))
    rejects = others.filter(text.str.strip_chars() != "").with_columns(text.str.head(_SHOWN))
    return _Block(len(lines), hits, len(others) - len(rejects), rejects)


def _is_bot(agents: pa.StringArray) -> pa.BooleanArray:
    # Asked of each agent once: in SQL, asked of each line, it took a sixth of the time of all else.
    coded = agents.dictionary_encode()
    return pc.match_substring_regex(coded.dictionary, "bot|spider|crawl", ignore_case=True).take(coded.indices).fill_null(False)


@cache
def _query() -> str:
    return files("assets.sources").joinpath("web_log.sql").read_text("utf-8")
