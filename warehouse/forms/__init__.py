"""The statutory form as data: which cells a report has, where each stands, what it is called and what it counts.

Belongs here: reading `<format>.toml` and `years.toml` into frozen objects, and refusing a form whose layout does not add up.
Does not belong here: how a record is found to satisfy a mark (cleaning and SQL), values, and how a form is printed
(`warehouse.export`). Grid rows and columns count from 1, as in the form's description.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from itertools import groupby
from types import MappingProxyType
from typing import Any

_NUMBERING = re.compile(r"^(（[一二三四五六七八九十]+）|[一二三四五六七八九十]+、|\d+\.)")


class FormError(ValueError):
    """A form that does not add up, or a report year without a form."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of the form. `row_path` and `col_path` are the labels that lead to it, outermost first.

    A record counts when it is of kind `subject`, satisfies one of `marks` and is of class `class_` ("*" = any). A cell
    without marks is one that no record of ours can count: its value is unknown, never zero.
    """

    id: str
    table: str
    row_key: str
    col_key: str
    table_name: str
    row_path: tuple[str, ...]
    col_path: tuple[str, ...]
    unit: str
    law: str
    subject: str
    marks: tuple[str, ...]
    class_: str
    kind: str

    @property
    def label(self) -> str:
        """Where the cell stands, in Chinese: 表三 · 三、本年度办理结果 · （一）予以公开 · 自然人."""
        return " · ".join((self.table_name, *self.row_path, *self.col_path))


@dataclass(frozen=True, slots=True)
class Box:
    """One printed cell of a grid: a heading (`head`), a row's label, or the place of a number (`cell_id`)."""

    row: int
    col: int
    rowspan: int
    colspan: int
    text: str = ""
    cell_id: str | None = None
    head: bool = False

    @property
    def places(self) -> Iterator[tuple[int, int]]:
        """Every grid position the box covers."""
        return ((r, c) for r in range(self.row, self.row + self.rowspan) for c in range(self.col, self.col + self.colspan))


