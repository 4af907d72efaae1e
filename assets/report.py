"""The report layer: evidence and cells, one partition a report year, set-based over the years of a run.

Belongs here: the thin assets and the preview a clerk sees. Does not belong here: counting (`warehouse.report`).
"""

from dataclasses import replace

import dagster as dg

from assets import attributes
from assets.plan import Plan
from warehouse import forms, report, tables
from warehouse.export import markdown
from warehouse.export.heading import Heading
from warehouse.ledger import Unbalanced
from warehouse.subjects import ACCESS_LOG, SUBJECTS

# Raise it when a counting rule changes what a cell means, and say so in CHANGELOG.
COUNTING_VERSION = "1"
_PREVIEWS = 6
_RECORDS = [*(dg.AssetKey(["core", s]) for s in SUBJECTS), dg.AssetKey(["core", f"{ACCESS_LOG}_days"])]


def _years(context: dg.AssetExecutionContext) -> list[int]:
    return [int(key) for key in context.partition_keys]


@attributes.asset(tables.TABLES["report.evidence"], code_version=COUNTING_VERSION, kinds={"sql"}, deps=_RECORDS, by_year=True)
def evidence(context: dg.AssetExecutionContext, plan: dg.ResourceParam[Plan]) -> dg.MaterializeResult[None]:
    """Which record feeds which cell."""
    years = _years(context)
    plan.say(f"统计 {years[0]}–{years[-1]} 年度")
    try:
        with plan.warehouse.step() as con:
            report.describe(con, replace(plan.scope, years=tuple(years)))
            rows = report.collect(con, years)
            report.count(con, years)  # with the evidence in one transaction: no moment shows a cell that its records do not add up to
        return dg.MaterializeResult(metadata=attributes.rows(rows))
    except Unbalanced as error:
        raise dg.Failure(str(error), allow_retries=False) from error


@attributes.asset(tables.TABLES["report.cells"], code_version=COUNTING_VERSION, kinds={"sql"}, deps=[evidence], by_year=True)
def cells(context: dg.AssetExecutionContext, plan: dg.ResourceParam[Plan]) -> dg.MaterializeResult[None]:
    """Prove that each cell is the sum of its evidence, and show the finished tables."""
    years = _years(context)
    with plan.warehouse.step() as con:
        try:
            report.assert_reaggregates(con, years)
        except Unbalanced as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        due = [r for r in report.reports(con) if r[2] in years]
        count = sum(len(report.values(con, code, year)) for code, _, year, _ in due)
        shown = {
            f"{name} {year}": _preview(name, code, year, form, report.tables_of(con, code, year))
            for code, name, year, form in due[:_PREVIEWS]
        }
    return dg.MaterializeResult(metadata={**attributes.rows(count), "reports": len(due), **shown})


def _preview(name: str, code: str, year: int, form: str, values: report.Values) -> dg.MetadataValue[str]:
    heading = Heading(name, year, code, "草稿", "")
    return dg.MetadataValue.md(markdown.render(forms.load(form), heading, values))


ASSETS = [evidence, cells]
