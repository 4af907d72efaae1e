"""Amounts: text → exact decimal.

Belongs here: the spellings of a number that the contracts allow. Does not belong here: units (a column has one unit) and
which amounts may be negative.
"""

from __future__ import annotations

import polars as pl

from assets.logic.text import halved, trimmed

AMOUNT = pl.Decimal(28, 10)
_BOUND = 10**12
_PLAIN = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$"
_GROUPED = r"^[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$"  # separators only before groups of three


def amount(text: pl.Expr) -> pl.Expr:
    """Decimal(28, 10); null where the text is empty, no number (三百元, 1,2,3, 10²) or 10^12 and above.

    No fee or fine is that large; an identity number that slipped into the column is, and three of them overflow a sum.

    Nothing passes through a float; a float's own digits (0.30000000000000004 in JSON) are rounded half-even at the tenth.
    """
    clean = trimmed(halved(text))
    plain = pl.when(clean.str.contains(_GROUPED)).then(clean.str.replace_all(",", "", literal=True)).otherwise(clean)
    value = pl.when(plain.str.contains(_PLAIN)).then(plain).cast(AMOUNT, strict=False)
    return pl.when(value.abs() < _BOUND).then(value)
