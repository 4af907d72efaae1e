"""Unified social credit codes (GB 32100-2015): right or wrong, and whether it is one at all.

Belongs here: the two check characters, telling a person's number from an organisation's code. Does not belong here: the
applicant class that a code stands for (`applications.py`, `vocabulary.toml`).
"""

from __future__ import annotations

import polars as pl

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # no I O S V Z
_WEIGHTS = [pow(3, i, 31) for i in range(17)]
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)  # GB 11714, characters 9 to 16
SHAPE = f"^[{ALPHABET}]{{18}}$"
_RESIDENT = r"^[1-8][0-9]{5}(18|19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]$"  # GB 11643
_OLD_RESIDENT = r"^[1-8][0-9]{7}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}$"  # 15 digits, before 1999
# The same mistyped: any 15 digits, one character lost, a day that is none.
_MISTYPED = r"^[0-9]{15}$|^[0-9]{16}[0-9X]$|^[1-8][0-9]{5}(18|19|20)[0-9]{9}[0-9X]$"


def _at(code: pl.Expr, position: int, values: dict[str, int]) -> pl.Expr:
    return code.str.slice(position, 1).replace_strict(values, default=None, return_dtype=pl.Int64)


def _organisation_check(code: pl.Expr) -> pl.Expr:
    """Check character of the organisation code in characters 9 to 16: letters count from A = 10, 10 is X, 11 is 0."""
    values = {c: int(c, 36) for c in ALPHABET}
    total = sum((_at(code, 8 + i, values) * w for i, w in enumerate(_ORGANISATION_WEIGHTS)), start=pl.lit(0))
    check = 11 - total % 11
    return pl.when(check == 10).then(pl.lit("X")).when(check == 11).then(pl.lit("0")).otherwise(check.cast(pl.String))


def _code_check(code: pl.Expr) -> pl.Expr:
    """Check character of the whole code, from its first 17 characters."""
    values = {c: i for i, c in enumerate(ALPHABET)}
    total = sum((_at(code, i, values) * w for i, w in enumerate(_WEIGHTS)), start=pl.lit(0))
    return ((31 - total % 31) % 31).replace_strict(dict(enumerate(ALPHABET)), default=None, return_dtype=pl.String)


def looks_resident(code: pl.Expr) -> pl.Expr:
    """Whether a code in normal form has the shape of a resident identity number: then it is personal data, whatever the column."""
    return code.str.contains(_RESIDENT) | code.str.contains(_OLD_RESIDENT)


def mistyped_resident(code: pl.Expr) -> pl.Expr:
    """Whether a code in normal form may be a resident identity number with a mistake; a right credit code may look so too."""
    return code.str.contains(_MISTYPED)


def valid_codes(codes: pl.Series) -> pl.Series:
    """Whether each code in normal form is right in shape and in both check characters; null for null.

    The arithmetic runs once per different code: a file repeats the same few thousand.
    """
    name, code = codes.name, pl.col("code")
    frame = pl.DataFrame({"code": codes})
    checked = (
        frame.unique()
        .drop_nulls()
        .with_columns(
            ok=code.str.contains(SHAPE)
            & (_organisation_check(code) == code.str.slice(16, 1))
            & (_code_check(code) == code.str.slice(17, 1))
        )
    )
    joined = frame.join(checked, on="code", how="left", maintain_order="left")
    return joined.select(pl.when(code.is_not_null()).then(pl.col("ok").fill_null(False))).to_series().alias(name)
