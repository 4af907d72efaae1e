"""The counting rules as data and as SQL: neither names anything that the other does not have."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from assets.logic.clean import REASONS, common_defects
from assets.logic.subjects import WAYS
from warehouse import counting, forms, views
from warehouse.sql import query
from warehouse.subjects import ACCESS_LOG, SOURCES, SUBJECTS

_CASE = re.compile(r"CASE(?:(?!\bCASE\b).)*?END AS rule\b", re.DOTALL)
_NAMED = re.compile(r"(?:THEN|ELSE)\s+'(\w+)'")


def rules_in(sql: str) -> set[str]:
    """Rules that a query gives to rows."""
    (case,) = _CASE.findall(sql)
    return set(_NAMED.findall(case))


def by_subject(place: str) -> dict[str, set[str]]:
    return {s: {r.id for r in counting.rules().values() if r.place == place and s in r.subjects} for s in SOURCES}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_judgement_gives_the_rules_of_scope_that_the_data_names(subject: str) -> None:
    assert rules_in(query(f"judged/{subject}")) == by_subject("out_of_scope")[subject]


def test_the_access_log_gives_its_rules() -> None:
    sql = query("access_log_places")
    assert set(re.findall(r"'(\w+)' END AS rule|'quarantined', '(\w+)'", sql)) == {("other_year", ""), ("", "malformed_line")}
    assert by_subject("out_of_scope")[ACCESS_LOG] == {"other_year"}
    assert "malformed_line" in by_subject("quarantined")[ACCESS_LOG]


def test_the_ledger_gives_the_rules_of_versions() -> None:
    _, sql = views.definitions()["core.ledger"]
    versions = {r.id for r in counting.rules().values() if r.place in ("superseded", "duplicate")}
    assert set(_NAMED.findall(sql)) == versions == {"older_version", "same_version", "conflicting_duplicate"}
    assert by_subject("superseded")["fees"] == {"older_version"}


def test_the_reasons_of_quarantine_are_those_of_cleaning_and_of_the_log() -> None:
    assert {r.id for r in counting.rules().values() if r.place == "quarantined"} == {*REASONS, "malformed_line"}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_is_quarantined_for_the_reasons_the_data_names(subject: str) -> None:
    defects = [*common_defects(SUBJECTS[subject]), *WAYS[subject].defects()]
    assert {d.reason for d in defects} == by_subject("quarantined")[subject]


def test_every_rule_leads_to_a_place_that_is_explained() -> None:
    assert {r.place for r in counting.rules().values()} | {"counted", "pending"} == set(counting.places())
    assert len(counting.rules()) == len(re.findall(r"^\[\[rules\]\]", _text(), re.MULTILINE))
    assert len(counting.marks()) == len(re.findall(r"^\[\[marks\]\]", _text(), re.MULTILINE))
    for rule in (*counting.rules().values(), *counting.marks().values()):
        assert rule.zh and rule.law and rule.status in ("official", "local", "practice", "inference")
        assert set(rule.subjects) <= set(SOURCES), rule.id


def _text() -> str:
    from importlib.resources import files

    return files("warehouse").joinpath("counting.toml").read_text("utf-8")


def _marks_of_forms() -> Iterator[tuple[str, str]]:
    for form in forms.every():
        for cell in form.cells.values():
            for mark in cell.marks:
                yield cell.subject, "leaf" if cell.subject == "applications" and mark in form.leaves | forms.load("2021").leaves else mark


def test_every_mark_of_the_forms_is_explained_and_no_other() -> None:
    section1 = {("publications", "published")}
    assert set(_marks_of_forms()) | section1 == set(counting.marks())


def test_every_mark_that_a_form_counts_is_one_that_judgement_gives() -> None:
    classes = {"upheld", "corrected", "other"}  # columns of table 4: the class of the result
    for subject, mark in counting.marks():
        sql = query(f"judged/{subject}")
        if mark == "leaf":
            assert "outcome_leaf" in sql
        elif mark in classes:
            assert "result_class" in sql
        else:
            assert f"'{mark}'" in sql, (subject, mark)


def test_every_setting_is_applied_somewhere() -> None:
    sql = "".join(query(f"judged/{s}") for s in SUBJECTS)
    for name, setting in counting.settings().items():
        assert f"'{name}'" in sql or name == "sole_trader_class"
        given = setting.default if isinstance(setting.default, tuple) else (setting.default,)
        assert set(given) <= set(setting.values) and setting.kind in ("list", "choice", "bool")
