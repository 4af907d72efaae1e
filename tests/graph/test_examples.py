"""The examples as a new user runs them, and the drops of the test data: cells, places and findings exactly as expected."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import comparing
import dagster as dg
import pytest
import replay
from click.testing import CliRunner, Result

from pipelines.cli import main
from warehouse import forms
from warehouse.export import readback

DATA = Path(__file__).parent.parent / "data"
EXAMPLES = {
    "xinxiang-2023": ["xinxiang-2023"],
    "pingtan-2022-2023": ["pingtan-2022", "pingtan-2023"],
}


def gouji(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(config), *arguments])


@pytest.fixture(scope="module", params=["xinxiang-2023", pytest.param("pingtan-2022-2023", marks=pytest.mark.wide)])
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A copy of an example after `gouji run`: its name and its configuration."""
    source = Path(__file__).parent.parent.parent / "examples" / request.param
    folder = tmp_path_factory.mktemp(request.param) / "example"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("var"))
    done = replay.run(folder / "gouji.toml")
    assert done.returncode == 0, done.stderr
    return request.param, folder / "gouji.toml"


def test_an_example_gives_the_published_tables_ledger_and_findings(example: tuple[str, Path], tmp_path: Path) -> None:
    name, config = example
    expected = [DATA / "expected" / f"{e}.json" for e in EXAMPLES[name]]
    for file in expected:
        replay.collect(config, str(comparing.read(file)["year"]), comparing.read(file)["uscc"], tmp_path)
    assert comparing.differences(tmp_path, expected) == []


def test_the_run_is_recorded_where_the_ui_looks(example: tuple[str, Path]) -> None:
    home = example[1].parent / "var" / "dagster"
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = instance.get_runs()
        assert [(r.job_name, r.status) for r in runs] == [("nightly", dg.DagsterRunStatus.SUCCESS)]
        seen = instance.get_latest_materialization_event(dg.AssetKey(["report", "cells"]))
    assert seen is not None and seen.asset_materialization is not None
    preview = [m.value for m in seen.asset_materialization.metadata.values() if isinstance(m, dg.MarkdownMetadataValue)]
    assert preview and "三、收到和处理政府信息公开申请情况" in str(preview[0])


def test_personal_data_is_in_no_output_and_not_in_dagster(example: tuple[str, Path]) -> None:
    name, config = example
    planted = [probe.encode() for e in EXAMPLES[name] for probe in comparing.read(DATA / "expected" / f"{e}.json")["pii_probe"]]
    outputs = [gouji(config, verb, "--format", "json").stdout_bytes for verb in ("tables", "ledger", "findings")]
    files = [f.read_bytes() for f in (config.parent / "var" / "dagster").rglob("*") if f.is_file()]
    assert not [p for p in planted for text in (*outputs, *files) if p in text]


def test_every_cell_opens_down_to_its_records(example: tuple[str, Path]) -> None:
    _, config = example
    tables = json.loads(gouji(config, "tables", "--format", "json").stdout)
    for cell in ("table2.punishment_decisions", "table2.normative_documents.valid", "table3.total_handled.total", "table4.review.total"):
        rows = json.loads(gouji(config, "trace", cell, "--format", "json").stdout)
        for table in tables:
            value: Any = table
            for part in cell.split("."):
                value = value[part]
            assert len([r for r in rows if r["year"] == table["year"]]) == value


def test_a_record_tells_its_fate(example: tuple[str, Path]) -> None:
    _, config = example
    key = json.loads(gouji(config, "trace", "table2.punishment_decisions", "--format", "json").stdout)[0]["record_key"].split("|")[1]
    done = gouji(config, "record", key.replace("〔", "[").replace("〕", "]"))
    assert done.exit_code == 0
    assert "table2.punishment_decisions" in done.output and "enforcement/penalties" in done.output and "计入" in done.output