@dataclass(frozen=True)
class Grid:
    """One printed table: its boxes in reading order and its cells in the same order."""

    key: str
    name: str
    title: str
    boxes: tuple[Box, ...]
    cells: tuple[Cell, ...]

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Grid rows and columns."""
        ends = [(b.row + b.rowspan - 1, b.col + b.colspan - 1) for b in self.boxes]
        return max(r for r, _ in ends), max(c for _, c in ends)

    @cached_property
    def heads(self) -> int:
        """How many rows at the top hold headings only."""
        return min(b.row for b in self.boxes if not b.head) - 1

    def rows(self) -> Iterator[tuple[Box, ...]]:
        """The boxes, one tuple a grid row (a box stands in the row it begins in)."""
        by_row = {row: tuple(boxes) for row, boxes in groupby(self.boxes, key=lambda b: b.row)}
        return (by_row.get(row, ()) for row in range(1, self.shape[0] + 1))


@dataclass(frozen=True)
class Form:
    """One version of the statutory form."""

    id: str
    title: str
    document: str
    grids: tuple[Grid, ...]
    leaves: Mapping[str, str]
    applicants: Mapping[str, str]

    @cached_property
    def cells(self) -> Mapping[str, Cell]:
        """Cell id → cell, in the order of the form."""
        return MappingProxyType({c.id: c for g in self.grids for c in g.cells})

    @cached_property
    def tie_out(self) -> str:
        """The 勾稽关系 sentence printed in the corner of table 3."""
        return next(b.text for g in self.grids if g.key == "table3" for b in g.boxes)

    def counting_rows(self) -> list[dict[str, str]]:
        """What each cell counts, for SQL: one row per cell and mark (cell_id, subject, mark, class)."""
        return [{"cell_id": c.id, "subject": c.subject, "mark": mark, "class": c.class_} for c in self.cells.values() for mark in c.marks]


def format_of(year: int) -> str:
    """The format of a report year.

    Raises:
        FormError: no form is kept for that year.
    """
    formats = _read("years")["formats"]
    begun = [f for f in formats if f["first_year"] <= year]
    if not begun:
        first = min(f["first_year"] for f in formats)
        raise FormError(f"报告年度 {year}：没有可用的表样，最早为 {first} 年度（见 warehouse/forms/years.toml）")
    return str(max(begun, key=lambda f: f["first_year"])["id"])


def first_year() -> int:
    """The first report year that has a form."""
    return int(min(f["first_year"] for f in _read("years")["formats"]))


@cache
def load(format_id: str) -> Form:
    """The form of a format, checked.

    Raises:
        FormError: the format is unknown, or its description does not add up.
    """
    if format_id not in {f["id"] for f in _read("years")["formats"]}:
        raise FormError(f"没有表样 {format_id!r}（见 warehouse/forms/years.toml）")
    return build(_read(format_id))


def build(spec: Mapping[str, Any]) -> Form:
    """A form from its description (a parsed TOML file), checked.

    Raises:
        FormError: the description does not add up.
    """
    meta = spec["meta"]
    grids = (_banded("table2", spec["table2"]), _matrix("table3", spec["table3"]), _groups("table4", spec["table4"]))
    rows = {r["key"] for r in spec["table3"]["rows"] if r.get("leaf")}
    by_row = {c.row_key: c.row_path[-1] for c in grids[1].cells if c.row_key in rows}
    classes = {c.class_: c.col_path[-1] for c in grids[1].cells if c.class_ != "*"}
    form = Form(
        id=meta["id"],
        title=meta["title"],
        document=meta["document"],
        grids=grids,
        leaves=MappingProxyType({key: _NUMBERING.sub("", label) for key, label in by_row.items()}),
        applicants=MappingProxyType(classes),
    )
    _check(form, meta["cells"])
    return form


@cache
def every() -> tuple[Form, ...]:
    """Every form that is kept."""
    return tuple(load(f["id"]) for f in _read("years")["formats"])


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((files(__name__) / f"{name}.toml").read_text("utf-8"))


def _banded(key: str, spec: Mapping[str, Any]) -> Grid:
    """Table 2: bands of a caption, headings and rows; the last box of a line takes the columns that are left."""
    width, boxes, cells = spec["columns"], [], []

    def line(row: int, texts: list[str], ids: list[str], head: bool) -> None:
        for col, text in enumerate([*texts, *ids], start=1):
            span = width - col + 1 if col == len(texts) + len(ids) else 1
            boxes.append(Box(row, col, 1, span, "" if col > len(texts) else text, text if col > len(texts) else None, head))

    row = 0
    for band in spec["bands"]:
        line(row + 1, [band["caption"]], [], True)
        line(row + 2, band["headings"], [], True)
        row += 2
        for entry in band["rows"]:
            row += 1
            new = list(_band_cells(key, spec["name"], band, entry))
            cells += new
            line(row, [entry["label"]], [c.id for c in new], False)
    return Grid(key, spec["name"], spec["title"], tuple(boxes), tuple(cells))


def _band_cells(table: str, name: str, band: Mapping[str, Any], entry: Mapping[str, Any]) -> Iterator[Cell]:
    keys = band["keys"]
    units, kinds = band.get("units", [band.get("unit")] * len(keys)), band.get("kinds", [band.get("kind", "int")] * len(keys))
    for col, key, unit, kind in zip(band["headings"][1:], keys, units, kinds, strict=True):
        counted = "subject" in entry and key in band.get("counted", keys)
        yield Cell(
            id=f"{table}.{entry['key']}" + (f".{key}" if len(keys) > 1 else ""),
            table=table,
            row_key=entry["key"],
            col_key=key,
            table_name=name,
            row_path=(band["caption"], entry["label"]),
            col_path=(col,),
            unit=unit,
            law=band["law"],
            subject=entry.get("subject", ""),
            marks=(band.get("marks", {}).get(key, key),) if counted else (),
            class_=entry.get("class", "*"),
            kind=kind,
        )


def _matrix(key: str, spec: Mapping[str, Any]) -> Grid:
    """Table 3: headings, label columns on the left, rows × columns of numbers."""
    labels, columns, rows = spec["label_columns"], spec["columns"], spec["rows"]
    head = [Box(r, c, rs, cs, text, head=True) for r, c, rs, cs, text in spec["head"]]
    top = 1 + max(b.row + b.rowspan - 1 for b in head)
    width = labels + len(columns)
    boxes, cells = [*head, *_label_boxes([r["labels"] for r in rows], top, labels)], []
    for at, row in enumerate(rows, start=top):
        for col, column in enumerate(columns, start=labels + 1):
            cell = Cell(
                id=f"{key}.{row['key']}.{column['key']}",
                table=key,
                row_key=row["key"],
                col_key=column["key"],
                table_name=spec["name"],
                row_path=tuple(row["labels"]),
                col_path=_heads_over(head, col, width - labels),
                unit=spec["unit"],
                law=row["law"],
                subject=spec["subject"],
                marks=tuple(row.get("marks", [row["key"]])),
                class_=column["class"],
                kind="int",
            )
            cells.append(cell)
            boxes.append(Box(at, col, 1, 1, cell_id=cell.id))
    return Grid(key, spec["name"], spec["title"], tuple(sorted(boxes, key=lambda b: (b.row, b.col))), tuple(cells))


def _label_boxes(paths: list[list[str]], top: int, depth: int) -> Iterator[Box]:
    """Label cells: rows that share the labels so far share the cell; a row's last label takes the label columns left."""
    for level in range(depth):
        at = top
        for prefix, group in groupby(paths, key=lambda p: tuple(p[: level + 1])):
            size = len(list(group))
            if len(prefix) == level + 1:
                ends = any(tuple(p) == prefix for p in paths)
                yield Box(at, level + 1, size, depth - level if ends else 1, prefix[-1])
            at += size


