"""Rules → Dagster: the asset that stores findings, and every rule as a check of the table it is about.

Belongs here: the thin assets and checks. Does not belong here: rules, queries, severity (`catalogue`, `sql`, `suites`), what follows
from a finding (`warehouse.gate`). Checks never block an asset: publication reads the findings.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any, Protocol

import dagster as dg

from expectations import catalogue, checking, run
from expectations import findings as judging
from warehouse.store import Warehouse

FINDINGS, CELLS = dg.AssetKey(["report", "findings"]), dg.AssetKey(["report", "cells"])
_SHOWN = 20
_ABOUT_CELLS = ("table", "report")


class Judged(Protocol):
    """What judging needs of a night's plan."""

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse."""

    @property
    def today(self) -> date:
        """The day of the run."""


def _spec(rule_id: str, asset: dg.AssetKey, name: str = "") -> dg.AssetCheckSpec:
    rule = catalogue.rules()[rule_id]
    after = [] if asset == FINDINGS else [FINDINGS]  # what a check tells, the findings were judged from
    return dg.AssetCheckSpec(
        name or rule_id,
        asset=asset,
        description=f"{rule.title}（{rule.law}）",
        metadata={"severity": rule.severity},
        additional_deps=after,
    )


def _result(spec: dg.AssetCheckSpec, rule_id: str, passed: bool, **metadata: Any) -> dg.AssetCheckResult:
    severity = catalogue.rules()[rule_id].severity
    graver = dg.AssetCheckSeverity.ERROR if severity == "critical" else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        asset_key=spec.asset_key, check_name=spec.name, passed=passed, severity=graver, metadata={"severity": severity, **metadata}
    )


def _of_findings() -> list[str]:
    return [r for r in judging.in_sql() if catalogue.rules()[r].scope not in _ABOUT_CELLS]


def findings(asset: Callable[..., Callable[[Callable[..., Any]], dg.AssetsDefinition]]) -> dg.AssetsDefinition:
    """The asset `report/findings` with the rules about files and records; `asset` makes a partitioned asset of its table."""
    specs = {rule_id: _spec(rule_id, FINDINGS) for rule_id in _of_findings()}

    @asset(check_specs=list(specs.values()))
    def found(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # Dagster knows the bare class alone
        plan: Judged = context.resources.plan
        verdict = judging.judge(plan.warehouse, [int(key) for key in context.partition_keys], plan.today)
        with plan.warehouse.connect() as con:
            gravest = judging.stored(con, _SHOWN)
            by_rule = judging.by_rule(con)
        counts = {severity: verdict.counts.get(severity, 0) for severity in catalogue.SEVERITIES}
        listed = "\n".join(f"- **{row['severity']}** {row['message']}" for row in gravest.iter_rows(named=True)) or "没有发现。"
        shown: dict[str, Any] = {"repeated": verdict.is_repeated, "gravest": dg.MetadataValue.md(listed)}
        return dg.MaterializeResult(
            metadata={"dagster/row_count": sum(counts.values()), **counts, **shown},
            check_results=[_result(specs[r], r, by_rule.get(r, 0) == 0, findings=by_rule.get(r, 0)) for r in specs],
        )

    return found


def _reconciliation() -> dg.AssetChecksDefinition:
    """The rules about finished tables, as checks of the cells."""
    specs = {r: _spec(r, CELLS) for r in judging.in_sql() if catalogue.rules()[r].scope in _ABOUT_CELLS}

    @dg.multi_asset_check(specs=list(specs.values()), name="reconciliation", required_resource_keys={"plan"})
    def reconciliation(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        with context.resources.plan.warehouse.connect() as con:
            by_rule = judging.by_rule(con)
        for rule_id, spec in specs.items():
            yield _result(spec, rule_id, by_rule.get(rule_id, 0) == 0, findings=by_rule.get(rule_id, 0))

    return reconciliation


def _suite(table: str, assets: Sequence[dg.AssetKey]) -> dg.AssetChecksDefinition:
    """The suite of one table; its results are those the findings were judged from, evaluated here only if they are missing."""
    key = dg.AssetKey(table.split("."))
    on, prefix = (key, "") if key in assets else (FINDINGS, table.replace(".", "_") + "_")
    specs = {rule_id: _spec(rule_id, on, prefix + rule_id) for rule_id in dict.fromkeys(e.rule for e in run.suites()[table])}

    @dg.multi_asset_check(specs=list(specs.values()), name=f"{table.replace('.', '_')}_suite", required_resource_keys={"plan"})
    def suite(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        for o in checking.refresh(context.resources.plan.warehouse, only=[table]):
            more = {"error": o.error} if o.error else {"detail": o.detail} if o.detail else {}
            yield _result(specs[o.rule], o.rule, o.passed, elements=o.elements, unexpected=o.unexpected, **more)

    return suite


def checks(assets: Sequence[dg.AssetKey]) -> list[dg.AssetChecksDefinition]:
    """Every rule that is not already a check of the findings."""
    return [_reconciliation(), *(_suite(table, assets) for table in run.suites())]
