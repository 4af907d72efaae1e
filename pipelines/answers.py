"""Verbs that answer a question: tables, records, cells, the ledger, findings, versions, SQL.

Belongs here: options and what an answer prints. Does not belong here: any answer of its own; queries stand in `warehouse/sql/audit`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click
import duckdb
import polars as pl

from expectations import catalogue
from pipelines import printing
from pipelines import settings as config
from pipelines.home import warehouse_of
from pipelines.settings import Settings
from pipelines.settings_file import normal
from pipelines.settings_sources import KINDS
from warehouse import ask, clock, counting, forms, gate, report
from warehouse import versions as warehouse_versions
from warehouse.export import html, markdown, tables_json, tabular, xlsx
from warehouse.export.edition import Edition
from warehouse.export.heading import Heading
from warehouse.sql import query
from warehouse.store import Warehouse
from warehouse.subjects import SOURCE_ZH

HEADINGS = {
    "agency": "机关代码",
    "agency_name": "机关",
    "year": "年度",
    "subject": "数据",
    "place": "去处",
    "rule": "规则",
    "rows": "行数",
    "record_key": "编号",
    "source": "来源",
    "path": "文件",
    "sheet": "工作表",
    "row_no": "行",
    "instead": "以哪一行为准",
    "cells": "计入的单元格",
    "cell_id": "单元格",
    "amount": "计入",
    "severity": "程度",
    "message": "说明和处理办法",
    "label": "名称",
    "value": "数值",
    "unit": "单位",
    "law": "依据",
    "note": "备注",
    "version": "版本",
    "as_of": "数据截至",
    "made_at": "形成时间",
    "published_at": "发布时间",
    "is_current": "现行",
    "cells_changed": "变动的单元格",
    "evidence_changed": "变动的依据",
    "content_sha256": "内容摘要",
    "value_before": "前一版",
    "value_after": "后一版",
    "difference": "相差",
    "records_before": "前一版记录数",
    "records_after": "后一版记录数",
    "kind": "取数方式",
    "looked_at": "最近一次取数",
    "completed_at": "最近一次取全",
    "full_at": "最近一次全量",
    "changed_at": "最近一次有新行",
    "state": "状态",
}
PLACES = {
    "counted": "计入",
    "pending": "未办结",
    "out_of_scope": "不属本报告",
    "superseded": "已被取代",
    "duplicate": "重复",
    "quarantined": "隔离",
    "current": "现行",
}
SEVERITIES = {"critical": "严重", "warning": "提醒", "info": "说明"}


class _Code(click.ParamType):
    """A credit code in any spelling."""

    name = "code"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The code in normal form."""
        return normal(value)


def settings_of(ctx: click.Context) -> Settings:
    """The configuration the command was given."""
    return config.load(config.locate(ctx.obj))


def _formatted(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--format", "how", type=click.Choice(printing.FORMATS), default="text", show_default=True, help="输出格式。")(
        command
    )


