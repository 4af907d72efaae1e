"""Fixtures and the rule that nothing of this machine leaks into a test."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the configuration or the Dagster home of whoever runs it."""
    for name in ("DAGSTER_HOME", "GOUJI_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def root() -> Path:
    """The project's folder."""
    return ROOT
