"""The DuckDB file: opened late, closed early, one transaction a step.

Belongs here: connections, schema creation from the dictionary, the few verbs every step writes with. Does not belong
here: what is written (landing, judgement, counting), SQL that answers a question (`sql/`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from warehouse import views
from warehouse.model import Table
from warehouse.tables import LAYERS, TABLES

# Nothing is downloaded and no home directory is touched: the extensions in the wheel suffice.
_CONFIG = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "allow_community_extensions": "false"}


class Busy(RuntimeError):
    """Another process has the warehouse file open; the message names it."""


@dataclass(frozen=True)
class Warehouse:
    """Where the warehouse stands and how much memory it may take."""

    path: Path
    memory_limit: str = "2GB"
    threads: int = 2

    @contextmanager
    def connect(self, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """An open connection; closed, and the file's lock released, at the end of the block."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        config: dict[str, str | bool | int | float | list[str]] = {
            **_CONFIG,
            "memory_limit": self.memory_limit,
            "threads": str(self.threads),
            "temp_directory": str(self.path.parent / "spill"),
        }
        try:
            con = duckdb.connect(self.path, read_only=read_only, config=config)
        except duckdb.IOException as error:
            if "Could not set lock" not in str(error):
                raise
            holder = re.search(r"PID (\d+)", str(error))
            raise Busy(f"仓库文件正被另一个进程使用（进程号 {holder[1] if holder else '不详'}）；请等它结束后再试。") from None
        with con:
            yield con

    @contextmanager
    def step(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction: all of the block is committed, or none of it."""
        with self.connect() as con:
            create_schema(con)
            con.begin()
            try:
                yield con
            except BaseException:
                con.rollback()
                raise
            con.commit()

    def read(self, query: str, params: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """The result of one query."""
        with self.connect(read_only=self.path.exists()) as con:
            return con.sql(query, params=dict(params or {})).pl()


def create_schema(con: duckdb.DuckDBPyConnection) -> None:
    """Create what the dictionary names and the file does not have yet, and the views over it."""
    have = {row[0] for row in con.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall()}
    if not set(TABLES) <= have:
        for layer in LAYERS:
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {layer}")
        for table in TABLES.values():
            for statement in table.ddl():
                con.execute(statement)
    _add_columns(con)
    views.create(con)


def _add_columns(con: duckdb.DuckDBPyConnection) -> None:
    """Give the tables of an earlier program version the columns that have come since; what stands in them is unknown, not zero."""
    rows = con.execute("SELECT schema_name || '.' || table_name, list(column_name) FROM duckdb_columns() WHERE NOT internal GROUP BY ALL")
    have = dict(rows.fetchall())
    for table in TABLES.values():
        for column in (c for c in table.columns if c.name not in have[table.full_name]):
            con.execute(f"ALTER TABLE {table.full_name} ADD COLUMN {column.ddl}")


def insert(con: duckdb.DuckDBPyConnection, table: Table, frame: pl.DataFrame) -> None:
    """Append a frame that has exactly the table's columns and types.

    Raises:
        ValueError: the frame is not of the table's schema; nothing is written.
    """
    wrong = {n: (frame.schema.get(n), t) for n, t in table.schema.items() if frame.schema.get(n) != t}
    surplus = set(frame.columns) - set(table.schema)
    if wrong or surplus:
        raise ValueError(f"{table.full_name}: frame does not fit the dictionary: {wrong or sorted(surplus)}")
    append(con, table.full_name, frame)


def append(con: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    """Append a frame by column names to a table, which may be a temporary one."""
    con.register("incoming", frame)
    con.execute(f"INSERT INTO {name} BY NAME SELECT * FROM incoming")
    con.unregister("incoming")


def next_id(con: duckdb.DuckDBPyConnection, table: Table) -> int:
    """The next free number of a table's key; there is one writer, so no sequence is needed."""
    row = con.execute(f"SELECT coalesce(max({table.key[0]}), 0) + 1 FROM {table.full_name}").fetchone()
    assert row is not None
    return int(row[0])


def delete_files(con: duckdb.DuckDBPyConnection, table: Table, file_ids: Sequence[int]) -> None:
    """Remove the rows of these files from a table, so that the files can be read anew."""
    if file_ids:
        con.execute(f"DELETE FROM {table.full_name} WHERE list_contains(?, file_id)", [list(file_ids)])
