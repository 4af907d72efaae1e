"""Published versions: whole or absent, equal bytes for equal input, never overwritten, and the pointer never dangles."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse import forms, publish
from warehouse.export import html, markdown, readback, tables_json, tabular, xlsx

GOLDEN = Path(__file__).parents[1] / "golden" / "henan-xinxiang-gongxinju-2023.json"
AGENCY, YEAR = "11990100F7AB5ABF0J", 2023
FILES = {"tables.json", "tables.csv", "tables.md", "tables.html", "tables.xlsx", "evidence.csv", "manifest.json"}
PENALTIES, FEE = "table2.punishment_decisions", "table2.fee_10k_yuan"
FACTS = {"inputs_sha256": "1" * 64, "settings_sha256": "2" * 64, "code_version": "2-abc", "rules_version": "7"}


def values_of(format_id: str) -> dict[str, Decimal | None]:
    """The published figures of 2023; cells that another form has beside them are unknown."""
    tables = json.loads(GOLDEN.read_text("utf-8"), parse_int=Decimal, parse_float=Decimal)

    def at(cell_id: str) -> Decimal | None:
        node: Any = tables
        for step in cell_id.split("."):
            node = node.get(step) if isinstance(node, dict) else None
        return node if isinstance(node, Decimal) else None

    return {cell_id: at(cell_id) for cell_id in forms.load(format_id).cells}


def evidence(*keys: str) -> pl.DataFrame:
    schema = {
        **dict.fromkeys(("cell_id", "subject", "record_key", "source", "path", "sheet"), pl.String),
        "row_no": pl.Int32,
        "amount": pl.Decimal(38, 10),
    }
    rows = [(PENALTIES, "penalties", key, "处罚台账", "2023/处罚.xlsx", "Sheet1", n, Decimal(1)) for n, key in enumerate(keys, 2)]
    return pl.DataFrame(rows, schema=schema, orient="row")


def edition(version: int = 1, content: str = "a" * 64, **changes: Any) -> publish.Edition:
    made = publish.Edition(
        agency=AGENCY,
        agency_name="新乡市工业和信息化局",
        year=YEAR,
        version=version,
        format="2021",
        as_of=date(2024, 1, 15),
        content_sha256=content,
        facts=FACTS,
        values=values_of("2021"),
        sections={"section1": {"publications_total": 412, "by_channel": {"网站": 400}}, "section6": {"fee_billed_yuan": None}},
        evidence=evidence("新工信罚〔2023〕1号", "新工信罚〔2023〕2号"),
    )
    return replace(made, **changes)


def folder(root: Path) -> Path:
    return root / AGENCY / str(YEAR)


def names(root: Path) -> set[str]:
    return {p.name for p in folder(root).iterdir()} if folder(root).exists() else set()


def spoil(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


def test_a_version_is_a_folder_of_read_only_files_with_a_manifest(tmp_path: Path) -> None:
    written = publish.write(tmp_path, edition())
    assert written.path == folder(tmp_path) / "v0001-aaaaaaaaaaaa" and written.name == publish.folder_name(edition())
    assert {p.name for p in written.path.iterdir()} == FILES
    assert {stat.S_IMODE(p.stat().st_mode) for p in written.path.iterdir()} == {0o444}
    assert publish.verify(written.path) == []
    text = (written.path / "manifest.json").read_text("utf-8")
    assert hashlib.sha256(text.encode()).hexdigest() == written.manifest_sha256
    manifest = json.loads(text)
    assert list(manifest) == sorted(manifest) and "新乡市工业和信息化局" in text
    assert manifest["files"].keys() == FILES - {"manifest.json"}
    assert manifest["files"]["tables.csv"]["bytes"] == (written.path / "tables.csv").stat().st_size
    assert {k: v for k, v in manifest.items() if k != "files"} == {
        **FACTS, "agency": "新乡市工业和信息化局", "agency_code": AGENCY, "year": 2023, "version": 1, "format": "2021",
        "as_of": "2024-01-15", "content_sha256": "a" * 64,
    }  # fmt: skip


def test_json_says_whose_it_is_and_has_the_figures_of_sections_1_and_6(tmp_path: Path) -> None:
    read = json.loads((publish.write(tmp_path, edition()).path / "tables.json").read_text("utf-8"))
    assert (read["agency"], read["agency_code"], read["version"], read["as_of"]) == ("新乡市工业和信息化局", AGENCY, 1, "2024-01-15")
    assert read["section1"] == {"publications_total": 412, "by_channel": {"网站": 400}} and read["section6"] == {"fee_billed_yuan": None}
    assert read["table2"]["punishment_decisions"] == 21


@pytest.mark.parametrize(
    ("as_of", "said"), [(date(2023, 12, 30), "数据截至2023年12月30日"), (date(2023, 12, 31), ""), (date(2024, 3, 1), "")]
)
def test_a_year_that_is_not_over_says_as_of_when(tmp_path: Path, as_of: date, said: str) -> None:
    path = publish.write(tmp_path, edition(version=3, as_of=as_of)).path
    for name in ("tables.html", "tables.md"):
        text = (path / name).read_text("utf-8")
        assert "第 3 版" in text and "草稿" not in text and ("截至" in text, said in text) == (bool(said), True)


_AGAIN = """
import sys; sys.path[:0] = [{tests!r}, {root!r}]
import test_publish, warehouse.publish, pathlib
print(warehouse.publish.write(pathlib.Path(sys.argv[1]), test_publish.edition()).manifest_sha256)
"""


def test_two_writes_are_equal_byte_for_byte_seconds_and_processes_apart(tmp_path: Path) -> None:
    first = publish.write(tmp_path / "a", edition())
    time.sleep(2.1)  # a zip's clock ticks every two seconds
    code = _AGAIN.format(tests=str(Path(__file__).parent), root=str(Path(__file__).parents[2]))
    apart = {**os.environ, "PYTHONHASHSEED": "1", "TZ": "Pacific/Auckland", "LC_ALL": "C"}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "b")], env=apart, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == first.manifest_sha256
    for name in FILES:
        assert (folder(tmp_path / "b") / first.name / name).read_bytes() == (first.path / name).read_bytes(), name


@pytest.mark.parametrize(("module", "file"), [(xlsx, "xlsx"), (html, "html"), (tables_json, "json"), (tabular, "csv")])
@pytest.mark.parametrize("wrong", [Decimal(22), None])
def test_a_renderer_that_writes_another_number_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, file: str, wrong: Decimal | None
) -> None:
    name = "cells" if module is tabular else "render"
    right = getattr(module, name)

    def lying(form: forms.Form, *args: Any) -> Any:
        return right(form, *(({**a, PENALTIES: wrong}) if isinstance(a, dict) and PENALTIES in a else a for a in args))

    monkeypatch.setattr(module, name, lying)
    with pytest.raises(publish.NotPublished, match=rf"tables\.{file}：.*行政处罚.*应为 21，写出的是 {'—' if wrong is None else 22}"):
        publish.write(tmp_path, edition())
    assert names(tmp_path) == set()


def test_a_renderer_that_writes_no_form_at_all_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "render", lambda *_: "<p>")
    with pytest.raises(publish.NotPublished, match="tables.html：HTML 应有 3 个表"):
        publish.write(tmp_path, edition())
    assert names(tmp_path) == set()


def test_bytes_that_change_on_their_way_to_the_disk_are_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = publish._put
    monkeypatch.setattr(publish, "_put", lambda path, data: right(path, data[:-1] if path.name == "evidence.csv" else data))
    with pytest.raises(publish.NotPublished, match="evidence.csv 与清单不符"):
        publish.write(tmp_path, edition())
    monkeypatch.setattr(publish, "_put", lambda path, data: right(path, data + b" " if path.name == "manifest.json" else data))
    with pytest.raises(publish.NotPublished, match="manifest.json 与写出的不同"):
        publish.write(tmp_path, edition())
    assert names(tmp_path) == set()


def test_values_of_another_form_are_refused(tmp_path: Path) -> None:
    with pytest.raises(publish.NotPublished, match="数值与表样不符"):
        publish.write(tmp_path, edition(values={PENALTIES: Decimal(1)}))
    assert names(tmp_path) == set()


def _json_with(text: str, **changes: Any) -> str:
    read = json.loads(text)
    read["table2"] |= changes
    return json.dumps(read, ensure_ascii=False)


@pytest.mark.parametrize(
    ("spoil_text", "why"),
    [
        (lambda t: t[:-5], "无法读取"),
        (lambda t: "[]", "不是一个对象"),
        (lambda t: _json_with(t, more=1), "table2.more"),
        (lambda t: t.replace('"punishment_decisions"', '"punishments"'), "table2.punishment"),
        (lambda t: t.replace('"coercion_decisions"', '"punishment_decisions"'), "重复的键"),
        (lambda t: _json_with(t, punishment_decisions=21.0), "写法"),
        (lambda t: _json_with(t, punishment_decisions="21"), "写法"),
        (lambda t: _json_with(t, punishment_decisions=True), "写法"),
        (lambda t: _json_with(t, fee_10k_yuan=0), "写法"),
        (lambda t: _json_with(t, fee_10k_yuan="NaN"), "不是数值"),
    ],
)
def test_readback_of_json_notices(spoil_text: Any, why: str) -> None:
    form = forms.load("2021")
    with pytest.raises(readback.ReadbackError, match=why):
        readback.json(form, spoil_text(tables_json.render(form, values_of("2021"))))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("\ufeff", "", "字节序"),
        ("cell_id,", "cell,", "表头"),
        (f"{PENALTIES},", f"{FEE},", "表头"),
        (",21,", ",,", "不是数值"),
        (",21,", ",—,", "说明不符"),
        ("行政处罚", "行政许可", "说明不符"),
        (",21,", ",21,21,", "说明不符"),
    ],
)
def test_readback_of_csv_notices(tmp_path: Path, old: str, new: str, why: str) -> None:
    form = forms.load("2021")
    tabular.safe_csv(tabular.cells(form, values_of("2021")), tmp_path / "cells.csv")
    text = (tmp_path / "cells.csv").read_bytes().decode()
    assert old in text
    with pytest.raises(readback.ReadbackError, match=why):
        readback.csv(form, text.replace(old, new, 1))
    with pytest.raises(readback.ReadbackError, match="表头"):
        readback.csv(form, "\ufeff")


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["2019", "2021"]), st.data())
def test_the_unknown_is_published_as_unknown_never_as_zero(format_id: str, data: st.DataObject) -> None:
    form = forms.load(format_id)
    amounts = st.decimals(min_value=0, max_value=10**9, places=6)
    unknown = data.draw(st.sets(st.sampled_from(sorted(form.cells))))
    numbers = {c.id: data.draw(amounts if c.kind == "decimal" else st.integers(0, 10**6).map(Decimal)) for c in form.cells.values()}
    values = {cell_id: None if cell_id in unknown else numbers[cell_id] for cell_id in form.cells}
    with tempfile.TemporaryDirectory() as root:
        path = publish.write(Path(root), edition(format=format_id, values=values)).path
        cells = pl.read_csv(path / "tables.csv", infer_schema=False)
        assert set(cells.filter(pl.col("value") == "—")["cell_id"]) == unknown
        read = json.loads((path / "tables.json").read_text("utf-8"))
        for cell_id in unknown:
            node = read
            for step in cell_id.split("."):
                node = node[step]
            assert node is None
        assert readback.xlsx(form, (path / "tables.xlsx").read_bytes()) == values
        assert readback.html(form, (path / "tables.html").read_text("utf-8")) == values
        assert (path / "tables.md").read_text("utf-8").count(" — |") == len(unknown)


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1"])
def test_a_formula_in_the_evidence_is_neutralised(tmp_path: Path, text: str) -> None:
    frame = evidence(text).with_columns(pl.lit(text).alias(name) for name in ("source", "path", "sheet"))
    data = (publish.write(tmp_path, edition(evidence=frame)).path / "evidence.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    row = pl.read_csv(data, infer_schema=False).row(0, named=True)
    assert [row[name] for name in ("record_key", "source", "path", "sheet")] == ["'" + text] * 4


def test_evidence_shows_amounts_in_plain_digits_and_may_be_empty(tmp_path: Path) -> None:
    amounts = [Decimal("100"), Decimal("0.5"), Decimal("-263.60"), None]
    frame = evidence("a", "b", "c", "d").with_columns(pl.Series("amount", amounts, dtype=pl.Decimal(38, 10)))
    read = pl.read_csv(publish.write(tmp_path / "a", edition(evidence=frame)).path / "evidence.csv", infer_schema=False)
    assert read["amount"].to_list() == ["100", "0.5", "-263.6", None]
    empty = (publish.write(tmp_path / "b", edition(evidence=evidence())).path / "evidence.csv").read_text("utf-8-sig")
    assert empty == "cell_id,subject,record_key,source,path,sheet,row_no,amount\n"


DAMAGE = {
    "缺少 tables.md": lambda p: (p / "tables.md").unlink(),
    "多出 备注.txt": lambda p: (p / "备注.txt").write_text("x", "utf-8"),
    "多出 sub": lambda p: (p / "sub").mkdir(),
    "tables.csv 与清单不符": lambda p: spoil(p / "tables.csv", (p / "tables.csv").read_bytes().replace(b"21", b"22", 1)),
    "tables.html 与清单不符": lambda p: spoil(p / "tables.html", b""),
    "tables.json 与清单不符": lambda p: (
        (p / "tables.json").rename(p.parent / "moved.json"),
        (p / "tables.json").symlink_to("../moved.json"),
    ),
    "evidence.csv 与清单不符": lambda p: ((p / "evidence.csv").unlink(), (p / "evidence.csv").mkdir()),
    "清单 manifest.json 缺失或无法读取（FileNotFoundError）": lambda p: (p / "manifest.json").unlink(),
    "清单 manifest.json 缺失或无法读取（JSONDecodeError）": lambda p: spoil(p / "manifest.json", b"{"),
    "清单 manifest.json 缺失或无法读取（TypeError）": lambda p: spoil(p / "manifest.json", b"[]"),
    "清单 manifest.json 缺失或无法读取（KeyError）": lambda p: spoil(p / "manifest.json", b"{}"),
    "清单 manifest.json 缺失或无法读取（AttributeError）": lambda p: spoil(p / "manifest.json", b'{"files": [1]}'),
}


@pytest.mark.parametrize("found", DAMAGE)
def test_damage_is_found_and_a_damaged_version_is_neither_pointed_at_nor_used_again_nor_overwritten(tmp_path: Path, found: str) -> None:
    whole = publish.write(tmp_path, edition())
    publish.point(tmp_path, AGENCY, YEAR, whole.name)
    second = publish.write(tmp_path, edition(2, "b" * 64))
    DAMAGE[found](second.path)
    assert publish.verify(second.path) == [found]
    before = sorted((p.name, p.lstat().st_mtime_ns, p.lstat().st_size) for p in second.path.iterdir())
    with pytest.raises(publish.NotPublished, match="现行版本不变"):
        publish.point(tmp_path, AGENCY, YEAR, second.name)
    with pytest.raises(publish.NotPublished, match="移到别处"):
        publish.write(tmp_path, edition(2, "b" * 64))
    assert sorted((p.name, p.lstat().st_mtime_ns, p.lstat().st_size) for p in second.path.iterdir()) == before
    assert publish.pointed(tmp_path, AGENCY, YEAR) == whole.name


def test_a_folder_that_is_gone_is_damage(tmp_path: Path) -> None:
    assert publish.verify(tmp_path / "v0001-aaaaaaaaaaaa") == ["清单 manifest.json 缺失或无法读取（FileNotFoundError）"]


def test_a_whole_version_is_used_again_without_a_write(tmp_path: Path) -> None:
    first = publish.write(tmp_path, edition())
    before = {p: (p.stat().st_ino, p.stat().st_mtime_ns) for p in [first.path, *first.path.iterdir()]}
    assert publish.write(tmp_path, edition()) == first
    assert {p: (p.stat().st_ino, p.stat().st_mtime_ns) for p in before} == before


def test_another_version_under_the_same_name_is_refused_and_nothing_is_overwritten(tmp_path: Path) -> None:
    first = publish.write(tmp_path, edition())
    manifest = (first.path / "manifest.json").read_bytes()
    with pytest.raises(publish.NotPublished, match="其内容与现在要写的不同.*移到别处"):
        publish.write(tmp_path, edition(values={**values_of("2021"), PENALTIES: Decimal(22)}))
    with pytest.raises(publish.NotPublished, match="其内容与现在要写的不同"):
        publish.write(tmp_path, edition(facts={**FACTS, "rules_version": "8"}))
    assert (first.path / "manifest.json").read_bytes() == manifest and publish.verify(first.path) == []
    assert names(tmp_path) == {first.name}


def test_versions_stand_side_by_side_and_the_pointer_is_relative(tmp_path: Path) -> None:
    first, second = publish.write(tmp_path / "x", edition()), publish.write(tmp_path / "x", edition(2, "b" * 64))
    assert publish.pointed(tmp_path / "x", AGENCY, YEAR) is None
    publish.point(tmp_path / "x", AGENCY, YEAR, second.name)
    (tmp_path / "x").rename(tmp_path / "y")  # the exports may be moved as a whole
    assert publish.pointed(tmp_path / "y", AGENCY, YEAR) == second.name
    assert publish.verify(folder(tmp_path / "y") / "current") == []
    publish.point(tmp_path / "y", AGENCY, YEAR, first.name)
    assert publish.pointed(tmp_path / "y", AGENCY, YEAR) == first.name
    assert names(tmp_path / "y") == {first.name, second.name, "current"}


@pytest.mark.parametrize("name", ["", ".", "..", "../2022", "current", "v0001-aaaaaaaaaaaa/", "v0009-aaaaaaaaaaaa"])
def test_a_pointer_to_no_version_is_refused(tmp_path: Path, name: str) -> None:
    first = publish.write(tmp_path, edition())
    publish.point(tmp_path, AGENCY, YEAR, first.name)
    with pytest.raises(publish.NotPublished):
        publish.point(tmp_path, AGENCY, YEAR, name)
    assert publish.pointed(tmp_path, AGENCY, YEAR) == first.name


def test_readers_see_a_whole_version_at_every_moment_of_twenty_swaps(tmp_path: Path) -> None:
    two = [publish.write(tmp_path, edition()), publish.write(tmp_path, edition(2, "b" * 64))]
    known = {w.manifest_sha256 for w in two}
    publish.point(tmp_path, AGENCY, YEAR, two[0].name)
    stop, seen, wrong = threading.Event(), set(), []

    def read() -> None:
        current = folder(tmp_path) / "current"
        while not stop.is_set():
            try:
                digest = hashlib.sha256((current / "manifest.json").read_bytes()).hexdigest()
                damage = publish.verify(current.resolve(strict=True))
            except OSError as error:
                digest, damage = str(error), [str(error)]
            seen.add(digest)
            wrong.extend(damage)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for n in range(20):
            publish.point(tmp_path, AGENCY, YEAR, two[(n + 1) % 2].name)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert wrong == [] and seen and seen <= known


def test_leftovers_of_dead_runs_are_removed_and_nothing_else(tmp_path: Path) -> None:
    first = publish.write(tmp_path, edition())
    publish.point(tmp_path, AGENCY, YEAR, first.name)
    (folder(tmp_path) / "说明.txt").write_text("x", "utf-8")
    dead = folder(tmp_path) / ".tmp-v0002-bbbbbbbbbbbb-1234"
    shutil.copytree(first.path, dead)
    own = folder(tmp_path) / f".tmp-v0002-bbbbbbbbbbbb-{os.getpid()}"
    own.mkdir()
    (folder(tmp_path) / ".tmp-current-1234").symlink_to("nowhere")
    (folder(tmp_path) / f".tmp-current-{os.getpid()}").symlink_to("nowhere")
    second = publish.write(tmp_path, edition(2, "b" * 64))
    (folder(tmp_path) / f".tmp-current-{os.getpid()}").symlink_to("nowhere")
    publish.point(tmp_path, AGENCY, YEAR, second.name)
    assert names(tmp_path) == {first.name, second.name, "current", "说明.txt"}


_KILLED = """
import os, sys; sys.path[:0] = [{tests!r}, {root!r}]
import test_publish, warehouse.publish, pathlib
left, right = [int(sys.argv[2])], os.fsync
def fsync(handle):
    left[0] -= 1
    os._exit(9) if left[0] < 0 else right(handle)
