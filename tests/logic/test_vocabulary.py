"""Fixed words and configured ones: every outcome has a cell in every form, the first entry counts, the fingerprint covers all."""

from __future__ import annotations

import polars as pl
import pytest

from assets.logic import text
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
    assert "" not in vocabulary.local["text"] and vocabulary.local["text"].null_count() == 0


def test_fingerprint() -> None:
    plain = Vocabulary.of(ROWS).fingerprint()
    assert plain == Vocabulary.of(list(reversed(ROWS))).fingerprint() == Vocabulary.of(ROWS * 2).fingerprint()
    others = [Vocabulary.of(ROWS[:1]), Vocabulary.of(ROWS, "natural_person"), Vocabulary.of(ROWS, "commercial_enterprise")]
    assert len({plain, *(v.fingerprint() for v in others)}) == 4
