"""The process that answers one SQL text of a user, started by `ask` and never imported.

Belongs here: limits on itself, a hardened connection, the decision whether the text is one question, the answer as JSON lines. Does not
belong here: starting and stopping the process, words for the user (`ask`).

It imports nothing of ours, so that it starts quickly and from any folder, and reads its task from standard input: path, sql, rows,
seconds, memory_mb. First the limits, then DuckDB, then the settings in the order in which each can still be set, and last the lock.
"""

from __future__ import annotations

import json
import re
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Any

_MB = 1 << 20
_ROOM_MB = 1024  # address space of Python, DuckDB's code and the stacks of its threads
_MOST_BYTES = 64 * _MB  # of an answer: few rows can be large
_BATCH = 1000
_THREADS = 2

# Table functions a question may name. Everything else is refused by name, before it is bound: `query` runs a text that nobody has looked
# at, `enable_logging` passes the lock and can end the process, the scans of Arrow and pandas take addresses in memory.
_TABLE_FUNCTIONS = frozenset(
    {
        "range", "generate_series", "unnest", "json_each", "json_tree", "repeat", "repeat_row", "summary", "test_all_types",
        "duckdb_columns", "duckdb_constraints", "duckdb_databases", "duckdb_functions", "duckdb_indexes", "duckdb_keywords",
        "duckdb_schemas", "duckdb_sequences", "duckdb_settings", "duckdb_tables", "duckdb_types", "duckdb_views",
        "pragma_table_info", "pragma_version", "pragma_show", "pragma_database_size", "pragma_storage_info",
        "cells_at", "evidence_at",
    }
)  # fmt: skip
# Scalar functions that do something, or read something that is none of the user's business.
_DENIED = frozenset({"write_log", "getenv", "nextval", "currval", "parse_duckdb_log_message", "create_sort_key"})
_EXPLAIN = re.compile(r"\s*explain\s+(analyze\s+)?(?=\w)", re.IGNORECASE)


class Refused(Exception):
    """Not a question that may be put; the argument says why: syntax, many, kind or function."""


def main() -> None:
    """Read the task, answer it: a line with columns and types, lines of rows, a line with how it ended."""
    task = json.load(sys.stdin)
    _limit(task["memory_mb"], task["seconds"])
    try:
        for line in _answer(task):
            print(line)
    except Refused as refused:
        print(json.dumps({"refused": refused.args[0], "message": refused.args[1]}))
    except MemoryError:
        print(json.dumps({"error": "OutOfMemoryException", "message": ""}))
    except Exception as error:  # whatever DuckDB says is for the user to read
        print(json.dumps({"error": type(error).__name__, "message": str(error)[:4000]}))


def _limit(memory_mb: int, seconds: int) -> None:
    """Bound this process: no file can be written, memory and computing time end."""
    for what, most in (
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds * _THREADS + 2),
        (resource.RLIMIT_AS, (memory_mb + _ROOM_MB) * _MB),
    ):
        hard = resource.getrlimit(what)[1]
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (bound, bound))


def _answer(task: dict[str, Any]) -> Iterator[str]:
    import duckdb  # after the limits

    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{task['memory_mb']}MB",
        "threads": str(_THREADS),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "python_enable_replacements": "false",
    }
    con = duckdb.connect(task["path"], read_only=True, config=settings)
    for statement in (
        "SET temp_directory = ''",
        "SET allow_persistent_secrets = false",
        "SET TimeZone = 'Asia/Shanghai'",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        con.execute(statement)
    text = _checked(con, task["sql"])
    signal.setitimer(signal.ITIMER_REAL, task["seconds"])  # nobody handles it: when it rings, the process is over
    con.execute(text)
    # Python needs pytz for a time with its zone, and JSON has no map whose keys are no texts: both as DuckDB writes them
    if any("TIME ZONE" in str(column[1]) or "MAP(" in str(column[1]) for column in con.description or ()):
        con.execute(f"SELECT COLUMNS(*)::VARCHAR FROM (\n{text}\n)")
    yield json.dumps({"columns": [c[0] for c in con.description or ()], "types": [str(c[1]) for c in con.description or ()]})
    yield from _rows(con, task["rows"])


def _rows(con: Any, most: int) -> Iterator[str]:
    """Rows as JSON arrays up to the limits, then how it ended."""
    left, room = most, _MOST_BYTES
    while batch := con.fetchmany(min(_BATCH, left + 1)):
        for row in batch:
            line = json.dumps(row, ensure_ascii=True, default=_plain)
            room -= len(line)
            if left == 0 or room < 0:
                yield json.dumps({"truncated": True})
                return
            left -= 1
            yield line
    yield json.dumps({"truncated": False})


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _checked(con: Any, text: str) -> str:
    """The text to run, which is the text that was looked at.

    Raises:
        Refused: it is not exactly one SELECT (or EXPLAIN of one), or names a function that is not allowed.
    """
    try:
        statements = con.extract_statements(text)
    except Exception as error:
        raise Refused("syntax", str(error)[:4000]) from None
    if len(statements) != 1:
        raise Refused("many", f"{len(statements)} 句")
    kind, prefix, body = str(statements[0].type.name), "", str(statements[0].query).strip().rstrip(";")
    if kind == "EXPLAIN" and (found := _EXPLAIN.match(body)):
        prefix, body = "EXPLAIN ANALYZE " if found[1] else "EXPLAIN ", body[found.end() :]
    elif kind != "SELECT":
        raise Refused("kind", kind)
    # The parser's own tree, and not the text, says which functions are named: comments and quotes hide nothing in it.
    tree = json.loads(con.execute("SELECT json_serialize_sql(?::VARCHAR)", [body]).fetchone()[0])
    if tree["error"] or len(tree["statements"]) != 1:
        raise Refused("kind", kind)
    for name, is_table in _functions(tree):
        if name in _DENIED or (is_table and name not in _TABLE_FUNCTIONS):
            raise Refused("function", name)
    return prefix + body


def _functions(node: Any) -> Iterator[tuple[str, bool]]:
    """Every function a tree names, and whether it stands where a table stands."""
    if isinstance(node, dict):
        if node.get("type") == "TABLE_FUNCTION":
            yield str(node["function"].get("function_name", "")).lower(), True
        if "function_name" in node:
            yield str(node["function_name"]).lower(), False
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _functions(child)


if __name__ == "__main__":
    main()