os.fsync = fsync
warehouse.publish.write(pathlib.Path(sys.argv[1]), test_publish.edition())
"""


@pytest.mark.parametrize("at", [0, 3, 8, 10])
def test_a_run_that_dies_leaves_no_half_version_and_the_next_one_finishes(tmp_path: Path, at: int) -> None:
    code = _KILLED.format(tests=str(Path(__file__).parent), root=str(Path(__file__).parents[2]))
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path), str(at)], check=False)
    assert done.returncode == 9
    assert all(publish.verify(folder(tmp_path) / name) == [] for name in names(tmp_path) if not name.startswith(".tmp-"))
    written = publish.write(tmp_path, edition())
    assert names(tmp_path) == {written.name} and publish.verify(written.path) == []


def failing(monkeypatch: pytest.MonkeyPatch, at: int, code: int) -> list[int]:
    """Let the call number `at` of fsync fail; the list holds how many there were."""
    calls, right = [0], os.fsync

    def fsync(handle: int) -> None:
        calls[0] += 1
        if calls[0] == at + 1:
            raise OSError(code, os.strerror(code))
        right(handle)

    monkeypatch.setattr("os.fsync", fsync)
    return calls


def test_a_full_disk_at_any_moment_leaves_the_version_whole_or_absent(tmp_path: Path) -> None:
    at = 0
    while True:
        root = tmp_path / str(at)
        first = publish.write(root, edition())
        publish.point(root, AGENCY, YEAR, first.name)
        with pytest.MonkeyPatch.context() as patch:
            calls = failing(patch, at, errno.ENOSPC)
            try:
                second = publish.write(root, edition(2, "b" * 64))
                publish.point(root, AGENCY, YEAR, second.name)
            except publish.NotPublished as error:
                assert "磁盘空间不足" in str(error) and "释放" in str(error) and "再运行一次" in str(error)
                in_force = "断电后可能退回旧版" if publish.pointed(root, AGENCY, YEAR) != first.name else "旧版照常使用"
                assert in_force in str(error)
        current = publish.pointed(root, AGENCY, YEAR)
        assert not [name for name in names(root) if name.startswith(".tmp-")]
        assert all(publish.verify(folder(root) / name) == [] for name in names(root))
        second = publish.write(root, edition(2, "b" * 64))
        publish.point(root, AGENCY, YEAR, second.name)
        assert publish.pointed(root, AGENCY, YEAR) == second.name and publish.verify(second.path) == []
        if calls[0] <= at:
            break
        assert current == first.name or calls[0] == at + 1 == 10  # the very last one, after the pointer was swapped
        at += 1
    assert at == 10  # seven files, their folder, the name, the pointer


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.EDQUOT, "超出磁盘配额.*释放"),
        (errno.EACCES, "没有权限.*权限"),
        (errno.EIO, "磁盘读写出错.*检查磁盘"),
        (errno.ELOOP, "symbolic"),
    ],
)
def test_trouble_with_the_disk_is_told_with_its_place_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, reason: str
) -> None:
    folder(tmp_path).mkdir(parents=True)
    failing(monkeypatch, 0, code)
    with pytest.raises(publish.NotPublished, match=rf"新乡市工业和信息化局 2023 年度第 1 版未能发布：.*tables\.json：.*{reason}"):
        publish.write(tmp_path, edition())
    assert names(tmp_path) == set()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / AGENCY).write_text("in the way", "utf-8")
    with pytest.raises(publish.NotPublished, match="未能发布"):
        publish.write(tmp_path, edition())


def _mounted(*arguments: str) -> bool:
    return subprocess.run(arguments, capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for little more than one version."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or not _mounted("mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", str(disk)):
        pytest.skip("needs root that may mount")
    try:
        yield disk
    finally:
        assert _mounted("umount", "-l", str(disk))


@pytest.mark.wide
def test_a_disk_that_is_really_full_keeps_the_old_version_and_the_next_run_publishes(small_disk: Path) -> None:
    first = publish.write(small_disk, edition())
    publish.point(small_disk, AGENCY, YEAR, first.name)
    many = edition(2, "b" * 64, evidence=evidence(*(f"新工信罚〔2023〕{n}号" for n in range(3000))))
    with pytest.raises(publish.NotPublished, match=r"tables\.html：磁盘空间不足"):
        publish.write(small_disk, many)
    assert names(small_disk) == {first.name, "current"} and publish.verify(folder(small_disk) / "current") == []
    assert _mounted("mount", "-o", "remount,size=4m", str(small_disk))
    second = publish.write(small_disk, many)
    publish.point(small_disk, AGENCY, YEAR, second.name)
    assert publish.verify(folder(small_disk) / "current") == [] and publish.pointed(small_disk, AGENCY, YEAR) == second.name


def test_markdown_of_a_published_version_is_what_the_module_renders(tmp_path: Path) -> None:
    made = edition()
    text = (publish.write(tmp_path, made).path / "tables.md").read_text("utf-8")
    assert text == markdown.render(forms.load("2021"), made.heading(), made.values)
