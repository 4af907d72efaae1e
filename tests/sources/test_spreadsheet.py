"""Workbooks: row numbers as the user sees them, every cell as text, error cells, broken and dangerous files."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastexcel
import openpyxl
import pytest
import xlsxwriter
import xlwt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.sources import spreadsheet
from assets.sources.files import Landed, Rejected, read
from warehouse.subjects import SUBJECTS

FEES = SUBJECTS["fees"]
LIMIT = 1 << 30
HEADER = ("票据号", "金额（元）", "备注")


def rows_of(landed: Landed) -> list[dict[str, object]]:
    return [row for chunk in landed.chunks for row in chunk.to_dicts()]


def land(path: Path, fill: Callable[[Any, Any], object], limit: int = LIMIT) -> Landed:
    """Write a workbook with `fill(book, first sheet)` and read it."""
    book = xlsxwriter.Workbook(path)
    fill(book, book.add_worksheet("台账"))
    book.close()
    return read(path, "fees.xlsx", FEES, {}, limit)


def reject(path: Path, name: str = "fees.xlsx", limit: int = LIMIT) -> Rejected:
    with pytest.raises(Rejected) as caught:
        rows_of(read(path, name, FEES, {}, limit))
    return caught.value


def test_cells_as_text(tmp_path: Path) -> None:
    cells: list[tuple[object, str | None, str | None]] = [
        (0.038, None, "0.038"),
        (1e-5, None, "0.00001"),
        (1e-7, None, "0.0000001"),
        (0.1 + 0.2, None, "0.3"),
        (10.0, None, "10"),
        (45000, None, "45000"),
        (45000.5, None, "45000.5"),
        (-263.6, None, "-263.6"),
        (123456789012345, None, "123456789012345"),
        (1e21, None, "1" + "0" * 21),
        (True, None, "true"),
        ("20230305", None, "20230305"),
        ("  x\n y ", None, "  x\n y "),
        (dt.date(2023, 3, 5), "yyyy-mm-dd", "2023-03-05 00:00:00"),
        (dt.datetime(2023, 3, 5, 1, 2, 3), "yyyy/m/d h:mm", "2023-03-05 01:02:03"),
        (45000, 'yyyy"年"m"月"d"日"', "2023-03-15 00:00:00"),
    ]

    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["票据号", "备注"])
        for row, (value, number_format, _) in enumerate(cells, 1):
            sheet.write(row, 0, "A")
            sheet.write(row, 1, value, book.add_format({"num_format": number_format} if number_format else {}))

    rows = rows_of(land(tmp_path / "a", fill))
    assert [r["note"] for r in rows] == [text for *_, text in cells]


def test_leading_blank_rows_and_columns_a_merged_title_and_hidden_columns(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.merge_range(2, 2, 2, 6, "收费台账", book.add_format())
        sheet.write_row(4, 2, ["备用", "票据号", "项目"])
        sheet.set_column(3, 3, None, None, {"hidden": True})
        sheet.write_row(6, 2, ["x", "A1", "p", "nameless"])
        sheet.set_row(6, None, None, {"hidden": True})
        sheet.write_row(9, 2, ["", "A2", "p"])

    landed = land(tmp_path / "a", fill)
    rows = rows_of(landed)
    assert landed.sheet == "台账"
    assert landed.unknown_columns == ("备用", "第6列")
    assert [(r["row_no"], r["receipt_no"], r["extra"]) for r in rows] == [(7, "A1", '{"备用": "x", "第6列": "nameless"}'), (10, "A2", None)]


def test_error_cells_are_kept_where_they_stood(tmp_path: Path) -> None:
    errors = ["#N/A", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"]

    def fill(_: Any, sheet: Any) -> None:
        sheet.write_row(3, 2, ["票据号", "金额（元）", "备用"])
        for row, error in enumerate(errors, 5):
            sheet.write(row, 2, f"A{row}")
            sheet.write_formula(row, 3, "=1", None, error)
            sheet.write_formula(row, 4, "=1", None, error)

    rows = rows_of(land(tmp_path / "a", fill))
    assert [(r["receipt_no"], r["amount_yuan"]) for r in rows] == [(f"A{n}", e) for n, e in enumerate(errors, 5)]
    assert rows[0]["extra"] == '{"备用": "#N/A"}'


def test_the_old_format_and_its_error_cells(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("旧表")
    for column, header in enumerate(["票据号", "金额（元）", "入库日期"]):
        sheet.write(3, column + 1, header)
    sheet.write(4, 1, "A1")
    sheet.write(4, 2, 0.038)
    sheet.write(4, 3, dt.date(2023, 3, 5), xlwt.easyxf(num_format_str="yyyy-mm-dd"))
    sheet.write(6, 1, "A2")
    sheet.row(6).set_cell_error(2, 42)
    book.save(str(tmp_path / "landed"))
    landed = read(tmp_path / "landed", "fees.XLS", FEES, {}, LIMIT)
    got = [(r["row_no"], r["receipt_no"], r["amount_yuan"], r["collected_on"]) for r in rows_of(landed)]
    assert got == [(5, "A1", "0.038", "2023-03-05 00:00:00"), (7, "A2", "#N/A", None)]
    assert landed.sheet == "旧表"


def test_only_the_first_visible_sheet_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write(0, 0, "字典")
        sheet.hide()
        second = book.add_worksheet("数据")
        second.write_column(0, 0, ["票据号", "A1"])
        second.activate()
        second.set_first_sheet()
        book.add_worksheet("空")
        book.add_worksheet("说明").write(5, 5, "x")

    landed = land(tmp_path / "a", fill)
    assert (landed.sheet, landed.ignored_sheets) == ("数据", ("台账", "说明"))
    assert len(rows_of(landed)) == 1


def test_a_workbook_under_the_other_suffix_is_still_a_workbook(tmp_path: Path) -> None:
    land(tmp_path / "a.xls", lambda _, sheet: sheet.write_column(0, 0, ["票据号", "A1"]))
    assert len(rows_of(read(tmp_path / "a.xls", "a.xls", FEES, {}, LIMIT))) == 1


def good_book() -> bytes:
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True})
    book.add_worksheet().write_column(0, 0, ["票据号", *(f"A{n}" for n in range(2000))])
    book.close()
    return target.getvalue()


def repacked(change: Callable[[str, bytes], bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good_book())) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, change(part.filename, old.read(part)))
    return target.getvalue()


def flipped() -> bytes:
    """A workbook with one bit wrong in the stored data of its sheet."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good_book())) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for part in old.infolist():
            new.writestr(part.filename, old.read(part))
    content = bytearray(target.getvalue())
    content[content.index(b"A1999")] ^= 1
    return bytes(content)


