"""Where things stand below the data folder: the warehouse file, and Dagster's home, where runs are recorded.

Belongs here: those places, and the environment of Dagster processes, the same for `gouji run`, the UI and the daemon. Does not
belong here: what is run.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from pipelines.settings import VARIABLE, Settings
from warehouse.store import Warehouse

_WORKSPACE = """load_from:
  - python_module:
      module_name: pipelines.definitions
      location_name: gouji
"""


def warehouse_of(settings: Settings) -> Warehouse:
    """The warehouse file of a configuration."""
    return Warehouse(settings.data / "gouji.duckdb", settings.memory, settings.threads)


def home_of(settings: Settings) -> Path:
    """Dagster's home of a configuration."""
    return settings.data / "dagster"


def prepare(settings: Settings) -> Path:
    """Make the home ready and let this process and its children use it; the home."""
    home = home_of(settings)
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(files("pipelines").joinpath("dagster.yaml").read_text("utf-8"), "utf-8")
    (home / "workspace.yaml").write_text(_WORKSPACE, "utf-8")
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ[VARIABLE] = str(settings.file)
    return home
