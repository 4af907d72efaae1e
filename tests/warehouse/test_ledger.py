"""The ledger: which version of a record is current, whatever the order of landing, and the proof that every row has one place."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from building import AGENCY, GOOD, House, good
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse import ledger
from warehouse.ledger import Unbalanced

FIRST, SECOND = "first", "second"  # two sources of one organ


@dataclass(frozen=True)
class V:
    """A version of a record: the night it lands, where, its 更新时间 and amount, and what must become of it."""

    night: int
    file: str
    updated_at: str | None
    yuan: str
    fate: str
    source: str = FIRST


OLD, NEW, LATER = "2023-05-01 08:00:00", "2023-05-02 08:00:00", "2023-05-03 08:00:00"
BAD = "三百元"
CASES: dict[str, list[V]] = {
    "an older version is superseded": [V(1, "a", OLD, "1", "older_version"), V(1, "a", NEW, "2", "current")],
    "an older version that lands later is superseded": [V(1, "b", NEW, "2", "current"), V(2, "a", OLD, "1", "older_version")],
    "an older version with the same content is superseded": [V(1, "a", OLD, "1", "older_version"), V(1, "b", NEW, "1", "current")],
    "of equal rows the first is current": [V(1, "a", NEW, "1", "current"), V(1, "a", NEW, "1", "same_version")],
    "of different rows of one time the first is current": [V(1, "a", NEW, "1", "current"), V(1, "a", NEW, "2", "conflicting_duplicate")],
    "amounts are compared as numbers": [V(1, "a", NEW, "1.0", "current"), V(1, "a", NEW, "1", "same_version")],
    "a supplement stands before the file it supplements": [
        V(1, "a", NEW, "1", "conflicting_duplicate"),
        V(1, "a-补报", NEW, "2", "current"),
    ],
    "the path decides and not which file landed first": [
        V(1, "b", NEW, "1", "conflicting_duplicate"),
        V(1, "c", NEW, "2", "same_version"),
        V(2, "a", NEW, "2", "current"),
    ],
    "the content that landed later under a path stands before the earlier": [
        V(1, "a", NEW, "1", "conflicting_duplicate"),
        V(2, "a", NEW, "2", "conflicting_duplicate"),
        V(3, "a", NEW, "3", "current"),
    ],
    "a later content of a path does not beat a later version": [V(1, "a", LATER, "1", "current"), V(2, "a", NEW, "2", "older_version")],
    "a file before in order beats the later content of another": [
        V(1, "a", NEW, "1", "current"),
        V(2, "b", NEW, "2", "conflicting_duplicate"),
    ],
    "a quarantined row leaves the older one current": [V(1, "a", OLD, "1", "current"), V(1, "a", NEW, BAD, "bad_amount")],
    "a quarantined row that lands later leaves the older one current": [V(1, "a", OLD, "1", "current"), V(2, "b", NEW, BAD, "bad_amount")],
    "a quarantined row alone has no version beside it": [V(1, "a", NEW, BAD, "bad_amount")],
    "a row without a time is older than one with": [V(1, "a", None, "1", "older_version"), V(1, "b", OLD, "2", "current")],
    "of rows without a time the first is current": [V(1, "a", None, "1", "current"), V(1, "b", None, "2", "conflicting_duplicate")],
    "instants are compared and not their spelling": [
        V(1, "a", "2023-05-01T16:00:00Z", "1", "current"),
        V(1, "b", "2023年5月2日", "1", "same_version"),
        V(1, "c", "2023-05-01 23:59:59", "1", "older_version"),
    ],
    "two sources compete for one record": [V(1, "a", OLD, "1", "older_version"), V(1, "a", NEW, "2", "current", SECOND)],
    "the path decides between sources": [V(1, "b", NEW, "1", "conflicting_duplicate"), V(1, "a", NEW, "2", "current", SECOND)],
    "the name of the source decides where paths are equal": [
        V(2, "a", NEW, "1", "current"),
        V(1, "a", NEW, "2", "conflicting_duplicate", SECOND),
    ],
    "five versions over three nights": [
        V(1, "a", OLD, "1", "older_version"),
        V(1, "b", NEW, "2", "older_version"),
        V(2, "c", LATER, "3", "current"),
        V(2, "d", LATER, "3", "same_version"),
        V(3, "e", NEW, "5", "older_version"),
    ],
}
# What the rows of a source say among themselves: (conflicts in its source, latest of its source), in the order of CASES.
IN_SOURCE = {
    "of different rows of one time the first is current": [(False, True), (True, False)],
    "two sources compete for one record": [(False, True), (False, True)],
    "the path decides between sources": [(False, True), (False, True)],
    "the content that landed later under a path stands before the earlier": [(True, False), (True, False), (False, True)],
    "a row without a time is older than one with": [(False, False), (False, True)],
}


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> House:
    """All cases in one warehouse, each a record of its own."""
    house = House(tmp_path_factory.mktemp("versions"), ("fees",), sources={FIRST: AGENCY, SECOND: AGENCY})
    for night in (1, 2, 3):
        files: dict[tuple[str, str], list[dict[str, str | None]]] = {}
        for case, versions in CASES.items():
            for v in versions:
                if v.night == night:
                    row = good("fees", receipt_no=case, updated_at=v.updated_at, amount_yuan=v.yuan)
                    files.setdefault((v.source, v.file), []).append(row)
        for (source, file), rows in files.items():
            house.put("fees", f"-{file}.csv", *rows, good("fees", receipt_no=f"{night} {source} {file}"), source=source)
        house.records()
    return house


def fates(house: House, case: str) -> list[tuple[str, str, str, int, bool, bool]]:
    """(source, file, fate, amount or -1, conflicts in source, latest in source) of every row of a case."""
    return house.ask(
        "SELECT f.source, f.path[11:-5], coalesce(l.rule, l.place), coalesce(c.amount_yuan::INT, -1), "
        "coalesce(c.conflicts_in_source, false), coalesce(c.is_latest_in_source, false) FROM core.ledger AS l "
        "JOIN raw.files AS f USING (file_id) LEFT JOIN core.fees AS c USING (file_id, row_no) "
        "WHERE l.record_key = $key",
        key=_key(case),
    )


def _key(case: str) -> str:
    return case.replace(" ", "").upper()


@pytest.mark.parametrize("case", CASES)
def test_versions_of_a_record(ledgers: House, case: str) -> None:
    want = sorted((v.source, v.file, v.fate, -1 if v.yuan == BAD else int(float(v.yuan))) for v in CASES[case])
    assert sorted(row[:4] for row in fates(ledgers, case)) == want


@pytest.mark.parametrize("case", IN_SOURCE)
def test_versions_within_their_own_source(ledgers: House, case: str) -> None:
    want = sorted((v.source, v.file, int(v.yuan), *state) for v, state in zip(CASES[case], IN_SOURCE[case], strict=True))
    assert sorted((s, f, yuan, *state) for s, f, _, yuan, *state in fates(ledgers, case)) == want


def test_a_conflict_within_a_source_is_known_also_where_another_source_has_settled_it(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",), sources={FIRST: AGENCY, SECOND: AGENCY})
    house.put("fees", ".csv", good("fees", updated_at=NEW), source=FIRST)
    house.put("fees", ".csv", good("fees", updated_at=OLD, amount_yuan="1"), good("fees", updated_at=OLD, amount_yuan="2"), source=SECOND)
    house.records()
    rows = house.ask("SELECT amount_yuan::INT, state, is_conflicting, conflicts_in_source, is_latest_in_source FROM core.fees ORDER BY 1")
    assert rows == [(1, "superseded", False, False, True), (2, "superseded", False, True, False), (380, "current", False, False, True)]


def test_every_version_names_the_current_one(ledgers: House) -> None:
    wrong = ledgers.ask(
        "SELECT v.record_key FROM core.fees AS v LEFT JOIN core.fees AS c "
        "ON c.file_id = v.ref_file_id AND c.row_no = v.ref_row_no AND c.record_key = v.record_key AND c.state = 'current' "
        "WHERE c.file_id IS NULL OR (v.state = 'current' AND (c.file_id, c.row_no) <> (v.file_id, v.row_no))"
    )
    assert wrong == []
    several = ledgers.ask("SELECT record_key FROM core.fees GROUP BY ALL HAVING count(*) FILTER (state = 'current') <> 1")
    assert several == []


def test_records_of_two_organs_do_not_compete(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",), sources={FIRST: AGENCY, SECOND: "11990100000000999X"})
    house.put("fees", ".csv", good("fees", updated_at=OLD), source=FIRST)
    house.put("fees", ".csv", good("fees", updated_at=NEW), source=SECOND)
    house.records()
    assert house.ask("SELECT state, count(*) FROM core.fees GROUP BY ALL") == [("current", 2)]


def test_publications_have_no_time_of_change_and_nothing_is_superseded(tmp_path: Path) -> None:
    house = House(tmp_path, ("publications",))
    house.put("publications", "-1.csv", good("publications"), good("publications", acted_at="2023-05-02 09:00:00"))
    house.put("publications", "-2.csv", good("publications", acted_at="2023-05-01T01:00:00Z"), good("publications", title="另一标题"))
    house.records()
    assert house.ask("SELECT file_id, row_no, place, rule FROM core.ledger ORDER BY ALL") == [
        (1, 2, "current", None),
        (1, 3, "current", None),
        (2, 2, "duplicate", "same_version"),
        (2, 3, "duplicate", "conflicting_duplicate"),
    ]


# ---- the order of landing --------------------------------------------------------------------------------------------------

_ROW = st.tuples(st.sampled_from("AB"), st.sampled_from([None, OLD, NEW]), st.sampled_from(["1", "2", BAD]))
_FILES = st.dictionaries(
    st.tuples(st.sampled_from([FIRST, SECOND]), st.sampled_from(["-1.csv", "-2.csv", "-2-补报.csv"])),
    st.lists(_ROW, min_size=1, max_size=4),
    min_size=2,
    max_size=5,
)
_LEDGER = """
SELECT f.source[7:], f.path, l.row_no, l.record_key, l.place, l.rule, g.source[7:], g.path, l.ref_row_no,
    c.conflicts_in_source, c.is_latest_in_source
