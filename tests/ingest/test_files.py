"""What a look at a source lands: what is new, once, and nothing from outside its folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from building import AGENCY, OTHER, House, good, write

import assets.record_files
from assets.ingest import ingest
from assets.sources import files
from assets.sources.folder import Folder
from warehouse import clock
from warehouse.landing import Landing


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, ("fees",))


def fee(no: str, yuan: str = "380", **more: str) -> dict[str, str | None]:
    return good("fees", receipt_no=no, amount_yuan=yuan, **more)


def landed(house: House) -> list[tuple[str, str]]:
    """Path and receipt of every landed row."""
    return house.ask("SELECT f.path, r.receipt_no FROM raw.fees AS r JOIN raw.files AS f USING (file_id) ORDER BY f.file_id, r.row_no")


def must_not(*_: object, **__: object) -> None:
    raise AssertionError("opened again")


def keep_times(path: Path, change: Callable[[], object]) -> None:
    """Change a file behind the back of whoever looks at its modification time."""
    before = path.stat()
    change()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


# ---- what is known is not read again ---------------------------------------------------------------------------------------


def test_unchanged_files_are_not_opened_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.put("fees", "-1.csv", fee("F-1"))
    house.put("fees", "-2.json", fee("F-2"))
    house.put("fees", "-3.xlsx", fee("F-3"))
    first = house.land("fees")
    assert (first.files_seen, first.files_new, first.files_rejected, first.rows_new) == (3, 3, 0, 3)
    monkeypatch.setattr(Landing, "put", must_not)
    monkeypatch.setattr(assets.record_files, "read", must_not)
    again = house.land("fees")
    assert (again.files_seen, again.files_new, again.files_rejected, again.rows_new) == (3, 0, 0, 0)
    assert house.ask("SELECT files_seen, files_new, rows_read, is_rehashed FROM raw.loads ORDER BY load_id") == [
        (3, 3, 3, True),
        (3, 0, 0, False),
    ]
    assert len(landed(house)) == 3


def test_a_new_modification_time_alone_lands_nothing_and_is_remembered(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    path = house.put("fees", ".csv", fee("F-1"))
    house.land("fees")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    with monkeypatch.context() as patch:
        patch.setattr(assets.record_files, "read", must_not)
        assert (house.land("fees").files_new, len(landed(house))) == (0, 1)
    monkeypatch.setattr(Landing, "put", must_not)
    assert house.land("fees").files_new == 0


def test_changed_content_under_a_known_path_is_landed_beside_the_old(house: House) -> None:
    path = house.put("fees", ".csv", fee("F-1"))
    house.land("fees")
    write(path, [fee("F-1"), fee("F-2")])
    looked = house.land("fees")
    assert (looked.files_new, looked.rows_new) == (1, 2)
    assert landed(house) == [("fees/fees.csv", no) for no in ("F-1", "F-1", "F-2")]


def test_a_file_renamed_is_not_landed_twice(house: House) -> None:
    path = house.put("fees", ".csv", fee("F-1"))
    house.night()
    path.rename(path.with_name("fees-备份.csv"))
    looked = house.land("fees")
    assert (looked.files_new, looked.rows_new) == (1, 0)
    assert house.files() == [("fees/fees.csv", "landed", None), ("fees/fees-备份.csv", "same_bytes", None)]
    assert (house.land("fees").files_new, len(landed(house))) == (0, 1)
    house.night()
    assert [f["path"] for f in house.findings("same_bytes_file")] == ["fees/fees-备份.csv"]


def test_the_same_bytes_in_another_source_of_the_organ_are_not_landed_twice(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",), sources={"records": AGENCY, "again": AGENCY, "others": OTHER})
    for source in house.sources:
        house.put("fees", ".csv", fee("F-1"), source=source)
    house.land("fees")
    assert house.ask("SELECT source, state FROM raw.files ORDER BY file_id") == [
        ("records", "landed"),
        ("again", "same_bytes"),
        ("others", "landed"),
    ]


def test_the_same_bytes_are_landed_again_where_they_are_read_otherwise(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",), sources={"records": AGENCY, "again": AGENCY})
    for source in house.sources:
        write(house.path("fees", ".csv", source), [fee("F-1")], {"item": "名目"})
    first, second = house.deliveries("fees")
    local = replace(second, columns={"名目": "item"})
    ingest(house.warehouse, house.landing, "fees", [first, local], run_id="run", limit_bytes=house.limit_bytes)
    assert house.ask("SELECT f.source, r.item FROM raw.fees AS r JOIN raw.files AS f USING (file_id) ORDER BY 1") == [
        ("again", "证照工本费"),
        ("records", None),
    ]


def test_an_alteration_that_keeps_size_and_time_is_found_when_every_file_is_hashed_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = house.put("fees", ".csv", fee("F-1", "380"))
    house.land("fees")
    keep_times(path, lambda: write(path, [fee("F-1", "999")]))
    start = clock.now()

    def after(**time: int) -> int:
        monkeypatch.setattr(clock, "now", lambda: start + timedelta(**time))
        return house.land("fees").files_new

    assert [after(days=1), after(days=6, hours=23), after(days=8), after(days=9)] == [0, 0, 1, 0]
    assert house.ask("SELECT is_rehashed FROM raw.loads ORDER BY load_id") == [(True,), (False,), (False,), (True,), (False,)]
    assert house.ask("SELECT amount_yuan FROM raw.fees ORDER BY file_id") == [("380",), ("999",)]


def test_content_put_back_under_its_path_counts_again(house: House) -> None:
    path = house.put("fees", ".csv", fee("F-1", "380"))
    house.night()
    write(path, [fee("F-1", "999")])
    house.night()
    assert house.cells()["table2.fee_10k_yuan"] == Decimal("0.0999")
    write(path, [fee("F-1", "380")])
    house.night()
    assert house.cells()["table2.fee_10k_yuan"] == Decimal("0.038")
    assert house.findings("same_bytes_file") == []


# ---- reading settings ------------------------------------------------------------------------------------------------------


def test_other_headers_mean_that_kept_bytes_are_read_again_also_when_the_source_is_gone(house: House) -> None:
    path = write(house.path("fees", ".csv"), [fee("F-1"), fee("F-2")], {"item": "名目"})
    house.night()
    before = house.ask("SELECT file_id, sha256, bytes, mtime_ns FROM raw.files")
    assert house.ask("SELECT DISTINCT item FROM core.fees") == [(None,)]
    path.unlink()
    house.columns = {"名目": "item"}
    looked = house.land("fees")
    assert (looked.files_seen, looked.files_new, looked.rows_new) == (0, 0, 2)
    assert house.ask("SELECT file_id, sha256, bytes, mtime_ns FROM raw.files") == before
    assert house.settle("fees").rows == 2
    assert house.ask("SELECT item, count(*) FROM core.fees GROUP BY ALL") == [("证照工本费", 2)]
    again = house.land("fees")
    assert (again.rows_new, house.settle("fees").files) == (0, 0)


def test_headers_that_make_a_file_unreadable_take_its_rows_back(house: House) -> None:
    house.put("fees", "-1.csv", fee("F-1"), fee("F-9", "三百元"))
    house.put("fees", "-2.xlsx", fee("F-1", updated_at="2022-01-01"))
    house.night()
    assert house.cells()["table2.fee_10k_yuan"] == Decimal("0.038")
    house.columns = {"item": "receipt_no", "receipt_no": "receipt_no"}
    house.night()
    assert [state for _, state, _ in house.files()] == ["rejected", "rejected"]
    assert house.ask("SELECT count(*) FROM core.fees UNION ALL SELECT count(*) FROM core.quarantine") == [(0,), (0,)]
    assert house.cells()["table2.fee_10k_yuan"] is None
    house.columns = {}
    house.night()
    assert [state for _, state, _ in house.files()] == ["landed", "landed"]
    assert house.cells()["table2.fee_10k_yuan"] == Decimal("0.038")
    assert len(house.places()) == 3


def test_a_source_given_to_another_organ_takes_its_records_along(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",), sources={"records": OTHER}, agencies=((AGENCY, "甲", ()), (OTHER, "乙", ())))
    house.put("fees", ".csv", fee("F-1"))
    house.night()
    assert house.cells(agency=OTHER)["table2.fee_10k_yuan"] == 0  # the receipt is another organ's
    house.sources = {"records": AGENCY}
    house.night()
    assert house.cells(agency=AGENCY)["table2.fee_10k_yuan"] == Decimal("0.038")
    assert (house.places(agency=OTHER), len(house.places(agency=AGENCY))) == ({}, 1)


def test_bytes_that_no_longer_stand_elsewhere_are_landed_where_they_were_left_out(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",), sources={"records": AGENCY, "again": AGENCY}, agencies=((AGENCY, "甲", ()), (OTHER, "乙", ())))
    for source in house.sources:
        house.put("fees", ".csv", fee("F-1"), source=source)
    house.night()
    house.sources = {"records": OTHER, "again": AGENCY}
    house.night()
    assert house.ask("SELECT source, agency, state FROM raw.files ORDER BY file_id") == [
        ("records", OTHER, "landed"),
        ("again", AGENCY, "landed"),
    ]
    assert house.cells(agency=AGENCY)["table2.fee_10k_yuan"] == Decimal("0.038")


def test_bytes_read_again_stand_once_whichever_source_is_looked_at_first(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",), sources={"records": AGENCY, "again": AGENCY})
    for source in house.sources:
        house.put("fees", ".csv", fee("F-1"), source=source)
    house.night()
    house.columns = {"名目": "item"}
    house.sources = dict(reversed(house.sources.items()))
    house.night()
    assert sorted(state for _, state, _ in house.files()) == ["landed", "same_bytes"]
    assert len(house.places()) == 1


# ---- files that are not landed ---------------------------------------------------------------------------------------------


def test_a_rejected_file_is_landed_once_it_is_mended(house: House) -> None:
    path = house.path("fees", ".csv")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    first = house.land("fees")
    assert (first.files_new, first.files_rejected, first.rows_new) == (1, 1, 0)
    assert house.files() == [("fees/fees.csv", "rejected", "empty_file")]
    assert (house.land("fees").files_new, len(house.files())) == (0, 1)
    house.count()
    assert [f["actual"] for f in house.findings("rejected_file")] == ["empty_file"]
    write(path, [fee("F-1")])
    assert house.land("fees").rows_new == 1
    house.settle("fees")
    house.count()
    assert house.findings("rejected_file") == []
    assert house.cells()["table2.fee_10k_yuan"] == Decimal("0.038")


@pytest.mark.parametrize(("rows", "rejected"), [(2, []), (3, [("fees/fees.csv", "rejected", "malformed_csv")])])
def test_a_file_rejected_midway_leaves_no_rows(house: House, monkeypatch: pytest.MonkeyPatch, rows: int, rejected: list[object]) -> None:
    house.put("fees", ".csv", *(fee(f"F-{i}") for i in range(3)))

    def broken(*arguments: object) -> files.Landed:
        whole = files.read(*arguments)  # type: ignore[arg-type]

        def chunks() -> object:
            for chunk in whole.chunks:
                yield chunk.head(rows)
                if rows == 3:
                    raise files.Rejected("malformed_csv", "坏了。")

        return files.Landed(whole.sheet, whole.unknown_columns, whole.ignored_sheets, chunks())  # type: ignore[arg-type]

    monkeypatch.setattr(assets.record_files, "read", broken)
    looked = house.land("fees")
    assert (looked.rows_new, len(landed(house))) == ((0, 0) if rejected else (2, 2))
    assert [f for f in house.files() if f[1] == "rejected"] == rejected
    house.settle("fees")


def test_a_file_that_cannot_be_opened_is_recorded_once_and_read_when_it_can(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.put("fees", "-1.csv", fee("F-1"))
    house.put("fees", "-2.csv", fee("F-2"))
    opening = Path.open

    def refused(path: Path, *arguments: str, **more: str) -> object:
        if path.name == "fees-1.csv":
            raise PermissionError(13, "Permission denied")
        return opening(path, *arguments, **more)  # type: ignore[call-overload]

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refused)
        counts = [(looked.files_new, looked.files_rejected, looked.rows_new) for looked in (house.land("fees"), house.land("fees"))]
        house.settle("fees")
        house.count()
        (finding,) = house.findings("rejected_file")
    assert counts == [(2, 1, 1), (0, 1, 0)]
    assert house.files() == [("fees/fees-1.csv", "rejected", "unreadable"), ("fees/fees-2.csv", "landed", None)]
    assert finding["severity"] == "critical" and "Permission denied" in finding["message"]
    house.night()
    assert (house.findings("rejected_file"), len(landed(house))) == ([], 2)


def test_a_landed_file_that_cannot_be_opened_for_a_night_keeps_its_rows(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    path = house.put("fees", ".csv", fee("F-1"))
    house.night()
    os.utime(path, (1_700_000_000, 1_700_000_000))
    really = Path.open

    def refuse(self: Path, *arguments: Any, **more: Any) -> Any:
        if self.name == path.name:
            raise PermissionError(13, "Permission denied")
        return really(self, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        house.land("fees")
    house.settle("fees")
    house.count()
    assert len(house.findings("rejected_file")) == 1 and house.cells()["table2.fee_10k_yuan"] == Decimal("0.038")
    house.night()
    assert (house.findings("rejected_file", "same_bytes_file"), len(landed(house))) == ([], 1)


def test_a_file_that_is_gone_by_the_time_it_is_looked_at_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    path = house.put("fees", ".csv", fee("F-1"))
    listed = Folder(house.folder / "records").found(("fees/*",))
    path.unlink()
    monkeypatch.setattr(Folder, "found", lambda self, patterns: listed)
    assert house.land("fees").files_rejected == 1
    assert house.files() == [("fees/fees.csv", "rejected", "unreadable")]


def test_a_file_above_the_limit_is_rejected_as_a_whole(house: House) -> None:
    house.put("fees", ".csv", *(fee(f"F-{i}") for i in range(50)))
    house.limit_bytes = 1000
    house.land("fees")
    assert house.files() == [("fees/fees.csv", "rejected", "too_large")]
    assert landed(house) == []


# ---- where a source looks --------------------------------------------------------------------------------------------------


def test_links_out_of_the_folder_are_refused(house: House, tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "fees-secret.csv", [fee("F-9")])
    folder = house.put("fees", ".csv", fee("F-1")).parent
    (folder / "fees-link.csv").symlink_to(tmp_path / "elsewhere" / "fees-secret.csv")
    (folder / "fees-inside.csv").symlink_to("fees.csv")
    (folder / "fees-folder").mkdir()
    (folder / "fees-broken.csv").symlink_to(tmp_path / "nowhere")
    for _ in range(2):
        house.land("fees")
    reasons = {"broken": "outside", "inside": "symlink", "link": "outside"}
    refused = [(f"fees/fees-{name}.csv", "rejected", reason) for name, reason in reasons.items()]
    assert house.files() == [*refused, ("fees/fees.csv", "landed", None)]
    assert [no for _, no in landed(house)] == ["F-1"]


def test_a_linked_folder_or_a_pattern_with_dots_does_not_leave_the_root(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "fees.csv", [fee("F-9")])
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "fees").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    found = Folder(tmp_path / "root").found(("fees/fees*", "../elsewhere/*", "**/*.csv"))
    assert [f for f in found if not f.refused] == []


def test_a_root_that_is_a_link_is_followed(house: House, tmp_path: Path) -> None:
    write(tmp_path / "drive" / "fees" / "fees.csv", [fee("F-1")])
    (tmp_path / "records").symlink_to(tmp_path / "drive", target_is_directory=True)
    assert house.land("fees").rows_new == 1


def test_files_are_taken_in_code_point_order_and_once_whatever_patterns_fit(tmp_path: Path) -> None:
    names = ["fees-2023.csv", "fees-2023-补报.csv", "fees-10.csv", "fees-２.csv", "Fees.csv", "fees-9.csv"]
    for name in names:
        write(tmp_path / "fees" / name, [fee(name)])
    assert [found.path for found in Folder(tmp_path).found(("fees/*", "fees/fees*"))] == [
        f"fees/{n}" for n in ("Fees.csv", "fees-10.csv", "fees-2023-补报.csv", "fees-2023.csv", "fees-9.csv", "fees-２.csv")
    ]


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX alone")
def test_a_file_name_that_is_not_utf_8_stops_nothing(house: House) -> None:
    path = house.put("fees", "-1.csv", fee("F-1"))
    other = write(path.with_name("other.csv"), [fee("F-2")])
    os.rename(other, os.fsencode(path.parent) + b"/fees-\xb2\xb9\xb1\xa8.csv")  # noqa: PTH104 - a Path has no such name
    assert (house.land("fees").rows_new, house.land("fees").rows_new) == (2, 0)
    house.night()
    assert sorted(path for path, _, _ in house.files()) == ["fees/fees-1.csv", r"fees/fees-\xb2\xb9\xb1\xa8.csv"]


def test_a_folder_that_does_not_exist_is_a_look_that_saw_nothing(house: House) -> None:
    looked = house.land("fees")
    assert (looked.files_seen, looked.files_new) == (0, 0)
    assert house.ask("SELECT files_seen FROM raw.loads") == [(0,)]


def test_looks_at_several_sources_are_recorded_each_and_added_up(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",), sources={"records": AGENCY, "others": OTHER})
    house.put("fees", ".csv", fee("F-1"))
    house.put("fees", "-1.csv", fee("F-2"), fee("F-3"), source="others")
    house.put("fees", "-2.csv", fee("F-4"), source="others")
    looked = house.land("fees")
    assert (looked.files_seen, looked.files_new, looked.rows_new) == (3, 3, 4)
    assert house.ask("SELECT source, agency, files_seen, rows_read FROM raw.loads ORDER BY load_id") == [
        ("records", AGENCY, 1, 1),
        ("others", OTHER, 2, 3),
    ]


# ---- all or nothing --------------------------------------------------------------------------------------------------------


def test_a_crash_inside_a_look_leaves_the_warehouse_as_it_was_and_the_next_night_makes_it_good(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.put("fees", "-1.csv", fee("F-1"))
    house.night()
    before = {name: house.ask(f"SELECT count(*) FROM {name}") for name in ("raw.files", "raw.loads", "raw.fees", "core.fees")}
    house.put("fees", "-2.csv", fee("F-2"))
    house.put("fees", "-3.csv", fee("F-3"))
    reading = files.read

    def crash(path: Path, name: str, *more: object) -> files.Landed:
        if name.endswith("-3.csv"):
            raise MemoryError
        return reading(path, name, *more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(assets.record_files, "read", crash)
        with pytest.raises(MemoryError):
            house.land("fees")
    assert before == {name: house.ask(f"SELECT count(*) FROM {name}") for name in before}
    house.night()
    assert [no for _, no in landed(house)] == ["F-1", "F-2", "F-3"]


def test_leftovers_of_a_killed_run_are_removed_and_landed_bytes_cannot_be_written(house: House) -> None:
    house.landing.folder.mkdir(parents=True)
    leftover = house.landing.folder / ".4711.tmp"
    leftover.write_bytes(b"half")
    path = house.put("fees", ".CSV", fee("F-1"))
    house.land("fees")
    (kept,) = [p for p in house.landing.folder.rglob("*") if p.is_file()]
    assert not leftover.exists()
    assert kept.read_bytes() == path.read_bytes() and kept.suffix == ".csv" and kept.stat().st_mode & 0o777 == 0o400


def test_sheet_unknown_columns_and_ignored_sheets_are_recorded(house: House) -> None:
    import xlsxwriter

    path = house.path("fees", ".xlsx")
    path.parent.mkdir(parents=True)
    with xlsxwriter.Workbook(path) as book:
        first, second = book.add_worksheet("台账"), book.add_worksheet("说明")
        first.write_row(0, 0, ["票据号", "序号", "金额（元）"])
        first.write_row(1, 0, ["F-1", "1", "380"])
        second.write_row(0, 0, ["另有记录"])
    house.land("fees")
    assert house.ask("SELECT sheet, rows_read, unknown_columns, ignored_sheets FROM raw.files") == [("台账", 1, '["序号"]', '["说明"]')]
    assert house.ask("SELECT sheet, row_no, receipt_no, extra FROM raw.fees") == [("台账", 2, "F-1", '{"序号": "1"}')]


def test_a_large_file_is_stored_chunk_by_chunk_and_completely(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.sources.shape.CHUNK_ROWS", 7)
    house.put("fees", ".csv", *(fee(f"F-{i}") for i in range(50)))
    chunks: list[pl.DataFrame] = []
    storing = assets.record_files.append

    def spy(con: object, name: str, frame: pl.DataFrame) -> None:
        chunks.append(frame)
        storing(con, name, frame)  # type: ignore[arg-type]

    monkeypatch.setattr(assets.record_files, "append", spy)
    house.land("fees")
    assert [len(c) for c in chunks] == [7] * 7 + [1]
    assert [no for _, no in landed(house)] == [f"F-{i}" for i in range(50)]


def test_trouble_in_the_store_is_not_blamed_on_the_file(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.put("fees", ".csv", fee("F-1"))
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        house.land("fees")
    monkeypatch.undo()
    assert house.files() == [] and house.land("fees").files_new == 1


def test_a_raised_limit_lets_a_file_in_that_was_too_large(house: House) -> None:
    path = house.put("fees", ".csv", fee("F-1"))
    house.limit_bytes = path.stat().st_size - 1
    assert house.land("fees").files_rejected == 1
    house.limit_bytes += 1
    house.night()
    assert house.cells()["table2.fee_10k_yuan"] == Decimal("0.038") and house.findings("rejected_file") == []


def test_a_renamed_file_takes_the_place_of_its_new_name_in_the_order_of_files(house: House, tmp_path: Path) -> None:
    """Of two rows with one update time the first in file order counts, whenever each was landed (source contracts 6.1)."""
    house.put("fees", "-m.csv", good("fees", receipt_no="F-1", amount_yuan="20000"))
    last = house.put("fees", "-z.csv", good("fees", receipt_no="F-1", amount_yuan="1"))
    house.night()
    assert house.cells()["table2.fee_10k_yuan"] == 2
    last.rename(house.path("fees", "-a.csv"))
    house.night()
    assert house.cells()["table2.fee_10k_yuan"] == Decimal("0.0001")
