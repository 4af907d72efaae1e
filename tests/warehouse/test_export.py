"""Exports: what is written reads back as what was counted, byte for byte the same each time, and nothing unknown becomes zero."""

import io
import json
import zipfile
from decimal import Decimal
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse import forms
from warehouse.export import html, markdown, readback, tables_json, tabular, xlsx
from warehouse.export.figures import figures, text_of
from warehouse.export.heading import Heading

GOLDEN = Path(__file__).parents[1] / "golden"
NAMES = sorted(p.stem for p in GOLDEN.glob("*.json"))
HEADING = Heading("某市工业和信息化局", 2023, "11410700MB1234567X", "第 1 版", "数据截至2024年1月15日")
FEE = "table2.fee_10k_yuan"


def published(name):
    """A published report as values of its form; a figure it does not have is unknown."""
    tables = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"), parse_float=Decimal, parse_int=Decimal)
    form = forms.load(tables["format"])

    def at(cell_id):
        node = tables
        for step in cell_id.split("."):
            node = node.get(step) if isinstance(node, dict) else None
        return node

    return form, {cell_id: at(cell_id) for cell_id in form.cells}


@pytest.fixture(scope="module")
def pingtan():
    return published("fujian-pingtan-guanweihui-2023")


def spoiled(values, **changes):
    return {**values, **{k.replace("__", "."): v for k, v in changes.items()}}


@pytest.mark.parametrize("name", NAMES)
def test_workbook_and_page_read_back_as_the_values(name):
    form, values = published(name)
    assert readback.xlsx(form, xlsx.render(form, HEADING, values)) == values
    assert readback.html(form, html.render(form, HEADING, values)) == values


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("fujian-pingtan-guanweihui-2020", "jiangsu-huaian-hongze-qu-2023")])
def test_json_is_the_published_tables(name):
    golden = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    got = json.loads(tables_json.render(*published(name)))
    fee = golden["table2"].pop("fee_10k_yuan_as_published")
    golden["table2"]["fee_10k_yuan"] = fee
    assert got == {k: golden[k] for k in ("table2", "table3", "table4")}


def test_two_writes_are_equal_byte_for_byte(pingtan, monkeypatch):
    form, values = pingtan
    first = (
        xlsx.render(form, HEADING, values),
        html.render(form, HEADING, values),
        tables_json.render(form, values),
        markdown.render(form, HEADING, values),
    )
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0)
    again = dict(reversed(list(values.items())))
    second = (
        xlsx.render(form, HEADING, again),
        html.render(form, HEADING, again),
        tables_json.render(form, again),
        markdown.render(form, HEADING, again),
    )
    assert first == second


def test_the_unknown_is_a_dash_with_a_note_and_reads_back_as_unknown(pingtan):
    form, values = pingtan
    values = spoiled(values, table2__fee_10k_yuan=None, table3__granted__total=None)
    book, page, text = xlsx.render(form, HEADING, values), html.render(form, HEADING, values), markdown.render(form, HEADING, values)
    assert readback.xlsx(form, book)[FEE] is None and readback.html(form, page)["table3.granted.total"] is None
    assert "不是零" in page and "不是零" in text and "| — |" in text
    cells = tabular.cells(form, values).filter(pl.col("cell_id") == FEE).row(0, named=True)
    assert cells["value"] == "—" and "不是零" in cells["note"]
    assert json.loads(tables_json.render(form, values))["table2"]["fee_10k_yuan"] is None
    sheets = openpyxl.load_workbook(io.BytesIO(book)).worksheets
    notes = [any("不是零" in str(c.value) for r in s.iter_rows() for c in r) for s in sheets]
    assert notes == [True, True, False]


def test_without_unknowns_there_is_no_note(pingtan):
    form, values = pingtan
    assert "不是零" not in html.render(form, HEADING, values) + markdown.render(form, HEADING, values)


def test_a_value_without_a_cell_or_a_cell_without_a_value_is_refused(pingtan):
    form, values = pingtan
    with pytest.raises(ValueError, match="不一致"):
        figures(form, {k: v for k, v in values.items() if k != FEE})
    with pytest.raises(ValueError, match="table9"):
        figures(form, {**values, "table9.x": Decimal(1)})


@pytest.mark.parametrize("value", [Decimal("1.5"), Decimal("NaN"), Decimal("Infinity")])
def test_a_count_that_is_no_whole_number_is_refused(pingtan, value):
    form, values = pingtan
    with pytest.raises(ValueError, match="不是整数"):
        figures(form, spoiled(values, table4__review__total=value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0E-10", "0"),
        ("0.0380000000", "0.038"),
        ("47.1000000000", "47.1"),
        ("81.0000000000", "81"),
        ("1E+3", "1000"),
        ("100", "100"),
        ("-263.60", "-263.6"),
        ("-0.00", "0"),
        ("1E-10", "0.0000000001"),
    ],
)
def test_values_show_every_digit_and_no_more(value, text):
    assert text_of(Decimal(value)) == text


