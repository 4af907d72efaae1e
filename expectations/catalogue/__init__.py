"""The rule catalogue as data: everything a person reads about a rule stands here and nowhere else."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType

SEVERITIES = ("critical", "warning", "info")
SCOPES = ("row", "file", "source", "table", "report")
STATUSES = ("official", "local", "practice", "inference")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what a clerk reads about it, how grave it is, from which text it follows and since when."""

    id: str
    title: str
    severity: str
    scope: str
    law: str
    status: str
    effective_from: date
    message: str
    remedy: str
    good: str
    bad: str
    effective_to: date | None = None

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES or self.scope not in SCOPES or self.status not in STATUSES:
            raise ValueError(f"rule {self.id}: unknown severity, scope or status")


@cache
def rules() -> Mapping[str, Rule]:
    """Rule id → rule, in the order of the catalogue."""
    found: dict[str, Rule] = {}
    for file in sorted(files(__name__).iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".toml"):
            continue
        for entry in tomllib.loads(file.read_text("utf-8"))["rules"]:
            dates = {k: date.fromisoformat(entry[k]) for k in ("effective_from", "effective_to") if k in entry}
            rule = Rule(**{**entry, **dates})
            if rule.id in found:
                raise ValueError(f"rule {rule.id} stands in the catalogue twice")
            found[rule.id] = rule
    return MappingProxyType(found)
