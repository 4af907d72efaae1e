"""The gouji command: thin verbs over the other folders.

Belongs here: options, exit codes, what a verb prints. Does not belong here: any answer of its own; queries stand in
`warehouse/sql/audit`, counting and judging behind the job.

Exit codes: 0 fine, 3 a critical finding holds something back, 2 configuration or usage, 1 anything else.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import duckdb
import polars as pl

from expectations import catalogue
from pipelines import home, printing
from pipelines import settings as config
from pipelines.home import warehouse_of
from pipelines.settings import Settings
from pipelines.settings_file import normal
from warehouse import clock, counting, forms, report
from warehouse.export import html, markdown, tables_json, tabular, xlsx
from warehouse.export.heading import Heading
from warehouse.sql import query
from warehouse.store import Busy, Warehouse
from warehouse.subjects import SOURCE_ZH

FINE, WRONG, USAGE, HELD = 0, 1, 2, 3
_HEADINGS = {
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
}
_PLACES = {
    "counted": "计入",
    "pending": "未办结",
    "out_of_scope": "不属本报告",
    "superseded": "已被取代",
    "duplicate": "重复",
    "quarantined": "隔离",
    "current": "现行",
}
_SEVERITIES = {"critical": "严重", "warning": "提醒", "info": "说明"}


class _Group(click.Group):
    """Turns the errors a user can act on into one message and the exit code of their kind."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except config.SettingsError as error:
            click.echo(f"配置有误：\n{error}", err=True)
            ctx.exit(USAGE)
        except (Busy, forms.FormError) as error:
            click.echo(str(error), err=True)
            ctx.exit(WRONG)
        except (duckdb.Error, OSError) as error:
            reason = str(error).splitlines()[0]
            click.echo(
                f"数据文件夹中的文件用不了：{reason}\n请检查 gouji.toml 的 [paths] data 指向哪里，文件是否损坏、权限是否正确。", err=True
            )
            ctx.exit(WRONG)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="gouji.toml；默认为环境变量 GOUJI_CONFIG，再默认为当前文件夹中的。",
)
@click.version_option(package_name="gouji")
@click.pass_context
def main(ctx: click.Context, path: Path | None) -> None:
    """勾稽：由记录统计政府信息公开工作年度报告的法定表格。

    \b
    gouji run                         取数、清洗、统计、核查
    gouji tables --year 2023          看统计出来的表
    gouji trace table2.punishment_decisions   看一个单元格由哪些记录组成
    gouji record 新工信罚决〔2023〕1号       看一条记录到哪里去了
    """
    ctx.obj = path


