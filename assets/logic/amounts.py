"""Amounts: text → exact decimal.

Belongs here: the spellings of a number that the contracts allow. Does not belong here: units (a column has one unit) and
which amounts may be negative.
"""

from __future__ import annotations

import polars as pl

AMOUNT = pl.Decimal(28, 10)
_PLAIN = r"^[+-]?\d+(\.\d*)?([eE][+-]?\d{1,2})?$|^[+-]?\.\d+$"
_GROUPED = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$"  # separators only before groups of three


def amount(text: pl.Expr) -> pl.Expr:
    """Decimal(28, 10); null where the text is empty or no number (三百元, 1,2,3). Nothing passes through a float."""
    clean = text.str.normalize("NFKC").str.strip_chars()
    plain = pl.when(clean.str.contains(_GROUPED)).then(clean.str.replace_all(",", "", literal=True)).otherwise(clean)
    return pl.when(plain.str.contains(_PLAIN)).then(plain).cast(AMOUNT, strict=False)
