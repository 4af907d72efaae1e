"""Versions: a new one only when a cell or its evidence changes, and every one can be read for ever."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from building import AGENCY, House, good
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse import report, versions

NEWER = "2023-06-01 08:00:00"
AS_OF = "v_from <= {v} AND (v_to IS NULL OR v_to > {v})"


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path / "house", ("fees", "penalties", "permits"))
    for subject in house.subjects:
        house.put(subject, ".csv", good(subject))
    house.night()
    return house


def numbers(house: House, year: int = 2023) -> list[tuple[Any, ...]]:
    return house.ask("SELECT version, cells_changed > 0, evidence_changed FROM report.versions WHERE year = $year ORDER BY 1", year=year)


def at(house: House, version: int, year: int = 2023) -> dict[str, Any]:
    with house.warehouse.connect() as con:
        return dict(report.values(con, AGENCY, year, version))


def rows(house: House) -> set[tuple[Any, ...]]:
    """Every version row without the one column that closing it changes."""
    cells = house.ask("SELECT 'cell', * EXCLUDE (v_to) FROM report.cell_versions")
    return {*cells, *house.ask("SELECT 'evidence', * EXCLUDE (v_to) FROM report.evidence_versions"), *house.ask("FROM report.versions")}


def test_the_same_records_make_no_new_version(house: House) -> None:
    before = rows(house)
    house.night()
    house.put("permits", "-again.csv", good("permits"))  # the same version of a record from another file is a duplicate
    house.night()
    assert [n[0] for n in numbers(house)] == [1] and rows(house) == before


def test_a_changed_cell_makes_a_version_and_leaves_the_one_before(house: House) -> None:
    first, before = at(house, 1), rows(house)
    house.put("penalties", "-2.csv", good("penalties", document_no="P-2"))
    house.night()
    assert numbers(house)[-1] == (2, True, 1)
    assert at(house, 1) == first and before <= rows(house)
    assert at(house, 2) == first | {"table2.punishment_decisions": 2}


def test_evidence_that_changes_makes_a_version_though_every_cell_is_the_same(house: House) -> None:
    house.put("penalties", "-2.csv", good("penalties", updated_at=NEWER))
    house.night()
    assert numbers(house)[-1] == (2, False, 2)
    assert at(house, 1) == at(house, 2)


def test_settings_that_change_nothing_make_no_version(house: House) -> None:
    house.settings["documents_made_by"] = "issued_on"
    house.night()
    assert len(numbers(house)) == 1


def test_a_version_says_from_what_it_was_counted(house: House) -> None:
    ((digest, inputs, code),) = house.ask("SELECT content_sha256, inputs_sha256, code_version FROM report.versions")
    assert len(digest) == len(inputs) == 64 and code == report.code_version()


@pytest.mark.parametrize(
    ("year", "today", "as_of"), [(2023, date(2024, 1, 20), date(2023, 12, 31)), (2024, date(2024, 1, 20), date(2024, 1, 20))]
)
def test_a_year_that_goes_on_says_as_of_when(house: House, year: int, today: date, as_of: date) -> None:
    house.years, house.today = (year,), today
    house.count()
    assert house.ask("SELECT as_of FROM report.versions WHERE year = $year", year=year) == [(as_of,)]
    house.today = date(2024, 3, 1)
    house.count()  # nothing changed: it still says the day of its last change
    assert house.ask("SELECT as_of FROM report.versions WHERE year = $year", year=year) == [(as_of,)]


def test_the_difference_of_two_versions_is_the_cells_that_differ(house: House) -> None:
    house.put("penalties", "-2.csv", good("penalties", document_no="P-2"), good("penalties", document_no="P-3"))
    house.night()
    with house.warehouse.connect() as con:
        (change,) = versions.difference(con, AGENCY, 2023, 1, 2).to_dicts()
        assert versions.difference(con, AGENCY, 2023, 2, 2).is_empty()
    assert (change["cell_id"], change["difference"], change["records_after"]) == ("table2.punishment_decisions", 2, 3)
    assert "行政处罚" in change["label"]


def test_a_rebuilt_warehouse_arrives_at_the_same_digest(house: House, tmp_path: Path) -> None:
    house.put("penalties", "-2.csv", good("penalties", document_no="P-2"))
    house.night()
    rebuilt = House(tmp_path / "rebuilt", ("permits", "penalties", "fees"))  # landed in another order
    shutil.copytree(house.folder / "records", rebuilt.folder / "records")
    rebuilt.night()
    assert rebuilt.ask("SELECT content_sha256 FROM report.versions") == house.ask(
        "SELECT content_sha256 FROM report.versions WHERE version = 2"
    )


@given(nights=st.lists(st.lists(st.tuples(st.sampled_from(["1", "2", "3"]), st.integers(1, 9)), max_size=3), min_size=1, max_size=4))
@settings(max_examples=8, deadline=None)
def test_every_version_reads_as_it_was_when_it_was_made(nights: list[list[tuple[str, int]]]) -> None:
    with TemporaryDirectory() as folder:
        house = House(Path(folder) / "house", ("fees",))
        house.put("fees", ".csv", good("fees"))
        seen: dict[int, tuple[Any, ...]] = {}
        for night, changes in enumerate([[], *nights]):
            if changes:
                at_day = f"2023-06-0{1 + night}"
                changed = [good("fees", receipt_no=f"F-{n}", amount_yuan=str(a), updated_at=f"{at_day} 0{a}:00:00") for n, a in changes]
                house.put("fees", f"-{night}.csv", *changed)
            house.night()
            last = numbers(house)[-1][0]
            seen.setdefault(last, (at(house, last), house.ask("SELECT cell_id, file_id, row_no, amount FROM report.evidence ORDER BY ALL")))
        assert list(seen) == [n[0] for n in numbers(house)]
        for version, (cells, evidence) in seen.items():
            where = AS_OF.format(v=version)
            assert at(house, version) == cells
            assert (
                house.ask(f"SELECT cell_id, file_id, row_no, amount FROM report.evidence_versions WHERE {where} ORDER BY ALL") == evidence
            )
            assert house.ask(
                f"SELECT c.cell_id FROM (FROM report.cell_versions WHERE {where}) AS c LEFT JOIN "
                f"(SELECT cell_id, sum(amount) AS total FROM report.evidence_versions WHERE {where} GROUP BY ALL) AS e USING (cell_id) "
                "WHERE coalesce(c.value, 0) <> coalesce(e.total, 0)"
            ) == []  # fmt: skip
        house.close()