@settings(max_examples=25, deadline=None)
@given(st.decimals(min_value="-999999999999999999", max_value="999999999999999999", places=10), st.integers(0, 10**17))
def test_any_amount_and_count_survives_every_form(amount, count):
    form, values = published("henan-xinxiang-gongxinju-2023")
    values = spoiled(values, table2__fee_10k_yuan=amount, table3__new_received__total=Decimal(count))
    assert readback.xlsx(form, xlsx.render(form, HEADING, values)) == values
    assert readback.html(form, html.render(form, HEADING, values)) == values
    read = json.loads(tables_json.render(form, values))
    assert Decimal(read["table2"]["fee_10k_yuan"]) == amount and read["table3"]["new_received"]["total"] == count


def test_workbook_numbers_are_numbers_in_the_official_layout(pingtan):
    form, values = pingtan
    book = openpyxl.load_workbook(io.BytesIO(xlsx.render(form, HEADING, values)))
    assert book.sheetnames == ["二、主动公开政府信息情况", "三、收到和处理政府信息公开申请情况", "四、政府信息公开行政复议、行政诉讼情况"]
    for sheet, grid in zip(book.worksheets, form.grids, strict=True):
        merges = {str(m) for m in sheet.merged_cells.ranges}
        for box in grid.boxes:
            cell = sheet.cell(xlsx.TOP + box.row, box.col)
            end = sheet.cell(xlsx.TOP + box.row + box.rowspan - 1, box.col + box.colspan - 1)
            assert cell.value == (values[box.cell_id] if box.cell_id else box.text) or Decimal(str(cell.value)) == values[box.cell_id]
            assert cell.data_type == ("n" if box.cell_id else "s")
            assert (box.rowspan, box.colspan) == (1, 1) or f"{cell.coordinate}:{end.coordinate}" in merges
        assert sheet.page_setup.paperSize == 9 and sheet.sheet_properties.pageSetUpPr.fitToPage
    fee = book.worksheets[0].cell(xlsx.TOP + 14, 2)
    assert fee.value == 5949.088667 and fee.number_format == "0.000000"
    assert book.properties.created.year == book.properties.modified.year == 1980


def test_more_digits_than_a_spreadsheet_holds_are_written_as_text_not_rounded(pingtan):
    form, values = pingtan
    long = Decimal("1234567890123.4567")
    data = xlsx.render(form, HEADING, spoiled(values, table2__fee_10k_yuan=long))
    assert openpyxl.load_workbook(io.BytesIO(data)).worksheets[0].cell(xlsx.TOP + 14, 2).value == "1234567890123.4567"
    assert readback.xlsx(form, data)[FEE] == long


def test_page_is_offline_names_every_cell_and_escapes_names(pingtan):
    form, values = pingtan
    evil = Heading('<script>alert(1)</script>&"局"', 2023, "<b>", "<i>1</i>", "=cmd")
    page = html.render(form, evil, values)
    assert page.count("data-cell=") == 200 and "<script" not in page and "<b>" not in page and "<i>" not in page
    assert not any(sign in page for sign in ("http:", "https:", 'src="', "href=", "@import", "url("))
    assert readback.html(form, page) == values


def test_names_that_look_like_formulas_stay_text_in_the_workbook(pingtan):
    form, values = pingtan
    book = openpyxl.load_workbook(io.BytesIO(xlsx.render(form, Heading("=1+1", 2023, "=A1", "=v", "@x"), values)))
    cell = book.worksheets[0]["A1"]
    assert cell.data_type == "s" and cell.value.startswith("=1+1")


def test_a_draft_says_so_everywhere(pingtan):
    form, values = pingtan
    draft = Heading("某局", 2023, "1", "草稿", "", draft=True)
    assert "不得对外使用" in html.render(form, draft, values) and "不得对外使用" in markdown.render(form, draft, values)
    sheets = openpyxl.load_workbook(io.BytesIO(xlsx.render(form, draft, values))).worksheets
    assert all("不得对外使用" in s["A2"].value for s in sheets)
    assert "不得对外使用" not in html.render(form, HEADING, values)


def test_readback_notices_a_moved_label_a_lost_number_and_a_changed_span(pingtan):
    form, values = pingtan
    page = html.render(form, HEADING, values)
    for wrong in (
        page.replace("2.重复申请", "2.重复"),
        page.replace('rowspan="22"', 'rowspan="21"'),
        page.replace('data-cell="table4.review.total"', 'data-cell="table4.review.other"'),
        page.replace(">2629<", "><"),
        page.replace(">2629<", ">2629件<"),
        page.replace('<table id="table4"', '<div id="table4"'),
    ):
        assert wrong != page
        with pytest.raises(readback.ReadbackError):
            readback.html(form, wrong)


