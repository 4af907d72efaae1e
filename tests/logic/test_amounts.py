"""Amounts: exact against Python's Decimal, separators only before groups of three, what is no number."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.logic.amounts import AMOUNT, amount

FULL = str.maketrans({chr(i): chr(i + 0xFEE0) for i in range(0x21, 0x7F)})
TENTH = Decimal(1).scaleb(-10)
EXACT = st.integers(-(10**22) + 1, 10**22 - 1).map(lambda n: Decimal(n).scaleb(-10))


def read(*texts: str | None) -> list[Decimal | None]:
    out = pl.DataFrame({"x": texts}, schema={"x": pl.String}).select(amount(pl.col("x"))).to_series()
    assert out.dtype == AMOUNT
    return out.to_list()


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("10", "10"), ("10.0", "10"), ("1,234.50", "1234.5"), ("-1,234,567.89", "-1234567.89"), (" １，２３４．５０ ", "1234.5"),
        ("－5", "-5"),
        ("+5", "5"), ("5.", "5"), (".5", "0.5"), ("-.5", "-0.5"), ("1e3", "1000"), ("1.5E-3", "0.0015"), ("0", "0"), ("-0", "0"),
        ("\ufeff380\u00a0", "380"), ("0.30000000000000004", "0.3"), ("0.29999999999999998", "0.3"),
        ("999999999999", "999999999999"), ("-999999999999.9", "-999999999999.9"),
    ],
)  # fmt: skip
def test_numbers(written: str, value: str) -> None:
    assert read(written) == [Decimal(value)]


@pytest.mark.parametrize(
    "written",
    [
        "三百元", "300元", "¥300", "1,23", "1,2,3", "1,2345", "12,34.5", "1,234,5", ",123", "1.2.3", "1 234", "--5", "5-", "−5", "(5)",
        "1_000",
        "inf", "-inf", "Infinity", "nan", "NaN", "NULL", "e3", "1e", "1e400", "0x10", ".", "+", "½", "10²", "①", "٣", "/", "-", "true",
        "1000000000000000000", "123456789012345678901234567890", "1e30",
    ],
)  # fmt: skip
def test_what_is_no_amount(written: str) -> None:
    assert read(written) == [None]


def test_empty_is_null() -> None:
    assert read(None, "", "  ", "\u3000\u200b") == [None] * 4


@settings(max_examples=60, deadline=None)
@given(st.lists(EXACT, min_size=1, max_size=30))
def test_every_spelling_is_exact(values: list[Decimal]) -> None:
    spellings = [lambda d: format(d, "f"), lambda d: format(d, ",f"), lambda d: format(d, "f").translate(FULL), lambda d: f" {d:f}\u3000"]
    assert read(*(s(d) for d in values for s in spellings)) == [d for d in values for _ in spellings]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-(10**8), 10**8), st.integers(-6, 3)), min_size=1, max_size=30))
def test_exponents_are_exact(values: list[tuple[int, int]]) -> None:
    assert read(*(f"{n}e{e}" for n, e in values)) == [Decimal(n).scaleb(e) for n, e in values]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e11, 1e11, allow_nan=False).map(repr), min_size=1, max_size=30))
def test_digits_of_a_float_are_rounded_not_cut(written: list[str]) -> None:
    ordinary = [w for w in written if not w[-4:].startswith("-")]  # 1e-300 is nobody's amount
    assert read(*ordinary) == [Decimal(w).quantize(TENTH, ROUND_HALF_EVEN) for w in ordinary]


def test_a_number_too_large_for_an_amount_is_none() -> None:
    """An identity number that slipped into the column; a few of them would overflow the sum of a cell."""
    assert read("1000000000000", "-1000000000000", "110101199003074258", "1e12") == [None] * 4
