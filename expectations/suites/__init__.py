"""Suites: what must be true of one stored table, as Great Expectations' types and arguments under the rule they prove.

Belongs here: reading and checking the JSON files. A file names its table and its expectations (type, kwargs, rule id); what a
person reads about a rule stands in the catalogue only. `{"$PARAMETER": name}` stands for the columns of the table
(`columns`) or for the query `<name>.sql` here, which several tables share: in it `raw.subject` and `'subject'` become the
table's own, and the table is asked as `(FROM {batch}) AS name`, because Great Expectations gives `{batch}` a name of its own in
queries without a join only. Does not belong here: running them (`run.py`), rules that need versions, years or forms (`sql`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

from expectations import catalogue
from warehouse.tables import TABLES

BY_QUERY = "unexpected_rows_expectation"
QUERY = "unexpected_rows_query"


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation of a suite: the rule it proves, Great Expectations' name of its type, its arguments."""

    rule: str
    type: str
    kwargs: Mapping[str, Any]


@cache
def suites() -> Mapping[str, tuple[Expectation, ...]]:
    """Table (`core.applications`) → its expectations, in the order of the dictionary.

    Raises:
        ValueError: a file is no well-formed suite, or names a table or rule that does not exist; the message names the file.
    """
    found: dict[str, tuple[Expectation, ...]] = {}
    for file in _files():
        place = f"expectations/suites/{file[0]}/{file[1].name}"
        table, expectations = read(file[1].read_text("utf-8"), place)
        if f"{file[0]}/{file[1].name}" != table.replace(".", "/") + ".json":
            raise ValueError(f"{place}: holds the suite of {table}")
        found[table] = expectations
    return MappingProxyType({table: found[table] for table in TABLES if table in found})


def digest(table: str) -> str:
    """Digest of all that decides what the suite of a table says: expectations, severities, version of Great Expectations."""
    severity = {e.rule: catalogue.rules()[e.rule].severity for e in suites()[table]}
    said = [[(e.rule, e.type, dict(e.kwargs)) for e in suites()[table]], severity, version("great-expectations")]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def read(text: str, place: str) -> tuple[str, tuple[Expectation, ...]]:
    """Table and expectations of one suite.

    Args:
        text: The JSON.
        place: The file, for messages.

    Raises:
        ValueError: the text is no well-formed suite, or names a table, rule, column or query that does not exist.
    """
    try:
        suite = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    if not isinstance(suite, dict) or suite.keys() != {"table", "expectations"} or not isinstance(suite["expectations"], list):
        raise ValueError(f"{place}: must hold table and a list of expectations, and nothing else")
    if suite["table"] not in TABLES:
        raise ValueError(f"{place}: the dictionary has no table {suite['table']!r}")
    if not suite["expectations"]:
        raise ValueError(f"{place}: has no expectation")
    return suite["table"], tuple(_expectation(suite["table"], entry, place) for entry in suite["expectations"])


def _files() -> Iterator[tuple[str, Traversable]]:
    """Layer and file of every suite."""
    for layer in sorted(files(__name__).iterdir(), key=lambda f: f.name):
        if layer.is_dir():
            yield from ((layer.name, f) for f in sorted(layer.iterdir(), key=lambda f: f.name) if f.name.endswith(".json"))


def _expectation(table: str, entry: Any, place: str) -> Expectation:
    if not isinstance(entry, dict) or entry.keys() != {"rule", "type", "kwargs"} or not isinstance(entry["kwargs"], dict):
        raise ValueError(f"{place}: an expectation must hold rule, type and kwargs, and nothing else: {entry!r}")
    if entry["rule"] not in catalogue.rules():
        raise ValueError(f"{place}: the catalogue has no rule {entry['rule']!r}")
    kwargs = {name: _resolved(table, value, place) for name, value in entry["kwargs"].items()}
    columns = {c.name for c in TABLES[table].columns}
    if unknown := {kwargs[name] for name in ("column", "column_A", "column_B") if name in kwargs} - columns:
        raise ValueError(f"{place}: {table} has no column {', '.join(sorted(unknown))}")
    asked = kwargs.get(QUERY, "")
    if entry["type"] == BY_QUERY and not asked.count("(FROM {batch}) AS ") == asked.count("{batch}") > 0:
        raise ValueError(f"{place}: a query of {entry['rule']} must ask (FROM {{batch}}) AS a name")
    return Expectation(entry["rule"], entry["type"], MappingProxyType(kwargs))


def _resolved(table: str, value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        return value
    name = value.get("$PARAMETER")
    if name == "columns":
        return [c.name for c in TABLES[table].columns]
    shared = files(__name__).joinpath(f"{name}.sql")
    if not shared.is_file():
        raise ValueError(f"{place}: nothing is called {name!r}")
    subject = table.partition(".")[2]
    return shared.read_text("utf-8").replace("raw.subject", f"raw.{subject}").replace("'subject'", f"'{subject}'")
