"""On which line of a TOML text each key stands: `tomllib` reads values and forgets where they were.

Belongs here: finding lines in a text that `tomllib` has accepted. Does not belong here: values, TOML errors, what a key
means. A place is the way to a value in the parsed document: ("sources", 0, "columns", "applications", "登记号").
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import NamedTuple

Place = tuple[str | int, ...]

_TOKEN = re.compile(
    r"""(?P<string>"{3}(?:\\.|[^\\])*?"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\])*"|'[^']*')"""
    r"""|(?P<comment>#[^\n]*)|(?P<end>\n)|(?P<mark>[\[\]{},=.])|(?P<bare>[^\s\[\]{},=.#"']+)""",
    re.DOTALL,
)


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def lines_of(text: str) -> dict[Place, int]:
    """Place → line of its key, counted from 1; for an element of an array, the line it begins on."""
    return _Scanner(text).lines


def line_at(lines: Mapping[Place, int], place: Place) -> int | None:
    """Line of a place or, where it is not written down, of the nearest table around it; None outside every table."""
    return next((lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in lines), None)


class _Scanner:
    """Walks the tokens of a valid text. What is written twice (a table and its array) keeps its first line."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Place, int] = {}
        self._sizes: dict[Place, int] = {}
        self._tokens = _tokens(text)
        self._at = 0
        table: Place = ()
        while (token := self._peek()).kind != "eof":
            if token.kind == "end":
                self._at += 1
            elif token.text == "[":
                table = self._header()
            else:
                self._pair(table)

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _skip(self, mark: str) -> bool:
        """Step over this mark if it comes next; whether it did."""
        found = (self._peek().kind, self._peek().text) == ("mark", mark)
        self._at += found
        return found

    def _key(self) -> Place:
        parts = [_plain(self._peek())]
        self._at += 1
        while self._skip("."):
            parts.append(_plain(self._peek()))
            self._at += 1
        return tuple(parts)

    def _note(self, base: Place, key: Place, line: int) -> Place:
        """Note the line of every step of `key`; a step to an array of tables goes on to its latest table."""
        for part in key:
            base = (*base, part)
            self.lines.setdefault(base, line)
            if base in self._sizes:
                base = (*base, self._sizes[base] - 1)
        return base

    def _header(self) -> Place:
        line = self._peek().line
        self._skip("[")
        is_array = self._skip("[")
        key = self._key()
        while self._skip("]"):
            pass
        parent = self._note((), key[:-1], line)
        if is_array:
            array = (*parent, key[-1])
            self._sizes[array] = self._sizes.get(array, 0) + 1
        place = self._note(parent, key[-1:], line)
        self.lines.setdefault(place, line)
        return place

    def _pair(self, base: Place) -> None:
        line = self._peek().line
        place = self._note(base, self._key(), line)
        self._skip("=")
        self._value(place)

    def _value(self, place: Place) -> None:
        opening = self._peek()
        if opening.kind == "mark" and opening.text in "[{":
            self._at += 1
            self._members(place, in_array=opening.text == "[")
            return
        while self._peek().kind in ("string", "bare") or self._peek().text == ".":
            self._at += 1

    def _members(self, place: Place, *, in_array: bool) -> None:
        index = 0
        while not self._skip("]" if in_array else "}"):
            token = self._peek()
            if token.kind == "end" or token.text == ",":
                self._at += 1
            elif in_array:
                self.lines[*place, index] = token.line
                self._value((*place, index))
                index += 1
            else:
                self._pair(place)


def _tokens(text: str) -> list[_Token]:
    found, line, seen = [], 1, 0
    for match in _TOKEN.finditer(text):
        line, seen = line + text.count("\n", seen, match.start()), match.start()
        if match.lastgroup != "comment":
            found.append(_Token(str(match.lastgroup), match.group(), line))
    return [*found, _Token("eof", "", line)]


def _plain(token: _Token) -> str:
    """A key without its quotes and escapes."""
    return token.text if token.kind != "string" else str(tomllib.loads(f"key = {token.text}")["key"])
