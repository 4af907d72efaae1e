"""The house: who may import whom, and what must not be found anywhere."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

PACKAGES = {
    "warehouse": {"warehouse"},
    "assets": {"assets", "warehouse"},
    "expectations": {"expectations", "warehouse"},
    "pipelines": {"pipelines", "assets", "expectations", "warehouse"},
}
WITH_DAGSTER = {
    "assets/raw.py",
    "assets/loads.py",
    "assets/core.py",
    "assets/report.py",
    "assets/attributes.py",
    "assets/partitions.py",
    "expectations/checks.py",
}


def modules(root: Path, package: str) -> list[Path]:
    return sorted((root / package).rglob("*.py"))


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_it_may(root: Path, package: str) -> None:
    for file in modules(root, package):
        assert imported(file) & PACKAGES.keys() <= PACKAGES[package], file


def test_only_the_thin_modules_know_dagster(root: Path) -> None:
    for package in ("warehouse", "assets", "expectations"):
        for file in modules(root, package):
            if "dagster" in imported(file):
                assert file.relative_to(root).as_posix() in WITH_DAGSTER


def test_every_module_says_what_belongs_in_it(root: Path) -> None:
    for package in PACKAGES:
        for file in modules(root, package):
            text = ast.get_docstring(ast.parse(file.read_text("utf-8")))
            assert text, file
            if file.name != "__init__.py":
                assert "Belongs here" in text, file


def test_only_pipelines_reads_the_environment(root: Path) -> None:
    for package in ("warehouse", "assets", "expectations"):
        for file in modules(root, package):
            assert "os.environ" not in file.read_text("utf-8"), file


def test_the_package_names_belong_to_no_other_distribution() -> None:
    owners = metadata.packages_distributions()
    for name in PACKAGES:
        assert set(owners.get(name, [])) <= {"gouji"}


def test_great_expectations_is_not_imported_at_start(root: Path) -> None:
    code = "import sys, pipelines.definitions; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_the_lock_has_names_versions_and_hashes_and_no_address(root: Path) -> None:
    for line in (root / "requirements.lock").read_text("utf-8").splitlines():
        assert "://" not in line, line
        assert not line.startswith("-"), line
