"""Reading the written exports back, so that publication can compare them with the cells.

Belongs here: parsing our own XLSX, HTML, JSON and CSV, and refusing one in which a label does not stand where the form has it, or a
cell is missing or there twice. Does not belong here: reading anybody else's files (`assets.sources`) or deciding what a difference
means. The workbook is read from its XML, because fastexcel rounds numbers to nine decimals when it turns them into text (0.21).
"""

from __future__ import annotations

from collections.abc import Iterable
from csv import reader as csv_reader
from decimal import Decimal, InvalidOperation
from html.parser import HTMLParser
from io import BytesIO, StringIO
from json import JSONDecodeError, loads
from string import ascii_uppercase
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring
from zipfile import BadZipFile, ZipFile

from warehouse.export.figures import UNKNOWN, UNKNOWN_NOTE
from warehouse.export.xlsx import TOP
from warehouse.forms import Box, Cell, Form, Grid

_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_CSV_HEADER = ["cell_id", "label", "value", "unit", "law", "note"]


class ReadbackError(ValueError):
    """A written export that does not read as its form."""


def xlsx(form: Form, data: bytes) -> dict[str, Decimal | None]:
    """Cell id → value in the workbook, None where it shows the unknown.

    Raises:
        ReadbackError: sheets, labels or numbers are not where the form has them.
    """
    try:
        with ZipFile(BytesIO(data)) as parts:
            return _workbook(form, parts)
    except (BadZipFile, KeyError, IndexError, ParseError) as error:
        raise ReadbackError(f"XLSX 无法读取：{error}") from error


def html(form: Form, text: str) -> dict[str, Decimal | None]:
    """Cell id → value on the page, None where it shows the unknown.

    Raises:
        ReadbackError: tables, labels, spans or numbers are not as the form has them.
    """
    parser = _Tables()
    parser.feed(text)
    parser.close()
    if len(parser.tables) != len(form.grids):
        raise ReadbackError(f"HTML 应有 {len(form.grids)} 个表，实有 {len(parser.tables)} 个")
    found: dict[str, Decimal | None] = {}
    for grid, rows in zip(form.grids, parser.tables, strict=True):
        boxes, shown = _placed(rows)
        _same_layout(grid, boxes)
        found |= {cell_id: _value(cell_id, digits) for cell_id, digits in shown.items()}
    return found


def json(form: Form, text: str) -> dict[str, Decimal | None]:
    """Cell id → value in the JSON, None where it has null; keys beside the tables are not looked at.

    Raises:
        ReadbackError: the tables have other cells than the form, or a number is not written as its kind is.
    """
    try:
        read = loads(text, object_pairs_hook=_once)
    except JSONDecodeError as error:
        raise ReadbackError(f"JSON 无法读取：{error}") from error
    if not isinstance(read, dict):
        raise ReadbackError("JSON 不是一个对象")
    leaves = dict(leaf for grid in form.grids for leaf in _leaves(grid.key, read.get(grid.key)))
    if odd := sorted(leaves.keys() ^ form.cells.keys()):
        raise ReadbackError(f"JSON 的单元格与表样不一致，例如 {odd[0]}")
    return {cell_id: _json_value(form.cells[cell_id], leaf) for cell_id, leaf in leaves.items()}


