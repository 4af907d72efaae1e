"""Credit codes against a plain reference of GB 32100-2015 and GB 11714; persons' numbers in a column of codes."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.logic.identity import ALPHABET, looks_resident, mistyped_resident, valid_codes

WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)  # as GB 32100-2015 prints them
ORGANISATION = (3, 7, 9, 10, 5, 8, 4, 2)
# Public organs, whose codes are published.
RIGHT = ["11370812004339255B", "11341702486344515H", "11370830004335238P", "12620600MB0523338C"]


def organisation_check(eight: str) -> str:
    rest = 11 - sum(int(c, 36) * w for c, w in zip(eight, ORGANISATION, strict=True)) % 11
    return {10: "X", 11: "0"}.get(rest, str(rest))


def last_check(seventeen: str) -> str:
    return ALPHABET[-sum(ALPHABET.index(c) * w for c, w in zip(seventeen, WEIGHTS, strict=True)) % 31]


def is_right(code: str) -> bool:
    shaped = len(code) == 18 and set(code) <= set(ALPHABET)
    return shaped and code[16] == organisation_check(code[8:16]) and code[17] == last_check(code[:17])


def made(head: str) -> str:
    with_check = head + organisation_check(head[8:])
    return with_check + last_check(with_check)


def valid(codes: list[str | None]) -> list[bool | None]:
    return valid_codes(pl.Series("code", codes, pl.String)).to_list()


HEADS = st.text(alphabet=ALPHABET, min_size=16, max_size=16)


def test_published_codes_are_right() -> None:
    assert valid([*RIGHT]) == [True] * 4 == [is_right(c) for c in RIGHT]


@settings(max_examples=40, deadline=None)
@given(st.lists(HEADS, min_size=1, max_size=20), st.data())
def test_against_the_reference(heads: list[str], data: st.DataObject) -> None:
    codes = [made(h) for h in heads]
    changed = []
    for code in codes:
        at = data.draw(st.integers(0, 17))
        changed.append(code[:at] + data.draw(st.sampled_from(ALPHABET)) + code[at + 1 :])
    assert valid(codes) == [True] * len(codes)
    assert valid(changed) == [is_right(c) for c in changed]


@pytest.mark.parametrize("code", RIGHT)
def test_a_wrong_seventeenth_or_eighteenth_character(code: str) -> None:
    wrong_last = [code[:17] + c for c in ALPHABET if c != code[17]]
    wrong_organisation = [code[:16] + c + last_check(code[:16] + c) for c in ALPHABET if c != code[16]]
    assert not any(valid(wrong_last)) and not any(valid(wrong_organisation))


def test_shape() -> None:
    code = RIGHT[0]
    others = [code[:-1], code + "0", code.lower(), "", "I" + code[1:], "测" + code[1:], "0" * 17, "１" + code[1:]]
    assert valid(others) == [False] * len(others)
    assert valid([None, code, None]) == [None, True, None] and valid([]) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=20), HEADS.map(made)), max_size=30))
def test_any_text(codes: list[str | None]) -> None:
    assert valid(codes) == [None if c is None else is_right(c) for c in codes]


@pytest.mark.parametrize(
    ("code", "is_resident"),
    [
        ("110105194912310020", True), ("11010519491231002X", True), ("110105491231002", True),  # the example of GB 11643 and variants of it
        ("11010519491331002X", False), ("11010549123100", False), ("测试", False), (None, None), *((c, False) for c in RIGHT),
    ],
)  # fmt: skip
def test_the_shape_of_a_resident_number(code: str | None, is_resident: bool | None) -> None:
    frame = pl.DataFrame({"x": [code]}, schema={"x": pl.String})
    assert frame.select(looks_resident(pl.col("x"))).item() is is_resident


@pytest.mark.parametrize(
    ("code", "may_be"),
    [
        ("110101199013001234", True), ("11010119901300123X", True), ("11010119900300123", True), ("1101011990030012X", True),
        ("110101901307425", True), ("110101109003001234", False), ("911101081990130012", False), ("1101011990030012", False),
        ("E12345678", False), (None, None), *((c, False) for c in RIGHT),
    ],
)  # fmt: skip
def test_a_resident_number_with_a_mistake(code: str | None, may_be: bool | None) -> None:
    frame = pl.DataFrame({"x": [code]}, schema={"x": pl.String})
    assert frame.select(mistyped_resident(pl.col("x"))).item() is may_be
