"""CSV that a spreadsheet opens safely: the cells of a report, and any other frame.

Belongs here: CSV writing and its guard against formulas. Does not belong here: which rows of evidence are exported.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import polars as pl

from warehouse.export.figures import UNKNOWN, UNKNOWN_NOTE, Values, figures
from warehouse.forms import Form

# What makes a spreadsheet evaluate a text: these signs, also full-width or after white space, and a leading control character.
_FORMULA = r"^\s*[=+\-@＝＋－＠]|^[\t\r\n]"
_NUMBER = r"^[+-]?[0-9]+(\.[0-9]+)?$"
_TEXTS = (pl.String, pl.Categorical, pl.Enum)


def cells(form: Form, values: Values) -> pl.DataFrame:
    """One row a cell: cell_id, label, value (digits, or a dash with a note where unknown), unit, law, note."""
    rows = [
        (c.id, c.label, digits or UNKNOWN, c.unit, c.law, None if digits else UNKNOWN_NOTE)
        for c, digits in zip(form.cells.values(), figures(form, values).values(), strict=True)
    ]
    names = ["cell_id", "label", "value", "unit", "law", "note"]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String()), orient="row")


def safe_csv(frame: pl.DataFrame, target: Path | BinaryIO) -> None:
    """Write a frame as CSV: UTF-8 with BOM (Excel reads it as Chinese), CRLF, no text that a spreadsheet would evaluate.

    A text that would be taken for a formula gets a leading apostrophe; plain numbers, also negative ones, stay as they are.
    """
    texts = [name for name, dtype in frame.schema.items() if isinstance(dtype, _TEXTS)]
    guarded = frame.with_columns(_guarded(pl.col(name).cast(pl.String)).alias(name) for name in texts)
    headers = pl.Series(frame.columns, dtype=pl.String).to_frame("h").select(_guarded(pl.col("h"))).to_series()
    guarded.rename(dict(zip(frame.columns, headers, strict=True))).write_csv(target, include_bom=True, line_terminator="\r\n")


def _guarded(text: pl.Expr) -> pl.Expr:
    evaluated = text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER)
    return pl.when(evaluated).then(pl.concat_str(pl.lit("'"), text)).otherwise(text)
