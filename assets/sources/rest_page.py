"""One page of a platform's answer, judged by itself.

Belongs here: encoding, JSON, the code of the envelope, the records and their keys. Does not belong here: how a page is asked for
(`rest_request.py`), whether the pages fit together (`rest.py`), how the kept page is read into rows (`json_rows.py`).

A page that is let through is one that the reader of kept pages takes as well: both decode alike and judge the records alike.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from assets.sources.envelope import Envelope, Number, Object, at, decode, may_be_unpaired, shown
from assets.sources.json_rows import layouts_of
from assets.sources.rest_trouble import Trouble
from assets.sources.shape import Headers, Rejected

_GB18030 = frozenset({"gb18030", "gbk", "gb2312"})
# What may be shown of a code, which could be any text.
_FLAT = frozenset({str, Number, bool, type(None)})
_CODE = re.compile(r"[A-Z]{0,3}-?[0-9]{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says: count of its records, the total and the page number it tells, hashes of all its records and of their keys."""

    rows: int
    total: int | None
    number: int | None
    digest: int
    keys: frozenset[int]


def read_page(content: bytes, charset: str | None, envelope: Envelope, headers: Headers | None) -> Page:
    """Read a page; without `headers`, its records are not looked into.

    Raises:
        Trouble: `bad_encoding`, `truncated_json`, `not_json`, `error_code`, or what `json_rows.layouts_of` rejects.
    """
    text = _text(content, charset)
    with suppress(RecursionError):  # nested more deeply than anything can be looked at
        document = _decoded(text)
        rows = _rows(document, envelope)
        total, number = (_count(at(document, path)) for path in (envelope.total, envelope.page))
        keys = _keys(rows, headers, may_be_unpaired(text)) if headers else frozenset()
        return Page(len(rows), total, number, _hash(tuple(rows)), keys)
    raise Trouble("truncated_json", again=True)


def _text(content: bytes, charset: str | None) -> str:
    """The text of a page: UTF-8 whatever its label says, since many are wrong; GB18030 only where the label says so."""
    text = None
    for codec in ("utf-8", "gb18030") if charset in _GB18030 else ("utf-8",):
        with suppress(UnicodeDecodeError):
            text = text or content.decode(codec)
    if text is None and _is_cut(content):
        raise Trouble("truncated_json", again=True)
    if text is None or "\0" in text:
        raise Trouble("bad_encoding")
    return text


def _is_cut(content: bytes) -> bool:
    """Whether all is UTF-8 but a character at the end that is not finished."""
    with suppress(UnicodeDecodeError):
        getincrementaldecoder("utf-8")().decode(content)
        return True
    return False


def _decoded(text: str) -> Any:
    with suppress(ValueError):
        return decode(text)
    is_json = text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[", "")
    raise Trouble("truncated_json" if is_json else "not_json", again=True)


def _rows(document: Any, envelope: Envelope) -> list[Object]:
    """The records of a page whose code means success."""
    code = shown(at(document, envelope.code))
    if code is not None and code != envelope.ok:
        raise Trouble("error_code", again=True, code=f" {code} " if _CODE.fullmatch(code) else "")
    rows = at(document, envelope.rows)
    if code is None or not isinstance(rows, list) or not all(isinstance(row, tuple) for row in rows):
        raise Trouble("not_json", again=True)
    return rows


def _keys(rows: Sequence[Object], headers: Headers, escaped: bool) -> frozenset[int]:
    """A hash of each record's key; a record that lacks a part of it stands for itself."""
    try:
        layouts = layouts_of(((row, escaped) for row in rows), headers)
    except Rejected as rejected:
        raise Trouble(rejected.reason, rejected.detail) from None
    names = [f.name for f in headers.subject.fields]
    parts = [names.index(name) for name in headers.subject.key]
    keys = set()
    for position, row in enumerate(rows, 1):
        values = tuple(map(itemgetter(1), row))
        if not _FLAT.issuperset(map(type, values)):
            for value in values:
                shown(value)  # as the reader will, which may be too deep
        places = layouts.of(row, position).fields
        key = tuple(values[place] for part in parts if (place := places[part]) is not None)
        keys.add(_hash(key if all(key) and len(key) == len(parts) else row))
    return frozenset(keys)


def _count(value: Any) -> int | None:
    """A number of rows or of a page, which some platforms write as text."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value) else None


def _hash(value: Hashable) -> int:
    """64 bits that stand for a value within this process; nested arrays have no hash of their own."""
    try:
        return hash(value)
    except TypeError:
        return hash(repr(value))
