"""The page for auditors: every query on it runs against a file as it is published, and answers as the page says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from published import house_of, snap

from warehouse import ask, audit

PAGE = Path(__file__).resolve().parents[2] / "docs" / "auditors.zh-CN.md"
NO_ROW = "没有一行"


def blocks() -> list[tuple[str, str]]:
    """(what the page says right before a query, the query)."""
    parts = re.split(r"```sql\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)
    return [(before.rpartition("```")[2].rpartition("###")[2].strip(), text) for before, text in zip(parts[::2], parts[1::2], strict=False)]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield snap(house_of(tmp_path_factory.mktemp("doc") / "house")).path


@pytest.mark.parametrize("number", range(len(blocks())))
def test_a_query_of_the_page_answers(file: Path, number: int) -> None:
    said, text = blocks()[number]
    with duckdb.connect(file, read_only=True) as con:
        frame = con.sql(text).pl()
    assert (frame.height == 0) == (NO_ROW in said), said
    if "difference" in frame.columns:
        assert set(frame["difference"]) == {0}
    if "相差" in frame.columns:
        assert set(frame["相差"]) == {0}


def test_the_queries_pass_as_questions_of_a_user(file: Path) -> None:
    for _, text in blocks():
        assert not ask.ask(file, text).truncated


def test_the_page_has_ten_questions_and_names_every_table_of_the_audit_schema() -> None:
    page = PAGE.read_text("utf-8")
    assert [int(n) for n in re.findall(r"^### (\d+)\. ", page, flags=re.MULTILINE)] == list(range(1, 11))
    assert len(blocks()) >= 10 and sum(NO_ROW in said for said, _ in blocks()) == 1
    listed = set(re.findall(r"`(audit\.\w+)`", page.partition("## 三")[2].partition("## 四")[0]))
    assert listed == {*audit.TABLES, *audit.VIEWS}
    assert all(f"`{macro}(机关代码, 年度, 版本)`" in page for macro in audit.MACROS)
