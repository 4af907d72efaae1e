"""A session with a database through SQLAlchemy: one read-only snapshot, statements in, text out.

Belongs here: opening the snapshot in each dialect, time limits, streaming, values as text. Does not belong here: which rows are asked for
(`database.py`), what an error means (`database_errors.py`).

PostgreSQL and MariaDB are tested against real servers; for Oracle, SQL Server and 达梦 the snapshot is opened as their manuals say,
untested.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

import pyarrow as pa
import sqlalchemy as sa

from assets.sources.database_errors import Unreadable
from warehouse.clock import SHANGHAI, ZONE

_CONNECT_SECONDS = 15
# What libpq is told unless the URL says otherwise: whom a connection belongs to, its encoding, when a silent one counts as dead.
LIBPQ: dict[str, Any] = {
    "application_name": "gouji",
    "client_encoding": "utf8",
    "connect_timeout": _CONNECT_SECONDS,
    "keepalives_idle": 60,
    "keepalives_interval": 10,
    "keepalives_count": 6,
}
_MYSQL = frozenset({"mysql", "mariadb"})
# Options of the connection, where the dialect has them for a snapshot.
_OPTIONS: dict[str, dict[str, Any]] = {
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
    "mssql": {"isolation_level": "SNAPSHOT"},
}
# Statements that open the snapshot, where the dialect has no option for it.
_OPENING = {
    **dict.fromkeys(_MYSQL, ("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",)),
    "oracle": ("SET TRANSACTION READ ONLY",),
    "dm": ("SET TRANSACTION READ ONLY",),
    "sqlite": ("PRAGMA query_only = ON", "BEGIN"),
}


class Session(Protocol):
    """An open snapshot. Errors of the driver come out as they are; `told` gives them their meaning."""

    def names(self, statement: sa.Select[Any]) -> list[str]:
        """The columns that a statement gives."""
        ...

    def value(self, statement: sa.Select[Any]) -> Any:
        """The first value that a statement gives, None without a row."""
        ...

    def batches(self, statement: sa.Select[Any]) -> Generator[list[pa.Array]]:
        """The rows, some at a time: one text array a column.

        Raises:
            Unreadable: a column has no text.
        """
        ...

    def now(self) -> datetime | None:
        """The clock of the database (Asia/Shanghai, without zone), None where its zone is not known."""
        ...


class SqlSession:
    """A session through SQLAlchemy, `fetch_size` rows at a time from a cursor on the server."""

    def __init__(self, connection: sa.Connection, fetch_size: int) -> None:
        self.connection = connection
        self._driver = connection.connection.dbapi_connection
        self._streaming = {"stream_results": True, "yield_per": fetch_size}

    def names(self, statement: sa.Select[Any]) -> list[str]:
        """See `Session`."""
        with self.connection.execute(statement) as result:
            return list(result.keys())

    def value(self, statement: sa.Select[Any]) -> Any:
        """See `Session`."""
        return self.connection.scalar(statement)

    def batches(self, statement: sa.Select[Any]) -> Generator[list[pa.Array]]:
        """See `Session`."""
        with self.connection.execute(statement, execution_options=self._streaming) as result:
            names = list(result.keys())
            try:
                for rows in result.partitions():
                    yield [texts(name, values) for name, values in zip(names, zip(*rows, strict=True), strict=True)]
            except BaseException:  # also when the taker stops
                self._abandon()
                raise

    def _abandon(self) -> None:
        """Drop the connection with an answer half read: PyMySQL else reads it to its end, even from a connection that is dead."""
        if not self.connection.invalidated:
            self.connection.invalidate()
        if answer := getattr(self._driver, "_result", None):
            answer.unbuffered_active = False

    def now(self) -> datetime | None:
        """See `Session`."""
        return local(self.value(sa.select(sa.func.current_timestamp())), known=self.connection.dialect.name in _MYSQL)


@contextmanager
def sql_session(url: sa.URL, timeout_seconds: int, fetch_size: int) -> Iterator[SqlSession]:
    """A read-only snapshot of the database at `url`, in which no statement may take longer than `timeout_seconds`."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, **_engine_options(url, timeout_seconds))
    connection = engine.connect()
    try:
        _open(connection, timeout_seconds)
        yield SqlSession(connection, fetch_size)
    finally:
        with suppress(Exception):  # everything was read or nothing will be used: how the end goes does not matter
            connection.close()


