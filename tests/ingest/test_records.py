"""From landed rows to records: cleaned once by the rules in force, in pieces of any size, all or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from building import AGENCY, OTHER, House, good, write

import assets.records
from assets.logic.clean import Cleaned
from assets.logic.vocabulary import Vocabulary
from warehouse.ledger import Unbalanced

EVERYTHING = ("core.fees", "core.applications", "core.quarantine", "core.row_findings", "core.ledger")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "house", ("fees", "applications"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    """What cleaning everything in one batch gives."""
    house = House(tmp_path_factory.mktemp("whole"), ("fees", "applications"))
    many(house)
    house.records()
    return everything(house)


def everything(house: House) -> dict[str, list[tuple[Any, ...]]]:
    """Every cleaned row by the place it stood in: numbers of files depend on the order in which they came."""
    found = {}
    with house.warehouse.connect() as con:
        ids = dict(con.execute("SELECT file_id, path FROM raw.files").fetchall())
        for name in EVERYTHING:
            frame = con.sql(f"FROM {name}").pl()
            ref = [c for c in ("file_id", "ref_file_id") if c in frame.columns]
            rows = frame.with_columns(pl.col(ref).replace_strict(ids, default=None, return_dtype=pl.String)).rows()
            found[name] = sorted(rows, key=str)
    return found


def many(house: House) -> None:
    for name in ("-a.csv", "-b.json", "-c.xlsx"):
        house.put(
            "fees",
            name,
            *(
                good("fees", receipt_no=f"F-{i % 7}", updated_at=f"2023-05-0{1 + i % 3}", amount_yuan=("坏" if i == 5 else str(i)))
                for i in range(12)
            ),
        )
    house.put(
        "applications",
        ".csv",
        *(good("applications", application_no=f"A-{i}", outcome=("GK07" if i % 2 else "予以公开")) for i in range(6)),
    )


def test_rows_are_cleaned_once(house: House) -> None:
    many(house)
    house.land("fees")
    first = house.settle("fees")
    assert (first.files, first.rows, first.quarantined) == (3, 36, 3)
    again = house.settle("fees")
    assert (again.files, again.rows, again.quarantined) == (0, 0, 0)
    house.put("fees", "-d.csv", good("fees", receipt_no="F-0", updated_at="2023-06-01"))
    house.land("fees")
    assert (house.settle("fees").rows, house.ask("SELECT state FROM core.fees WHERE updated_at >= '2023-06-01'")) == (1, [("current",)])


def test_a_file_with_a_header_alone_is_settled_and_balances(house: House) -> None:
    write(house.path("fees", ".csv"), [good("fees")])
    path = house.path("fees", ".csv")
    path.write_text(path.read_text("utf-8").splitlines()[0] + "\n", "utf-8")
    house.night()
    assert house.files() == [("fees/fees.csv", "landed", None)]
    assert house.ask("SELECT count(*) FROM core.fees") == [(0,)]
    assert house.settle("fees").files == 0


@pytest.mark.parametrize("size", [1, 5, 13])
def test_the_size_of_a_batch_does_not_matter(
    house: House, whole: dict[str, list[tuple[Any, ...]]], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    many(house)
    sizes: list[int] = []
    cleaning = assets.records.clean

    def spy(rows: pl.DataFrame, subject: str, vocabulary: Vocabulary) -> Cleaned:
        sizes.append(rows.height)
        return cleaning(rows, subject, vocabulary)

    monkeypatch.setattr(assets.records, "_BATCH_ROWS", size)
    monkeypatch.setattr(assets.records, "clean", spy)
    house.records()
    assert everything(house) == whole
    assert 0 < max(sizes) <= 2 * size


def test_other_words_mean_that_every_row_is_cleaned_anew_and_give_what_a_fresh_warehouse_gives(house: House, tmp_path: Path) -> None:
    many(house)
    house.records()
    before = everything(house)
    words = [(AGENCY, "applications", "outcome", "GK07", "denied_internal_affairs"), (OTHER, "applications", "outcome", "GK07", "partial")]
    house.vocabulary = words
    house.records()
    fresh = House(tmp_path / "fresh", house.subjects, vocabulary=words)
    many(fresh)
    fresh.records()
    assert everything(house) == everything(fresh) != before
    assert house.ask("SELECT outcome_leaf, count(*) FROM core.applications GROUP BY ALL ORDER BY ALL") == [
        ("denied_internal_affairs", 3),
        ("granted", 3),
    ]
    house.vocabulary = []
    house.records()
    assert everything(house) == before


def test_a_new_version_of_the_cleaning_code_means_that_every_row_is_cleaned_anew(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    many(house)
    house.records()
    before = everything(house)
    monkeypatch.setattr(assets.records, "CODE_VERSION", "another")
    assert house.settle("fees").rows == 36
    assert everything(house) == before
    assert house.settle("fees").rows == 0


def test_a_row_lost_in_cleaning_stops_the_step_and_nothing_is_written(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    many(house)
    house.records()
    before = everything(house)
    house.put("fees", "-d.csv", good("fees", receipt_no="F-0", updated_at="2023-06-01"), good("fees", receipt_no="F-1"))
    house.land("fees")
    cleaning = assets.records.clean

    def careless(rows: pl.DataFrame, subject: str, vocabulary: Vocabulary) -> Cleaned:
        done = cleaning(rows, subject, vocabulary)
        return Cleaned(done.core.head(1), done.quarantine, done.findings)

    with monkeypatch.context() as patch:
        patch.setattr(assets.records, "clean", careless)
        with pytest.raises(Unbalanced, match=r"fees/fees-d\.csv：读取器数出 2 行，落地 2 行，去处 1 个"):
            house.settle("fees")
    assert everything(house) == before
    assert house.settle("fees").rows == 2


def test_a_row_cleaned_twice_stops_the_step(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    many(house)
    house.land("fees")
    cleaning = assets.records.clean

    def twice(rows: pl.DataFrame, subject: str, vocabulary: Vocabulary) -> Cleaned:
        done = cleaning(rows, subject, vocabulary)
        return Cleaned(pl.concat([done.core, done.core.head(1)]), done.quarantine, done.findings)

    monkeypatch.setattr(assets.records, "clean", twice)
    with pytest.raises(Unbalanced, match=r"fees/fees-a\.csv：读取器数出 12 行，落地 12 行，去处 13 个（不同的行 12 个）"):
        house.settle("fees")
