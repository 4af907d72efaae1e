"""DuckDB as a data source of Great Expectations, which has none of its own.

Belongs here: the subclasses that make its SQL engine work on a DuckDB file, opening and closing one. Does not belong here:
suites, contexts, results (`run.py`). This module imports Great Expectations, which takes seconds and 260 MB: import it inside
the function that runs suites, never at the head of a module. It leans on private behaviour of the pinned version and can be
thrown away once Great Expectations speaks DuckDB itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import sqlalchemy as sa
from great_expectations.datasource.fluent.sql_datasource import SQLDatasource
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine

# What Great Expectations looks up by the name of a DuckDB type.
_TYPES: dict[str, type[Any]] = {
    "VARCHAR": sa.types.String,
    "BIGINT": sa.types.BigInteger,
    "DOUBLE": sa.types.Float,
    "DECIMAL": sa.types.Numeric,
    "BOOLEAN": sa.types.Boolean,
    "DATE": sa.types.Date,
    "TIMESTAMP": sa.types.DateTime,
}


def _dialect_module(dialect: type[Any]) -> ModuleType:
    """What Great Expectations asks for types and for the spelling of a regular expression.

    A real module, because its `__name__` is read: with anything else every check of a type fails without an error.
    """
    module = ModuleType("duckdb_dialect")
    vars(module).update({name: getattr(sa.types, name) for name in dir(sa.types) if not name.startswith("_")})
    # Dremio's branch writes REGEXP_MATCHES, which matches a part in DuckDB as is meant; `~` would have to match the whole.
    vars(module).update(_TYPES, dialect=dialect, DremioDialect=True)
    return module


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """An engine with one connection that stays open: a result of DuckDB is gone when its connection is closed before the fetch."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dialect_module = _dialect_module(type(self.engine.dialect))

    @contextmanager
    def get_connection(self) -> Iterator[sa.Connection]:
        """The connection; an error is rolled back, or every query after it would fail too."""
        if self._connection is None or self._connection.closed:
            self._connection = self.engine.connect()
        try:
            yield self._connection
        except Exception:
            self._connection.rollback()
            raise

    def close(self) -> None:
        """Close the connection and let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self.engine.dispose()


EngineType = type[DuckDBExecutionEngine]  # named here: in the class below `type` is a field


class DuckDBDatasource(SQLDatasource):
    """A DuckDB file; defining it gives a context `data_sources.add_duckdb`."""

    type: Literal["duckdb"] = "duckdb"  # type: ignore[assignment]  # by which its fields are told apart

    @property
    def execution_engine_type(self) -> EngineType:
        """The engine above."""
        return DuckDBExecutionEngine


@contextmanager
def opened(context: Any, database: Path, memory_limit: str) -> Iterator[DuckDBDatasource]:
    """The file as a read-only source of a context, released at the end of the block whatever happens in it."""
    settings = {
        "memory_limit": memory_limit,
        "temp_directory": str(database.parent / "spill"),
        "autoinstall_known_extensions": "false",  # nothing is downloaded
        "autoload_known_extensions": "false",
    }
    # The path is given aside of the address, in which %, # and $ would mean something.
    connect = {"database": str(database), "read_only": True, "config": settings}
    source = context.data_sources.add_duckdb(name="warehouse", connection_string="duckdb:///warehouse", kwargs={"connect_args": connect})
    try:
        yield source
    finally:  # two engines: one runs, the other tests the connection
        source.get_execution_engine().close()
        source.get_engine().dispose()
