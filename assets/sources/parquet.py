"""Parquet parts: rows as a database gave them, every value text, kept so that they can be read again.

Belongs here: writing rows into parts and reading a part. Does not belong here: how a value became text, where rows come from
(`database.py`), what a column means (`shape.py`).

Equal rows in equal order give equal bytes: parts and row groups are cut by number of rows alone, however the rows arrived.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from assets.sources.connector import Part
from assets.sources.shape import CHUNK_ROWS, Headers, Landed, Rejected, frames

PART_ROWS = CHUNK_ROWS
GROUP_ROWS = 5_000


class Parts:
    """The parts of one answer, written one after the other into a folder.

    They are called `part-0001.parquet` and so on. There is always one, which keeps the columns of an answer without rows.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.rows = 0
        self._folder = folder
        self._schema = pa.schema([(name, pa.string()) for name in names])
        self._names: list[str] = []
        self._writer: pq.ParquetWriter | None = None
        self._room = 0
        self._waiting: list[pa.RecordBatch] = []

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def add(self, columns: Sequence[pa.Array]) -> None:
        """More rows: one text array a column, in the order of the names."""
        batch = pa.record_batch(columns, schema=self._schema)
        self.rows += batch.num_rows
        self._waiting.append(batch)
        while sum(map(len, self._waiting)) >= GROUP_ROWS:
            self._write(GROUP_ROWS)

    def finish(self) -> tuple[Part, ...]:
        """Write what is left: all parts."""
        rest = sum(map(len, self._waiting))
        if rest or not self._names:
            self._write(rest)
        self._end()
        return tuple(Part(name, self._folder / name) for name in self._names)

    def _write(self, rows: int) -> None:
        """Write the first rows that wait as one row group."""
        table = pa.Table.from_batches(self._waiting, self._schema)
        self._waiting = table.slice(rows).to_batches()
        if self._writer is None:
            self._names.append(f"part-{len(self._names) + 1:04}.parquet")
            path = self._folder / self._names[-1]
            self._writer, self._room = pq.ParquetWriter(path, self._schema, compression="zstd", store_schema=False), PART_ROWS
        self._writer.write_table(table.slice(0, rows).combine_chunks(), row_group_size=GROUP_ROWS)
        self._room -= rows
        if self._room <= 0:
            self._end()

    def _end(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def read_parquet(path: Path, headers: Headers) -> Landed:
    """Read a part; its rows are numbered from 1.

    Raises:
        Rejected: `bad_parquet`, `missing_key_column` or `duplicate_column`.
    """
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise _broken() from error
    if any(not pa.types.is_string(kind) for kind in schema.types):
        raise Rejected("bad_parquet", "Parquet 文件里有不是文字的栏目；请改为提交 .xlsx、.csv 或 .json 文件。")
    if not headers.known(schema.names).issuperset(headers.subject.key):
        raise headers.missing([schema.names], "文件")
    layout = headers.layout(schema.names, "文件")
    return Landed(None, layout.unknown_names, (), frames(headers.subject, ((at, *layout.row(row)) for at, row in _rows(path))))


def _rows(path: Path) -> Iterator[tuple[int, tuple[str | None, ...]]]:
    at = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(GROUP_ROWS):
                for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    at += 1
                    yield at, row
    except (pa.ArrowException, OSError) as error:
        raise _broken() from error


def _broken() -> Rejected:
    return Rejected("bad_parquet", "不是完整、有效的 Parquet 文件，可能没有写完或传完；请重新取数或重新传送。")
