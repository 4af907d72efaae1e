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


HEAD_CELLS = b"".join(b'<c r="%c1" t="inlineStr"><is><t>%s</t></is></c>' % (65 + at, name.encode()) for at, name in enumerate(HEADER))


def with_rows(rows: bytes, prefix: bytes = b"", path: str = "xl/worksheets/sheet1.xml", padding: int = 0) -> bytes:
    """A workbook whose only sheet is the header in row 1 and these rows, written as they are."""
    head = b'<row r="1">' + HEAD_CELLS + b"</row>"
    if prefix:
        head = re.sub(rb"<(/?)(?=\w)", rb"<\1" + prefix, head)
    ns = b"xmlns" + (b":" + prefix[:-1] if prefix else b"") + b'="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    data = b"<%ssheetData>%s%s%s</%ssheetData>" % (prefix, head, b" " * padding, rows, prefix)
    sheet = b'<?xml version="1.0"?><%sworksheet %s>%s</%sworksheet>' % (prefix, ns, data, prefix)
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good_book())) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            if part.filename == "xl/worksheets/sheet1.xml":
                new.writestr(path, sheet)
            else:
                content = old.read(part)
                if part.filename == "xl/_rels/workbook.xml.rels":
                    content = content.replace(b"worksheets/sheet1.xml", path.removeprefix("xl/").encode())
                new.writestr(part.filename, content)
    return target.getvalue()


def stray(cell: bytes, row: bytes = b'<row r="1048576">') -> bytes:
    return row + cell + b"<v>1</v></c></row>"


@pytest.mark.parametrize(
    ("make", "extent"),
    [
        (lambda: with_rows(b'<x:row r="1048576"><x:c r="XFD1048576"><x:v>1</x:v></x:c></x:row>', b"x:"), "第 1048576 行、XFD 列"),
        (lambda: with_rows(b'<x:row><x:c s="0" r="XFD1048576"><x:v>1</x:v></x:c></x:row>', b"x:"), "第 1048576 行、XFD 列"),
        (lambda: with_rows(stray(b'<c s="0" r="XFD1048576">', b'<row spans="1:2" r="1048576">')), "第 1048576 行、XFD 列"),
        (lambda: with_rows(stray(b"<c r='XFD1048576'>", b"<row r='1048576'>")), "第 1048576 行、XFD 列"),
        (lambda: with_rows(stray(b'<c\n r = "XFD1048576">')), "第 1048576 行、XFD 列"),
        (lambda: with_rows(stray(b'<c x=">" r="XFD1048576">')), "第 1048576 行、XFD 列"),
        (lambda: with_rows(stray(b'<c r="xfd1048576">')), "第 1048576 行、XFD 列"),
        # The row says one thing, its cell another; later rows are small again.
        (lambda: with_rows(stray(b'<c r="XFD1048576">', b'<row r="2">')), "第 1048576 行、XFD 列"),
        (lambda: with_rows(stray(b'<c r="XFD999999">', b'<row r="2">') + stray(b'<c r="A3">', b"<row>")), "第 999999 行、XFD 列"),
        # Cells that do not say where they are.
        (lambda: with_rows(b'<row r="2">' + b"<c><v>1</v></c>" * 16384 + b"</row>" + stray(b"<c>")), "第 1048576 行、XFD 列"),
        # Across the edge of two blocks, and under a name where no sheet is expected.
        (lambda: with_rows(stray(b'<c r="XFD1048576">'), padding=(1 << 20) - 500), "第 1048576 行、XFD 列"),
        (lambda: with_rows(stray(b'<c s="0" r="XFD1048576">'), padding=(1 << 20) - 700), "第 1048576 行、XFD 列"),
        (lambda: with_rows(stray(b'<c r="XFD1048576">'), path="xl/data/table.xml"), "第 1048576 行、XFD 列"),
    ],
)
def test_no_way_to_write_a_far_cell_gets_past_the_check(tmp_path: Path, make: Callable[[], bytes], extent: str) -> None:
    (tmp_path / "a").write_bytes(make())
    with pytest.raises(Rejected) as caught:  # only the check: the library would abort the process
        spreadsheet._check(tmp_path / "a", LIMIT)
    assert caught.value.reason == "too_large"
    assert extent in caught.value.detail


def test_an_undecidable_place_of_a_cell_is_rejected(tmp_path: Path) -> None:
    for cell in (b'<c r="1A">', b'<c r="A">', b'<c r="&#88;">', b'<c r="A1" r="XFD1048576">'):
        (tmp_path / "a").write_bytes(with_rows(stray(cell) + stray(b"<c>")))
        with pytest.raises(Rejected) as caught:
            spreadsheet._check(tmp_path / "a", LIMIT)
        assert caught.value.reason == "corrupt_xlsx"


