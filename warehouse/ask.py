"""A question of a user in SQL, put to the auditors' file safely.

Belongs here: one process per question, its time limit, the answer as a frame, refusals in Chinese. Does not belong here: what the process
does (`asked`), what the file holds (`snapshot`).

The text is not trusted. Settings of DuckDB alone do not hold it (memory runs past its limit, a call can end the process), so it runs in a
process of its own that can write no file, has an empty environment, and is ended when its time is over.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

_CHILD = Path(__file__).with_name("asked.py")
_START = 10  # seconds a process may take to start, on a busy machine; it ends itself in time
_INT64 = range(-(1 << 63), 1 << 63)
_SMALL = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
_LARGE = {"UBIGINT", "HUGEINT", "UHUGEINT"}
_REFUSED = {
    "syntax": "SQL 写法有误。",
    "many": "一次只能查询一句。",
    "kind": "只能查询：一句以 SELECT、FROM、WITH、DESCRIBE、SHOW、SUMMARIZE 或 EXPLAIN 开头的 SQL。",
    "function": "审计库不允许使用这个函数。",
}
_FAILED = {
    "PermissionException": "审计库只能查询，不能读写别的文件，也不能改变设置。",
    "OutOfMemoryException": "查询需要的内存超过了上限；请缩小范围，或调高 --memory。",
    "CatalogException": "审计库里没有这个名称；表和栏目见 audit.dictionary。",
    "BinderException": "SQL 中的名称或类型不对；表和栏目见 audit.dictionary。",
    "IOException": "读不了审计库文件。",
}


class AskError(RuntimeError):
    """A question that was refused or could not be answered; the message begins with a Chinese sentence."""


@dataclass(frozen=True)
class Answer:
    """Column names and DuckDB types, the rows, and whether there were more."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: pl.DataFrame
    truncated: bool


def ask(path: Path, sql: str, *, rows: int = 10_000, seconds: int = 30, memory_mb: int = 2048) -> Answer:
    """The answer of the auditors' file to one query.

    Args:
        path: The file, or the link that points to it.
        sql: One SELECT, or EXPLAIN of one; not trusted.
        rows: How many rows at most.
        seconds: When the process is ended.
        memory_mb: Memory of DuckDB; the process has as much again as it needs to run.

    Raises:
        AskError: the file is missing, the text is refused, or its limits ended it.
    """
    if not path.exists():
        raise AskError("还没有审计库：还没有发布过报告。")
    if min(rows, seconds, memory_mb) < 1:
        raise AskError("行数、秒数、内存的上限至少为 1。")
    task = {"path": str(path.resolve()), "sql": sql, "rows": rows, "seconds": seconds, "memory_mb": memory_mb}
    return _read(_run(json.dumps(task), seconds))


def _run(task: str, seconds: int) -> list[Any]:
    """What the process answered, line by line.

    Raises:
        AskError: it took too long, or ended without an answer.
    """
    command = [sys.executable, "-I", "-X", "utf8", str(_CHILD)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
        env={}, cwd="/", start_new_session=True,
    ) as child:  # fmt: skip
        try:
            said, _ = child.communicate(task, timeout=seconds + _START)
        except subprocess.TimeoutExpired:
            raise _late(seconds) from None
        finally:
            if child.poll() is None:  # also when this process itself is interrupted
                child.kill()
    lines = [json.loads(line) for line in said.splitlines()] if child.returncode == 0 else []
    if not lines:
        if child.returncode in (-signal.SIGALRM, -signal.SIGXCPU):
            raise _late(seconds)
        raise AskError("查询用尽了内存，已经中止；请缩小范围，或调高 --memory。")
    return lines


def _late(seconds: int) -> AskError:
    return AskError(f"查询超过了 {seconds} 秒，已经中止；请缩小范围，或调高 --seconds。")


def _read(lines: list[Any]) -> Answer:
    last = lines[-1]
    if "refused" in last:
        why, said = last["refused"], last["message"]
        raise AskError(f"{_REFUSED[why]}\n{said}" if why == "syntax" else f"{_REFUSED[why]}（{said}）")
    if "error" in last:
        lines_said = str(last["message"]).splitlines()
        # what DuckDB advises against want of memory is nothing a user of the file can do
        said = "\n".join(lines_said[: 1 if last["error"] == "OutOfMemoryException" else 6])
        raise AskError(f"{_FAILED.get(last['error'], '查询没有成功。')}\n{said}".rstrip())
    head, *body = lines[:-1]
    names, types = tuple(head["columns"]), tuple(head["types"])
    values = [
        pl.Series(name, *_typed(kind, column)) for name, kind, column in zip(_unlike(names), types, _columns(body, len(names)), strict=True)
    ]
    return Answer(names, types, pl.DataFrame(values), last["truncated"])


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    return [[row[i] for row in rows] for i in range(width)]


def _unlike(names: Sequence[str]) -> list[str]:
    """The names of a frame, in which no two may be alike."""
    found: list[str] = []
    for name in names:
        count, new = 1, name
        while new in found:
            new, count = f"{name}_{count}", count + 1
        found.append(new)
    return found


def _typed(kind: str, values: list[Any]) -> tuple[list[Any], pl.DataType]:
    """Values of a column as they came over the pipe, in the type a frame has for it; text where it has none."""
    if kind in _SMALL or (kind in _LARGE and all(v is None or v in _INT64 for v in values)):
        return values, pl.Int64()
    if kind == "BOOLEAN":
        return values, pl.Boolean()
    if kind in ("DOUBLE", "FLOAT"):
        return [None if v is None else float(v) for v in values], pl.Float64()
    if kind.startswith("DECIMAL") and kind.endswith(")"):
        return [None if v is None else Decimal(v) for v in values], pl.Decimal(38, int(kind[:-1].split(",")[1]))
    try:
        if kind == "DATE":
            return [None if v is None else date.fromisoformat(v) for v in values], pl.Date()
        if kind == "TIMESTAMP":
            return [None if v is None else datetime.fromisoformat(v) for v in values], pl.Datetime("us")
    except ValueError:  # infinity, or before the year 1
        pass
    return [v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values], pl.String()
