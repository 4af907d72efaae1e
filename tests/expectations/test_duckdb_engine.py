"""The DuckDB source: any path, read-only, and let go of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import duckdb
import pytest

from expectations import run


def made(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    with duckdb.connect(path) as con:
        con.execute("CREATE TABLE t AS SELECT 1 AS a, '证照工本费' AS b")
    return path


@pytest.mark.parametrize("name", ["w.duckdb", "一 仓库 100%20#1?$A&b.duckdb"])
def test_a_file_is_opened_to_read_whatever_its_name_and_let_go_of(tmp_path: Path, name: str) -> None:
    path = made(tmp_path / "folder" / name)
    with run._quiet():
        from expectations import duckdb_engine

        with pytest.raises(ZeroDivisionError), duckdb_engine.opened(run._context(), path, "500MB") as source:  # noqa: PT012
            with source.get_execution_engine().get_connection() as con:
                assert con.exec_driver_sql("SELECT a FROM t").scalar_one() == 1
                assert con.exec_driver_sql("SELECT current_setting('memory_limit')").scalar_one() == "476.8 MiB"
            with pytest.raises(Exception, match="read-only"), source.get_execution_engine().get_connection() as con:
                con.exec_driver_sql("DROP TABLE t")
            with source.get_execution_engine().get_connection() as con:  # the error was rolled back
                assert con.exec_driver_sql("SELECT b FROM t").scalar_one() == "证照工本费"
            assert isinstance(source.get_execution_engine().dialect_module, ModuleType)
            raise ZeroDivisionError
    with duckdb.connect(path) as again:
        again.execute("DROP TABLE t")
    assert [p.name for p in path.parent.iterdir()] == [name]


def test_great_expectations_is_imported_when_suites_run_and_not_before(root: Path) -> None:
    code = (
        "import sys, pipelines.definitions, expectations.run as r; r.suites(); r.digest('core.fees');"
        "sys.exit('great_expectations' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