def other_zip() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    return target.getvalue()


def encrypted() -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600)


def replaced(name: str, old: bytes, new: bytes) -> bytes:
    return repacked(lambda part, content: content.replace(old, new) if part == name else content)


def cut(name: str, before: bytes) -> bytes:
    return repacked(lambda part, content: content[: content.index(before)] if part == name else content)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: b"<html><table><tr><td>x</td></tr></table></html>", "not_xlsx"),
        (lambda: "票据号\nA1\n".encode(), "not_xlsx"),
        (other_zip, "not_xlsx"),
        (lambda: good_book()[:-30], "corrupt_xlsx"),
        (lambda: good_book()[:300], "corrupt_xlsx"),
        (flipped, "corrupt_xlsx"),
        (encrypted, "corrupt_xlsx"),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "corrupt_xlsx"),
        (lambda: cut("xl/worksheets/sheet1.xml", b'<c r="A1000"'), "corrupt_xlsx"),
        (lambda: cut("xl/worksheets/sheet1.xml", b"</sheetData>"), "corrupt_xlsx"),
        (lambda: cut("xl/sharedStrings.xml", b"A1500"), "corrupt_xlsx"),
        (lambda: cut("xl/workbook.xml", b"<"), "corrupt_xlsx"),
        (lambda: replaced("xl/workbook.xml", b"<sheet ", b"<shee "), "missing_key_column"),
    ],
)
@pytest.mark.parametrize("suffix", [".xlsx", ".xls"])
def test_files_that_are_no_workbook(tmp_path: Path, make: Callable[[], bytes], reason: str, suffix: str) -> None:
    path = tmp_path / "landed"
    path.write_bytes(make())
    assert reject(path, f"fees{suffix}").reason == reason


