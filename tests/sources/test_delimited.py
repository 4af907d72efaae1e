"""CSV: encodings, delimiters, record numbers, records of another length than the header."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.sources.files import Landed, Rejected, read
from warehouse.subjects import SUBJECTS

FEES = SUBJECTS["fees"]
LIMIT = 1 << 30
TEXT = "票据号,金额（元）,备注\r\nA1,1.50,镕㐂\r\n"


def land(path: Path, content: bytes) -> Landed:
    path.write_bytes(content)
    return read(path, "fees.csv", FEES, {}, LIMIT)


def rows_of(landed: Landed) -> list[dict[str, object]]:
    return [row for chunk in landed.chunks for row in chunk.to_dicts()]


def reject(path: Path, content: bytes) -> Rejected:
    with pytest.raises(Rejected) as caught:
        rows_of(land(path, content))
    return caught.value


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(tmp_path: Path, codec: str) -> None:
    bom = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(codec, b"")
    (row,) = rows_of(land(tmp_path / "a", bom + TEXT.encode(codec)))
    assert (row["row_no"], row["receipt_no"], row["amount_yuan"], row["note"]) == (2, "A1", "1.50", "镕㐂")


def test_an_encoding_is_decided_over_the_whole_file(tmp_path: Path) -> None:
    ascii_start = "receipt_no,note\n" + "A,bbbbbbbbbbbb\n" * 80_000
    rows = rows_of(land(tmp_path / "a", (ascii_start + "A,备注文字\n").encode("gb18030")))
    assert (rows[-1]["row_no"], rows[-1]["note"]) == (80_002, "备注文字")


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    content = f'票据号{delimiter}金额（元）\nA1{delimiter}"1,2;3\t4"\n'.encode()
    assert rows_of(land(tmp_path / "a", content))[0]["amount_yuan"] == "1,2;3\t4"


@pytest.mark.parametrize(
    ("content", "position"),
    [
        ("票据号\n".encode() + b"A\xff\xfe\n", "第 12 字节（约第 2 行）"),
        ("票据号,金额（元）,备注\n一二三四五六七八,".encode() + b"\xb9\xdc\n", "第 59 字节（约第 2 行）"),  # GB18030 pasted into UTF-8
        ("票据号\nA".encode() + b"\x00\n", "第 12 字节（约第 2 行）"),
        ("票据号,备注".encode("gb18030") + b"\n1,\xff\n", "第 15 字节（约第 2 行）"),
        (codecs.BOM_UTF16_LE + "票据号\nA\0".encode("utf-16-le"), "第 13 字节（约第 2 行）"),
        (codecs.BOM_UTF16_LE + "票据号\n".encode("utf-16-le") + b"\x00\xd8A\x00", "第 11 字节（约第 2 行）"),
        ("票据号\n".encode("utf-16-le"), "字节"),
        ("票据号,金额（元）,备注\n一二三四五六七八,中".encode()[:-1], "一个字符中间断开"),
    ],
)
def test_bad_encoding_names_the_byte(tmp_path: Path, content: bytes, position: str) -> None:
    rejected = reject(tmp_path / "a", content)
    assert rejected.reason == "bad_encoding"
    assert position in rejected.detail


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('票据号,备注\nA1,x\nA2,"open\nA3,y\n', "第 3 行"),
        ('票据号,备注\nA1,"x"y\n', "第 2 行"),
        ('"票据号,备注\nA1,x\n', "第 1 行"),
        ('票据号,备注\nA1,"two\nlines"\nA2,"' + "x" * (17 << 20), "第 4 行"),
    ],
)
def test_malformed_csv_names_the_line(tmp_path: Path, content: str, line: str) -> None:
    rejected = reject(tmp_path / "a", content.encode())
    assert rejected.reason == "malformed_csv"
    assert line in rejected.detail


def test_nothing_of_a_file_that_breaks_late_is_handed_over(tmp_path: Path) -> None:
    with pytest.raises(Rejected):
        land(tmp_path / "a", ("票据号,备注\n" + "A,b\n" * 60_000 + 'A,"open').encode())


def test_numbers_count_records_not_lines(tmp_path: Path) -> None:
    content = '票据号,备注\r\nA1,"two\r\nlines"\r\n\r\n,\r\nA2,x\r\n'.encode()
    rows = rows_of(land(tmp_path / "a", content))
    assert [(r["row_no"], r["receipt_no"], r["note"]) for r in rows] == [(2, "A1", "two\r\nlines"), (5, "A2", "x")]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path: Path, newline: str) -> None:
    rows = rows_of(land(tmp_path / "a", newline.join(["票据号", "A1", "A2"]).encode()))
    assert [(r["row_no"], r["receipt_no"]) for r in rows] == [(2, "A1"), (3, "A2")]


def test_surplus_values_are_kept_and_short_records_are_empty_at_the_end(tmp_path: Path) -> None:
    landed = land(tmp_path / "a", "票据号,备注\nA1\nA2,x,,surplus\nA3,x,\n".encode())
    rows = rows_of(landed)
    assert landed.unknown_columns == ("第4列",)
    want = [("A1", None, None), ("A2", "x", '{"第4列": "surplus"}'), ("A3", "x", None)]
    assert [(r["receipt_no"], r["note"], r["extra"]) for r in rows] == want


@pytest.mark.parametrize("content", [b"\n\n\n", b"\xef\xbb\xbf", b" "])
def test_a_file_of_nothing_has_no_header(tmp_path: Path, content: bytes) -> None:
    assert reject(tmp_path / "a", content).reason == "missing_key_column"


cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(cell, min_size=3, max_size=3), max_size=8), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]))
def test_what_is_written_is_read(tmp_path: Path, table: list[list[str]], codec: str) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    # Enough Chinese for the encoding to be beyond doubt, as in any real file.
    writer.writerows([["票据号", "项目", "经办科室"], *table])
    rows = rows_of(land(tmp_path / "a", text.getvalue().encode(codec)))
    want = [(n, a, b, c) for n, (a, b, c) in enumerate(table, 2) if (a + b + c).strip()]
    got = [(r["row_no"], r["receipt_no"], r["item"], r["extra"]) for r in rows]
    assert [(n, a or "", b or "") for n, a, b, _ in got] == [w[:3] for w in want]
    assert [bool(extra) for *_, extra in got] == [bool(w[3]) for w in want]
