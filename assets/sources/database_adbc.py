"""The fast session with PostgreSQL, through ADBC: columns arrive as Arrow and become text as columns.

Belongs here: the same snapshot and the same text as `database_session.py` gives, for the types where that is certain. Does not belong here:
anything that goes wrong. Whatever does, an unsuited type or a wrong password, the slow session is asked instead and its verdict holds.

Only types on the list are read: ADBC hands over money as cents, network addresses and bit strings as raw bytes, float4 with other digits.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from importlib.util import find_spec
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from assets.sources.database_session import LIBPQ, limits, local, texts, unsaid
from warehouse.clock import SHANGHAI

_DIALECT = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]


def suits(url: sa.URL) -> bool:
    """Whether there is a fast session for this database: the driver is installed (extra `adbc`)."""
    return url.get_backend_name() == "postgresql" and find_spec("adbc_driver_postgresql") is not None


class AdbcSession:
    """See `database_session.Session`."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def names(self, statement: sa.Select[Any]) -> list[str]:
        """See `database_session.Session`.

        Raises:
            KeyError: a column has a type whose text would not certainly be the same.
        """
        schema = self._run(statement).fetch_record_batch().schema
        for column in schema:
            _lane(column)
        return list(schema.names)

    def value(self, statement: sa.Select[Any]) -> Any:
        """See `database_session.Session`."""
        row = self._run(statement).fetchone()
        return row and row[0]

    def batches(self, statement: sa.Select[Any]) -> Generator[list[pa.Array]]:
        """See `database_session.Session`."""
        reader = self._run(statement).fetch_record_batch()
        lanes = [_lane(column) for column in reader.schema]
        for batch in reader:
            yield [lane(column) for lane, column in zip(lanes, batch.columns, strict=True)]

    def now(self) -> datetime | None:
        """See `database_session.Session`."""
        return local(self.value(sa.select(sa.func.current_timestamp())))

    def _run(self, statement: sa.Select[Any]) -> Any:
        # Literals, rendered by SQLAlchemy: with parameters ADBC does not stream but holds the whole answer.
        self._cursor.execute(str(statement.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True})))
        return self._cursor


@contextmanager
def adbc_session(url: sa.URL, timeout_seconds: int) -> Iterator[AdbcSession]:
    """A read-only snapshot, as `database_session.sql_session` opens it."""
    from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]

    said = url.set(drivername="postgresql").update_query_dict({name: str(value) for name, value in unsaid(LIBPQ, url).items()})
    with closing(dbapi.connect(said.render_as_string(hide_password=False))) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        session = AdbcSession(cursor)
        session.value(limits(timeout_seconds))
        yield session


_Lane = Callable[[pa.Array], pa.Array]


def _lane(column: pa.Field) -> _Lane:
    """How the values of a column become text."""
    return _LANES[column.metadata[b"POSTGRESQL:type"].decode()]


def _plain(column: pa.Array) -> pa.Array:
    return column.cast(pa.string())


def _boolean(column: pa.Array) -> pa.Array:
    return column.cast(pa.int8()).cast(pa.string())


def _number(column: pa.Array) -> pa.Array:
    text = column.storage
    if pc.any(pc.match_substring_regex(text, "[a-z]")).as_py():
        raise ValueError("nan or inf, which ADBC spells its own way")
    return text


def _calendar(first: object, last: object, column: pa.Array) -> pa.Array:
    """Dates or instants without zone, which must be dates of Python as well: the slow session refuses all others."""
    if not _lies(first, column, last):
        raise ValueError("outside of the calendar")
    return pc.replace_substring_regex(column.cast(pa.string()), r"\.0+$", "")


def _zoned(column: pa.Array) -> pa.Array:
    """Instants with the time of Asia/Shanghai, which has been eight hours ahead since its last summer time in 1991."""
    if not _lies(datetime(1992, 1, 1, tzinfo=UTC), column, datetime(9999, 12, 31, tzinfo=UTC)):
        return texts("", [value and value.astimezone(SHANGHAI) for value in column.to_pylist()])
    wall = pc.add(column.view(pa.timestamp("us")), pa.scalar(timedelta(hours=8)))
    return pc.binary_join_element_wise(_calendar(datetime.min, datetime.max, wall), "+08:00", "")


def _lies(first: object, column: pa.Array, last: object) -> bool:
    """Whether no value lies before the first or after the last."""
    ends = pc.min_max(column)
    before = pc.less(ends["min"], pa.scalar(first, column.type)).as_py()
    return not (before or pc.greater(ends["max"], pa.scalar(last, column.type)).as_py())


def _singly(column: pa.Array) -> pa.Array:
    return texts("", column.to_pylist())


_LANES: dict[str, _Lane] = {
    **dict.fromkeys(["text", "varchar", "bpchar", "int2", "int4", "int8"], _plain),
    "bool": _boolean,
    "numeric": _number,
    "date": partial(_calendar, date.min, date.max),
    "timestamp": partial(_calendar, datetime.min, datetime.max),
    "timestamptz": _zoned,
    **dict.fromkeys(["float8", "uuid", "json", "jsonb"], _singly),
}
