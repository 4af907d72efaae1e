"""Access logs: what has grown is landed once, through rotation and compression, and every line has a place."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from building import AGENCY, OTHER, House, log_line, write_log

import assets.logs
from warehouse.ledger import Unbalanced

LOG = "access_log"
DAYS = [f"{day:02}/May/2023:09:00:00 +0800" for day in range(1, 20)]
YEAR_END, NEW_YEAR = (
    "31/Dec/2023:15:59:59 +0000",
    "31/Dec/2023:16:00:00 +0000",
)  # the last second of 2023 in Asia/Shanghai, and the first of 2024


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, (LOG,), years=(2023, 2024))


def path(house: House, name: str = ".log", source: str = "records") -> Path:
    return house.path(LOG, name, source)


def totals(house: House, year: int = 2023, agency: str = AGENCY) -> dict[tuple[str, str | None], int]:
    rows = house.ask("SELECT place, rule, rows FROM report.ledger_totals WHERE year = $year AND agency = $agency", year=year, agency=agency)
    return {(place, rule): n for place, rule, n in rows}


def test_every_line_of_a_log_has_a_place_in_every_report(house: House) -> None:
    write_log(
        path(house),
        [log_line(YEAR_END), "\n", log_line(NEW_YEAR), "broken\n", log_line(YEAR_END, agent="Baiduspider"), log_line(YEAR_END, status=404)],
    )
    house.night()
    assert totals(house) == {("counted", None): 3, ("out_of_scope", "other_year"): 1, ("quarantined", "malformed_line"): 1}
    assert totals(house, 2024) == {("counted", None): 1, ("out_of_scope", "other_year"): 3, ("quarantined", "malformed_line"): 1}
    assert house.ask("SELECT lines, hits, rejects, blanks FROM raw.files") == [(6, 4, 1, 1)]
    assert sorted(house.ask("SELECT day::VARCHAR, status, is_bot, hits FROM core.access_log_days")) == [
        ("2023-12-31", 200, False, 1),
        ("2023-12-31", 200, True, 1),
        ("2023-12-31", 404, False, 1),
        ("2024-01-01", 200, False, 1),
    ]
    assert house.ask("SELECT row_no, line FROM raw.access_log_rejects") == [(4, "broken")]


def test_a_log_that_grows_is_landed_line_by_line_once_through_rotation_and_compression(house: House) -> None:
    write_log(path(house), map(log_line, DAYS[:3]))
    assert (house.land(LOG).rows_new, house.land(LOG).rows_new) == (3, 0)
    write_log(path(house), map(log_line, DAYS[:5]))
    assert house.land(LOG).rows_new == 2
    write_log(path(house, ".log.1.gz"), map(log_line, DAYS[:6]))
    write_log(path(house), map(log_line, DAYS[6:8]))
    assert house.land(LOG).rows_new == 3
    house.settle(LOG)
    assert sorted(house.ask("SELECT day::VARCHAR, hits FROM core.access_log_days")) == [(f"2023-05-0{i}", 1) for i in range(1, 9)]
    assert house.land(LOG).rows_new == 0
    assert house.settle(LOG).files == 0


def test_a_log_that_was_still_being_compressed_is_no_longer_told_once_it_is_whole(house: House) -> None:
    write_log(path(house), map(log_line, DAYS[:3]))
    house.night()
    whole = gzip.compress("".join(map(log_line, DAYS[:3])).encode(), mtime=0)
    path(house, "-old.log.gz").write_bytes(whole[:-9])
    house.night()
    assert [f["actual"] for f in house.findings("rejected_file")] == ["corrupt_gzip"]
    path(house, "-old.log.gz").write_bytes(whole)
    house.night()
    assert house.findings("rejected_file") == []
    assert totals(house)["counted", None] == 3


def test_a_log_that_cannot_be_opened_is_told_once_also_when_it_was_read_before(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    write_log(path(house, "-empty.log"), [])
    write_log(path(house, "-full.log"), [log_line(DAYS[0])])
    house.night()
    for name in ("-empty.log", "-full.log"):
        os.utime(path(house, name), (1_700_000_000, 1_700_000_000))
    opening = Path.open

    def refused(file: Path, *arguments: str, **more: str) -> object:
        if file.parent.name == "site":
            raise PermissionError(13, "Permission denied")
        return opening(file, *arguments, **more)  # type: ignore[call-overload]

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refused)
        house.land(LOG)
        house.land(LOG)
    house.count()
    assert [(f["path"], f["actual"]) for f in house.findings("rejected_file")] == [
        ("site/access-empty.log", "unreadable"),
        ("site/access-full.log", "unreadable"),
    ]
    assert house.ask("SELECT count(*) FROM raw.files") == [(4,)]
    house.night()
    assert house.findings("rejected_file") == []
    assert totals(house)["counted", None] == 1


def test_a_log_that_is_gone_by_the_time_it_is_looked_at_is_told_and_the_others_are_landed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(path(house, "-b.log"), [log_line(DAYS[0])])
    gone = path(house, "-a.log")
    monkeypatch.setattr(
        assets.logs.Delivery, "found", lambda self: [("site/access-a.log", gone), ("site/access-b.log", path(house, "-b.log"))]
    )
    looked = house.land(LOG)
    assert (looked.files_rejected, looked.rows_new) == (1, 1)
    assert [f[:2] for f in house.files()] == [("site/access-a.log", "rejected"), ("site/access-b.log", "landed")]


def test_two_sources_that_share_a_log_count_it_each_and_once(tmp_path: Path) -> None:
    house = House(tmp_path, (LOG,), sources={"records": AGENCY, "others": OTHER}, agencies=((AGENCY, "甲", ()), (OTHER, "乙", ())))
    for source in house.sources:
        write_log(path(house, source=source), [*map(log_line, DAYS[:3]), "broken\n"])
    house.night()
    assert house.ask("SELECT agency, count(*), count(DISTINCT row_no) FROM raw.access_log GROUP BY ALL ORDER BY ALL") == [
        (AGENCY, 3, 3),
        (OTHER, 3, 3),
    ]
    assert totals(house) == totals(house, agency=OTHER) == {("counted", None): 3, ("quarantined", "malformed_line"): 1}


def test_a_source_given_to_another_organ_takes_its_logs_along(tmp_path: Path) -> None:
    house = House(tmp_path, (LOG,), sources={"records": OTHER}, agencies=((AGENCY, "甲", ()), (OTHER, "乙", ())))
    write_log(path(house), [log_line(DAYS[0]), "broken\n"])
    house.night()
    house.sources = {"records": AGENCY}
    house.night()
    assert totals(house) == {("counted", None): 1, ("quarantined", "malformed_line"): 1}
    assert totals(house, agency=OTHER) == {}


def test_hits_of_a_killed_run_are_removed_and_the_view_reads_what_is_committed(house: House) -> None:
    house.hits.mkdir(parents=True)
    (house.hits / "orphan.parquet").write_bytes(b"half")
    house.land(LOG)
    assert (list(house.hits.iterdir()), house.ask("FROM raw.access_log")) == ([], [])
    write_log(path(house), [log_line(DAYS[0])])
    house.land(LOG)
    assert house.ask("SELECT agency, row_no, hit_at::VARCHAR, status, bytes, is_bot FROM raw.access_log") == [
        (AGENCY, 1, "2023-05-01 09:00:00", 200, 512, False),
    ]
    assert len(list(house.hits.iterdir())) == 1


def test_a_crash_between_two_logs_leaves_nothing_of_either(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    write_log(path(house, "-a.log"), [log_line(DAYS[0])])
    write_log(path(house, "-b.log"), [log_line(DAYS[1])])
    parsing = assets.logs.parse

    def crash(gz: Path, *more: object, **named: object) -> object:
        if len(list(house.hits.glob("*.parquet"))) == 1:
            raise MemoryError
        return parsing(gz, *more, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(assets.logs, "parse", crash)
        with pytest.raises(MemoryError):
            house.land(LOG)
    assert (house.files(), len(list(house.hits.iterdir()))) == ([], 1)
    assert house.land(LOG).rows_new == 2
    assert len(list(house.hits.iterdir())) == 2


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE raw.files SET lines = lines + 1",
        "UPDATE raw.files SET blanks = blanks + 1",
        "UPDATE core.access_log_days SET hits = hits + 1",
        "DELETE FROM core.access_log_days",
        "DELETE FROM raw.access_log_rejects",
        "INSERT INTO core.access_log_days FROM core.access_log_days",
        "UPDATE raw.files SET lines = NULL",
    ],
)
def test_a_log_that_does_not_add_up_stops_the_step_and_is_named(house: House, tamper: str) -> None:
    write_log(path(house, "-a.log"), [log_line(DAYS[0]), "broken\n", "\n"])
    house.records()
    house.change(tamper)
    write_log(path(house, "-b.log"), [log_line(DAYS[1])])
    house.land(LOG)
    with pytest.raises(Unbalanced, match=r"site/access-a\.log"):
        house.settle(LOG)
    assert house.ask("SELECT count(*) FROM core.cleaned") == [(1,)]