def _engine_options(url: sa.URL, timeout_seconds: int) -> dict[str, Any]:
    driver = url.get_driver_name()
    if driver == "psycopg":
        return {"connect_args": unsaid(LIBPQ, url), "json_deserializer": _as_written}
    if driver == "pymysql":
        waits = {"connect_timeout": _CONNECT_SECONDS, "read_timeout": timeout_seconds + _CONNECT_SECONDS}
        secret = {"password": url.password.encode()} if url.password else {}  # as text it would be sent in latin1
        return {"connect_args": unsaid(waits, url) | secret}
    return {}


def unsaid(arguments: Mapping[str, Any], url: sa.URL) -> dict[str, Any]:
    """The arguments of a driver that the URL does not give itself."""
    return {name: value for name, value in arguments.items() if name not in url.query}


def _as_written(document: str | bytes) -> str:
    return document if isinstance(document, str) else bytes(document).decode()


def _open(connection: sa.Connection, timeout_seconds: int) -> None:
    """Open the snapshot. Sessions are set to Chinese time, so that instants do not depend on where the server believes to be."""
    dialect = connection.dialect
    connection.execution_options(**_OPTIONS.get(dialect.name, {}))
    if dialect.name == "postgresql":
        connection.execute(limits(timeout_seconds))
    if dialect.name in _MYSQL:
        is_mariadb = getattr(dialect, "is_mariadb", False)  # MySQL counts in milliseconds
        limit = ("max_statement_time", timeout_seconds) if is_mariadb else ("max_execution_time", timeout_seconds * 1000)
        for variable, value in (limit, ("time_zone", "+08:00")):
            connection.exec_driver_sql(f"SET SESSION {variable} = %s", (value,))
    for statement in _OPENING.get(dialect.name, ()):
        connection.exec_driver_sql(statement)


def limits(timeout_seconds: int) -> sa.Select[Any]:
    """The statement that sets time limit and zone of a transaction of PostgreSQL."""
    values = {"statement_timeout": f"{timeout_seconds}s", "TimeZone": ZONE}
    return sa.select(*(sa.func.set_config(name, value, True) for name, value in values.items()))


def local(instant: object, *, known: bool = False) -> datetime | None:
    """An instant as Asia/Shanghai without zone; None where it has no zone, unless it is `known` to be that already."""
    if not isinstance(instant, datetime):
        return None
    if instant.tzinfo is None:
        return instant if known else None
    return instant.astimezone(SHANGHAI).replace(tzinfo=None)


def texts(name: str, values: Sequence[Any]) -> pa.Array:
    """The values of a column as text: dates and instants in ISO form, numbers plain, booleans 1 and 0, JSON compact, None as null.

    NUL characters are left out: they mean nothing and most programs take them for an end.

    Raises:
        Unreadable: a value is of a kind that has no text, such as bytes.
    """
    kinds = set(map(type, values)) - {type(None)}
    if not kinds <= _TEXT.keys():
        raise Unreadable(name)
    if kinds - {str}:
        values = [None if value is None else _TEXT[type(value)](value) for value in values]
    if str in kinds and any(value and "\0" in value for value in values):
        values = [value and value.replace("\0", "") for value in values]
    return pa.array(values, pa.string())


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=lambda inner: _TEXT[type(inner)](inner))


_TEXT: dict[type, Callable[[Any], str]] = {
    str: str,
    bool: lambda value: "1" if value else "0",
    int: str,
    float: repr,
    Decimal: lambda value: format(value, "f"),
    date: date.isoformat,
    datetime: lambda value: value.isoformat(" "),
    time: time.isoformat,
    timedelta: str,
    UUID: str,
    dict: _json,
    list: _json,
}