def _narrowed(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--year", type=int, help="只看这一报告年度。")(command)
    return click.option("--agency", help="只看这一机关（统一社会信用代码）。")(command)


def _read(ctx: click.Context) -> Warehouse:
    warehouse = warehouse_of(settings_of(ctx))
    if not warehouse.path.exists():
        raise click.ClickException("还没有数据；请先运行 gouji run。")
    return warehouse


@click.command()
@_narrowed
@click.option("--draft", is_flag=True, help="看最新草稿，不论是否已发布。")
@click.option("--version", type=int, help="看这一版（gouji versions 列出各版）。")
@click.option(
    "--format",
    "how",
    type=click.Choice([*printing.FORMATS, "html", "xlsx"]),
    default="text",
    show_default=True,
    help="输出格式；html 和 xlsx 是官方版式，一次一份报告。",
)
@click.pass_context
def tables(ctx: click.Context, agency: str | None, year: int | None, draft: bool, version: int | None, how: str) -> None:
    """看表：现行发布版、某一版，或者最新草稿。

    \b
    gouji tables --year 2023
    gouji tables --year 2023 --draft
    gouji tables --year 2023 --version 1 --format json > tables.json
    gouji tables --year 2023 --format xlsx > 2023.xlsx
    """
    if draft and version is not None:
        raise click.UsageError("--draft 和 --version 只能写一个。")
    with _read(ctx).connect(read_only=True) as con:
        _check(con, agency, year)
        chosen = _chosen(con, agency, year, draft, version)
        if how in ("html", "xlsx") and len(chosen) > 1:
            raise click.UsageError("这种格式一次只输出一份报告；请加上 --year（和 --agency）。")
        if how == "csv":
            tabular.safe_csv(pl.concat([_cells_of(edition) for edition, _ in chosen]), sys.stdout.buffer)
        elif how == "json":
            click.echo("[" + ",\n".join(_json_of(edition) for edition, _ in chosen) + "]")
        else:
            for edition, is_published in chosen:
                _show_tables(edition, how, is_published)


def _chosen(
    con: duckdb.DuckDBPyConnection, agency: str | None, year: int | None, draft: bool, version: int | None
) -> list[tuple[Edition, bool]]:
    """The version in force of each report, or the one that was asked for; and whether it was published."""
    rows = con.execute(query("audit/chosen"), {"agency": agency, "year": year, "draft": draft, "version": version}).fetchall()
    if not rows:
        raise click.ClickException(
            f"没有第 {version} 版；gouji versions 列出各版。"
            if version
            else "还没有发布过；gouji tables --draft 看草稿，gouji findings 看为什么。"
        )
    return [(gate.edition(con, *row[:3]), row[3]) for row in rows]


def _heading(edition: Edition, published: bool) -> Heading:
    return edition.heading() if published else Heading(edition.agency_name, edition.year, edition.agency, "草稿", "", draft=True)


def _cells_of(edition: Edition) -> pl.DataFrame:
    cells = tabular.cells(forms.load(edition.format), edition.values)
    return cells.select(pl.lit(edition.agency_name).alias("agency_name"), pl.lit(edition.year).alias("year"), pl.all())


def _json_of(edition: Edition) -> str:
    return tables_json.render(forms.load(edition.format), edition.values, {**edition.about(), **edition.sections})


def _show_tables(edition: Edition, how: str, is_published: bool) -> None:
    form, heading = forms.load(edition.format), _heading(edition, is_published)
    if how == "md":
        click.echo(markdown.render(form, heading, edition.values))
    elif how == "html":
        click.echo(html.render(form, heading, edition.values), nl=False)
    elif how == "xlsx":
        sys.stdout.buffer.write(xlsx.render(form, heading, edition.values))
    else:
        _print_tables(form, heading, edition.values)


def _print_tables(form: forms.Form, heading: Heading, values: report.Values) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    Console(width=None if sys.stdout.isatty() else 160).print(Markdown(markdown.render(form, heading, values)))


def _check(con: duckdb.DuckDBPyConnection, agency: str | None, year: int | None) -> None:
    """Refuse a report that was never counted: an empty answer would read as a proven zero."""
    known = report.reports(con)
    if not any(agency in (None, r[0]) and year in (None, r[2]) for r in known):
        counted = "、".join(f"{name}（{code}）{of_year} 年度" for code, name, of_year, _ in known) or "一份也没有"
        raise click.ClickException(f"没有统计过这样的报告；已统计的有：{counted}。")


@click.command()
@click.argument("key", metavar="ID")
@click.option("--year", type=int, help="只看这一报告年度。")
@_formatted
@click.pass_context
def record(ctx: click.Context, key: str, year: int | None, how: str) -> None:
    """一条记录到哪里去了：每个版本在哪个文件、哪一行，去处是什么，计入哪些单元格。

    ID 是登记编号、案号、文号、票据号等，也可以只写一部分。

    \b
    gouji record YSQ-2022-00008
    gouji record 新工信罚决〔2023〕1号 --format json
    """
    from assets.logic import text

    wanted = pl.select(text.case_no(pl.lit(key)).alias("a"), text.key(pl.lit(key)).alias("b")).row(0)
    with _read(ctx).connect(read_only=True) as con:
        frames = [con.sql(query("audit/record"), params={"key": k or "", "year": year}).pl() for k in dict.fromkeys(wanted)]
    frame = next((f for f in frames if f.height), frames[0])
    if frame.is_empty():
        raise click.ClickException(f"没有编号包含“{key}”的记录；请核对编号，或用 gouji findings 查看退回的文件和隔离的行。")
    printing.show(_worded(frame, how), how, HEADINGS)


@click.command()
@click.argument("cell")
@_narrowed
@_formatted
@click.pass_context
def trace(ctx: click.Context, cell: str, agency: str | None, year: int | None, how: str) -> None:
    """一个单元格由哪些记录组成。

    \b
    gouji trace table3.granted.natural_person --year 2023
    gouji trace table2.fee_10k_yuan --format csv > 收费.csv
    """
    known = {c for form in forms.every() for c in form.cells}
    if cell not in known and not cell.startswith(("section1.", "section6.")):
        import difflib

        near = difflib.get_close_matches(cell, known, 3)
        raise click.UsageError(
            f"没有单元格 {cell}。" + (f"是不是 {'、'.join(near)}？" if near else "gouji tables --format csv 列出全部单元格编号。")
        )
    with _read(ctx).connect(read_only=True) as con:
        _check(con, agency, year)
        if cell not in known and cell not in report.cell_ids(con):
            raise click.ClickException(f"没有单元格 {cell}；gouji tables --format json 列出第一、第六部分的数字。")
        frame = con.sql(query("audit/trace"), params={"cell": cell, "year": year, "agency": agency}).pl()
    printing.show(_worded(frame, how), how, HEADINGS)
    if how == "text":
        click.echo(f"{frame.height} 条记录")


@click.command()
@_narrowed
@click.option("--rows", is_flag=True, help="逐行列出没有计入的记录（访问日志只有行数）。")
@_formatted
@click.pass_context
def ledger(ctx: click.Context, agency: str | None, year: int | None, rows: bool, how: str) -> None:
    """台账：每一落地行恰有一个去处；各去处的行数。

    \b
    gouji ledger --year 2023
    gouji ledger --year 2023 --rows --format csv > 未计入.csv
    """
    with _read(ctx).connect(read_only=True) as con:
        _check(con, agency, year)
        frame = con.sql(query("audit/ledger_rows" if rows else "audit/ledger"), params={"year": year, "agency": agency}).pl()
    printing.show(_worded(frame, how), how, HEADINGS)


@click.command()
@_narrowed
@click.option("--severity", type=click.Choice(list(SEVERITIES)), help="只看这一程度的发现。")
@click.option(
    "--rule", type=click.Choice(list(catalogue.rules())), metavar="RULE", help="只看这一规则的发现（docs/rules.zh-CN.md 列出规则编号）。"
)
@_formatted
@click.pass_context
def findings(ctx: click.Context, agency: str | None, year: int | None, severity: str | None, rule: str | None, how: str) -> None:
    """核查发现：哪里有问题，怎么办。

    \b
    gouji findings --severity critical
    gouji findings --rule quarantined_row --format csv > 隔离.csv
    """
    params = {"year": year, "agency": agency, "severity": severity, "rule": rule}
    with _read(ctx).connect(read_only=True) as con:
        _check(con, agency, year)
        frame = con.sql(query("audit/findings"), params=params).pl()
    if how in ("text", "md"):
        frame = _worded(frame.select("severity", "rule", "year", "message"), how)
    printing.show(frame, how, HEADINGS)


def _worded(frame: pl.DataFrame, how: str) -> pl.DataFrame:
    """Codes in the words of a clerk, for readers only."""
    if how not in ("text", "md"):
        return frame
    words: dict[str, dict[str, str]] = {"place": PLACES, "severity": SEVERITIES, "subject": dict(SOURCE_ZH)}
    rules = {r.id: f"{r.zh}（{r.id}）" for r in counting.rules().values()}
    if "place" in frame.columns:
        words["rule"] = rules
    return frame.with_columns(pl.col(n).replace(w) for n, w in words.items() if n in frame.columns)


@click.command()
@_narrowed
@_formatted
@click.pass_context
def versions(ctx: click.Context, agency: str | None, year: int | None, how: str) -> None:
    """各版本：何时形成、改了多少、是否已发布；以及现在停留在旧版的原因。

    \b
    gouji versions
    gouji versions --year 2023 --format json
    """
    with _read(ctx).connect(read_only=True) as con:
        _check(con, agency, year)
        frame = con.sql(query("audit/versions"), params={"agency": agency, "year": year}).pl()
        held = con.execute(
            "SELECT year, held_since, held_why FROM report.status WHERE held_why IS NOT NULL AND ($year IS NULL OR year = $year) "
            "AND ($agency IS NULL OR agency = $agency) ORDER BY agency, year",
            {"agency": agency, "year": year},
        ).fetchall()
    printing.show(_worded(frame, how), how, HEADINGS)
    if how == "text":
        for of_year, since, why in held:
            click.echo(f"{of_year} 年度自 {since} 起没有更新：{why}")


@click.command()
@click.argument("before", type=int, metavar="V1")
@click.argument("after", type=int, metavar="V2")
@_narrowed
@_formatted
@click.pass_context
def diff(ctx: click.Context, before: int, after: int, agency: str | None, year: int | None, how: str) -> None:
    """两版之间哪些单元格不同。

    \b
    gouji diff 1 2 --year 2023
    """
    with _read(ctx).connect(read_only=True) as con:
        _check(con, agency, year)
        known = {(a, y): last for (a, y), last in warehouse_versions.latest(con).items() if agency in (None, a) and year in (None, y)}
        if len(known) != 1:
            raise click.UsageError("一次只比较一份报告；请加上 --year（和 --agency）。")
        ((code, of_year), last) = known.popitem()
        if not 1 <= min(before, after) <= max(before, after) <= last:
            raise click.ClickException(f"{of_year} 年度有第 1 到第 {last} 版。")
        frame = warehouse_versions.difference(con, code, of_year, before, after)
    printing.show(frame, how, HEADINGS)
    if how == "text":
        click.echo(f"{frame.height} 个单元格不同")


@click.command()
@click.argument("text", metavar="SQL")
@click.option("--rows", default=10_000, show_default=True, help="至多输出多少行。")
@click.option("--seconds", default=30, show_default=True, help="至多算多少秒。")
@click.option("--memory", "memory_mb", default=2048, show_default=True, help="至多用多少兆内存。")
@_formatted
@click.pass_context
def sql(ctx: click.Context, text: str, rows: int, seconds: int, memory_mb: int, how: str) -> None:
    """用 SQL 查审计库（只读、不能读写别的文件）；十个例子见 docs/auditors.zh-CN.md。

    \b
    gouji sql "FROM audit.cells WHERE year = 2023"
    gouji sql "FROM audit.dictionary" --format csv > 字典.csv
    """
    path = settings_of(ctx).data / "exports" / "audit" / "current.duckdb"
    if not path.exists():
        raise click.ClickException("还没有审计库；请先运行 gouji run。")
    try:
        answer = ask.ask(path, text, rows=rows, seconds=seconds, memory_mb=memory_mb)
    except ask.AskError as error:
        raise click.ClickException(str(error)) from None
    printing.show(answer.rows, how, {})
    if answer.truncated:
        click.echo(f"只输出前 {rows} 行；要更多请用 --rows。", err=True)


@click.command()
@_formatted
@click.pass_context
def sources(ctx: click.Context, how: str) -> None:
    """各来源：怎样取数，最近一次取全是什么时候，没有取全的原因。

    \b
    gouji sources
    gouji sources --format json
    """
    configured = settings_of(ctx).sources
    given = {"now": clock.now(), "names": [s.name for s in configured], "hours": [s.fresh_hours for s in configured]}
    with _read(ctx).connect(read_only=True) as con:
        frame = con.sql(query("audit/sources"), params=given).pl()
    times = [name for name, kind in frame.schema.items() if kind == pl.Datetime]
    frame = frame.with_columns(pl.col(times).dt.to_string("%Y-%m-%d %H:%M"))
    if how in ("text", "md"):
        frame = frame.with_columns(pl.col("kind").replace(KINDS), pl.col("subject").replace(SOURCE_ZH))
    printing.show(frame, how, HEADINGS)


VERBS = (tables, record, trace, ledger, findings, versions, diff, sources, sql)