@pytest.mark.parametrize("how", ["text", "json", "md", "csv"])
def test_every_verb_answers_in_every_format(example: tuple[str, Path], how: str) -> None:
    _, config = example
    for verb in (["tables"], ["ledger"], ["findings"], ["trace", "table2.coercion_decisions"], ["ledger", "--rows"]):
        done = gouji(config, *verb, "--format", how)
        assert done.exit_code == 0 and done.output.strip(), verb


def test_the_tables_come_in_the_official_layout_with_the_same_figures(example: tuple[str, Path]) -> None:
    _, config = example
    for table in json.loads(gouji(config, "tables", "--format", "json").stdout):
        narrow = ("--year", str(table["year"]), "--format")
        form = forms.load(table["format"])
        read = [
            readback.html(form, gouji(config, "tables", *narrow, "html").stdout),
            readback.xlsx(form, gouji(config, "tables", *narrow, "xlsx").stdout_bytes),
        ]
        figures = dict(comparing.flat({grid.key: table[grid.key] for grid in form.grids}))
        assert read == [figures, figures]


def test_mistakes_are_answered_with_the_remedy_and_their_exit_code(example: tuple[str, Path], tmp_path: Path) -> None:
    _, config = example
    wrong_cell = gouji(config, "trace", "table3.granted.natural_persons")
    assert wrong_cell.exit_code == 2 and "table3.granted.natural_person" in wrong_cell.output
    assert gouji(config, "record", "没有这个编号").exit_code == 1
    for verb in (["ledger"], ["findings"], ["trace", "table2.coercion_decisions"], ["ledger", "--rows"]):
        never = gouji(config, *verb, "--year", "1999")
        assert never.exit_code == 1 and "没有统计过这样的报告" in never.output
    assert gouji(config, "findings", "--rule", "none").exit_code == 2
    assert gouji(config, "trace", "section1.none").exit_code == 1
    assert gouji(config, "tables", "--year", "1999").exit_code == 1
    for years in (["2018"], ["2999"], ["2021", "2023"]):
        wrong_year = gouji(config, "run", *(part for year in years for part in ("--year", year)))
        assert wrong_year.exit_code == 2 and "连续的年度" in wrong_year.output
    no_config = CliRunner().invoke(main, ["--config", str(tmp_path / "none.toml"), "run"])
    assert no_config.exit_code == 2 and "[[agencies]]" in no_config.output


def test_the_cells_of_several_reports_are_told_apart_in_one_csv(example: tuple[str, Path]) -> None:
    name, config = example
    lines = gouji(config, "tables", "--format", "csv").stdout_bytes.decode("utf-8-sig").splitlines()
    assert len(lines) == 1 + 200 * len(EXAMPLES[name]) and lines[0].startswith("agency_name,year,cell_id,")
    assert {line.split(",")[1] for line in lines[1:]} == {e.rpartition("-")[2] for e in EXAMPLES[name]}


@pytest.mark.parametrize("verb", ["tables", "ledger", "findings"])
def test_a_broken_warehouse_is_told_in_words(tmp_path: Path, verb: str) -> None:
    config = tmp_path / "gouji.toml"
    config.write_text(replay.configuration([DATA / "drops" / "xinxiang-2023-none"], tmp_path / "var"), "utf-8")
    assert "gouji run" in gouji(config, verb).output  # nothing there yet
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "gouji.duckdb").write_bytes(b"junk" * 5000)
    done = gouji(config, verb)
    assert done.exit_code == 1 and "gouji.duckdb" in done.output and "[paths] data" in done.output


@pytest.mark.wide
@pytest.mark.parametrize("drop", ["xinxiang-2023-none", "kewei-2024-heavy"])
def test_a_drop_gives_the_expected_tables_ledger_and_findings(drop: str, tmp_path: Path) -> None:
    folder = DATA / "drops" / drop
    code = replay.replay([folder], tmp_path)
    assert comparing.differences(tmp_path, [folder / "expected.json"]) == []
    assert code == (3 if comparing.read(folder / "expected.json")["rejected_files"] else 0)