@pytest.mark.parametrize("rows", [1, 9, 10, 11, 99, 100, 109, 110, 999, 19_999, 20_000, 100_000, 129_999, 345_678, 1_048_576])
@pytest.mark.parametrize("letters", [1, 3])
def test_the_quick_search_knows_the_cells_that_are_near(rows: int, letters: int) -> None:
    upper = spreadsheet._round_up(rows)
    assert rows <= upper <= max(10, rows * 1.1)
    outside = spreadsheet._cell_outside(letters, upper)
    for row in {1, 9, 10, rows // 2 or 1, rows - 1 or 1, rows, upper}:
        assert not outside.search(b'<c r="Z%d" s="1">' % row)
    for row in (upper + 1, upper * 2, upper * 10, upper * 100):
        assert outside.search(b'<c r="A%d">' % row)
    assert bool(outside.search(b'<c r="AA1">')) == (letters == 1)
    assert not outside.search(b'<cols><col min="1"/></cols>')


@pytest.mark.parametrize("prefix", [b"", b"x:"])
def test_sheets_of_unusual_writers_are_read(tmp_path: Path, prefix: bytes) -> None:
    rows = b'<row><c t=\'str\'><v>A2</v></c><c s="0" r = "B2"><f>1</f> <v>2</v> </c></row>'
    rows += b'<row r="5" spans="1:3"><c t="str" r="A5"><f>""</f><v/></c><c r="B5"><v>3</v></c><c t="str"><v>n</v></c></row>'
    rows = re.sub(rb"<(/?)(?=\w)", rb"<\1" + prefix, rows)
    (tmp_path / "a").write_bytes(with_rows(rows, prefix, "xl/data/table.xml"))
    got = [(r["row_no"], r["receipt_no"], r["amount_yuan"], r["note"]) for r in rows_of(read(tmp_path / "a", "a.xlsx", FEES, {}, LIMIT))]
    assert got == [(2, "A2", "2", None), (5, None, "3", "n")]


@pytest.mark.parametrize(
    "cell",
    [
        b'<c r="D2"><f>C2+14</f></c>',
        b'<c s="0" r="D2"><f>C2+14</f></c>',
        b"<c r='D2' s='0'><f>C2+14</f></c>",
        b'<x:c r="D2"><x:f>C2+14</x:f></x:c>',
        b'<c r="D2"><x:f>C2+14</x:f></c>',
        b'<c r="D2"><f/></c>',
        b'<c r="D2"><f t="shared" si="0"/></c>',
        b'<c r="D2"><f t="shared" ref="D2:D9" si="0">C2+14</f></c>',
        b'<c r="D2"><f>C2+14</f><v></v></c>',
        b'<c r="D2"><f>C2+14</f><v/></c>',
        b'<c r="D2"><f>C2+14</f><v> </v></c>',
        b'<c r="D2">\n <f>C2+14</f>\n <v>\n</v>\n</c>',
        b'<c r="D2"><f><![CDATA[C2<14]]></f></c>',
        b'<c r="D2"><f>C2+14</f><v><!-- 3 --></v></c>',
        b'<c r="D2"><f>' + b"1+" * 20_000 + b"1</f></c>",
        b'<c r="C2"/><c><f>C2+14</f></c>',
    ],
)
@pytest.mark.parametrize("padding", [0, (1 << 20) - 480])
def test_no_way_to_write_a_formula_without_a_result_gets_past_the_check(tmp_path: Path, cell: bytes, padding: int) -> None:
    content = with_rows(b'<row r="2">' + cell + b'</row><row r="3"><c r="A3"><f>1+1</f><v>2</v></c></row>', padding=padding)
    content = rewritten(content, b"<worksheet ", b'<worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main" ')
    (tmp_path / "a").write_bytes(content)
    rejected = reject(tmp_path / "a")
    assert rejected.reason == "corrupt_xlsx"
    assert "sheet1.xml 的单元格 D2 是没有计算结果的公式" in rejected.detail


def rewritten(book: bytes, old: bytes, new: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in source.infolist():
            archive.writestr(part.filename, source.read(part).replace(old, new))
    return target.getvalue()


def test_formulas_of_other_parts_of_a_sheet_are_no_cells(tmp_path: Path) -> None:
    rule = b'</sheetData><extLst xmlns:xm="xm"><ext><xm:f>A1</xm:f><f>A1</f></ext></extLst>'
    content = rewritten(with_rows(b'<row r="2"><c r="A2" t="str"><v>A1</v></c></row>'), b"</sheetData>", rule)
    (tmp_path / "a").write_bytes(content)
    assert [r["receipt_no"] for r in rows_of(read(tmp_path / "a", "a.xlsx", FEES, {}, LIMIT))] == ["A1"]


@pytest.mark.parametrize(
    ("properties", "rejected"),
    [
        (b'<workbookPr date1904="1"/>', True),
        (b'<workbookPr date1904="true" defaultThemeVersion="124226"/>', True),
        (b"<workbookPr defaultThemeVersion='124226'\n date1904 = 'true'/>", True),
        (b'<x:workbookPr xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main" date1904="1"/>', True),
        (b'<workbookPr date1904="0"/>', False),
        (b'<workbookPr date1904="false"/>', False),
        (b"<workbookPr/>", False),
    ],
)
def test_a_workbook_that_counts_its_dates_from_1904(tmp_path: Path, properties: bytes, rejected: bool) -> None:
    path = tmp_path / "a"
    path.write_bytes(repacked(lambda _, content: re.sub(rb"<workbookPr[^>]*>", lambda _: properties, content)))
    if rejected:
        assert reject(path).reason == "date_1904"
        assert "取消“使用 1904 日期系统”" in reject(path).detail
    else:
        assert len(rows_of(read(path, "a.xlsx", FEES, {}, LIMIT))) == 2000


def test_a_1904_workbook_of_a_usual_writer_whatever_its_sheet_is_called(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "a", {"date_1904": True})
    book.add_worksheet("sheetData").write_column(0, 0, ["票据号", "A1"])
    book.close()
    assert reject(tmp_path / "a").reason == "date_1904"


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