def csv(form: Form, text: str) -> dict[str, Decimal | None]:
    """Cell id → value in the CSV of the cells, None where it shows the unknown.

    Raises:
        ReadbackError: the byte order mark, the header, a label, a note or a number is not as the form has it.
    """
    if not text.startswith("\ufeff"):
        raise ReadbackError("CSV 开头缺少字节序标记，Excel 会显示乱码")
    rows = list(csv_reader(StringIO(text[1:], newline="")))
    if rows[:1] != [_CSV_HEADER] or [row[:1] for row in rows[1:]] != [[cell_id] for cell_id in form.cells]:
        raise ReadbackError(f"CSV 的表头或单元格与表样不一致（{len(rows)} 行）")
    found: dict[str, Decimal | None] = {}
    for cell, row in zip(form.cells.values(), rows[1:], strict=True):
        unknown = row[2:3] == [UNKNOWN]
        if row[1:2] + row[3:] != [cell.label, cell.unit, cell.law, UNKNOWN_NOTE if unknown else ""]:
            raise ReadbackError(f"CSV {cell.id}：标签、单位、依据或说明不符")
        found[cell.id] = _value(cell.id, row[2])
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; a key that is there twice would hide the first of its values."""
    if len(dict(pairs)) != len(pairs):
        raise ReadbackError(f"JSON 有重复的键：{[key for key, _ in pairs]}")
    return dict(pairs)


def _leaves(path: str, node: Any) -> list[tuple[str, Any]]:
    if not isinstance(node, dict):
        return [(path, node)]
    return [leaf for key, below in node.items() for leaf in _leaves(f"{path}.{key}", below)]


def _json_value(cell: Cell, leaf: Any) -> Decimal | None:
    if leaf is None:
        return None
    if type(leaf) is not (str if cell.kind == "decimal" else int):
        raise ReadbackError(f"JSON {cell.id}：{leaf!r} 的写法与单元格类型不符")
    return _value(cell.id, str(leaf))


def _workbook(form: Form, parts: ZipFile) -> dict[str, Decimal | None]:
    names = [s.get("name") for s in _xml(parts, "workbook").iter(f"{_SHEET}sheet")]
    if names != [g.title for g in form.grids]:
        raise ReadbackError(f"XLSX 工作表不符：{names}")
    strings = ["".join(t.text or "" for t in si.iter(f"{_SHEET}t")) for si in _xml(parts, "sharedStrings")]
    found: dict[str, Decimal | None] = {}
    for number, grid in enumerate(form.grids, start=1):
        texts = _texts(_xml(parts, f"worksheets/sheet{number}"), strings)
        for box in grid.boxes:
            text = texts.get(f"{ascii_uppercase[box.col - 1]}{TOP + box.row}")
            if box.cell_id:
                found[box.cell_id] = _value(box.cell_id, text)
            elif text != box.text:
                raise ReadbackError(f"XLSX {grid.name}：应为标签“{box.text}”，实为“{text}”")
    return found


def _xml(parts: ZipFile, name: str) -> Element:
    return fromstring(parts.read(f"xl/{name}.xml"))


def _texts(sheet: Element, strings: list[str]) -> dict[str, str]:
    """Cell address → its text, or the digits of its number: those of the shortest decimal that is the stored number."""
    texts = {}
    for cell in sheet.iter(f"{_SHEET}c"):
        stored = cell.findtext(f"{_SHEET}v")
        if stored is not None:
            texts[cell.get("r", "")] = strings[int(stored)] if cell.get("t") == "s" else repr(float(stored))
    return texts


def _value(cell_id: str, text: str | None) -> Decimal | None:
    if text == UNKNOWN:
        return None
    try:
        value = Decimal(text or "")
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():  # “NaN” and “Infinity” are decimals too, and equal nothing
        raise ReadbackError(f"{cell_id}：“{text}”不是数值")
    return value


def _same_layout(grid: Grid, boxes: Iterable[Box]) -> None:
    here = {(b.row, b.col): (b.rowspan, b.colspan, b.text, b.cell_id) for b in boxes}
    want = {(b.row, b.col): (b.rowspan, b.colspan, b.text, b.cell_id) for b in grid.boxes}
    if here != want:
        place = next(p for p in sorted(here.keys() | want.keys()) if here.get(p) != want.get(p))
        raise ReadbackError(f"HTML {grid.name} 第 {place[0]} 行第 {place[1]} 列：应为 {want.get(place)}，实为 {here.get(place)}")


def _placed(rows: list[list[tuple[dict[str, str], str]]]) -> tuple[list[Box], dict[str, str]]:
    """Boxes of a table by the rules of HTML (a cell takes the next free column), and the text of those with a cell id."""
    taken: set[tuple[int, int]] = set()
    boxes, shown = [], {}
    for row, cells in enumerate(rows, start=1):
        col = 1
        for attrs, text in cells:
            while (row, col) in taken:
                col += 1
            cell_id = attrs.get("data-cell")
            spans = int(attrs.get("rowspan", 1)), int(attrs.get("colspan", 1))
            box = Box(row, col, *spans, "" if cell_id else text, cell_id)
            taken.update(box.places)
            boxes.append(box)
            if cell_id:
                shown[cell_id] = text
    return boxes, shown


class _Tables(HTMLParser):
    """Collects tables → rows → (attributes, text)."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[tuple[dict[str, str], str]]]] = []
        self._cell: tuple[dict[str, str], list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a table, row or cell."""
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = ({name: value or "" for name, value in attrs}, [])

    def handle_data(self, data: str) -> None:
        """Text of the open cell."""
        if self._cell:
            self._cell[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        """Close a cell."""
        if tag in ("td", "th") and self._cell:
            self.tables[-1][-1].append((self._cell[0], "".join(self._cell[1])))
            self._cell = None
