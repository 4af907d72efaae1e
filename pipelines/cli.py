"""The gouji command: the verbs that do something, and the exit codes of all.

Belongs here: options, exit codes, what a run prints. Does not belong here: verbs that answer a question (`answers.py`), counting and
judging (behind the job).

Exit codes: 0 fine, 3 a critical finding holds something back, 2 configuration or usage, 1 anything else.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import duckdb

from pipelines import answers, home, printing
from pipelines import settings as config
from pipelines.home import warehouse_of
from warehouse import clock, forms, gate
from warehouse.sql import query
from warehouse.store import Busy, Warehouse

FINE, WRONG, USAGE, HELD = 0, 1, 2, 3


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
    ctx.exit(_run(ctx, "nightly", years))


@main.command()
@click.option("--year", "years", type=int, multiple=True, help="报告年度，可重复；默认与 gouji run 相同。")
@click.pass_context
def publish(ctx: click.Context, years: tuple[int, ...]) -> None:
    """不取数，按现有数据和现在的配置重新核查并发布（例如搁置了一份退回的文件之后）。

    \b
    gouji publish
    gouji publish --year 2023
    """
    ctx.exit(_run(ctx, "publish", years))


def _run(ctx: click.Context, job: str, years: tuple[int, ...]) -> int:
    from pipelines.running import run_job  # Dagster takes a second to import; the verbs that only answer do without it

    settings = answers.settings_of(ctx)
    first, last = forms.first_year(), clock.today().year
    if years and (set(years) != set(range(min(years), max(years) + 1)) or min(years) < first or max(years) > last):
        raise click.UsageError(f"报告年度只能是 {first} 到 {last} 之间连续的年度。")
    home.prepare(settings)
    done = run_job(settings, job, years)
    if not done.success and not done.is_held:
        click.echo(f"运行失败：{done.error}\n运行编号 {done.run_id}；gouji ui 中可以看到全部记录。", err=True)
        return WRONG
    return _summary(warehouse_of(settings), done.years)


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
        standings = gate.standings(con, list(years))
    headings = {**answers.HEADINGS, "landed": "落地行", "cells_known": "已得单元格", "cells_unknown": "缺数据", **answers.PLACES}
    printing.show(totals, "text", headings)
    counts = dict(found.iter_rows())
    click.echo("核查发现：" + "，".join(f"{zh} {counts.get(name, 0)}" for name, zh in answers.SEVERITIES.items()))
    for (message,) in critical:
        click.echo(f"  严重：{message}")
    for s in standings:
        version = "还没有发布过" if s.published is None else f"现行为第 {s.published} 版"
        click.echo(
            f"{s.agency_name} {s.year} 年度：{version}" + ("；有严重发现，没有更新（gouji tables --draft 看草稿）" if s.is_held else "")
        )
    click.echo("接下来：gouji tables 看表；gouji findings 看核查发现；gouji ledger 看台账；gouji ui 打开界面。")
    return HELD if critical else FINE


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="监听地址；默认只有本机能打开。")
@click.option("--port", default=3000, show_default=True, help="端口。")
@click.pass_context
def ui(ctx: click.Context, host: str, port: int) -> None:
    """打开 Dagster 界面：看每一次运行、每一张表、每一个失败。"""
    folder = home.prepare(answers.settings_of(ctx))
    click.echo(f"界面在 http://{host}:{port} ，按 Ctrl+C 结束。")
    ctx.exit(_dagster("dagster-webserver", "-h", host, "-p", str(port), "-w", str(folder / "workspace.yaml")))


@main.command()
@click.pass_context
def daemon(ctx: click.Context) -> None:
    """夜间作业的守护进程：按时运行，失败时告警（由 systemd 等启动）。"""
    import dagster as dg

    from pipelines.alive import fail_dead_runs

    folder = home.prepare(answers.settings_of(ctx))
    with dg.DagsterInstance.get() as instance:
        fail_dead_runs(instance, folder)
    ctx.exit(_dagster("dagster-daemon", "run", "-w", str(folder / "workspace.yaml")))


def _dagster(program: str, *arguments: str) -> int:
    """Become one of Dagster's programs, which stand beside the interpreter."""
    path = Path(sys.executable).parent / program
    if os.name == "posix":
        os.execv(path, [str(path), *arguments])
    return subprocess.call([str(path), *arguments])


for verb in answers.VERBS:
    main.add_command(verb)


if __name__ == "__main__":
    main()
