"""SQL files: one SELECT (or one INSERT … SELECT) each, with named parameters."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> str:
    """The text of `<name>.sql` in this folder."""
    return files(__name__).joinpath(f"{name}.sql").read_text("utf-8")
