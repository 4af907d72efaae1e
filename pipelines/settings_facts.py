"""What a clerk states in `gouji.toml` beside the sources: files set aside, figures published earlier, figures of the narrative.

Belongs here: the tables `[[ignore]]`, `[[published]]` and `[[claims]]`, what their values may be, their rows for the warehouse. Does not
belong here: how a problem is told (`settings_file.py`), whether an organ is configured (`settings.py`), what follows from a statement.
A cell may be written with or without quotes: `table3.carried_out.total = 0` is read by TOML as a table in a table, and meant as the cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, StringConstraints

from pipelines.settings_file import Problems, Table, Text, normal, one_of, wrong
from pipelines.toml_lines import Place
from warehouse import clock, forms

# What a figure of the narrative may be said to count; the rules know these words.
COUNTED = ("inspections",)
CHANNEL = "section1.by_channel."
SECTIONS = ("section1.publications_total", "section6.fee_notices", "section6.fee_billed_yuan", "section6.fee_collected_yuan")
_DIGITS, _DECIMALS = 15, 10  # what DECIMAL(28, 10) holds, with room for sums
_LONGEST = 40  # a name, not the sentence: the text of the report does not belong in the configuration

Ignored = tuple[str, str, date]
Given = tuple[str, int, str, Decimal]
Claim = tuple[str, int, str, int, str, Decimal, str | None, str | None]


# ---- single values --------------------------------------------------------------------------------------------------------


def _sha256(text: str) -> str:
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise wrong("不是 SHA-256；请写 64 位十六进制数字，可用 sha256sum 文件名（Windows 用 certutil -hashfile 文件名 SHA256）算出")
    return text.lower()


def _day(value: Any) -> Any:
    # A date with a time of day is a date too, and not meant.
    if type(value) is not date:
        raise wrong("应为日期；请直接写，不加引号，如 2024-03-31")
    return value


def _year(year: int) -> int:
    try:
        forms.format_of(year)
    except forms.FormError as error:
        raise wrong(f"{error}；请改正年度，或删去这一段") from None
    if year > (latest := clock.today().year):
        raise wrong(f"年度 {year} 太晚；请改正，最晚可写 {latest}")
    return year


def _short(text: str) -> str:
    if len(text) > _LONGEST or "\n" in text:
        raise wrong(f"太长；请写一个 {_LONGEST} 字以内的简称，不要抄写正文")
    return text


def _number(value: Any) -> Decimal:
    """A figure: never negative, and as exact as it was written."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise wrong("应为数字；请直接写，不加引号")
    number = Decimal(str(value))
    if not number.is_finite() or number >= 10**_DIGITS:
        raise wrong("太大，或不是一个确定的数；请改正")
    if number < 0:
        raise wrong("不能是负数；请改正")
    if -int(number.as_tuple().exponent) > _DECIMALS:
        raise wrong(f"小数太长；请最多写 {_DECIMALS} 位小数")
    return number


# ---- the tables -----------------------------------------------------------------------------------------------------------

_Code = Annotated[Text, AfterValidator(normal)]
_Year = Annotated[StrictInt, AfterValidator(_year)]
_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_short)]
_Number = Annotated[Decimal, BeforeValidator(_number)]


class IgnoreTable(Table):
    """One `[[ignore]]`."""

    sha256: Annotated[Text, AfterValidator(_sha256)] = Field(
        description="被整份退回的文件内容的 SHA-256（64 位十六进制），认内容不认文件名；`sha256sum 文件名` 可以算出"
    )
    reason: Text = Field(description="为什么可以搁置，写给以后核对的人看；不要写个人信息")
    until: Annotated[date, BeforeValidator(_day)] = Field(description="搁置到哪天（含）；过后文件还在，又是严重的发现")


class PublishedTable(Table):
    """One `[[published]]`."""

    agency: _Code = Field(description="哪个机关：统一社会信用代码")
    year: _Year = Field(description="哪个年度的报告；可以是第一个报告年度的上一年度，用来核对上年结转和现行有效")
    figures: dict[str, Any] = Field(
        description="单元格编号 → 当时公布的数值（不能为负）；编号见[规则](rules.zh-CN.md)第六节，只写要核对的几个即可"
    )


class PartTable(Table):
    """One of the `parts` of a `[[claims]]`."""

    name: _Name
    value: _Number
    cell: Text | None = None