def test_readback_of_a_workbook_notices_a_moved_row_and_other_sheets(pingtan):
    form, values = pingtan
    data = xlsx.render(form, HEADING, values)
    with pytest.raises(readback.ReadbackError, match="应为标签“2.重复申请”"):
        readback.xlsx(form, _with_part(data, "xl/sharedStrings.xml", "2.重复申请", "重复"))
    with pytest.raises(readback.ReadbackError, match="工作表"):
        readback.xlsx(form, _with_part(data, "xl/workbook.xml", "二、主动公开", "表"))
    with pytest.raises(readback.ReadbackError, match="licensing_decisions"):
        readback.xlsx(form, _with_part(data, "xl/worksheets/sheet1.xml", "<v>2629</v>", ""))
    for torn in (data[:-100], data[:100], b"", _with_part(data, "xl/worksheets/sheet3.xml", "</worksheet>", "")):
        with pytest.raises(readback.ReadbackError, match="无法读取"):
            readback.xlsx(form, torn)


def _with_part(data, name, old, new):
    """The workbook with one part spoiled."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w") as spoilt:
        for part in source.namelist():
            text = source.read(part)
            if part == name:
                assert old.encode() in text
                text = text.replace(old.encode(), new.encode())
            spoilt.writestr(part, text)
    return target.getvalue()


def test_markdown_has_one_line_a_row_and_all_columns(pingtan):
    form, values = pingtan
    text = markdown.render(form, HEADING, values)
    assert "| （一）予以公开 | 22 | 0 | 0 | 0 | 0 | 0 | 22 |" in text.replace("　", "")
    assert "| 　行政规范性文件 | 77 | 132 | 470 |" in text
    assert "| 　行政事业性收费 | 5949.088667 |" in text
    assert "| 　未经复议直接起诉 | 4 | 0 | 0 | 1 | 5 |" in text
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1
    assert markdown.render(form, Heading("a|b*<c>", 2023, "", "", ""), values).startswith("# a\\|b\\*\\<c\\>2023年")


def test_json_keeps_extra_keys_first_and_refuses_a_table_name(pingtan):
    form, values = pingtan
    text = tables_json.render(form, values, {"agency": "某局", "year": 2023})
    assert text.startswith('{\n "agency": "某局",\n "year": 2023,\n "table2": {')
    with pytest.raises(ValueError, match="table3"):
        tables_json.render(form, values, {"table3": 1})


def test_cells_csv_has_a_line_a_cell(pingtan, tmp_path):
    form, values = pingtan
    tabular.safe_csv(tabular.cells(form, values), tmp_path / "cells.csv")
    data = (tmp_path / "cells.csv").read_bytes()
    assert data.startswith("\ufeffcell_id,label,value,unit,law,note\r\n".encode())
    lines = data.decode("utf-8-sig").splitlines()
    assert len(lines) == 201
    assert f"{FEE},{form.cells[FEE].label},5949.088667,万元,条例第二十条第（八）项," in lines


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\tx", "\rx", "\nx", " =1", "＝1", "　@x", "-1,234", "-", "+1e5x", "-1\n"]
)
def test_a_text_that_a_spreadsheet_would_evaluate_is_guarded(text):
    target = io.BytesIO()
    tabular.safe_csv(pl.DataFrame({"a": [text]}), target)
    read = pl.read_csv(target.getvalue(), infer_schema=False)
    assert read["a"].to_list() == [f"'{text}"]


@pytest.mark.parametrize("text", ["-263.60", "+5", "12", "0.038", "新工信〔2023〕1号", "a=b", "—", "'x", "a,b", 'say "x"'])
def test_a_harmless_text_stays_as_it_is(text):
    target = io.BytesIO()
    tabular.safe_csv(pl.DataFrame({"a": [text]}), target)
    assert pl.read_csv(target.getvalue(), infer_schema=False)["a"].to_list() == [text]


def test_numbers_dates_and_nothing_stay_as_they_are_and_headers_are_guarded():
    target = io.BytesIO()
    frame = pl.DataFrame({"=h": ["x"], "n": [-5], "d": [Decimal("-263.60")], "none": [None]}, schema_overrides={"none": pl.String})
    tabular.safe_csv(frame.with_columns(pl.col("=h").cast(pl.Categorical)), target)
    assert target.getvalue().decode("utf-8-sig") == "'=h,n,d,none\r\nx,-5,-263.60,\r\n"