class _Code(click.ParamType):
    """A credit code in any spelling."""

    name = "code"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The code in normal form."""
        return normal(value)


def _settings(ctx: click.Context) -> Settings:
    return config.load(config.locate(ctx.obj))


def _formatted(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--format", "how", type=click.Choice(printing.FORMATS), default="text", show_default=True, help="输出格式。")(
        command
    )


def _narrowed(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--year", type=int, help="只看这一报告年度。")(command)
    return click.option("--agency", help="只看这一机关（统一社会信用代码）。")(command)


def _read(ctx: click.Context) -> Warehouse:
    warehouse = warehouse_of(_settings(ctx))
    if not warehouse.path.exists():
        raise click.ClickException("还没有数据；请先运行 gouji run。")
    return warehouse


@main.command()
@click.option("--year", "years", type=int, multiple=True, help="报告年度，可重复；默认为配置的年度，再默认为上一年度和本年度至今。")
@click.pass_context
def run(ctx: click.Context, years: tuple[int, ...]) -> None:
    """取数、清洗、统计、核查一遍（与夜间作业相同）。

    \b
    gouji run
    gouji --config examples/xinxiang-2023/gouji.toml run
    gouji run --year 2022 --year 2023
    """
    from pipelines.running import run_nightly  # Dagster takes a second to import; the other verbs do without it

    settings = _settings(ctx)
    first, last = forms.first_year(), clock.today().year
    if years and (set(years) != set(range(min(years), max(years) + 1)) or min(years) < first or max(years) > last):
        raise click.UsageError(f"报告年度只能是 {first} 到 {last} 之间连续的年度。")
    home.prepare(settings)
    done = run_nightly(settings, years)
    if not done.success:
        click.echo(f"运行失败：{done.error}\n运行编号 {done.run_id}；gouji ui 中可以看到全部记录。", err=True)
        ctx.exit(WRONG)
    ctx.exit(_summary(warehouse_of(settings), done.years))


def _summary(warehouse: Warehouse, years: tuple[int, ...]) -> int:
    """Say what the run left behind; the exit code."""
    with warehouse.connect(read_only=True) as con:
        totals = con.sql(query("audit/summary"), params={"years": list(years)}).pl()
        found = con.sql(
            "SELECT severity, count(*) AS rows FROM report.findings WHERE year IS NULL OR list_contains($years, year) GROUP BY severity",
            params={"years": list(years)},
        ).pl()
        critical = con.execute(
            "SELECT message FROM report.findings WHERE severity = 'critical' AND (year IS NULL OR list_contains(?, year)) "
            "ORDER BY rule, path",
            [list(years)],
        ).fetchall()
    headings = {**_HEADINGS, "landed": "落地行", "cells_known": "已得单元格", "cells_unknown": "缺数据", **_PLACES}
    printing.show(totals, "text", headings)
    counts = dict(found.iter_rows())
    click.echo("核查发现：" + "，".join(f"{zh} {counts.get(name, 0)}" for name, zh in _SEVERITIES.items()))
    for (message,) in critical:
        click.echo(f"  严重：{message}")
    click.echo("接下来：gouji tables 看表；gouji findings 看核查发现；gouji ledger 看台账；gouji ui 打开界面。")
    return HELD if critical else FINE


@main.command()
@_narrowed
@click.option(
    "--format",
    "how",
    type=click.Choice([*printing.FORMATS, "html", "xlsx"]),
    default="text",
    show_default=True,
    help="输出格式；html 和 xlsx 是官方版式，一次一份报告。",
)
@click.pass_context
def tables(ctx: click.Context, agency: str | None, year: int | None, how: str) -> None:
    """看统计出来的表（草稿，未经发布）。

    \b
    gouji tables --year 2023
    gouji tables --year 2023 --format json > tables.json
    gouji tables --year 2023 --format xlsx > 草稿.xlsx
    """
    with _read(ctx).connect(read_only=True) as con:
        _check(con, agency, year)
        chosen = [r for r in report.reports(con) if agency in (None, r[0]) and year in (None, r[2])]
        if how == "csv":
            frames = [_cells_of(con, *chosen_one) for chosen_one in chosen]
            tabular.safe_csv(pl.concat(frames), sys.stdout.buffer)
            return
        if how in ("html", "xlsx") and len(chosen) > 1:
            raise click.UsageError("这种格式一次只输出一份报告；请加上 --year（和 --agency）。")
        if how == "json":
            click.echo("[" + ",\n".join(_json_of(con, *chosen_one) for chosen_one in chosen) + "]")
            return
        for code, name, of_year, format_id in chosen:
            form, heading = forms.load(format_id), Heading(name, of_year, code, "草稿", "", draft=True)
            values = report.tables_of(con, code, of_year)
            if how == "md":
                click.echo(markdown.render(form, heading, values))
            elif how == "html":
                click.echo(html.render(form, heading, values), nl=False)
            elif how == "xlsx":
                sys.stdout.buffer.write(xlsx.render(form, heading, values))
            else:
                _print_tables(form, heading, values)


def _cells_of(con: duckdb.DuckDBPyConnection, code: str, name: str, year: int, format_id: str) -> pl.DataFrame:
    cells = tabular.cells(forms.load(format_id), report.tables_of(con, code, year))
    return cells.select(pl.lit(name).alias("agency_name"), pl.lit(year).alias("year"), pl.all())


def _json_of(con: duckdb.DuckDBPyConnection, code: str, name: str, year: int, format_id: str) -> str:
    form = forms.load(format_id)
    about = {"agency": name, "agency_code": code, "year": year, "format": format_id, **report.sections(con, code, year)}
    return tables_json.render(form, report.tables_of(con, code, year), about)


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


@main.command()
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
    printing.show(_worded(frame, how), how, _HEADINGS)


@main.command()
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
    printing.show(_worded(frame, how), how, _HEADINGS)
    if how == "text":
        click.echo(f"{frame.height} 条记录")


@main.command()
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
    printing.show(_worded(frame, how), how, _HEADINGS)


@main.command()
@_narrowed
@click.option("--severity", type=click.Choice(list(_SEVERITIES)), help="只看这一程度的发现。")
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
    printing.show(frame, how, _HEADINGS)


def _worded(frame: pl.DataFrame, how: str) -> pl.DataFrame:
    """Codes in the words of a clerk, for readers only."""
    if how not in ("text", "md"):
        return frame
    words: dict[str, dict[str, str]] = {"place": _PLACES, "severity": _SEVERITIES, "subject": dict(SOURCE_ZH)}
    rules = {r.id: f"{r.zh}（{r.id}）" for r in counting.rules().values()}
    if "place" in frame.columns:
        words["rule"] = rules
    return frame.with_columns(pl.col(n).replace(w) for n, w in words.items() if n in frame.columns)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="监听地址；默认只有本机能打开。")
@click.option("--port", default=3000, show_default=True, help="端口。")
@click.pass_context
def ui(ctx: click.Context, host: str, port: int) -> None:
    """打开 Dagster 界面：看每一次运行、每一张表、每一个失败。"""
    folder = home.prepare(_settings(ctx))
    click.echo(f"界面在 http://{host}:{port} ，按 Ctrl+C 结束。")
    ctx.exit(_dagster("dagster-webserver", "-h", host, "-p", str(port), "-w", str(folder / "workspace.yaml")))


@main.command()
@click.pass_context
def daemon(ctx: click.Context) -> None:
    """夜间作业的守护进程：按时运行，失败时告警（由 systemd 等启动）。"""
    import dagster as dg

    from pipelines.alive import fail_dead_runs

    folder = home.prepare(_settings(ctx))
    with dg.DagsterInstance.get() as instance:
        fail_dead_runs(instance, folder)
    ctx.exit(_dagster("dagster-daemon", "run", "-w", str(folder / "workspace.yaml")))


def _dagster(program: str, *arguments: str) -> int:
    """Become one of Dagster's programs, which stand beside the interpreter."""
    path = Path(sys.executable).parent / program
    if os.name == "posix":
        os.execv(path, [str(path), *arguments])
    return subprocess.call([str(path), *arguments])


if __name__ == "__main__":
    main()
