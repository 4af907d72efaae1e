"""Pulls: what stands is not landed again, what is gone is told, what is not whole leaves no trace but the fact."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from building import AGENCY, OTHER, House, write
from feeds import Night, Row, Table, fine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.delivery import Delivery
from assets.ingest import ingest
from assets.look import Ingested
from assets.sources.connector import Incomplete
from assets.sources.folder import Folder
from warehouse import clock


@pytest.fixture
def feed() -> Table:
    return Table([fine(1), fine(2), fine(3)])


@pytest.fixture
def night(tmp_path: Path, feed: Table) -> Night:
    return Night(tmp_path, feed)


def test_the_first_pull_lands_every_page_and_says_that_it_is_everything(night: Night) -> None:
    assert night().rows_new == 3
    assert night.load("kind", "is_full", "control_total", "files_seen", "rows_read", "reason") == ("rest", True, 3, 2, 3, None)
    paths = [path for path, _, _ in night.house.files()]
    assert [p.rpartition("/")[2] for p in paths] == ["page-0001.json", "page-0002.json"]
    assert all(p.startswith("rest/penalties/") for p in paths)
    assert night.house.cells()["table2.punishment_decisions"] == 3


def test_unchanged_rows_are_not_landed_again(night: Night, feed: Table) -> None:
    night.delivery = replace(night.delivery, full_days=0)
    night()
    before = night.house.ask("FROM core.ledger ORDER BY ALL")
    assert night().rows_new == 0
    assert night.load("is_full", "rows_read", "rows_unchanged") == (True, 0, 3)
    assert night.house.ask("FROM core.ledger ORDER BY ALL") == before
    feed.rows[1] = fine(2, "2023-06-01 10:00:00", fine_wan="5")
    assert night().rows_new == 1
    assert night.landed() == ["P-1", "P-2", "P-3", "P-2"]
    assert str(night.current()["P-2"]) == "5.0000000000"
    assert night.house.findings("vanished_record") == []


def test_a_night_without_news_makes_no_new_version(night: Night) -> None:
    night.delivery = replace(night.delivery, full_days=0)
    night()
    inputs = night.house.ask("SELECT inputs_sha256 FROM report.inputs")
    night()
    assert night.house.ask("SELECT inputs_sha256 FROM report.inputs") == inputs
    assert night.house.ask("SELECT max(version) FROM report.versions") == [(1,)]


def test_rows_that_are_equal_letter_for_letter_are_as_many_as_the_source_has(night: Night, feed: Table) -> None:
    night.delivery = replace(night.delivery, full_days=0)
    feed.rows = [fine(1), fine(1)]
    assert (night().rows_new, night().rows_new) == (2, 0)
    feed.rows.append(fine(1))
    assert night().rows_new == 1
    assert sorted(s for (s,) in night.house.ask("SELECT state FROM core.penalties")) == ["current", "duplicate", "duplicate"]


def test_a_record_that_is_gone_from_a_full_pull_is_told_and_still_counts(night: Night, feed: Table) -> None:
    night.delivery = replace(night.delivery, full_days=0)
    night()
    gone = feed.rows.pop(1)
    night()
    (told,) = night.house.findings("vanished_record")
    assert told["record_key"] == f"{AGENCY}|P-2" and told["severity"] == "warning" and "platform" in told["message"]
    assert set(night.current()) == {"P-1", "P-2", "P-3"}
    feed.rows.append(gone)
    night()
    assert night.house.findings("vanished_record") == [] and len(night.current()) == 3


def test_an_incremental_pull_says_nothing_of_records_it_does_not_name(night: Night, feed: Table) -> None:
    night()
    feed.rows.append(fine(4, "2023-07-01 10:00:00"))
    assert night().rows_new == 1
    since = datetime(2023, 5, 2, 10) - timedelta(days=2)
    assert feed.asked == [None, since] and night.load("is_full", "since") == (False, since)
    feed.rows = [fine(5, "2023-08-01 10:00:00")]
    assert night().rows_new == 1
    assert night.house.findings("vanished_record") == [] and len(night.current()) == 5


def test_ties_at_the_watermark_are_not_lost(night: Night, feed: Table) -> None:
    night.delivery = replace(night.delivery, overlap=timedelta(0))
    night()
    feed.rows += [fine(4), fine(5, "2023-05-02 09:59:59")]
    assert night().rows_new == 1 and set(night.current()) == {"P-1", "P-2", "P-3", "P-4"}


def test_a_record_dated_in_the_future_hides_nothing(night: Night, feed: Table) -> None:
    feed.rows.append(fine(9, "2099-01-01 00:00:00"))
    feed.source_at = datetime(2023, 5, 3)
    night()
    night()
    assert feed.asked[-1] == datetime(2023, 5, 1)


def test_everything_is_asked_for_again_when_it_is_due(night: Night, feed: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now()
    for day in (0, 1, 6, 8, 9):
        monkeypatch.setattr(clock, "now", lambda day=day: now + timedelta(days=day))
        night(judged=False)
    assert [since is None for since in feed.asked] == [True, False, False, True, False]


def test_of_equal_versions_the_one_that_the_source_shows_later_counts(night: Night, feed: Table) -> None:
    night.delivery = replace(night.delivery, full_days=0)
    for amount in ("1", "2", "1"):
        feed.rows[0] = fine(1, fine_wan=amount)
        night()
        assert float(night.current()["P-1"]) == float(amount)
        assert night.house.findings("conflicting_duplicate", "vanished_record") == []


def test_a_contradiction_that_is_mended_by_deletion_is_ranked_again(night: Night, feed: Table) -> None:
    night.delivery = replace(night.delivery, full_days=0)
    feed.rows = [fine(1, fine_wan="1"), fine(1, fine_wan="2")]
    night()
    assert float(night.current()["P-1"]) == 1 and len(night.house.findings("conflicting_duplicate")) == 1
    feed.rows.pop(0)
    assert night().rows_new == 0
    assert float(night.current()["P-1"]) == 2 and night.house.findings("conflicting_duplicate", "vanished_record") == []


def test_a_row_that_was_mended_at_the_source_is_no_finding_any_more(night: Night, feed: Table) -> None:
    feed.rows[0] = fine(1, decided_on="2023-02-30")
    night()
    assert [f["record_key"] for f in night.house.findings("quarantined_row")] == [f"{AGENCY}|P-1"]
    feed.rows[0] = fine(1, "2023-05-03 10:00:00")
    night()
    assert night.house.findings("quarantined_row") == [] and len(night.current()) == 3


# ---- loads that are not whole ----------------------------------------------------------------------------------------------


def test_of_a_load_that_is_not_whole_nothing_counts_and_the_reason_is_told(night: Night, feed: Table) -> None:
    night()
    cells = night.house.cells()
    feed.rows.append(fine(4, "2023-07-01 10:00:00"))
    feed.trouble = Incomplete("timeout", "第 2 页等了 30 秒没有应答；请稍后重试。")
    assert night() == Ingested(0, 0, 0, 0)
    assert night.load("reason", "rows_read", "files_seen") == ("timeout", 0, 0)
    (told,) = night.house.findings("incomplete_load")
    assert told["severity"] == "critical" and told["actual"] == "timeout" and "第 2 页" in told["message"] and "platform" in told["message"]
    assert night.house.cells() == cells and night.landed() == ["P-1", "P-2", "P-3"]
    assert night.house.findings("missing_source") == []
    feed.trouble = None
    night()
    assert night.house.findings("incomplete_load") == [] and len(night.current()) == 4


def test_a_source_that_was_never_whole_is_unknown_and_not_zero(night: Night, feed: Table) -> None:
    feed.trouble = Incomplete("unauthorized", "令牌不对。")
    night()
    assert night.house.cells()["table2.punishment_decisions"] is None
    assert [f["expected"] for f in night.house.findings("incomplete_load")] == ["还没有过"]
    assert night.house.findings("missing_source") == []


def test_a_page_that_cannot_be_read_makes_the_whole_load_count_for_nothing(night: Night, feed: Table) -> None:
    feed.rows[2] = {"something": "else"}
    feed.size = 2
    assert night() == Ingested(0, 0, 0, 0)
    assert night.load("reason") == ("missing_key_column",) and night.landed() == [] and night.house.files() == []


def test_fewer_rows_than_the_source_says_are_no_load(night: Night, feed: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    pull = Table.pull
    monkeypatch.setattr(Table, "pull", lambda *given: replace(pull(*given), control_total=4))
    night()
    assert night.load("reason", "rows_read") == ("rows_lost", 0) and night.landed() == []


# ---- other settings --------------------------------------------------------------------------------------------------------


def test_kept_pulls_are_read_again_under_other_settings_and_say_the_same_of_what_is_gone(night: Night, feed: Table) -> None:
    night.delivery = replace(night.delivery, full_days=0)
    feed.rows = [{**r, "罚没": "7"} for r in feed.rows]
    night()
    feed.rows[0] = {**feed.rows[0], "updated_at": "2023-06-01 10:00:00"}
    del feed.rows[2]
    night()
    before = (
        night.house.ask("SELECT file_id, row_no FROM raw.penalties ORDER BY ALL"),
        night.house.ask("SELECT file_id, row_no FROM raw.withdrawn"),
    )
    night.delivery = replace(night.delivery, columns={"罚没": "CF_NR_FK"})
    assert night().rows_new == 4  # read again, not pulled: the rows stand under their old numbers
    after = (
        night.house.ask("SELECT file_id, row_no FROM raw.penalties ORDER BY ALL"),
        night.house.ask("SELECT file_id, row_no FROM raw.withdrawn"),
    )
    assert after == before
    assert {float(v) for v in night.current().values()} == {7.0}


# ---- files of which each is everything -------------------------------------------------------------------------------------


def export(night: Night, name: str, rows: Sequence[Row], at: int) -> None:
    path = write(night.house.folder / "platform" / "enforcement" / name, rows)
    os.utime(path, (at, at))


def test_a_full_export_replaces_the_one_before_it(tmp_path: Path) -> None:
    night = Night(tmp_path, Folder(tmp_path / "platform"), patterns=("enforcement/penalties*",), full_export=True)
    export(night, "penalties-b.csv", [fine(1), fine(2)], 1_000_000)
    assert night().rows_new == 2
    export(night, "penalties-a.csv", [fine(1), fine(3)], 2_000_000)
    assert night().rows_new == 1
    assert [f["record_key"] for f in night.house.findings("vanished_record")] == [f"{AGENCY}|P-2"]
    assert night.load("is_full", "files_seen") == (True, 2)
    assert night().rows_new == 0
    export(night, "penalties-c.csv", [fine(1), fine(3)], 3_000_000)
    assert night().rows_new == 0 and night.house.files()[-1][1] == "unchanged"


def test_a_full_export_that_cannot_be_read_is_rejected_and_withdraws_nothing(tmp_path: Path) -> None:
    night = Night(tmp_path, Folder(tmp_path / "platform"), patterns=("enforcement/penalties*",), full_export=True)
    export(night, "penalties-1.csv", [fine(1), fine(2)], 1_000_000)
    night()
    export(night, "penalties-2.csv", [{"不相干": "1"}], 2_000_000)
    night()
    assert [f["actual"] for f in night.house.findings("rejected_file")] == ["missing_key_column"]
    assert night.house.findings("vanished_record") == [] and len(night.current()) == 2


# ---- what must not slip through --------------------------------------------------------------------------------------------


def test_a_pull_that_cannot_be_read_under_new_settings_keeps_its_rows_and_everything_is_asked_for(night: Night, feed: Table) -> None:
    old, new = ({"文号": "CF_WSH"}, {"文书号": "CF_WSH"})
    feed.rows = [{("文号" if k == "document_no" else k): v for k, v in fine(n).items()} for n in (1, 2, 3)]
    night.delivery = replace(night.delivery, columns=old)
    night()
    feed.rows = [{("文书号" if k == "文号" else k): v for k, v in r.items()} for r in feed.rows] + [
        {("文书号" if k == "document_no" else k): v for k, v in fine(4, "2023-07-01 10:00:00").items()}
    ]
    night.delivery = replace(night.delivery, columns=new)
    night()
    assert feed.asked[-1] is None and set(night.current()) == {"P-1", "P-2", "P-3", "P-4"}
    assert night.house.cells()["table2.punishment_decisions"] == 4
    assert night.house.findings("vanished_record", "rejected_file", "rejected_file_gone") == []
    assert night().rows_new == 0 and feed.asked[-1] is not None  # it is read again once, not every night


def test_another_question_is_asked_from_the_beginning(night: Night, feed: Table) -> None:
    night.delivery = replace(night.delivery, question="view of last year")
    night()
    night()
    night.delivery = replace(night.delivery, question="view of this year")
    night()
    night()
    assert [since is None for since in feed.asked] == [True, False, True, False]


def test_an_answer_that_was_overtaken_by_another_run_is_no_load(night: Night, feed: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    night()
    now = clock.now()
    night.house.change(f"UPDATE raw.loads SET loaded_at = TIMESTAMP '{now + timedelta(hours=1)}'")
    feed.rows[0] = fine(1, fine_wan="7")
    night()
    assert night.load("reason") == ("overtaken",) and len(night.landed()) == 3


def test_a_source_that_becomes_a_feed_goes_on_where_its_files_ended(tmp_path: Path, feed: Table) -> None:
    night = Night(tmp_path, Folder(tmp_path / "platform"), patterns=("enforcement/penalties*",))
    export(night, "penalties.csv", [fine(1), fine(2), fine(9)], 1_000_000)
    night()
    night.delivery = Delivery("platform", AGENCY, feed)
    assert night().rows_new == 1  # only P-3 is new
    assert [f["record_key"] for f in night.house.findings("vanished_record")] == [f"{AGENCY}|P-9"]
    assert set(night.current()) == {"P-1", "P-2", "P-3", "P-9"}


def test_what_a_source_delivered_follows_its_organ_whatever_kind_it_is_now(tmp_path: Path, feed: Table) -> None:
    night = Night(tmp_path, Folder(tmp_path / "platform"), patterns=("enforcement/penalties*",))
    export(night, "penalties.csv", [fine(9)], 1_000_000)
    night()
    night.delivery = Delivery("platform", AGENCY, feed)
    night()
    feed.trouble = Incomplete("timeout", "超时。")
    night.delivery = Delivery("platform", OTHER, feed)
    night(judged=False)
    for table in ("raw.penalties", "raw.files", "core.penalties"):
        assert night.house.ask(f"SELECT DISTINCT agency FROM {table}") == [(OTHER,)]


@pytest.mark.parametrize("changes", [{"document_no": None}, {"updated_at": None}])
def test_a_row_without_key_or_time_is_landed_once(night: Night, feed: Table, changes: dict[str, None]) -> None:
    feed.rows.append({**fine(4), **changes})
    night()
    inputs = night.house.ask("SELECT inputs_sha256 FROM report.inputs")
    assert (night().rows_new, night().rows_new) == (0, 0)
    assert night.house.ask("SELECT inputs_sha256 FROM report.inputs") == inputs


def test_a_source_that_shows_several_versions_of_a_record_is_not_landed_again_and_again(night: Night, feed: Table) -> None:
    night.delivery = replace(night.delivery, overlap=timedelta(0))
    night()
    feed.rows.append(fine(1, "2023-06-01 10:00:00"))
    assert night().rows_new == 1
    night.delivery = replace(night.delivery, full_days=0)
    assert (night().rows_new, night().rows_new) == (0, 0)
    assert night.house.findings("vanished_record") == []


def test_unknown_columns_do_not_make_a_row_another_one(night: Night, feed: Table) -> None:
    night.delivery = replace(night.delivery, full_days=0)
    feed.rows = [{**r, "rn": str(at)} for at, r in enumerate(feed.rows)]
    night()
    feed.rows = [{**r, "rn": str(at)} for at, r in enumerate(reversed(feed.rows))]
    assert night().rows_new == 0
    assert len(night.house.findings("unknown_columns")) == 1
    feed.rows = [{k: v for k, v in r.items() if k != "rn"} for r in feed.rows]
    night()
    assert night.house.findings("unknown_columns") == []


def test_a_record_that_another_source_still_shows_counts_by_that_one(tmp_path: Path, feed: Table) -> None:
    house = House(tmp_path, ("penalties",), sources={"platform": AGENCY, "other": AGENCY})
    other = Table([fine(2)])
    deliveries = [Delivery("platform", AGENCY, feed, full_days=0), Delivery("other", AGENCY, other, full_days=0)]

    def night() -> None:
        house.run += 1
        ingest(house.warehouse, house.landing, "penalties", deliveries, run_id=f"run {house.run}", limit_bytes=10_000_000)
        house.settle("penalties")
        house.count()

    night()
    del feed.rows[1]
    night()
    assert house.findings("vanished_record") == []
    current = (
        "SELECT f.source FROM core.penalties AS c JOIN raw.files AS f USING (file_id) WHERE document_no = 'P-2' AND c.state = 'current'"
    )
    assert house.ask(current) == [("other",)]
    other.rows = []
    night()
    assert len(house.findings("vanished_record")) == 1 and len(house.findings("empty_load")) == 1


def test_full_exports_count_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    night = Night(tmp_path, Folder(tmp_path / "platform"), patterns=("enforcement/penalties*",), full_export=True)
    export(night, "penalties-3.csv", [fine(1, fine_wan="3"), fine(2)], 3_000_000)
    night()
    export(night, "penalties-1.csv", [fine(1, fine_wan="1"), fine(9)], 1_000_000)
    night()
    assert float(night.current()["P-1"]) == 3
    assert [f["record_key"] for f in night.house.findings("vanished_record")] == [f"{AGENCY}|P-9"]
    export(night, "penalties-2.csv", [{"文号": "P-1", **{k: v for k, v in fine(1, fine_wan="2").items() if k != "document_no"}}], 2_000_000)
    night()
    assert [f["actual"] for f in night.house.findings("rejected_file")] == ["missing_key_column"]
    night.delivery = replace(night.delivery, columns={"文号": "CF_WSH"})
    night()
    assert float(night.current()["P-1"]) == 3 and night.house.findings("rejected_file") == []
    assert [f["record_key"] for f in night.house.findings("vanished_record")] == [f"{AGENCY}|P-9"]


# ---- the ledger always balances --------------------------------------------------------------------------------------------

_ROW = st.builds(
    lambda no, day, amount: fine(no, f"2023-05-0{day} 10:00:00", fine_wan=str(amount)),
    st.integers(1, 4), st.integers(1, 3), st.integers(1, 2),
)  # fmt: skip


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nights=st.lists(st.tuples(st.lists(_ROW, max_size=6), st.booleans(), st.booleans()), min_size=1, max_size=4))
def test_whatever_a_source_shows_the_ledger_balances_and_the_latest_version_counts(
    tmp_path_factory: pytest.TempPathFactory, nights: list[tuple[list[Row], bool, bool]]
) -> None:
    feed = Table()
    night = Night(tmp_path_factory.mktemp("pulls"), feed)
    newest: dict[str, str] = {}
    for rows, is_full, is_whole in nights:
        feed.rows, feed.trouble = rows, None if is_whole else Incomplete("timeout", "超时。")
        night.delivery = replace(night.delivery, full_days=0 if is_full else 7, overlap=timedelta(days=9))
        done = night(judged=False)
        if is_whole:
            for row in rows:
                newest[str(row["document_no"])] = max(newest.get(str(row["document_no"]), ""), str(row["updated_at"]))
        landed = night.house.ask("SELECT count(*) FROM raw.penalties")[0][0]
        assert landed == night.house.ask("SELECT count(*) FROM core.ledger")[0][0]
        assert landed == night.house.ask("SELECT coalesce(sum(rows_read), 0)::BIGINT FROM raw.loads")[0][0]
        assert is_whole or done == Ingested(0, 0, 0, 0)
    current = night.house.ask("SELECT document_no, strftime(updated_at, '%Y-%m-%d %H:%M:%S') FROM core.penalties WHERE state = 'current'")
    assert dict(current) == newest
    night.house.close()
