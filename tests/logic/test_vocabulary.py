"""Fixed words and configured ones: every outcome has a cell in every form, the first entry counts, the fingerprint covers all."""

from __future__ import annotations

import polars as pl
import pytest

from assets.logic import text
from assets.logic.applications import outcome_leaf
from assets.logic.vocabulary import Vocabulary, fixed
from warehouse import forms
from warehouse.subjects import SUBJECTS

AGENCY, OTHER = "11341702486344515H", "11370812004339255B"
ROWS = [(AGENCY, "permits", "decision_result", "1", "准予"), (AGENCY, "applications", "outcome", "GK01", "granted")]


def looked_up(vocabulary: Vocabulary, field: str, *texts: str | None, agency: str = AGENCY) -> list[str | None]:
    subject = "applications" if field == "outcome" else "permits"
    rows = pl.DataFrame({"agency": [agency] * len(texts), "x": texts}, schema={"agency": pl.String, "x": pl.String})
    return vocabulary.lookup(rows, subject, field, text.key(pl.col("x"))).to_list()


@pytest.mark.parametrize("form", forms.every(), ids=lambda f: f.id)
def test_every_outcome_has_a_row_in_every_form(form: forms.Form) -> None:
    counted = {mark for cell in form.cells.values() if cell.subject == "applications" for mark in cell.marks}
    assert set(fixed()["outcome"].values()) <= counted


def test_every_class_is_a_column_of_table_three() -> None:
    words = fixed()
    classes = {*words["applicant_kind"].values(), *words["derive"]["prefix"].values(), *words["derive"]["first"].values()}
    assert all({*classes, words["derive"]["institution"]["class"]} <= set(form.applicants) for form in forms.every())


def test_every_fixed_code_is_of_a_category_field() -> None:
    assert all(name in SUBJECTS[s].of_kind("category") for s, rules in fixed()["codes"].items() for name in rules)


def test_codes_are_looked_up_in_normal_form_and_per_agency() -> None:
    vocabulary = Vocabulary.of(ROWS)
    assert looked_up(vocabulary, "decision_result", " １ ", "2", None, "") == ["准予", None, None, None]
    assert looked_up(vocabulary, "outcome", "gk01", "ＧＫ 01") == ["granted", "granted"]
    assert looked_up(vocabulary, "decision_result", "1", agency=OTHER) == [None]
    assert looked_up(Vocabulary.of([]), "outcome", "GK01") == [None]


def test_the_first_entry_of_a_text_counts() -> None:
    vocabulary = Vocabulary.of([*ROWS, (AGENCY, "permits", "decision_result", "１", "撤销")])
    assert looked_up(vocabulary, "decision_result", "1") == ["准予"]


def test_a_text_that_is_nothing_but_noise_matches_nothing() -> None:
    vocabulary = Vocabulary.of([(AGENCY, "applications", "outcome", "“”", "granted"), (AGENCY, "applications", "outcome", " ", "partial")])
    assert vocabulary.local.select("text", "label").rows() == [("“”", None)]
    assert outcomes(vocabulary, "“”", "「」", "") == ["granted", None, None]


def outcomes(vocabulary: Vocabulary, *texts: str, agency: str = AGENCY) -> list[str | None]:
    rows = pl.DataFrame({"agency": [agency] * len(texts), "outcome": texts})
    return outcome_leaf(rows, vocabulary).to_list()


def configured(**words: str) -> Vocabulary:
    return Vocabulary.of([(AGENCY, "applications", "outcome", written, value) for written, value in words.items()])


def test_a_label_that_stands_for_two_values_matches_nothing() -> None:
    vocabulary = configured(**{"1.同意": "granted", "2.同意": "partial"})
    assert outcomes(vocabulary, "1.同意", "１． 同意", "2.同意", "3.同意", "同意", "（一）同意") == [
        "granted",
        "granted",
        "partial",
        None,
        None,
        None,
    ]


def test_a_label_that_stands_for_two_values_is_none_even_where_it_is_configured_itself() -> None:
    vocabulary = configured(**{"同意": "granted", "2.同意": "partial"})
    assert outcomes(vocabulary, "同意", " 同 意", "2.同意", "3.同意", "“同意”") == ["granted", "granted", "partial", None, None]


def test_a_label_that_stands_for_one_value_matches_whatever_number_leads_it() -> None:
    for vocabulary in (
        configured(**{"1.同意": "granted"}),
        configured(**{"1.同意": "granted", "2.同意": "granted", "（三）同意": "granted"}),
    ):
        assert outcomes(vocabulary, "1.同意", "7.同意", "同意", "（一）同意", "“同意”", "不同意") == ["granted"] * 5 + [None]


def test_labels_of_two_agencies_do_not_meet() -> None:
    both = [(AGENCY, "applications", "outcome", "1.同意", "granted"), (OTHER, "applications", "outcome", "2.同意", "partial")]
    vocabulary = Vocabulary.of(both)
    assert outcomes(vocabulary, "3.同意") == ["granted"] and outcomes(vocabulary, "3.同意", agency=OTHER) == ["partial"]


def test_a_text_configured_twice_is_no_conflict_the_first_counts() -> None:
    twice = [(AGENCY, "applications", "outcome", written, value) for written, value in (("1.同意", "granted"), ("１．同意", "partial"))]
    assert outcomes(Vocabulary.of(twice), "1.同意", "3.同意") == ["granted", "granted"]


def test_an_official_label_is_never_ambiguous() -> None:
    vocabulary = configured(**{"1.予以公开": "partial", "2.予以公开": "denied_admin_query"})
    assert outcomes(vocabulary, "1.予以公开", "3.予以公开") == ["granted", "granted"]


def test_fingerprint() -> None:
    plain = Vocabulary.of(ROWS).fingerprint()
    assert plain == Vocabulary.of(list(reversed(ROWS))).fingerprint() == Vocabulary.of(ROWS * 2).fingerprint()
    others = [Vocabulary.of(ROWS[:1]), Vocabulary.of(ROWS, "natural_person"), Vocabulary.of(ROWS, "commercial_enterprise")]
    assert len({plain, *(v.fingerprint() for v in others)}) == 4
    same = {"1.同意": "granted", "2.同意": "granted"}
    assert configured(**same).fingerprint() == configured(**dict(reversed(same.items()))).fingerprint()
