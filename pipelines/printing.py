"""Answers of the command line as text, JSON, Markdown or CSV.

Belongs here: a frame and how it is printed. Does not belong here: which frame answers a question.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table

from warehouse.export.figures import text_of
from warehouse.export.tabular import safe_csv

_WIDTH = 400  # of a text answer that goes into a file
_SHOWN = 200  # rows of a text answer: it is for reading, and drawing a table takes its time
FORMATS = ("text", "json", "md", "csv")


def show(frame: pl.DataFrame, how: str, headings: Mapping[str, str]) -> None:
    """Print a frame; `headings` are the Chinese column names for a reader, programs get the names of the dictionary."""
    if how == "json":
        rows = [{name: _plain(value) for name, value in row.items()} for row in frame.iter_rows(named=True)]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
    elif how == "csv":
        target = io.BytesIO()
        safe_csv(frame.with_columns(pl.col(pl.Decimal).map_elements(text_of, return_dtype=pl.String)), target)
        sys.stdout.buffer.write(target.getvalue())
    elif how == "md":
        names = [headings.get(name, name) for name in frame.columns]
        lines = [names, ["---"] * len(names), *([_text(v).replace("|", "\\|") for v in row] for row in frame.iter_rows())]
        print("\n".join(f"| {' | '.join(line)} |" for line in lines))
    else:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in frame.columns:
            table.add_column(headings.get(name, name), overflow="fold")  # a code that is cut off cannot be copied
        for row in frame.head(_SHOWN).iter_rows():
            table.add_row(*map(_text, row))
        Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else _WIDTH, highlight=False, markup=False).print(
            table
        )
        if frame.height > _SHOWN:
            print(f"只显示前 {_SHOWN} 行，共 {frame.height} 行；全部请用 --format csv 或 json。")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return text_of(value)
    return value.isoformat() if isinstance(value, date) else value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    return "" if value is None else str(_plain(value))
