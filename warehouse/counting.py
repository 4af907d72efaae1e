"""The counting rules as data: places, rules, marks and settings, read from `counting.toml`.

Belongs here: what each rule means, from which text it follows, which settings exist and what they may be. Does not belong
here: applying a rule (SQL in `sql/judged`), the organ's own choice of a setting (configuration).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from warehouse.subjects import SOURCES


@dataclass(frozen=True, slots=True)
class Rule:
    """What puts a landed row in a place, or (a mark) what makes a record count. `subjects` are those it can apply to."""

    id: str
    zh: str
    law: str
    status: str
    subjects: tuple[str, ...]
    place: str = "counted"


@dataclass(frozen=True, slots=True)
class Setting:
    """A choice that the law leaves to the organ: `kind` is list, choice or bool; `values` are all that is allowed."""

    name: str
    kind: str
    values: tuple[str | bool, ...]
    default: str | bool | tuple[str, ...]
    zh: str
    law: str


@cache
def _read() -> dict[str, Any]:
    return tomllib.loads(files("warehouse").joinpath("counting.toml").read_text("utf-8"))


@cache
def places() -> Mapping[str, str]:
    """Place → what it means, in Chinese."""
    return MappingProxyType(_read()["places"])


@cache
def rules() -> Mapping[str, Rule]:
    """Rule id → rule, for every way into a place other than `counted` and `pending`."""
    found = [Rule(r["id"], r["zh"], r["law"], r["status"], tuple(r.get("subjects", SOURCES)), r["place"]) for r in _read()["rules"]]
    return MappingProxyType({r.id: r for r in found})


@cache
def marks() -> Mapping[tuple[str, str], Rule]:
    """(subject, mark) → rule; the mark `leaf` stands for every row of outcomes of table 3."""
    found = [Rule(m["id"], m["zh"], m["law"], m["status"], (m["subject"],)) for m in _read()["marks"]]
    return MappingProxyType({(m.subjects[0], m.id): m for m in found})


@cache
def settings() -> Mapping[str, Setting]:
    """Setting name → setting."""

    def plain(value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    return MappingProxyType({name: Setting(name, **{k: plain(v) for k, v in s.items()}) for name, s in _read()["settings"].items()})
