"""Questions in SQL: an answer where it is one, and neither a file, a setting nor the machine for anything else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from published import house_of, snap

from warehouse import asked
from warehouse.ask import Answer, AskError, ask


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    house = house_of(tmp_path_factory.mktemp("ask") / "house")
    snap(house)
    return house.folder / "audit" / "current.duckdb"


def put(file: Path, sql: str, **limits: int) -> Answer:
    return ask(file, sql, **{"memory_mb": 512, "seconds": 20, **limits})


# ---- answers ----------------------------------------------------------------------------------------------------------------


def test_an_answer_has_columns_types_and_rows(file: Path) -> None:
    answer = put(file, "SELECT year, cell_id, value FROM audit.cells WHERE cell_id = 'table3.total_handled.total' ORDER BY year;")
    assert answer.columns == ("year", "cell_id", "value") and answer.types == ("BIGINT", "VARCHAR", "DECIMAL(28,10)")
    assert answer.rows.rows() == [(2022, "table3.total_handled.total", Decimal(0)), (2023, "table3.total_handled.total", Decimal(4))]
    assert not answer.truncated


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1::TINYINT", 1),
        ("sum(i)", 3),
        ("170141183460469231731687303715884105727", "170141183460469231731687303715884105727"),
        ("1.50::DECIMAL(5,2)", Decimal("1.50")),
        ("0.5::DOUBLE", 0.5),
        ("true", True),
        ("NULL", None),
        ("'甲\n乙'", "甲\n乙"),
        ("DATE '2023-12-31'", date(2023, 12, 31)),
        ("TIMESTAMP '2023-12-31 23:59:59.5'", datetime(2023, 12, 31, 23, 59, 59, 500000)),
        ("TIMESTAMPTZ '2023-12-31 16:00:00+00'", "2024-01-01 00:00:00+08"),
        ("[1, NULL]", "[1, null]"),
        ("{'a': 1.5}", '{"a": "1.5"}'),
        ("map([1], ['x'])", "{1=x}"),
        ("'ab'::BLOB", "6162"),
    ],
)
def test_a_value_arrives_as_it_was(file: Path, expression: str, value: object) -> None:
    got = put(file, f"SELECT {expression} AS v FROM (VALUES (1), (2)) AS t(i) GROUP BY ALL LIMIT 1").rows["v"][0]
    assert got == value and type(got) is type(value)


def test_columns_of_one_name_are_both_there(file: Path) -> None:
    answer = put(file, "SELECT 1 AS a, 2 AS a, 3 AS a_1")
    assert answer.columns == ("a", "a", "a_1") and answer.rows.columns == ["a", "a_1", "a_1_1"] and answer.rows.row(0) == (1, 2, 3)


def test_an_answer_without_rows_has_columns(file: Path) -> None:
    answer = put(file, "SELECT year, value FROM audit.cells WHERE year = 1900")
    assert answer.rows.is_empty() and answer.rows.schema == {"year": pl.Int64(), "value": pl.Decimal(38, 10)}


@pytest.mark.parametrize(
    "sql",
    [
        "FROM audit.versions",
        "TABLE audit.versions",
        "WITH v AS (FROM audit.versions) SELECT * FROM v -- 到此为止",
        "VALUES (1), (2);",
        "DESCRIBE audit.cells",
        "SHOW ALL TABLES",
        "SUMMARIZE audit.cells",
        "EXPLAIN SELECT 1",
        "explain analyze FROM audit.cells",
        "FROM audit.cells_at('11990100000000115Q', 2023, 1)",
        "PIVOT audit.cells ON year IN (2022, 2023) USING sum(value) GROUP BY cell_id",
        "SELECT unnest(range(3))",
        "/* 'a;b' */ SELECT ';' AS \"a;b\"",
    ],
)
def test_every_kind_of_question_is_answered(file: Path, sql: str) -> None:
    assert put(file, sql).rows.height > 0


def test_too_many_rows_are_cut_off_and_told(file: Path) -> None:
    answer = put(file, "FROM range(100000000000)", rows=7)
    assert answer.truncated and answer.rows["range"].to_list() == list(range(7))
    assert not put(file, "FROM range(7)", rows=7).truncated
    assert put(file, "FROM range(5000)", rows=2000).rows.height == 2000


def test_an_answer_of_few_large_rows_is_cut_off_too(file: Path) -> None:
    answer = put(file, "SELECT repeat('x', 10000000) FROM range(20)", memory_mb=2048)
    assert answer.truncated and 0 < answer.rows.height < 20


# ---- refusals ---------------------------------------------------------------------------------------------------------------

NOT_A_QUESTION = [
    "COPY (SELECT 1) TO '{folder}/x.csv'",
    "COPY core.fees TO '{folder}/x.parquet' (FORMAT parquet)",
    "EXPORT DATABASE '{folder}/x'",
    "ATTACH '{folder}/x.db' AS x",
    "ATTACH '{file}' AS x (READ_ONLY)",
    "DETACH x",
    "USE memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{folder}/x.duckdb_extension'",
    "SET threads = 64",
    "SET memory_limit = '100GB'",
    "SET lock_configuration = false",
    "RESET enable_external_access",
    "PRAGMA enable_profiling",
    "PRAGMA memory_limit = '100GB'",
    "CALL enable_logging(storage => 'file', storage_path => '{folder}/log')",
    "CALL force_checkpoint()",
    "CHECKPOINT",
    "VACUUM",
    "INSERT INTO report.claims FROM report.claims",
    "UPDATE report.cell_versions SET value = 0",
    "DELETE FROM report.findings",
    "TRUNCATE core.fees",
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE MACRO x() AS 1",
    "CREATE SECRET x (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "CREATE PERSISTENT SECRET x (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "DROP TABLE core.fees",
    "ALTER TABLE core.fees RENAME TO x",
    "BEGIN",
    "PREPARE x AS SELECT 1",
    "EXECUTE x",
    "EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/x.csv'",
    "EXPLAIN (FORMAT json) SELECT 1",
]
SEVERAL = [
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY (SELECT 1) TO '{folder}/x.csv'",
    "",
    " -- 没有",
    "PIVOT audit.cells ON year USING sum(value)",
]
FUNCTION = [
    "FROM read_text('/etc/passwd')",
    "FROM READ_BLOB('/etc/passwd')",
    "FROM \"read_csv\"('/etc/passwd')",
    "FROM read_csv_auto/**/('/etc/passwd')",
    "FROM main.read_json('/etc/passwd')",
    "FROM system.main.read_parquet('{folder}/x')",
    "FROM glob('/*')",
    "FROM sniff_csv('/etc/passwd')",
    "FROM parquet_scan('{folder}/x')",
    "SELECT * FROM (SELECT 1) AS a, LATERAL (SELECT * FROM glob('/*')) AS b",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "WITH x AS (FROM read_text('/etc/passwd')) SELECT 1",
    "EXPLAIN ANALYZE FROM read_text('/etc/passwd')",
    "FROM enable_logging(storage => 'file', storage_path => '{folder}/log')",
    'FROM "ENABLE_LOGGING"()',
    "FROM disable_logging()",
    "FROM duckdb_logs()",
    "FROM truncate_duckdb_logs()",
    "FROM query('FROM enable_' || 'logging()')",
    "FROM query_table(['core.fees'])",
    "FROM duckdb_secrets()",
    "FROM checkpoint()",
    "FROM arrow_scan(1::POINTER, 2::POINTER, 3::POINTER)",
    "FROM pandas_scan(1::POINTER)",
    "FROM python_map_function(1)",
    "FROM duckdb_approx_database_count()",
    "SELECT getenv('PATH')",
    "SELECT write_log('x')",
    "PRAGMA user_agent",
]
OTHER = [
    "FROM '/etc/passwd'",
    "FROM '{folder}/x.csv'",
    'FROM "{folder}/x.parquet"',
    "SELEC 1",
    "EXPLAIN EXPLAIN SELECT 1",
    "SELECT FROM WHERE",
    "FROM raw.applications",
    "SELECT $1",
]


@pytest.mark.parametrize(
    ("sql", "why"), [*((q, "kind") for q in NOT_A_QUESTION), *((q, "many") for q in SEVERAL), *((q, "function") for q in FUNCTION)]
)
def test_anything_but_a_question_is_refused_unrun(sql: str, why: str) -> None:
    with duckdb.connect() as con, pytest.raises(asked.Refused) as refused:
        asked._checked(con, sql)
    assert refused.value.args[0] == why


# What is refused unrun, once of each kind and once of each danger, then what DuckDB itself refuses.
@pytest.mark.parametrize("sql", [*NOT_A_QUESTION[::4], *SEVERAL[1:3], *FUNCTION[::5], *OTHER])
def test_a_refusal_is_told_in_chinese_and_leaves_nothing_behind(file: Path, tmp_path: Path, sql: str) -> None:
    before = file.read_bytes()
    (tmp_path / "x.csv").write_text("a\n秘密\n", "utf-8")
    with pytest.raises(AskError) as error:
        put(file, sql.format(folder=tmp_path, file=file))
    assert re.search("[一-鿿].*[。：]", str(error.value).splitlines()[0])
    assert "秘密" not in str(error.value)
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"] and (tmp_path / "x.csv").read_text("utf-8") == "a\n秘密\n"
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "FROM read_text('{folder}/x.csv')",
        "FROM glob('{folder}/*')",
        "ATTACH '{folder}/out.db' AS x",
        "EXPORT DATABASE '{folder}/out'",
        "SET memory_limit = '100GB'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "INSERT INTO report.claims FROM report.claims",
        "CREATE PERSISTENT SECRET x (TYPE s3, KEY_ID 'a', SECRET 'b')",
        "CALL enable_logging(storage => 'file', storage_path => '{folder}/out')",
    ],
)
def test_the_settings_and_limits_hold_also_where_nobody_looks_at_the_text(file: Path, tmp_path: Path, sql: str) -> None:
    (tmp_path / "x.csv").write_text("a\n秘密\n", "utf-8")
    text = sql.format(folder=tmp_path)
    task = {"path": str(file), "sql": text, "rows": 10, "seconds": 10, "memory_mb": 512}
    blind = (
        f"import sys; sys.path.insert(0, {str(Path(asked.__file__).parent)!r}); import asked; asked._checked = lambda c, t: t; asked.main()"
    )
    done = subprocess.run([sys.executable, "-I", "-c", blind], input=json.dumps(task), env={}, capture_output=True, text=True, check=False)
    if "enable_logging" not in sql:  # it passes the lock and writes nothing, which is why it is refused by name
        assert done.returncode != 0 or "error" in json.loads(done.stdout.splitlines()[-1])
    assert "秘密" not in done.stdout and [p.name for p in tmp_path.iterdir()] == ["x.csv"]


def test_python_objects_of_the_process_are_no_tables(file: Path) -> None:
    for name in ("task", "settings", "statements", "tree", "con", "sys"):
        with pytest.raises(AskError, match="没有这个名称"):
            put(file, f"FROM {name}")


def test_the_process_sees_no_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOUJI_SECRET", "hunter2-secret")
    monkeypatch.setenv("HOME", "/home/hunter2-secret")
    seen = put(file, "SELECT string_agg(concat_ws('=', name, value)) AS s FROM duckdb_settings()").rows["s"][0]
    assert "hunter2" not in seen and "lock_configuration=true" in seen and "enable_external_access=false" in seen
    assert "hunter2" not in str(put(file, "SELECT current_setting('home_directory') AS h").rows["h"][0])


# ---- limits -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM range(100000000000) AS a, range(1000) AS b",
        "WITH RECURSIVE t AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM t) SELECT count(*) FROM t",
        "SELECT sum(hash(a.range, b.range)) FROM range(10000000) AS a, range(10000000) AS b",
    ],
)
def test_a_question_without_end_is_ended(file: Path, sql: str) -> None:
    began = time.monotonic()
    with pytest.raises(AskError, match="查询超过了 1 秒"):
        put(file, sql, seconds=1)
    assert time.monotonic() - began < 12  # starting takes its time on a busy machine


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT list(i) FROM range(1000000000) AS t(i)",
        "SELECT string_agg(repeat(i::VARCHAR, 100000)) FROM range(1000000) AS t(i)",
        "SELECT repeat('x', 1000000000) || repeat('y', 1000000000)",
        "SELECT regexp_replace(repeat('ab', 500000000), 'a', 'cccc', 'g')",
        "SELECT repeat('x', 1000000) FROM range(1000000)",
    ],
)
def test_memory_is_bounded(file: Path, sql: str) -> None:
    """The process may hold no more, so what it asks for beyond is refused by the system."""
    try:
        answer = put(file, sql, memory_mb=256)
    except AskError as error:
        assert "内存" in str(error)
    else:
        assert answer.truncated


def test_a_missing_file_and_senseless_limits_are_told(file: Path, tmp_path: Path) -> None:
    with pytest.raises(AskError, match="还没有审计库"):
        ask(tmp_path / "current.duckdb", "SELECT 1")
    (tmp_path / "broken.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(AskError, match="读不了审计库文件"):
        ask(tmp_path / "broken.duckdb", "SELECT 1")
    for limit in ("rows", "seconds", "memory_mb"):
        with pytest.raises(AskError, match="上限"):
            put(file, "SELECT 1", **{limit: 0})


def test_a_mistake_is_explained_with_what_duckdb_says(file: Path) -> None:
    for sql, said in (
        ("SELEC 1", "SQL 写法有误。\nParser Error"),
        ("SELECT x FROM audit.cells", "SQL 中的名称或类型不对"),
        ("FROM nowhere", "没有这个名称"),
    ):
        with pytest.raises(AskError) as error:
            put(file, sql)
        assert said in str(error.value) and "Error" in str(error.value)
