"""Normal forms: every spelling of the contracts, nothing merged that differs, invisible characters, idempotence."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.logic import text


def read(expression: Callable[[pl.Expr], pl.Expr], *texts: str | None) -> list[str | None]:
    return pl.DataFrame({"x": texts}, schema={"x": pl.String}).select(expression(pl.col("x"))).to_series().to_list()


@pytest.mark.parametrize(
    ("written", "norm"),
    [
        ("测罚〔2023〕1号", "测罚〔2023〕1号"),
        ("测罚[2023]1号", "测罚〔2023〕1号"),
        ("测罚【2023】1号", "测罚〔2023〕1号"),
        ("测罚﹝2023﹞1号", "测罚〔2023〕1号"),
        ("测罚［2023］1号", "测罚〔2023〕1号"),
        ("测罚〔２０２３〕１号", "测罚〔2023〕1号"),
        (" 测罚 〔2023〕\u30001\u00a0号\t\r\n", "测罚〔2023〕1号"),
        ("\ufeff测罚\u200b〔2023〕\u200d1\u2060号\u00ad", "测罚〔2023〕1号"),
        ("测\x00罚\x1c〔2023〕\x1f1\x85号", "测罚〔2023〕1号"),
        ("ａｂ－１２３c", "AB-123C"),
        ("测罚（2023）1号", "测罚(2023)1号"),
        ("⽇⽉", "日月"),  # radicals, as PDF pastes them
        ("", None),
        (" \u3000\u200b", None),
        (None, None),
    ],
)
def test_key(written: str | None, norm: str | None) -> None:
    assert read(text.key, written) == [norm]


@pytest.mark.parametrize(
    ("one", "other"), [("测罚〔2023〕3①号", "测罚〔2023〕31号"), ("A²", "A2"), ("㈠", "(一)"), ("5℃", "5°C"), ("½", "1/2")]
)
def test_a_key_folds_width_and_nothing_else(one: str, other: str) -> None:
    left, right = read(text.key, one, other)
    assert left != right


@pytest.mark.parametrize(
    ("written", "norm"),
    [
        ("(2023)测01行初5号", "（2023）测01行初5号"),
        ("（２０２３） 测01行初5号", "（2023）测01行初5号"),
        ("﹙2023﹚测1号", "（2023）测1号"),
        (" ", None),
    ],
)
def test_case_no(written: str, norm: str | None) -> None:
    assert read(text.case_no, written) == [norm]


@pytest.mark.parametrize(
    "written",
    [
        "予以公开", "（一）予以公开", "(一)予以公开", "（一） 予以公开", "( 一 )\u3000予以公开", "（十一）予以公开", "9.予以公开",
        "9. 予以公开",
        "９．予以公开", "9 . 予以公开", "9、予以公开", "⒐予以公开", "\ufeff（一）予以公开", "“予以公开”", "\"（一）予以公开\"",
        "予以，公开", "予以 公开",
    ],
)  # fmt: skip
def test_labels_that_are_one_outcome(written: str) -> None:
    assert read(text.label, written) == ["予以公开"]


@pytest.mark.parametrize("written", ["1.1", "2.1", "三安全一稳定", "一事一申请", "2023予以公开", "10"])
def test_a_label_does_not_lose_what_is_no_leading_number(written: str) -> None:
    assert read(text.label, written) == [written]


def test_brackets_of_a_label_do_not_count_and_their_words_do() -> None:
    full, half, without = read(text.label, "部分公开（区分处理的，只计这一情形）", "部分公开(区分处理的,只计这一情形)", "部分公开")
    assert full == half == "部分公开区分处理的只计这一情形" and without == "部分公开"


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("10", "10.0", True), ("-263.6", "-263.60", True), ("1,234.50", "1234.5", True), ("１０", "10", True), ("-0", "0", True),
        ("007", "7", False), ("013800000000", "13800000000", False), ("0.10", "0.1", True), ("1,23", "123", False), ("0,123", "123", False),
        ("1e3", "1000", False), ("12345678901234567890", "12345678901234567891", False), ("1.12345678901", "1.12345678902", False),
        ("测试甲", "测试 甲", True), ("abc", "ABC", True), ("①", "1", False), (None, None, True), ("10.", "10", False),
    ],
)  # fmt: skip
def test_two_versions_of_a_text(one: str | None, other: str | None, equal: bool) -> None:
    left, right = read(lambda x: text.comparable(text.key(x)), one, other)
    assert (left == right) is equal


def test_ends_are_trimmed_and_the_middle_stays() -> None:
    assert read(text.trimmed, "\ufeff\u3000 测试 甲\t\u200b", "\x00 ", None) == ["测试 甲", None, None]


def test_what_is_empty_as_a_key_is_empty_as_a_text() -> None:
    every = [chr(i) for i in range(0x10000) if not 0xD800 <= i < 0xE000]
    assert [k is None for k in read(text.key, *every)] == [t is None for t in read(text.trimmed, *every)]


def test_full_width_is_halved_and_nothing_else_changes() -> None:
    assert read(text.halved, "１，２３．５²①﹝", "甲　乙") == ["1,23.5²①〔", "甲　乙"]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=40))
def test_normal_forms_are_idempotent(texts: list[str]) -> None:
    for form in (text.key, text.case_no, text.trimmed, text.halved):
        once = read(form, *texts)
        assert read(form, *once) == once


def test_the_key_of_every_character_is_its_own_key() -> None:
    every = read(text.key, *(chr(i) for i in range(0x110000) if not 0xD800 <= i < 0xE000))
    assert read(text.key, *every) == every