def test_a_workbook_that_inflates_too_much(tmp_path: Path) -> None:
    path = tmp_path / "landed"
    path.write_bytes(repacked(lambda part, content: content + b" " * 70_000_000 if part.endswith("sheet1.xml") else content))
    assert reject(path).reason == "too_large"
    assert "倍以上" in reject(path).detail
    assert "解压后" in reject(path, limit=1_000_000).detail


@pytest.mark.parametrize("filled", [True, False])
def test_a_cell_in_the_far_corner_does_not_kill_the_process(tmp_path: Path, filled: bool) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_column(0, 0, ["票据号", "A1"])
        sheet.write(1_048_575, 16_383, "x" if filled else None, book.add_format({"bold": True}))

    if not filled:  # only formatted: no content, no danger
        assert len(rows_of(land(tmp_path / "a", fill))) == 1
        return
    with pytest.raises(Rejected) as caught:
        land(tmp_path / "a", fill)
    assert caught.value.reason == "too_large"
    assert "第 1048576 行、XFD 列" in caught.value.detail


def test_a_formula_without_a_result_is_not_an_empty_cell(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["票据号", "金额（元）"])
    book.active.append(["A1", "=1+1"])
    book.save(tmp_path / "a.xlsx")
    rejected = reject(tmp_path / "a.xlsx")
    assert rejected.reason == "corrupt_xlsx"
    assert "单元格 B2" in rejected.detail


def test_a_formula_with_a_result_is_its_result_also_when_that_is_empty_text(tmp_path: Path) -> None:
    row = b'<c r="A2" t="str"><f>"A"&amp;1</f><v>A1</v></c><c r="B2"><f>1.5+1.5</f><v>3</v></c><c r="C2" t="str"><f>""</f><v></v></c>'
    cells = (b'<c r="%c1" t="inlineStr"><is><t>%s</t></is></c>' % (65 + at, name.encode()) for at, name in enumerate(HEADER))
    sheet = b'<row r="1">' + b"".join(cells) + b'</row><row r="2">' + row + b"</row>"
    (tmp_path / "a").write_bytes(
        repacked(lambda part, old: re.sub(b"<sheetData>.*</sheetData>", lambda _: b"<sheetData>" + sheet + b"</sheetData>", old))
    )
    (got,) = rows_of(read(tmp_path / "a", "a.xlsx", FEES, {}, LIMIT))
    assert (got["receipt_no"], got["amount_yuan"], got["note"]) == ("A1", "3", None)


def test_a_panic_of_the_library_is_a_rejection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def panic(*_: object) -> None:
        raise PanicException

    (tmp_path / "a").write_bytes(good_book())
    monkeypatch.setattr(fastexcel, "read_excel", panic)
    assert reject(tmp_path / "a").reason == "corrupt_xlsx"


def test_an_unknown_error_cell_still_leaves_a_mark() -> None:
    assert spreadsheet._error_text("something new") == "#ERROR!"


# What XML and Excel can carry as it is: no control characters, and no `_x0041_`, which both read as an escape.
cell = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"], exclude_characters="_"), max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(cell, min_size=3, max_size=3), max_size=8), st.integers(0, 5), st.integers(0, 3))
def test_what_is_written_is_read(tmp_path: Path, table: list[list[str]], down: int, right: int) -> None:
    def fill(_: Any, sheet: Any) -> None:
        for row, cells in enumerate([["项目", "票据号", "经办科室"], *table], down):
            for column, text in enumerate(cells, right):
                if text:
                    sheet.write_string(row, column, text)

    got = rows_of(land(tmp_path / "a", fill))
    want = [(n, a, b, bool(c)) for n, (a, b, c) in enumerate(table, down + 2) if (a + b + c).strip()]
    assert [(r["row_no"], r["item"] or "", r["receipt_no"] or "", bool(r["extra"])) for r in got] == want
