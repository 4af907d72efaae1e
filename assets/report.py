"""The report layer: evidence, cells and versions, one partition a report year, set-based over the years of a run; publication.

Belongs here: the thin assets and the preview a clerk sees. Does not belong here: counting (`warehouse.report`), the gate
(`warehouse.gate`).
"""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256

import dagster as dg
import duckdb

from assets import attributes
from assets.plan import Plan
from warehouse import forms, gate, report, status, tables
from warehouse.export import markdown
from warehouse.export.heading import Heading
from warehouse.ledger import Unbalanced
from warehouse.publish import NotPublished
from warehouse.snapshot import SnapshotError
from warehouse.subjects import ACCESS_LOG, SUBJECTS

# Raise it when an export has another form for the same version.
EXPORT_VERSION = "1"
_PREVIEWS = 6
_RECORDS = [*(dg.AssetKey(["core", s]) for s in SUBJECTS), dg.AssetKey(["core", f"{ACCESS_LOG}_days"])]
_COUNTED = tuple(tables.VIEWS.get(f"report.{n}") or tables.TABLES[f"report.{n}"] for n in ("evidence", "cells", "versions"))


def _key(name: str) -> dg.AssetKey:
    return dg.AssetKey(["report", name])


def _years(context: dg.AssetExecutionContext) -> list[int]:
    return [int(key) for key in context.partition_keys]


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Parameter `backfill_policy`", dg.BetaWarning)

    @dg.multi_asset(
        name="report",
        specs=[
            attributes.spec(table, code_version=report.COUNTING_VERSION, kinds={"sql"}, deps=deps)
            for table, deps in zip(_COUNTED, (_RECORDS, [_key("evidence")], [_key("cells")]), strict=True)
        ],
        retry_policy=attributes.RETRIES,
        **attributes.by_year(),
    )
    def counted(context: dg.AssetExecutionContext, plan: dg.ResourceParam[Plan]) -> Iterator[dg.MaterializeResult[None]]:
        """Count what is due; evidence, cells and versions in one transaction: no moment shows a cell that its records do not add up to."""
        years = _years(context)
        plan.say(f"统计 {years[0]}–{years[-1]} 年度")
        try:
            with plan.warehouse.step() as con:
                report.describe(con, replace(plan.scope, years=tuple(years)))
                done = report.count(con, years, plan.today, plan.rules_version)
                shown = _shown(con, years)
                versions = con.execute(
                    "SELECT agency, year, version, content_sha256 FROM report.versions WHERE list_contains(?, year) "
                    "QUALIFY version = max(version) OVER (PARTITION BY agency, year) ORDER BY ALL",
                    [years],
                ).fetchall()
                rows = {t.name: _rows(con, t.name, years) for t in _COUNTED}
        except Unbalanced as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        content = dg.DataVersion(sha256(repr(versions).encode()).hexdigest()[:16])
        for table in _COUNTED:
            more = shown if table.name == "cells" else {"new_versions": done.versions} if table.name == "versions" else {}
            yield dg.MaterializeResult(
                asset_key=_key(table.name), metadata={**attributes.rows(rows[table.name]), **more}, data_version=content
            )


def _rows(con: duckdb.DuckDBPyConnection, name: str, years: list[int]) -> int:
    row = con.execute(f"SELECT count(*) FROM report.{name} WHERE list_contains(?, year)", [years]).fetchone()
    return int(row[0]) if row else 0


def _shown(con: duckdb.DuckDBPyConnection, years: list[int]) -> dict[str, dg.MetadataValue[str]]:
    """The finished tables of the first reports, as a preview."""
    due = [r for r in report.reports(con) if r[2] in years][:_PREVIEWS]
    return {f"{name} {year}": _preview(name, code, year, form, report.tables_of(con, code, year)) for code, name, year, form in due}


def _preview(name: str, code: str, year: int, form: str, values: report.Values) -> dg.MetadataValue[str]:
    heading = Heading(name, year, code, "草稿", "")
    return dg.MetadataValue.md(markdown.render(forms.load(form), heading, values))


@attributes.asset(
    tables.TABLES["report.publications"],
    code_version=EXPORT_VERSION,
    kinds={"xlsx"},
    deps=[_key("findings")],
    by_year=True,
)
def publications(context: dg.AssetExecutionContext, plan: dg.ResourceParam[Plan]) -> dg.MaterializeResult[None]:
    """Publish what no critical finding holds back; the rest stays at its last good version, and the run fails and says why."""
    try:
        done = gate.release(plan.warehouse, plan.exports, _years(context), plan.today, plan.say)
    except (NotPublished, SnapshotError) as error:
        raise dg.Failure(str(error)) from error  # a full disk may be mended by the next attempt
    status.write(plan.warehouse, plan.status, context.run_id)
    held = [s for s in done.standings if s.is_held]
    if held:
        why = "\n".join(f"{s.agency_name} {s.year} 年度停留在{_version(s.published)}：\n" + "\n".join(s.critical) for s in held)
        raise dg.Failure(why, metadata={"held": len(held), "published": done.new}, allow_retries=False)
    listed = "\n".join(f"- {s.agency_name} {s.year} 年度：{_version(s.published)}" for s in done.standings)
    return dg.MaterializeResult(metadata={"published": done.new, "snapshot": done.snapshot, "versions": dg.MetadataValue.md(listed)})


def _version(number: int | None) -> str:
    return "未发布的状态" if number is None else f"第 {number} 版"


ASSETS = [counted, publications]
