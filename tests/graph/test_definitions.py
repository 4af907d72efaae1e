from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.partitions import YEARS
from pipelines import settings as config
from pipelines.definitions import build_definitions
from pipelines.jobs import year_tags
from warehouse import tables
from warehouse.subjects import SOURCES

CONFIG = """
[nightly]
schedule = {schedule}
{years}

[[agencies]]
name = "测试机关"
code = "11990100F7AB5ABF0J"

[[sources]]
name = "records"
agency = "11990100F7AB5ABF0J"
path = "records"
"""


def settings(folder: Path, *, schedule: bool = False, years: str = "", source: str = "records") -> config.Settings:
    file = folder / "gouji.toml"
    file.write_text(CONFIG.format(schedule=str(schedule).lower(), years=years).replace('"records"', f'"{source}"', 1), "utf-8")
    return config.load(file)


def specs(made: config.Settings | None = None) -> dict[dg.AssetKey, dg.AssetSpec]:
    return {spec.key: spec for spec in build_definitions(settings=made).resolve_all_asset_specs()}


def test_every_asset_is_a_table_or_view_of_the_dictionary() -> None:
    for key, spec in specs().items():
        table = (tables.TABLES | tables.VIEWS)[".".join(key.path)]
        assert spec.group_name == table.layer == key.path[0]
        schema = spec.metadata["dagster/column_schema"]
        assert [c.name for c in schema.columns] == [c.name for c in table.columns]
        assert [c.description for c in schema.columns] == [c.comment for c in table.columns]
        assert table.zh in (spec.description or "")
        assert spec.owners and spec.kinds and spec.code_version


def test_the_graph_runs_from_raw_to_publications() -> None:
    upstream = {key.to_user_string(): sorted(d.asset_key.to_user_string() for d in spec.deps) for key, spec in specs().items()}
    core = [f"core/{s}" if s != "access_log" else "core/access_log_days" for s in SOURCES]
    expected = {f"raw/{s}": [] for s in SOURCES}
    expected |= {c: [f"raw/{s}"] for c, s in zip(core, SOURCES, strict=True)}
    expected |= {"report/evidence": sorted(core), "report/cells": ["report/evidence"], "report/versions": ["report/cells"]}
    expected |= {"raw/loads": sorted(f"raw/{s}" for s in SOURCES), "core/site_items": ["core/access_log_days", "core/publications"]}
    expected |= {"report/findings": ["core/site_items", "report/versions"], "report/publications": ["report/findings"]}
    assert upstream == expected


@pytest.mark.parametrize("name", ["records", "依申请公开系统 1/2"])
def test_a_source_stands_before_what_it_delivers_and_grows_stale(tmp_path: Path, name: str) -> None:
    key = dg.AssetKey(["source", name])
    found = specs(settings(tmp_path, source=name))
    assert build_definitions(settings=settings(tmp_path, source=name)).resolve_job_def("nightly")
    assert {k.path[-1] for k, spec in found.items() if key in {d.asset_key for d in spec.deps}} == set(SOURCES)
    assert found[key].freshness_policy == dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36))
    assert "文件夹" in (found[key].description or "") and found[key].group_name == "source"


def test_only_the_report_layer_has_partitions() -> None:
    for key, spec in specs().items():
        assert (spec.partitions_def is not None) == (key.path[0] == "report")


@pytest.mark.parametrize("on", [True, False])
def test_the_schedule_runs_where_the_configuration_says_so(tmp_path: Path, on: bool) -> None:
    schedule = build_definitions(settings=settings(tmp_path, schedule=on)).resolve_schedule_def("nightly")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 2 * * *", "Asia/Shanghai")
    assert schedule.default_status is (dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED)


def test_a_tick_asks_for_the_years_that_are_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = settings(tmp_path, years="years = [2022, 2023]")
    monkeypatch.setenv("GOUJI_CONFIG", str(made.file))
    definitions = build_definitions(settings=made)
    with dg.instance_for_test() as instance:
        context = dg.build_schedule_context(repository_def=definitions.get_repository_def(), instance=instance)
        tick = definitions.resolve_schedule_def("nightly").evaluate_tick(context)
    assert tick.run_requests is not None
    assert [r.tags.items() >= year_tags([2022, 2023]).items() for r in tick.run_requests] == [True]


def test_without_a_configuration_the_definitions_load_and_the_run_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    job = build_definitions().resolve_job_def("nightly")
    with pytest.raises(dg.DagsterResourceFunctionError) as failure:
        job.execute_in_process(tags=year_tags([2023]))
    assert "[[agencies]]" in str(failure.value.__cause__)


def test_a_broken_configuration_stops_the_code_location(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.definitions import found_settings

    (tmp_path / "gouji.toml").write_text("[nightly]\nschedul = true\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(config.SettingsError, match="第 2 行"):
        found_settings()


def test_the_new_year_has_a_partition_when_it_begins_in_shanghai() -> None:
    """A daemon that was started in December must not need a restart in January."""
    before = YEARS.get_partition_keys(current_time=datetime(2026, 12, 31, 15, 59, tzinfo=UTC))
    after = YEARS.get_partition_keys(current_time=datetime(2026, 12, 31, 16, 1, tzinfo=UTC))
    assert (before[0], before[-1], after[-1]) == ("2019", "2026", "2027")
