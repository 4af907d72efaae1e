"""Values as they are shown: whole numbers without decimals, 万元 with every digit, the unknown as a dash.

Belongs here: checking that the values fit the form, and turning each into text. Does not belong here: where a value is
printed (the other modules of this package).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from warehouse.forms import Cell, Form

Values = Mapping[str, Decimal | None]

UNKNOWN = "—"
UNKNOWN_NOTE = "“—”表示缺少数据来源，未能统计，不是零。"


def text_of(value: Decimal) -> str:
    """A value in plain digits: no exponent, no zeros after the last digit that counts, no minus before zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def figures(form: Form, values: Values) -> dict[str, str | None]:
    """Cell id → the value's digits, None where unknown, in the order of the form.

    Raises:
        ValueError: a cell of the form has no entry, an entry has no cell, or a value is not one its cell can hold.
    """
    if values.keys() != form.cells.keys():
        odd = sorted(values.keys() ^ form.cells.keys())
        raise ValueError(f"表样 {form.id} 与数值的单元格不一致，共 {len(odd)} 格，例如 {odd[0]}")
    return {cell.id: _digits(cell, values[cell.id]) for cell in form.cells.values()}


def _digits(cell: Cell, value: Decimal | None) -> str | None:
    if value is None:
        return None
    if not value.is_finite() or (cell.kind == "int" and value != value.to_integral_value()):
        raise ValueError(f"{cell.label}（{cell.id}）：{value} 不是{'整' if cell.kind == 'int' else '有效'}数")
    return text_of(value)