def _groups(key: str, spec: Mapping[str, Any]) -> Grid:
    """Table 4: headings over one row of numbers, group by group."""
    head = [Box(r, c, rs, cs, text, head=True) for r, c, rs, cs, text in spec["head"]]
    bottom = 1 + max(b.row + b.rowspan - 1 for b in head)
    pairs = [(group, column) for group in spec["groups"] for column in spec["columns"]]
    cells = []
    for col, (group, column) in enumerate(pairs, start=1):
        heads = _heads_over(head, col, len(pairs))
        cells.append(
            Cell(
                id=f"{key}.{group}.{column['key']}",
                table=key,
                row_key=group,
                col_key=column["key"],
                table_name=spec["name"],
                row_path=heads[:-1],
                col_path=heads[-1:],
                unit=spec["unit"],
                law=spec["law"],
                subject=spec["subject"],
                marks=tuple(column.get("marks", [column["key"]])),
                class_=group,
                kind="int",
            )
        )
    numbers = [Box(bottom, col, 1, 1, cell_id=c.id) for col, c in enumerate(cells, start=1)]
    return Grid(key, spec["name"], spec["title"], (*sorted(head, key=lambda b: (b.row, b.col)), *numbers), tuple(cells))


def _heads_over(head: list[Box], col: int, width: int) -> tuple[str, ...]:
    """The headings above a column, top down, without one that stands above every number and so tells nothing apart."""
    return tuple(b.text for b in sorted(head, key=lambda b: b.row) if b.col <= col < b.col + b.colspan and b.colspan < width)


def _check(form: Form, expected: int) -> None:
    for grid in form.grids:
        _check_layout(f"{form.id} {grid.name}", grid)
    cells = [c for g in form.grids for c in g.cells]
    if len(cells) != expected or len(form.cells) != expected:
        raise FormError(f"{form.id}：应有 {expected} 个单元格，实有 {len(form.cells)} 个")
    for c in cells:
        if c.kind not in ("int", "decimal") or not c.unit or not c.law or (c.marks and not c.subject):
            raise FormError(f"{form.id} {c.id}：缺少单位、依据或计数对象，或类型不明")


def _check_layout(where: str, grid: Grid) -> None:
    """Every grid position is covered once; every number stands in one box, in the order of the cells; every label has a text."""
    covered = Counter(place for box in grid.boxes for place in box.places)
    rows, cols = grid.shape
    for row, col in ((r, c) for r in range(1, rows + 1) for c in range(1, cols + 1)):
        if covered[row, col] != 1:
            raise FormError(f"{where}：第 {row} 行第 {col} 列被覆盖 {covered[row, col]} 次，应为一次")
    if [b.cell_id for b in grid.boxes if b.cell_id] != [c.id for c in grid.cells]:
        raise FormError(f"{where}：数值格与单元格编号不一致")
    if any(not b.text for b in grid.boxes if not b.cell_id):
        raise FormError(f"{where}：有空白的标签格")