class ClaimTable(Table):
    """One `[[claims]]`."""

    agency: _Code = Field(description="哪个机关：统一社会信用代码")
    year: _Year = Field(description="哪个年度的报告")
    text: _Name = Field(description=f"正文中这句话的简称（{_LONGEST} 字以内），同一报告中不能重复；会显示在发现里")
    total: _Number = Field(description="正文写的总数")
    parts: tuple[PartTable, ...] = Field(
        default=(), description="“其中”各项，每项写 `{ name = 名称, value = 数值 }`，可以再加 `cell`；各项之和应等于总数"
    )
    cell: Text | None = Field(
        default=None,
        description="总数应与哪个单元格一致：表格的单元格编号、`section1.publications_total`（发布条数）、"
        "`section1.by_channel.栏目名`、`section6.fee_notices`、`section6.fee_billed_yuan`、`section6.fee_collected_yuan`",
    )
    counts: Annotated[str, one_of(COUNTED)] | None = Field(
        default=None, description="总数数的是什么；可写 inspections（双随机检查结果），用来核对有没有当作处罚统计"
    )


# ---- what tables say about the form and about each other ------------------------------------------------------------------


def check(
    problems: Problems,
    ignored: list[tuple[Place, IgnoreTable]],
    published: list[tuple[Place, PublishedTable]],
    claims: list[tuple[Place, ClaimTable]],
) -> None:
    """Take down cells that no report of the year has, and whatever is stated twice."""
    _once(problems, [((*place, "sha256"), t.sha256) for place, t in ignored])
    _once(problems, [((*place, "year"), (t.agency, t.year)) for place, t in published])
    _once(problems, [((*place, "text"), (t.agency, t.year, t.text)) for place, t in claims])
    for place, t in published:
        _check_figures(problems, (*place, "figures"), t)
    for place, c in claims:
        _once(problems, [((*place, "parts", i, "name"), part.name) for i, part in enumerate(c.parts)])
        cells = [((*place, "cell"), c.cell), *(((*place, "parts", i, "cell"), part.cell) for i, part in enumerate(c.parts))]
        for where, cell in cells:
            if cell is not None and (told := _unknown(cell, c.year, SECTIONS)):
                problems.add(where, told)


def _once(problems: Problems, found: Iterable[tuple[Place, object]]) -> None:
    seen: dict[object, Place] = {}
    for place, value in found:
        if (first := seen.setdefault(value, place)) != place:
            problems.add(place, f"与 {problems.where(first)}重复；请改成不同的，或合并成一处")


def _check_figures(problems: Problems, place: Place, table: PublishedTable) -> None:
    found = list(_leaves(table.figures))
    if not found:
        problems.add(place, "一个数值也没有；请至少写一行 单元格编号 = 数值")
    cells = forms.load(forms.format_of(table.year)).cells
    for path, cell, value in found:
        if told := _unknown(cell, table.year, ()) or _not_a_figure(value, cells[cell].kind):
            problems.add((*place, *path), told)
    _once(problems, [((*place, *path), cell) for path, cell, _ in found])


def _not_a_figure(value: Any, kind: str) -> str:
    """What is wrong with the value of a cell; empty if nothing is."""
    try:
        number = _number(value)
    except ValueError as error:
        return str(error)
    return "应为整数；请去掉小数" if kind == "int" and number != int(number) else ""


def _leaves(figures: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    """Way to a figure as it is written, cell id, value."""
    for key, value in figures.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), ".".join((*path, key)), value


def _unknown(cell: str, year: int, others: tuple[str, ...]) -> str:
    """What is wrong with the id of a cell; empty if a report of that year has it."""
    known = (*forms.load(forms.format_of(year)).cells, *others)
    if cell in known or (others and cell.startswith(CHANNEL) and cell != CHANNEL):
        return ""
    near = get_close_matches(cell, known, 1)
    remedy = f"请改为“{near[0]}”" if near else "请照 docs/rules.zh-CN.md 第六节写单元格编号，如“table3.new_received.total”"
    return f"{year} 年度的报告没有单元格“{cell}”；{remedy}"


# ---- rows for the warehouse -----------------------------------------------------------------------------------------------


def ignored_rows(tables: Iterable[IgnoreTable]) -> tuple[Ignored, ...]:
    """Rows of `report.ignored`."""
    return tuple((t.sha256, t.reason, t.until) for t in tables)


def given_rows(tables: Iterable[PublishedTable]) -> tuple[Given, ...]:
    """Rows of `report.given_figures`."""
    return tuple((t.agency, t.year, cell, _number(value)) for t in tables for _, cell, value in _leaves(t.figures))


def claim_rows(tables: Iterable[ClaimTable]) -> tuple[Claim, ...]:
    """Rows of `report.claims`: of each claim the whole as part 0, then its parts in order."""
    rows: list[Claim] = []
    for t in tables:
        rows.append((t.agency, t.year, t.text, 0, t.text, t.total, t.cell, t.counts))
        rows += [(t.agency, t.year, t.text, i, p.name, p.value, p.cell, None) for i, p in enumerate(t.parts, start=1)]
    return tuple(rows)
