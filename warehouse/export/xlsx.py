"""The tables as a workbook in the official layout, one sheet a table, to be pasted into the report.

Belongs here: cells, merges, widths and print setup. Does not belong here: values' digits (`figures`) or the layout itself
(`forms`). One sheet a table, because the tables have 4, 10 and 15 columns: on one sheet each would need merged columns that
do not survive being pasted into Word. Equal input gives equal bytes.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from io import BytesIO
from math import ceil
from typing import Any
from unicodedata import east_asian_width

import xlsxwriter

from warehouse.export.figures import UNKNOWN, UNKNOWN_NOTE, Values, figures
from warehouse.export.heading import DRAFT, Heading
from warehouse.forms import Box, Form, Grid

TOP = 3  # rows above a table: title, facts, section heading
_CREATED = dt.datetime(1980, 1, 1)  # the zip's own zero date: a run time would make equal versions differ
_FONT = "宋体"
_EXACT_DIGITS = 15  # what a spreadsheet number holds; longer ones are written as text rather than rounded
_A4 = 9
_LINE = 15.0
# Column widths in characters; a grid not named here has equal ones.
_WIDTHS = {"table2": (26, 20, 20, 20), "table3": (7, 16, 46, 9, 9, 9, 13, 13, 9, 9)}
_EQUAL = 10


def render(form: Form, heading: Heading, values: Values) -> bytes:
    """The workbook's bytes."""
    shown = figures(form, values)
    target = BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True})
    book.set_properties({"title": heading.title(form), "author": heading.agency, "created": _CREATED})
    styles = _styles(book)
    for grid in form.grids:
        sheet = book.add_worksheet(grid.title)
        widths = _WIDTHS.get(grid.key, (_EQUAL,) * grid.shape[1])
        for col, width in enumerate(widths):
            sheet.set_column(col, col, width)
        _above(sheet, grid, form, heading, styles)
        _table(sheet, grid, shown, widths, styles, book)
        if any(shown[c.id] is None for c in grid.cells):
            _across(sheet, TOP + grid.shape[0], grid.shape[1], UNKNOWN_NOTE, styles["note"])
        _print_setup(sheet, grid, heading)
    book.close()
    return target.getvalue()


def _styles(book: Any) -> dict[str, Any]:
    base = {"font_name": _FONT, "font_size": 11, "valign": "vcenter", "text_wrap": True}
    ruled = {**base, "border": 1, "align": "center"}
    return {
        "title": book.add_format({**base, "font_size": 15, "bold": True, "align": "center"}),
        "facts": book.add_format({**base, "font_size": 9, "font_color": "#444444", "align": "center"}),
        "draft": book.add_format({**base, "font_size": 11, "bold": True, "font_color": "#BB0000", "align": "center"}),
        "section": book.add_format({**base, "font_size": 12, "bold": True}),
        "note": book.add_format({**base, "font_size": 9}),
        "head": book.add_format({**ruled, "bold": True, "bg_color": "#F2F2F0"}),
        "label": book.add_format({**ruled, "align": "left", "indent": 1}),
        "group": book.add_format(ruled),
        "number": book.add_format({**ruled, "num_format": "0"}),
    }


def _above(sheet: Any, grid: Grid, form: Form, heading: Heading, styles: dict[str, Any]) -> None:
    width = grid.shape[1]
    facts = "　".join(heading.facts(form))
    _across(sheet, 0, width, heading.title(form), styles["title"])
    _across(sheet, 1, width, f"【{DRAFT}】　{facts}" if heading.draft else facts, styles["draft" if heading.draft else "facts"])
    _across(sheet, 2, width, grid.title, styles["section"])
    sheet.set_row(0, 30)
    sheet.set_row(1, 32 if heading.draft else 27)
    sheet.set_row(2, 24)


def _across(sheet: Any, row: int, width: int, text: str, style: Any) -> None:
    sheet.merge_range(row, 0, row, width - 1, "", style)
    sheet.write_string(row, 0, text, style)  # never `write`: a name that begins with = is a name, not a formula


def _table(sheet: Any, grid: Grid, shown: dict[str, str | None], widths: tuple[int, ...], styles: dict[str, Any], book: Any) -> None:
    for row, boxes in enumerate(grid.rows(), start=1):
        sheet.set_row(TOP + row - 1, max((_height(b, widths) for b in boxes), default=_LINE))
        for box in boxes:
            first_row, first_col = TOP + box.row - 1, box.col - 1
            style = _style(box, styles)
            if box.rowspan > 1 or box.colspan > 1:
                sheet.merge_range(first_row, first_col, first_row + box.rowspan - 1, first_col + box.colspan - 1, "", style)
            if box.cell_id is None:
                sheet.write_string(first_row, first_col, box.text, style)
            else:
                _number(sheet, first_row, first_col, shown[box.cell_id], style, book)


def _style(box: Box, styles: dict[str, Any]) -> Any:
    if box.cell_id:
        return styles["number"]
    return styles["head" if box.head else "group" if box.rowspan > 1 else "label"]


def _number(sheet: Any, row: int, col: int, digits: str | None, style: Any, book: Any) -> None:
    if digits is None:
        sheet.write_string(row, col, UNKNOWN, style)
    elif len(Decimal(digits).as_tuple().digits) > _EXACT_DIGITS:
        sheet.write_string(row, col, digits, style)
    else:
        decimals = len(digits.partition(".")[2])
        sheet.write_number(row, col, float(digits), _with_decimals(book, decimals) if decimals else style)


def _with_decimals(book: Any, decimals: int) -> Any:
    return book.add_format(
        {
            "font_name": _FONT,
            "font_size": 11,
            "valign": "vcenter",
            "align": "center",
            "border": 1,
            "num_format": "0." + "0" * decimals,
        }
    )


def _height(box: Box, widths: tuple[int, ...]) -> float:
    """Points a box of one row needs. Spreadsheets fit no row to merged text, so it is reckoned here."""
    if box.rowspan > 1:
        return _LINE
    room = sum(widths[box.col - 1 : box.col - 1 + box.colspan]) - (1 if box.head else 2)
    lines = ceil(sum(2 if east_asian_width(ch) in "WFA" else 1 for ch in box.text) / room)
    return _LINE * max(lines, 1) + 6


def _print_setup(sheet: Any, grid: Grid, heading: Heading) -> None:
    sheet.set_paper(_A4)
    if grid.shape[1] > 10:
        sheet.set_landscape()
    sheet.fit_to_pages(1, 1)
    sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
    sheet.center_horizontally()
    sheet.set_footer(f"&L{heading.version.replace('&', '&&')}&R第 &P 页，共 &N 页")
