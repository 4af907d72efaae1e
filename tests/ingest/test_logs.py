"""Access logs: what has grown is landed once, through rotation and compression, and every line has a place."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from building import AGENCY, OTHER, House, log_line, write_log

import assets.logs
from assets.sources.folder import Folder
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


@pytest.mark.parametrize("grown", [0, 1, 3, 9], ids=["empty", "shorter", "as long", "longer than before"])
@pytest.mark.parametrize("copy", [".log.1", ".log-20230601", "-old.log.gz"])
def test_a_log_that_is_copied_and_truncated_loses_nothing_and_doubles_nothing(house: House, copy: str, grown: int) -> None:
    # Longer than a head: of shorter logs that are equal in bytes and lines it cannot be told which one the copy goes on behind.
    lines = [log_line(day, agent="x" * 5000) for day in DAYS]
    write_log(path(house), lines[:3])
    house.land(LOG)
    write_log(path(house, copy), lines[:5])  # two lines since the last look stand in the copy alone
    write_log(path(house), lines[5 : 5 + grown])
    assert house.land(LOG).rows_new == 2 + grown
    write_log(path(house), lines[5 : 5 + grown + 1])
    assert (house.land(LOG).rows_new, house.land(LOG).rows_new) == (1, 0)
    house.settle(LOG)
    wanted = [(f"2023-05-{day:02}", 1) for day in range(1, 5 + grown + 2)]
    assert sorted(house.ask("SELECT day::VARCHAR, hits FROM core.access_log_days")) == wanted


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
    gone = write_log(path(house, "-a.log"), [log_line(DAYS[0])])
    listed = Folder(house.folder / "records").found(("site/*",))
    gone.unlink()
    monkeypatch.setattr(Folder, "found", lambda self, patterns: listed)
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


def rows(house: House) -> list[tuple[str, int]]:
    """Every hit that was landed: day and row number."""
    return sorted(house.ask("SELECT hit_at::DATE::VARCHAR, row_no FROM raw.access_log"))


def numbered(*days: int) -> list[tuple[str, int]]:
    return [(f"2023-05-{day:02}", day) for day in days]


def test_two_sources_of_one_organ_over_one_folder_count_each_line_once(tmp_path: Path) -> None:
    house = House(tmp_path, (LOG,), sources={"records": AGENCY, "again": AGENCY})
    (tmp_path / "records").mkdir()
    (tmp_path / "again").symlink_to(tmp_path / "records", target_is_directory=True)
    for grown in (2, 5, 7):
        write_log(path(house), map(log_line, DAYS[:grown]))
        house.night()
        assert rows(house) == numbered(*range(1, grown + 1))
    write_log(path(house, ".log.1.gz"), map(log_line, DAYS[:8]))
    write_log(path(house), [log_line(DAYS[8])])
    house.night()
    assert rows(house) == [*numbered(*range(1, 9)), ("2023-05-09", 1)]
    assert totals(house) == {("counted", None): 9}


def test_a_renamed_source_does_not_land_its_logs_again(tmp_path: Path) -> None:
    house = House(tmp_path, (LOG,))
    for grown in (2, 4):
        write_log(path(house), map(log_line, DAYS[:grown]))
        house.night()
    (tmp_path / "records").rename(tmp_path / "renamed")
    house.sources = {"renamed": AGENCY}
    house.night()
    assert rows(house) == numbered(*range(1, 5))
    write_log(path(house, source="renamed"), map(log_line, DAYS[:6]))
    house.night()
    assert rows(house) == numbered(*range(1, 7))
    assert totals(house) == {("counted", None): 6}


@pytest.mark.parametrize("alike", [1, 60], ids=["less than a head", "more than a head"])
def test_logs_of_two_nodes_that_begin_alike_both_land_fully(tmp_path: Path, alike: int) -> None:
    house = House(tmp_path, (LOG,), sources={"node1": AGENCY, "node2": AGENCY})
    checks = [log_line(DAYS[0], agent="health check")] * alike
    one, two = ([*checks, *(log_line(day, address=address) for day in DAYS)] for address in ("198.51.100.1", "198.51.100.2"))
    for grown in (0, 1, 3, 7, 19):  # at first they are equal
        for source, lines in (("node1", one), ("node2", two)):
            write_log(path(house, source=source), lines[: alike + grown])
        house.night()
    assert totals(house)["counted", None] == len(one) + len(two)
    for source, lines in (("node1", one), ("node2", two)):
        write_log(path(house, ".log.1.gz", source), lines)
        write_log(path(house, source=source), [])
    house.night()
    assert totals(house)["counted", None] == len(one) + len(two)


def test_beginnings_of_equal_length_of_two_nodes_go_on_each_behind_its_own(tmp_path: Path) -> None:
    house = House(tmp_path, (LOG,), sources={"node1": AGENCY, "node2": AGENCY})
    for grown in (1, 2, 3, 19):
        for source, address in (("node1", "198.51.100.1"), ("node2", "198.51.100.2")):
            write_log(path(house, source=source), [log_line(day, address=address) for day in DAYS[:grown]])
        house.night()
        assert rows(house) == sorted(numbered(*range(1, grown + 1)) * 2)


def test_a_log_that_was_changed_lands_anew(house: House) -> None:
    write_log(path(house), map(log_line, DAYS[:3]))
    house.night()
    write_log(path(house), [log_line(DAYS[9]), *map(log_line, DAYS[1:4])])
    house.night()
    assert house.files() == [("site/access.log", "landed", None)] * 2
    assert totals(house) == {("counted", None): 7}


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


def test_a_folder_among_the_hits_is_left_alone(house: House) -> None:
    (house.hits / "lost+found").mkdir(parents=True)
    house.land(LOG)
    assert [file.name for file in house.hits.iterdir()] == ["lost+found"]


def test_hits_that_are_gone_are_named_and_nothing_is_removed(house: House) -> None:
    write_log(path(house), [log_line(DAYS[0])])
    house.land(LOG)
    (file,) = house.hits.iterdir()
    content = file.read_bytes()
    file.rename(house.hits / "aside.parquet")
    for step in (house.land, house.settle):
        with pytest.raises(RuntimeError, match=rf"{file.name}.*从备份恢复 hits 文件夹.*landing"):
            step(LOG)
    assert [f.name for f in house.hits.iterdir()] == ["aside.parquet"]
    file.write_bytes(content)
    house.night()
    assert totals(house) == {("counted", None): 1}
    assert list(house.hits.iterdir()) == [file]


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
