"""What holds for every format: choice of the reader, whole-file rejections, header matching, the shape of a chunk."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from assets.sources.files import Landed, Rejected, read
from assets.sources.shape import fold
from warehouse.subjects import SUBJECTS, Subject

FEES = SUBJECTS["fees"]
LIMIT = 1 << 30


def rows_of(landed: Landed) -> list[dict[str, object]]:
    return [row for chunk in landed.chunks for row in chunk.to_dicts()]


def write(path: Path, table: list[list[str]]) -> Path:
    """The same table in the format of the suffix."""
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(table)
    elif path.suffix == ".json":
        path.write_text(json.dumps([dict(zip(table[0], row, strict=False)) for row in table[1:]], ensure_ascii=False), encoding="utf-8")
    else:
        book = xlsxwriter.Workbook(path)
        sheet = book.add_worksheet()
        for number, row in enumerate(table):
            for column, value in enumerate(row):
                if value:
                    sheet.write_string(number, column, value)
        book.close()
    return path


@pytest.mark.parametrize("suffix", [".csv", ".json", ".xlsx"])
def test_every_format_gives_the_same_rows_and_keeps_unknown_columns(tmp_path: Path, suffix: str) -> None:
    table = [["序号", "金额（元）", "经办科室", "票据号"], ["1", "0.038", "一科", " A 1 "], ["2", "", "", "A2"]]
    landed = read(write(tmp_path / f"fees{suffix}", table), f"fees{suffix}", FEES, {}, LIMIT)
    rows = rows_of(landed)
    first = {"json": 1}.get(suffix[1:], 2)
    assert landed.unknown_columns == ("序号", "经办科室")
    assert [r["row_no"] for r in rows] == [first, first + 1]
    assert [r["receipt_no"] for r in rows] == [" A 1 ", "A2"]
    assert [r["amount_yuan"] for r in rows] == ["0.038", None]
    assert [r["extra"] for r in rows] == ['{"序号": "1", "经办科室": "一科"}', '{"序号": "2"}']


@pytest.mark.parametrize("suffix", [".csv", ".json", ".xlsx"])
def test_a_chunk_has_the_columns_of_the_contract(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", [["票据号"], ["A1"]])
    (chunk,) = read(path, path.name, FEES, {}, LIMIT).chunks
    assert chunk.columns == ["row_no", *(f.name for f in FEES.fields), "extra"]
    assert chunk.schema["row_no"] == pl.Int64
    assert {chunk.schema[name] for name in chunk.columns[1:]} == {pl.String()}


@pytest.mark.parametrize("suffix", [".csv", ".json", ".xlsx"])
def test_no_record_is_a_valid_file(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", [["票据号", "金额（元）"]])
    assert rows_of(read(path, path.name, FEES, {}, LIMIT)) == []


@pytest.mark.parametrize("suffix", [".csv", ".json", ".xlsx"])
def test_more_than_one_chunk_keeps_every_row_and_its_number(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.sources.shape.CHUNK_ROWS", 7)
    monkeypatch.setattr("assets.sources.spreadsheet.CHUNK_ROWS", 7)
    path = write(tmp_path / f"a{suffix}", [["票据号", "备用"], *([f"A{n}", str(n)] for n in range(30))])
    landed = read(path, path.name, FEES, {}, LIMIT)
    chunks = list(landed.chunks)
    assert [c.height for c in chunks] == [7, 7, 7, 7, 2]
    whole = pl.concat(chunks)
    first = whole["row_no"][0]
    assert whole["row_no"].to_list() == list(range(first, first + 30))
    assert whole["receipt_no"].to_list() == [f"A{n}" for n in range(30)]
    assert whole["extra"].to_list() == [f'{{"备用": "{n}"}}' for n in range(30)]


@pytest.mark.parametrize("suffix", [".csv", ".json", ".xlsx"])
@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("票据号", {}),
        ("receipt_no", {}),
        (" 票 据\u3000号\n", {}),
        ("ＲＥＣＥＩＰＴ＿ＮＯ", {}),
        ("\u200b票据号", {}),
        ("收据编号", {"收据编号": "receipt_no"}),
        ("收据  编号", {"收据编号": "receipt_no"}),
    ],
)
def test_headers_are_compared_without_width_space_and_case(tmp_path: Path, suffix: str, header: str, columns: dict[str, str]) -> None:
    path = write(tmp_path / f"a{suffix}", [[header, "金额(元)"], ["A1", "5"]])
    (row,) = rows_of(read(path, path.name, FEES, columns, LIMIT))
    assert (row["receipt_no"], row["amount_yuan"], row["extra"]) == ("A1", "5", None)


def test_a_configured_column_may_name_the_contract_code_and_wins_over_the_built_in_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [["票据号", "新号"], ["old", "new"]])
    landed = read(path, path.name, FEES, {"新号": "receipt_no"}, LIMIT)
    (row,) = rows_of(landed)
    assert (row["receipt_no"], row["extra"]) == ("new", '{"票据号": "old"}')
    path = write(tmp_path / "b.csv", [["票据号", "单位代码"], ["A1", "X"]])
    (row,) = rows_of(read(path, path.name, FEES, {"单位代码": "collected_by_code"}, LIMIT))
    assert row["organ_code"] == "X"


def test_a_configured_header_can_take_a_built_in_header_away(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [["票据号", "备注"], ["A1", "X"]])
    (row,) = rows_of(read(path, path.name, FEES, {"备注": "item"}, LIMIT))
    assert (row["item"], row["note"]) == ("X", None)


def test_a_configured_field_that_does_not_exist_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [["票据号"], ["A1"]])
    with pytest.raises(ValueError, match="no_such"):
        read(path, path.name, FEES, {"x": "no_such"}, LIMIT)


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=list(SUBJECTS))
def test_no_two_fields_of_a_subject_share_a_folded_header(subject: Subject) -> None:
    folded: dict[str, str] = {}
    for header, name in subject.headers.items():
        assert folded.setdefault(fold(header), name) == name


@pytest.mark.parametrize(
    ("name", "content", "limit", "reason"),
    [
        ("a.xlsx", b"", LIMIT, "empty_file"),
        ("a.csv", b"", LIMIT, "empty_file"),
        ("a.json", b"", LIMIT, "empty_file"),
        ("a.csv", "票据号\r\nA1\r\n".encode(), 5, "too_large"),
        ("a.pdf", b"%PDF", LIMIT, "unsupported_type"),
        ("a", b"x", LIMIT, "unsupported_type"),
        ("a.json.gz", b"x", LIMIT, "unsupported_type"),
    ],
)
def test_whole_file_rejections(tmp_path: Path, name: str, content: bytes, limit: int, reason: str) -> None:
    path = tmp_path / "landed"
    path.write_bytes(content)
    with pytest.raises(Rejected) as caught:
        read(path, name, FEES, {}, limit)
    assert caught.value.reason == reason
    assert caught.value.detail.endswith("。")


@pytest.mark.parametrize("name", ["FEES.CSV", "补报.Csv"])
def test_the_original_name_decides_the_reader_in_any_case(tmp_path: Path, name: str) -> None:
    path = tmp_path / "0123abcd"
    path.write_text("票据号\nA1\n", encoding="utf-8")
    assert len(rows_of(read(path, name, FEES, {}, LIMIT))) == 1


@pytest.mark.parametrize("suffix", [".csv", ".json", ".xlsx"])
def test_two_columns_for_one_field_are_rejected(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", [["票据号", "receipt_no"], ["A1", "A2"]])
    with pytest.raises(Rejected) as caught:
        read(path, path.name, FEES, {}, LIMIT)
    assert caught.value.reason == "duplicate_column"
    assert "票据号" in caught.value.detail
    assert "A1" not in caught.value.detail


@pytest.mark.parametrize("suffix", [".csv", ".json", ".xlsx"])
def test_a_missing_key_names_what_is_missing_and_what_was_seen(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", [["处罚机关", "行政处罚决定书文号", "备用"], ["某局", "某罚1号", "y"]])
    with pytest.raises(Rejected) as caught:
        read(path, path.name, SUBJECTS["penalties"], {}, LIMIT)
    assert caught.value.reason == "missing_key_column"
    assert "处罚机关统一社会信用代码（CF_CFJGDM）；" in caught.value.detail
    assert "备用" in caught.value.detail
    assert "某" not in caught.value.detail


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_cells_of_a_file_without_header_are_not_shown(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", [["张三", "13800000000"], ["李四", "x"]])
    with pytest.raises(Rejected) as caught:
        read(path, path.name, FEES, {}, LIMIT)
    assert caught.value.reason == "missing_key_column"
    assert "张三" not in caught.value.detail


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_title_rows_and_the_fullest_header_row(tmp_path: Path, suffix: str) -> None:
    header = ["票据号", "金额（元）", "项目"]
    table = [["收费登记表", "", ""], ["票据号", "见下", ""], header, ["A1", "1", "p"], header]
    path = write(tmp_path / f"a{suffix}", table)
    assert [(r["row_no"], r["receipt_no"]) for r in rows_of(read(path, path.name, FEES, {}, LIMIT))] == [(4, "A1"), (5, "票据号")]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_repeated_and_missing_headers_of_unknown_columns_keep_their_values_apart(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", [["票据号", "备用", "备用", "", "空"], ["A1", "x", "y", "z", ""]])
    landed = read(path, path.name, FEES, {}, LIMIT)
    assert landed.unknown_columns == ("备用", "备用（第3列）", "第4列", "空")
    assert json.loads(str(rows_of(landed)[0]["extra"])) == {"备用": "x", "备用（第3列）": "y", "第4列": "z"}


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_blank_rows_are_skipped_and_keep_their_number(tmp_path: Path, suffix: str) -> None:
    table = [["", ""], ["票据号", "备用"], ["", ""], ["A1", ""], [" ", "\u3000"], ["", "x"], ["A2", ""]]
    path = write(tmp_path / f"a{suffix}", table)
    rows = rows_of(read(path, path.name, FEES, {}, LIMIT))
    assert [(r["row_no"], r["receipt_no"], r["extra"]) for r in rows] == [(4, "A1", None), (6, None, '{"备用": "x"}'), (7, "A2", None)]
