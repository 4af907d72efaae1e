"""The tables as Markdown, to be read where HTML is not: terminals, reviews, the Dagster page.

Belongs here: a readable rendering without merged cells. Does not belong here: the official layout (`html`, `xlsx`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from warehouse.export.figures import UNKNOWN, UNKNOWN_NOTE, Values, figures
from warehouse.export.heading import DRAFT, Heading
from warehouse.forms import Cell, Form, Grid

_INDENT = "　"


def render(form: Form, heading: Heading, values: Values) -> str:
    """Markdown of the three tables: one line a row of the form, group labels on lines of their own."""
    shown = figures(form, values)
    parts = [f"# {_escape(heading.title(form))}", _escape(" · ".join(heading.facts(form)))]
    if heading.draft:
        parts.insert(1, f"**{DRAFT}**")
    for grid in form.grids:
        parts.append(f"## {grid.title}")
        parts.extend(_tables(grid, shown))
    if None in shown.values():
        parts.append(UNKNOWN_NOTE)
    return "\n\n".join(parts) + "\n"


def _tables(grid: Grid, shown: dict[str, str | None]) -> Iterator[str]:
    """One Markdown table for each run of rows that share their column headings."""
    rows = [list(cells) for _, cells in groupby(grid.cells, key=lambda c: c.row_key)]
    for heads, run in groupby(rows, key=lambda cells: [c.col_path[-1] for c in cells]):
        lines = [_line(["项目", *heads]), _line(["---", *["---:"] * len(heads)])]
        above: tuple[str, ...] = ()
        for cells in run:
            path = cells[0].row_path
            lines.extend(_line([_label(path[: depth + 1]), *[""] * len(heads)]) for depth in _new_groups(above, path))
            lines.append(_row(cells, shown))
            above = path[:-1]
        yield "\n".join(lines)


def _new_groups(above: tuple[str, ...], path: tuple[str, ...]) -> list[int]:
    """Depths of the groups that begin with this row."""
    return [d for d in range(len(path) - 1) if above[: d + 1] != path[: d + 1]]


def _row(cells: list[Cell], shown: dict[str, str | None]) -> str:
    return _line([_label(cells[0].row_path), *(shown[c.id] or UNKNOWN for c in cells)])


def _label(path: tuple[str, ...]) -> str:
    return _INDENT * (len(path) - 1) + _escape(path[-1])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escape(text: str) -> str:
    """Text that Markdown shows as it is: its own signs escaped, on one line; “1.” at a start makes no list inside a table."""
    return re.sub(r"([\\`*_{}\[\]<>|#~&])", r"\\\1", " ".join(text.split()))
