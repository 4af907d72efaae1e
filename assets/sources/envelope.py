"""The envelope of a platform: where a page of its answer keeps the records and what it says about them; strict JSON, whole.

Belongs here: the paths of an envelope, decoding of a text that fits in memory, looking up a path. Does not belong here: files of any
size (`json_rows.py`), asking for pages (`rest.py`), what a key of a record means (`shape.py`).

A decoded object is a tuple of pairs, which keeps duplicate keys and tells it from an array (a list); a number is the text that stands
in the file.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

Object = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where a page keeps things, as dotted paths from its outermost object, and the code that means success.

    `code` and `ok` are compared as text: a flag `"success": true` is `code="success", ok="true"`. What stands at `message` may be
    anything, so it is kept with the page and shown nowhere.
    """

    code: str = "code"
    rows: str = "data.rows"
    total: str = "data.total"
    page: str = "data.pageNum"
    ok: str = "0"


STANDARD = Envelope()


class Number(str):
    """A number as the file writes it; inside nested values it must not get quotes."""

    __slots__ = ()


def _constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


DECODER = json.JSONDecoder(object_pairs_hook=tuple, parse_int=Number, parse_float=Number, parse_constant=_constant)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def decode(text: str) -> Any:
    """The value a whole text stands for.

    Raises:
        ValueError: It is not JSON to its end.
        RecursionError: It is nested too deeply.
    """
    return DECODER.decode(text.removeprefix("\ufeff"))


def at(document: Any, path: str) -> Any:
    """The value at a dotted path, None where there is none, or more than one."""
    for name in path.split("."):
        found = [value for key, value in document if key == name] if isinstance(document, tuple) else []
        if len(found) != 1:
            return None
        document = found[0]
    return document


def may_be_unpaired(text: str) -> bool:
    """Whether the text writes surrogates as escapes, so that a value may hold one that has no partner."""
    return _SURROGATE.search(text) is not None


def compact(value: Any) -> str:
    """A value as compact JSON text, numbers as the file writes them, duplicate keys of nested objects kept.

    Raises:
        RecursionError: It is nested more deeply than this function goes; the parser goes deeper.
    """
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, tuple):
        return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{compact(inner)}" for key, inner in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def shown(value: Any) -> str | None:
    """A value as it is compared and landed: the text of a string, compact JSON of anything else, None for null."""
    return value if value is None or type(value) is str else compact(value)