FROM core.ledger AS l
JOIN raw.files AS f USING (file_id)
LEFT JOIN raw.files AS g ON g.file_id = l.ref_file_id
LEFT JOIN core.fees AS c ON c.file_id = l.file_id AND c.row_no = l.row_no
WHERE l.agency = $agency ORDER BY ALL
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> House:
    """One warehouse for all examples: each landing is an organ of its own, and organs do not mix."""
    return House(tmp_path_factory.mktemp("orders"), ("fees",), sources={})


def _numbers() -> Iterator[int]:
    yield from range(10_000, 100_000)


_NUMBER = _numbers()


@settings(max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(files=_FILES, order=st.randoms(use_true_random=False), nights=st.integers(1, 3))
def test_the_order_of_landing_does_not_matter(
    shared: House, files: dict[tuple[str, str], list[tuple[str, str | None, str]]], order: random.Random, nights: int
) -> None:
    shuffled = list(files)
    order.shuffle(shuffled)
    split = [shuffled[i::nights] for i in range(nights)]
    found = []
    for batches in ([list(files)], split):
        number = next(_NUMBER)
        agency = f"agency {number}"
        sources = [f"{number}-{name}" for name in (FIRST, SECOND)]
        for batch in batches:
            for source, name in batch:
                rows = [good("fees", receipt_no=key, updated_at=at, amount_yuan=yuan) for key, at, yuan in files[source, name]]
                shared.put("fees", name, *rows, source=f"{number}-{source}")
            if order.random() < 0.5:
                sources.reverse()
            shared.sources = dict.fromkeys(sources, agency)
            shared.records()
        rows = shared.ask(_LEDGER, agency=agency)
        assert (
            len(rows)
            == shared.ask("SELECT count(*) FROM raw.fees WHERE agency = $agency", agency=agency)[0][0]
            <= sum(map(len, files.values()))
        )
        found.append(rows)
    assert found[0] == found[1]
    with shared.warehouse.connect() as con:
        ledger.assert_balanced(con, "fees")


def test_the_places_of_all_landings_add_up_to_the_rows_landed(shared: House) -> None:
    shared.put("fees", ".csv", good("fees"), good("fees", amount_yuan=BAD), good("fees", updated_at=OLD), source="last")
    shared.sources = {"last": "agency last"}
    shared.records()
    agencies = [row[0] for row in shared.ask("SELECT DISTINCT agency FROM raw.files")]
    shared.agencies, shared.years = tuple((a, a, ()) for a in agencies), (2022, 2023)
    shared.count()
    landed = shared.ask("SELECT agency, count(*) FROM raw.fees GROUP BY ALL ORDER BY ALL")
    assert ("agency last", 3) in landed
    for year in shared.years:
        assert landed == shared.ask(
            "SELECT agency, sum(rows) FROM report.ledger_totals WHERE year = $year GROUP BY ALL ORDER BY ALL", year=year
        )


# ---- the proof -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def balanced(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = House(tmp_path_factory.mktemp("balanced"), ("fees",))
    house.put(
        "fees", "-a.csv", good("fees", receipt_no="F-1"), good("fees", receipt_no="F-2", amount_yuan=BAD), good("fees", receipt_no="F-3")
    )
    house.put("fees", "-b.csv", good("fees", receipt_no="F-3"), good("fees", receipt_no="F-4", collected_on="2022-05-01"))
    house.put("fees", "-c.csv")
    house.night()
    return house


IN_A = "file_id = (SELECT file_id FROM raw.files WHERE path LIKE '%-a.csv')"
TAMPERED = {
    "a landed row is deleted": (f"DELETE FROM raw.fees WHERE row_no = 4 AND {IN_A}", True, False),
    "a landed row is moved to another number": (f"UPDATE raw.fees SET row_no = 99 WHERE row_no = 4 AND {IN_A}", True, False),
    "a landed row is there twice": (f"INSERT INTO raw.fees FROM raw.fees WHERE row_no = 4 AND {IN_A}", True, False),
    "a row was landed that nobody counted": (
        f"INSERT INTO raw.fees SELECT * REPLACE (50 AS row_no) FROM raw.fees WHERE row_no = 4 AND {IN_A}",
        True,
        False,
    ),
    "a record is deleted": (f"DELETE FROM core.fees WHERE row_no = 2 AND {IN_A}", True, True),
    "a quarantined row is deleted": (f"DELETE FROM core.quarantine WHERE {IN_A}", True, True),
    "a record has a second place": (f"INSERT INTO core.fees FROM core.fees WHERE row_no = 2 AND {IN_A}", True, True),
    "a record is quarantined as well": (
        f"INSERT INTO core.quarantine SELECT * REPLACE (2 AS row_no) FROM core.quarantine WHERE {IN_A}",
        True,
        True,
    ),
    "one row has the place of another": (f"UPDATE core.fees SET row_no = 2 WHERE row_no = 4 AND {IN_A}", True, True),
    "the reader counted another number": (f"UPDATE raw.files SET rows_read = 4 WHERE {IN_A}", True, True),
    "a rejected file has rows": (f"UPDATE raw.files SET state = 'rejected' WHERE {IN_A}", True, True),
    "the number of the reader is missing": (f"UPDATE raw.files SET rows_read = NULL WHERE {IN_A}", True, True),
    "a record is of an unknown file": (f"UPDATE core.fees SET file_id = 77 WHERE row_no = 2 AND {IN_A}", True, False),
}


def test_what_is_whole_is_balanced(balanced: House) -> None:
    with balanced.warehouse.connect() as con:
        ledger.assert_balanced(con, "fees")
        ledger.assert_places(con, [2023])
        ledger.assert_places(con, [])


@pytest.mark.parametrize("what", TAMPERED)
def test_an_imbalance_is_found_and_named(balanced: House, what: str) -> None:
    statement, in_files, in_reports = TAMPERED[what]
    with balanced.warehouse.connect() as con:
        con.begin()
        con.execute(statement)
        if in_files:
            with pytest.raises(Unbalanced, match=r"fees：文件 fees/fees-a\.csv："):
                ledger.assert_balanced(con, "fees")
        if in_reports:
            with pytest.raises(Unbalanced, match=f"{AGENCY} 2023 年度 fees：落地 "):
                ledger.assert_places(con, [2023])
        else:
            ledger.assert_places(con, [2023])
        con.rollback()
        ledger.assert_balanced(con, "fees")


def test_a_report_out_of_balance_is_not_counted(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",))
    house.put("fees", ".csv", good("fees"))
    house.night()
    before = house.ask("FROM report.evidence")
    house.change("DELETE FROM core.fees")
    with pytest.raises(Unbalanced, match="落地 1 行，去处 0 个"):
        house.count()
    assert house.ask("FROM report.evidence") == before


@pytest.mark.parametrize("subject", GOOD)
def test_a_good_record_of_every_subject_has_one_place(tmp_path: Path, subject: str) -> None:
    house = House(tmp_path, (subject,))
    house.put(subject, ".xlsx", good(subject))
    house.records()
    assert house.ask("SELECT subject, row_no, place FROM core.ledger") == [(subject, 2, "current")]
