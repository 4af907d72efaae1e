"""What a clerk states in `gouji.toml`: files set aside, earlier figures, figures of the narrative; every mistake is told where it is."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from pipelines.settings import Settings, SettingsError, load
from warehouse import clock

CODE, OTHER = "11990100F7AB5ABF0J", "11990100A000000118"
SMALL = f'[[agencies]]\nname = "甲局"\ncode = "{CODE}"\n[[sources]]\nname = "一"\nagency = "{CODE}"\npath = "drop"\n'  # seven lines
SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
IGNORE = f'[[ignore]]\nsha256 = "{SHA}"\nreason = "空白模板"\nuntil = 2024-03-31\n'
PUBLISHED = f"""\
[[published]]
agency = "{CODE}"
year = 2022
figures = {{ "table3.carried_out.total" = 3, table2.fee_10k_yuan = 0.038 }}
"""
CLAIM = f"""\
[[claims]]
agency = "{CODE.lower()}"
year = 2023
text = "门户网站公开信息"
total = 1198
cell = "section1.publications_total"
counts = "inspections"
parts = [
    {{ name = "业务工作类", value = 327, cell = "section1.by_channel.业务工作类" }},
    {{ name = "其他", value = 0.5 }},
]
"""


@pytest.fixture(autouse=True)
def day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "today", lambda: date(2024, 1, 15))


def settings(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "gouji.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def complaints(tmp_path: Path, text: str) -> list[str]:
    """The problems, one a line, without the name of the file."""
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path, text)
    return [line.removeprefix(f"{tmp_path / 'gouji.toml'}：") for line in str(caught.value).splitlines()]


def test_what_is_stated_comes_out_as_rows(tmp_path: Path) -> None:
    s = settings(tmp_path, SMALL + IGNORE.replace(SHA, SHA.upper()) + PUBLISHED + CLAIM)
    assert s.ignored == ((SHA, "空白模板", date(2024, 3, 31)),)
    assert s.given == (
        (CODE, 2022, "table3.carried_out.total", Decimal(3)),
        (CODE, 2022, "table2.fee_10k_yuan", Decimal("0.038")),
    )
    text = "门户网站公开信息"
    assert s.claims == (
        (CODE, 2023, text, 0, text, Decimal(1198), "section1.publications_total", "inspections"),
        (CODE, 2023, text, 1, "业务工作类", Decimal(327), "section1.by_channel.业务工作类", None),
        (CODE, 2023, text, 2, "其他", Decimal("0.5"), None, None),
    )
    assert pickle.loads(pickle.dumps(s)) == s and hash(s)


def test_nothing_need_be_stated(tmp_path: Path) -> None:
    for text in (SMALL, "ignore = []\npublished = []\nclaims = []\n" + SMALL):
        s = settings(tmp_path, text)
        assert (s.ignored, s.given, s.claims) == ((), (), ())


@pytest.mark.parametrize(
    "written",
    [
        '[published.figures]\n"table3.carried_out.total" = 3',
        "[published.figures]\ntable3.carried_out.total = 3",
        "[published.figures.table3.carried_out]\ntotal = 3",
        "figures = { table3.carried_out.total = 3 }",
    ],
)
def test_a_cell_may_be_written_with_or_without_quotes(tmp_path: Path, written: str) -> None:
    s = settings(tmp_path, f'{SMALL}[[published]]\nagency = "{CODE}"\nyear = 2022\n{written}\n')
    assert s.given == ((CODE, 2022, "table3.carried_out.total", Decimal(3)),)


def test_two_reports_may_state_the_same(tmp_path: Path) -> None:
    s = settings(tmp_path, SMALL + CLAIM + CLAIM.replace("2023", "2022") + PUBLISHED + PUBLISHED.replace("2022", "2021"))
    assert {row[1] for row in s.claims} == {2022, 2023} and {row[1] for row in s.given} == {2021, 2022}


# ---- mistakes: text after the seven lines of SMALL, line, key path, what the message must say ------------------------------

FORM_2019 = 'agency = "11990100F7AB5ABF0J"\nyear = 2020\n'
MISTAKES = {
    "no digest": (IGNORE.replace(SHA, "abc"), 9, "ignore[1].sha256", ["不是 SHA-256", "64 位"]),
    "no reason": (IGNORE.replace("空白模板", " "), 10, "ignore[1].reason", ["不能为空"]),
    "reason left out": (IGNORE.replace('reason = "空白模板"\n', ""), 8, "ignore[1].reason", ["请补上"]),
    "day in quotes": (IGNORE.replace("2024-03-31", '"2024-03-31"'), 11, "ignore[1].until", ["应为日期", "不加引号"]),
    "day with a time": (IGNORE.replace("2024-03-31", "2024-03-31T08:00:00"), 11, "ignore[1].until", ["应为日期", "如 2024-03-31"]),
    "number for a day": (IGNORE.replace("2024-03-31", "20240331"), 11, "ignore[1].until", ["应为日期"]),
    "same file": (IGNORE + IGNORE, 13, "ignore[2].sha256", ["与 ignore[1].sha256（第 9 行）重复"]),
    "one bracket": (IGNORE.replace("[[ignore]]", "[ignore]"), 8, "ignore", ["双层方括号的 [[ignore]]"]),
    "unknown key": (IGNORE + "unti = 1\n", 12, "ignore[1].unti", ["请改为“until”"]),
    "organ of figures": (PUBLISHED.replace(CODE, OTHER), 9, "published[1].agency", [f"没有代码为“{OTHER}”的机关", CODE]),
    "year without form": (PUBLISHED.replace("2022", "2018"), 10, "published[1].year", ["最早为 2019", "请改正年度"]),
    "year to come": (PUBLISHED.replace("2022", "2025"), 10, "published[1].year", ["2025 太晚", "最晚可写 2024"]),
    "same report": (PUBLISHED + PUBLISHED, 14, "published[2].year", ["与 published[1].year（第 10 行）重复"]),
    "no figures": (PUBLISHED.split("figures")[0] + "figures = {}\n", 11, "published[1].figures", ["请至少写一行"]),
    "figures as a list": (PUBLISHED.split("figures")[0] + "figures = [1]\n", 11, "published[1].figures", ["名称 = 值"]),
    "unknown cell": (
        PUBLISHED.replace("carried_out", "carried_ou"),
        11,
        'published[1].figures."table3.carried_ou.total"',
        ["2022 年度的报告没有单元格", "请改为“table3.carried_out.total”"],
    ),
    "cell of another section": (
        PUBLISHED.replace("table3.carried_out.total", "section1.publications_total"),
        11,
        'published[1].figures."section1.publications_total"',
        ["没有单元格"],
    ),
    "cell of another form": (
        f"[[published]]\n{FORM_2019}[published.figures]\ntable2.normative_documents.valid = 1\n",
        12,
        "published[1].figures.table2.normative_documents.valid",
        ["2020 年度的报告没有单元格"],
    ),
    "negative figure": (PUBLISHED.replace("= 3", "= -3"), 11, 'published[1].figures."table3.carried_out.total"', ["不能是负数"]),
    "fraction of a piece": (PUBLISHED.replace("= 3", "= 3.5"), 11, 'published[1].figures."table3.carried_out.total"', ["应为整数"]),
    "figure in quotes": (
        PUBLISHED.replace("= 3", '= "3"'),
        11,
        'published[1].figures."table3.carried_out.total"',
        ["应为数字", "不加引号"],
    ),
    "figure twice": (
        PUBLISHED.replace("table2.fee_10k_yuan = 0.038", "table3.carried_out.total = 3"),
        11,
        "published[1].figures.table3.carried_out.total",
        ["重复"],
    ),
    "organ of a claim": (CLAIM.replace(CODE.lower(), OTHER), 9, "claims[1].agency", ["请补写 [[agencies]]"]),
    "no name": (CLAIM.replace("门户网站公开信息", ""), 11, "claims[1].text", ["不能为空"]),
    "the sentence": (CLAIM.replace("门户网站公开信息", "门户网站" * 11), 11, "claims[1].text", ["40 字以内", "不要抄写正文"]),
    "same claim": (CLAIM + CLAIM, 22, "claims[2].text", ["与 claims[1].text（第 11 行）重复"]),
    "total in quotes": (CLAIM.replace("1198", '"1198"'), 12, "claims[1].total", ["应为数字"]),
    "negative total": (CLAIM.replace("1198", "-1"), 12, "claims[1].total", ["不能是负数"]),
    "no number": (CLAIM.replace("1198", "nan"), 12, "claims[1].total", ["不是一个确定的数"]),
    "a very large number": (CLAIM.replace("1198", "1e15"), 12, "claims[1].total", ["太大"]),
    "a very fine number": (CLAIM.replace("1198", "1e-11"), 12, "claims[1].total", ["最多写 10 位小数"]),
    "cell of a claim": (CLAIM.replace("tions_total", "tion_total"), 13, "claims[1].cell", ["请改为“section1.publications_total”"]),
    "cell of nothing": (CLAIM.replace("section1.publications_total", "?"), 13, "claims[1].cell", ["请照 docs/rules.zh-CN.md 第六节写"]),
    "no channel": (CLAIM.replace("channel.业务工作类", "channel."), 16, "claims[1].parts[1].cell", ["没有单元格"]),
    "what is counted": (CLAIM.replace('"inspections"', '"inspection"'), 14, "claims[1].counts", ["请改为“inspections”"]),
    "part without value": (CLAIM.replace(", value = 0.5", ""), 17, "claims[1].parts[2].value", ["请补上"]),
    "key of a part": (CLAIM.replace("value = 0.5", "value = 1, cel = 1"), 17, "claims[1].parts[2].cel", ["请改为“cell”"]),
    "part without name": (CLAIM.replace('{ name = "其他", value = 0.5 }', "0.5"), 17, "claims[1].parts[2]", ["花括号"]),
    "same part": (CLAIM.replace('"其他"', '"业务工作类"'), 17, "claims[1].parts[2].name", ["重复"]),
    "parts as a table": (CLAIM.split("parts")[0] + "parts = { 业务 = 1 }\n".replace("业务", '"业务"'), 15, "claims[1].parts", ["应为列表"]),
}


@pytest.mark.parametrize(("text", "line", "key", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_line_key_and_remedy(tmp_path: Path, text: str, line: int, key: str, says: list[str]) -> None:
    told = complaints(tmp_path, SMALL + text)
    assert len(told) == 1, told
    assert told[0].startswith(f"第 {line} 行：{key}："), told
    assert [part for part in says if part not in told[0]] == [], told


SHAPES = (
    "1",
    "-1",
    "1.5",
    "nan",
    "true",
    '""',
    '"x"',
    "[]",
    "{}",
    "[1]",
    "[{}]",
    "{ x = 1 }",
    "{ x = { y = 1 } }",
    "2020-01-01",
    "08:00:00",
)


def replaced() -> Iterator[tuple[int, str]]:
    """Everything that can be stated, with the value of one line replaced by one of another shape."""
    lines = (SMALL + IGNORE + PUBLISHED + CLAIM.replace("\n    ", " ").replace("\n]", " ]")).splitlines()
    for at in range(7, len(lines)):
        if name := re.match("[^=\\[]+ = ", lines[at]):
            for value in SHAPES:
                yield at + 1, "\n".join([*lines[:at], name[0] + value, *lines[at + 1 :]])


def test_whatever_is_wrong_is_told_in_chinese_at_its_line(tmp_path: Path) -> None:
    wrong = 0
    for line, text in replaced():
        try:
            settings(tmp_path, text)
        except SettingsError as error:
            wrong += 1
            assert f"：第 {line} 行：" in str(error), error
            assert "不合要求（" not in str(error) and "；" in str(error), error
    assert wrong > 130
