"""JSON: literal values, exact positions, strictness to the last byte, the platform's envelope."""

from __future__ import annotations

import codecs
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.sources import json_rows
from assets.sources.envelope import Envelope
from assets.sources.files import Landed, Rejected, read
from warehouse.subjects import SUBJECTS

FEES = SUBJECTS["fees"]
LIMIT = 1 << 30


@pytest.fixture(params=["whole", "window"])
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file is decoded whole and a big one over a window: both must say the same."""
    if request.param == "window":
        monkeypatch.setattr(json_rows, "_SMALL", -1)


both_ways = pytest.mark.usefixtures("_both_ways")


def land(path: Path, content: bytes | str, envelope: Envelope | None = None) -> Landed:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path, "fees.json", FEES, {}, LIMIT, envelope)


def rows_of(landed: Landed) -> list[dict[str, object]]:
    return [row for chunk in landed.chunks for row in chunk.to_dicts()]


def one(path: Path, literal: str) -> object:
    (row,) = rows_of(land(path, f'[{{"receipt_no": "A1", "amount_yuan": {literal}}}]'))
    return row["amount_yuan"]


@both_ways
@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ("0.038", "0.038"),
        ("10.0", "10.0"),
        ("1E5", "1E5"),
        ("-0", "-0"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("9" * 6000, "9" * 6000),
        ("null", None),
        ('""', None),
        ('" x "', " x "),
        ("true", "true"),
        ("false", "false"),
        (r'"\u4e2d\n\"\ud83d\ude00"', '中\n"😀'),
        ('"0.10"', "0.10"),
        ('{ "a" : [1.0, "1.0", null, true, {}] , "a": "中\\"" }', '{"a":[1.0,"1.0",null,true,{}],"a":"中\\""}'),
        ("[]", "[]"),
    ],
)
def test_values_are_the_text_of_the_file(tmp_path: Path, literal: str, text: str | None) -> None:
    assert one(tmp_path / "a", literal) == text


@both_ways
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_encodings(tmp_path: Path, codec: str) -> None:
    rows = rows_of(land(tmp_path / "a", ' [ {"票据号": "甲乙丙"} ] \n'.encode(codec)))
    assert [r["receipt_no"] for r in rows] == ["甲乙丙"]


@both_ways
def test_a_byte_order_mark_in_gb18030(tmp_path: Path) -> None:
    assert len(rows_of(land(tmp_path / "a", '\ufeff[{"票据号": "甲"}]'.encode("gb18030")))) == 1


ROW = '{"receipt_no": "A1"}'


@both_ways
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"[{ROW}", "truncated_json"),
        (f"[{ROW},", "truncated_json"),
        (f"[{ROW},]", "truncated_json"),
        (f"[{ROW}, {ROW[:-3]}", "truncated_json"),
        (f"[{ROW}] x", "truncated_json"),
        (f"[{ROW}][{ROW}]", "truncated_json"),
        (f"[{ROW} {ROW}]", "truncated_json"),
        ('[{"receipt_no": "A1",}]', "truncated_json"),
        ('[{"receipt_no": NaN}]', "truncated_json"),
        ('[{"receipt_no": -Infinity}]', "truncated_json"),
        ('[{"receipt_no": 01}]', "truncated_json"),
        ("[{'receipt_no': 1}]", "truncated_json"),
        ('[{"receipt_no": "a\nb"}]', "truncated_json"),
        ("[/* c */]", "truncated_json"),
        ("  ", "truncated_json"),
        ("<html></html>", "truncated_json"),
        ('[{"receipt_no": "一二三四五六七八中"}]'.encode()[:-5], "truncated_json"),
        ('[{"receipt_no": "一"}]'.encode("gb18030")[:-4], "truncated_json"),
        ("[" * 100_000, "truncated_json"),
        ('[{"receipt_no": ' + "[" * 100_000, "truncated_json"),
        ('[{"receipt_no": ' + "[" * 700 + "]" * 700 + "}]", "truncated_json"),
        ('[{"receipt_no": "\\u4e2d", "x": ' + "[" * 700 + "]" * 700 + "}]", "truncated_json"),
        (codecs.BOM_UTF8, "truncated_json"),
        ('"text', "truncated_json"),
        ('"text"', "not_records"),
        ("12", "not_records"),
        (f"[{ROW}, 1]", "not_records"),
        (f"[{ROW}, null]", "not_records"),
        (f"[{ROW}, [{ROW}]]", "not_records"),
        (ROW, "not_records"),
        (f"{ROW}\n{ROW}\n", "not_records"),
        ('{"code": "A1", "receipt_no": "x"}', "not_records"),
        ('{"code": 0, "data": null}', "not_records"),
        ('{"code": 0, "data": {"rows": {}}}', "not_records"),
        (f'{{"code": 0, "data": {{"rows": [{ROW}], "rows": [{ROW}]}}}}', "not_records"),
        (f'{{"data": {{"rows": [{ROW}]}}}}', "not_records"),
        ('{"code": 401, "msg": "token"}', "error_envelope"),
        ('{"code": "500", "msg": "x"}', "error_envelope"),
        (f'{{"data": {{"rows": [{ROW}]}}, "code": -1}}', "error_envelope"),
        (f'{{"code": "E1", "data": {{"rows": [{ROW}]}}}}', "error_envelope"),
        ('{"code": 0, "data": {"rows": [', "truncated_json"),
        (r'[{"receipt_no": "\ud800"}]', "bad_encoding"),
        (r'[{"receipt_no": "A1", "x": {"\udc00": 1}}]', "bad_encoding"),
        ('[{"receipt_no": "一二三四五六七八'.encode() + b'\xb9\xdc"}]', "bad_encoding"),
        (b'[{"receipt_no": "a\x00"}]', "bad_encoding"),
        ('[{"receipt_no": "a", "票据号": "b"}]', "duplicate_column"),
        ('[{"receipt_no": "a", "receipt_no": "a"}]', "duplicate_column"),
        ('[{"receipt_no": "a", "x": 1, "x": 2}]', "duplicate_column"),
        ('[{"x": 1}, {}]', "missing_key_column"),
        ("[{}]", "missing_key_column"),
    ],
)
def test_rejections(tmp_path: Path, content: str | bytes, reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        rows_of(land(tmp_path / "a", content))
    assert caught.value.reason == reason


@both_ways
@pytest.mark.parametrize(("content", "rows"), [("[]", 0), (f"[{ROW}]", 1), (f"[{ROW}, {{}}, {ROW}]", 3), (" [ ] ", 0)])
def test_an_empty_object_is_a_row_and_an_empty_array_a_file(tmp_path: Path, content: str, rows: int) -> None:
    assert [r["row_no"] for r in rows_of(land(tmp_path / "a", content))] == list(range(1, rows + 1))


@both_ways
@pytest.mark.parametrize(
    "content",
    [
        f'{{"code": 0, "msg": "ok", "data": {{"total": 1, "rows": [{ROW}], "pageNum": 1}}}}',
        f'{{"data": {{"rows": [{ROW}]}}, "code": "0"}}',
    ],
)
def test_the_envelope_of_the_platform(tmp_path: Path, content: str) -> None:
    assert [(r["row_no"], r["receipt_no"]) for r in rows_of(land(tmp_path / "a", content))] == [(1, "A1")]


@both_ways
def test_unknown_keys_of_any_row_are_kept(tmp_path: Path) -> None:
    landed = land(tmp_path / "a", '[{"receipt_no": "A"}, {"票据号": "B", "备用": {"a": 1.0}, "": "z", "空": null}]')
    assert landed.unknown_columns == ("备用", "第3列", "空")
    assert [r["extra"] for r in rows_of(landed)] == [None, '{"备用": "{\\"a\\":1.0}", "第3列": "z"}']


def test_positions_are_exact_in_a_long_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    count = 210_000
    with path.open("w", encoding="utf-8") as file:
        file.write("[" + ",\n".join(f'{{"receipt_no":"A{n}","amount_yuan":{n}.50}}' for n in range(1, count + 1)) + "]")
    landed = read(path, "a.json", FEES, {}, LIMIT)
    seen = 0
    for chunk in landed.chunks:
        numbers = chunk["row_no"].to_list()
        assert numbers == list(range(seen + 1, seen + chunk.height + 1))
        assert chunk["receipt_no"].to_list() == [f"A{n}" for n in numbers]
        assert chunk["amount_yuan"].to_list() == [f"{n}.50" for n in numbers]
        seen += chunk.height
    assert seen == count


def test_a_file_is_not_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("[" + ",".join('{"receipt_no":"A","note":"' + "x" * 200_000 + '"}' for _ in range(200)) + "]")
    tracemalloc.start()
    read(path, "a.json", FEES, {}, LIMIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12_000_000 < path.stat().st_size


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64])
def test_the_edge_of_a_block_may_fall_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(json_rows, "_SMALL", -1)
    monkeypatch.setattr(json_rows, "_BLOCK", block)
    rows = [{"receipt_no": 'A\n"\\é😀', "amount_yuan": -12.5e10, "note": None, "x": [True, False, {"y": "z" * 50}]}, {}] * 3
    for ascii_only in (True, False):
        got = rows_of(land(tmp_path / "a", json.dumps(rows, ensure_ascii=ascii_only, indent=1)))
        assert [r["receipt_no"] for r in got] == [r.get("receipt_no") for r in rows]
        assert [r["amount_yuan"] for r in got] == ["-125000000000.0", None] * 3
    for cut in range(1, 60):
        with pytest.raises(Rejected):
            land(tmp_path / "a", json.dumps(rows[:1])[:-cut])


value = st.one_of(st.none(), st.booleans(), st.integers(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))


@both_ways
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.fixed_dictionaries({"receipt_no": value}, optional={"note": value, "x": value}), max_size=8), st.booleans())
def test_what_is_written_is_read(tmp_path: Path, table: list[dict[str, object]], ascii_only: bool) -> None:
    def text(item: object) -> str | None:
        return item or None if isinstance(item, str | None) else json.dumps(item)

    got = rows_of(land(tmp_path / "a", json.dumps(table, ensure_ascii=ascii_only)))
    assert [r["row_no"] for r in got] == list(range(1, len(table) + 1))
    assert [(r["receipt_no"], r["note"]) for r in got] == [(text(row["receipt_no"]), text(row.get("note"))) for row in table]
    extras = [{"x": text(row["x"])} if text(row.get("x")) else None for row in table]
    assert [json.loads(str(r["extra"])) if r["extra"] else None for r in got] == extras


OWN = Envelope(code="success", rows="result.page.list", ok="true")


@both_ways
@pytest.mark.parametrize(
    ("envelope", "content"),
    [
        (OWN, f'{{"success": true, "result": {{"page": {{"n": 1, "list": [{ROW}]}}, "x": {{"list": [1]}}}}, "list": 2}}'),
        (OWN, f'{{"result": {{"list": 1, "page": {{"list": [{ROW}]}}}}, "success": true}}'),
        (Envelope(code="head.code", rows="rows"), f'{{"rows": [{ROW}], "head": {{"code": "0", "rows": 1}}}}'),
        (Envelope(code="head.code", rows="head.rows", ok="200"), f'{{"head": {{"code": 200, "rows": [{ROW}]}}, "code": 5}}'),
        (OWN, f"[{ROW}]"),
    ],
)
def test_an_envelope_with_its_own_words(tmp_path: Path, envelope: Envelope, content: str) -> None:
    assert [r["receipt_no"] for r in rows_of(land(tmp_path / "a", content, envelope))] == ["A1"]


@both_ways
@pytest.mark.parametrize(
    ("envelope", "content", "reason"),
    [
        (OWN, f'{{"success": false, "result": {{"page": {{"list": [{ROW}]}}}}}}', "error_envelope"),
        (OWN, f'{{"success": 0, "result": {{"page": {{"list": [{ROW}]}}}}}}', "error_envelope"),
        (OWN, '{"success": false, "result": {"page": {}}}', "error_envelope"),
        (OWN, '{"success": true, "result": {"page": {}}}', "not_records"),
        (OWN, '{"success": true, "result": {"page": {"list": {}}}}', "not_records"),
        (OWN, '{"success": true, "result": {"page": {"list": [], "list": []}}}', "not_records"),
        (OWN, f'{{"code": 0, "data": {{"rows": [{ROW}]}}}}', "not_records"),
        (OWN, f'{{"success": {"[" * 600 + "]" * 600}, "result": {{"page": {{"list": [{ROW}]}}}}}}', "truncated_json"),
        (Envelope(rows="rows"), f'{{"code": "E1", "rows": [{ROW}]}}', "error_envelope"),
        (Envelope(rows="rows"), '{"code": "E1", "rows": 1}', "not_records"),
    ],
)
def test_rejections_with_an_envelope_of_its_own(tmp_path: Path, envelope: Envelope, content: str, reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        rows_of(land(tmp_path / "a", content, envelope))
    assert caught.value.reason == reason
