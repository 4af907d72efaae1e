"""JSON files: an array of objects, or one page of a platform's envelope around such an array.

Belongs here: a strict parse to the last byte, exact positions, values as the literal text of the file. Does not belong here:
fetching pages over the network (`rest.py`), what a key means (`shape.py`).

The standard library parses element by element over a sliding window. DuckDB's JSON reader is faster and was not used: it takes
trailing commas, NaN and duplicate keys, and writes numbers its own way. The file is parsed to its end once before the first
row is handed over, so nothing of a broken file is landed. A small file is decoded whole, which is faster; the window then only says
what is wrong with one that is not plain records.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from assets.sources.encoding import detect
from assets.sources.envelope import DECODER, STANDARD, Envelope, Number, Object, at, compact, decode, may_be_unpaired, shown
from assets.sources.shape import Headers, Landed, Layout, Rejected, frames

_SMALL = 4 << 20  # bytes that are decoded whole; they take some ten times as much memory
_BLOCK = 1 << 20
_WHITE = " \t\r\n"
# Longest token that can look wrong only because the window ends within it: an escaped surrogate pair.
_TOKEN = 16
_LAYOUTS = 1000

_Elements = Callable[[], Iterable[tuple[Object, bool]]]


def read_json(path: Path, headers: Headers, envelope: Envelope = STANDARD) -> Landed:
    """Read a JSON file: an array of objects, or a page whose records stand where `envelope` says.

    Raises:
        Rejected: `truncated_json`, `not_records`, `error_envelope`, `bad_encoding`, `missing_key_column` or `duplicate_column`.
    """
    elements = _whole(path, envelope) or partial(_elements, path, detect(path, cut_reason="truncated_json"), envelope)
    layouts = layouts_of(elements(), headers)
    return Landed(None, tuple(layouts.unknown), (), frames(headers.subject, _rows(elements, layouts)))


def layouts_of(elements: Iterable[tuple[Object, bool]], headers: Headers) -> Layouts:
    """The layouts of all records, which are judged on the way; with each, whether its text has escapes.

    Raises:
        Rejected: `bad_encoding`, `missing_key_column` or `duplicate_column`.
    """
    layouts = Layouts(headers)
    count = 0
    for count, (row, escaped) in enumerate(elements, 1):
        if escaped and not _encodable(row):
            raise Rejected("bad_encoding", f"第 {count} 条记录里有不成对的 Unicode 代理字符，不是有效文字；请修正后重新导出。")
        layouts.of(row, count)
    if count and not headers.known(layouts.keys).issuperset(headers.subject.key):
        raise headers.missing([layouts.keys], "全部记录")
    return layouts


def _rows(elements: _Elements, layouts: Layouts) -> Iterator[tuple[int, list[str | None], str | None]]:
    for position, (row, _) in enumerate(elements(), 1):
        values = [value if value is None or type(value) is str else _text(value) for _, value in row]
        yield position, *layouts.of(row, position).row(values)


class Layouts:
    """Layouts by sequence of keys (objects of one file mostly share one), and the keys met so far."""

    def __init__(self, headers: Headers) -> None:
        self.unknown: dict[str, None] = {}
        self._keys: dict[str, None] = {}
        self._headers = headers
        self._known: dict[tuple[str, ...], Layout] = {}

    @property
    def keys(self) -> list[str]:
        """Every key met so far, once, in the order of the file."""
        return list(self._keys)

    def of(self, row: Object, position: int) -> Layout:
        """The layout of this object.

        Raises:
            Rejected: `duplicate_column` when it has a key twice or two keys for one field.
        """
        keys = next(zip(*row, strict=True), ())
        layout = self._known.get(keys)
        return self._learn(keys, position) if layout is None else layout

    def _learn(self, keys: tuple[str, ...], position: int) -> Layout:
        if len(set(keys)) < len(keys):
            raise Rejected("duplicate_column", f"第 {position} 条记录里同一个名称出现两次，无法判断以哪个为准；请修正后重新导出。")
        layout = self._headers.layout(keys, f"第 {position} 条记录", range(len(keys)))
        self._keys.update(dict.fromkeys(keys))
        self.unknown.update(dict.fromkeys(layout.unknown_names))
        if len(self._known) >= _LAYOUTS:  # keys in ever new orders must not fill the memory
            self._known.clear()
        self._known[keys] = layout
        return layout


def _whole(path: Path, envelope: Envelope) -> _Elements | None:
    """The objects of a small file, decoded at once; None for a big one and for one that is not plainly records in UTF-8."""
    if path.stat().st_size > _SMALL:
        return None
    try:
        text = path.read_bytes().decode()
        document = decode(text)
        is_page = isinstance(document, tuple) and shown(at(document, envelope.code)) == envelope.ok
    except (ValueError, RecursionError):
        return None
    rows = at(document, envelope.rows) if is_page else document
    if "\0" in text or not isinstance(rows, list) or not all(isinstance(row, tuple) for row in rows):
        return None
    escaped = may_be_unpaired(text)
    return lambda: ((row, escaped) for row in rows)


def _elements(path: Path, codec: str, envelope: Envelope) -> Iterator[tuple[Object, bool]]:
    """Each object, and whether it has escapes; rejects what is not JSON to its end or not an object."""
    position = 0
    try:
        with path.open(encoding=codec, newline="") as stream:
            text = _Window(stream)
            for element in _document(text, envelope):
                position += 1
                if not isinstance(element, tuple):
                    raise Rejected("not_records", f"第 {position} 个元素不是一条记录（对象）；请导出为对象的数组。")
                yield element, text.escaped
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise _truncated(position) from error


def _truncated(position: int) -> Rejected:
    where = f"读完第 {position} 条记录之后" if position else "从开头起"
    return Rejected("truncated_json", f"{where}不是完整、有效的 JSON，文件可能没有传完，或末尾有多余内容；请重新导出或重新传送。")


def _document(text: _Window, envelope: Envelope) -> Iterator[Any]:
    opening = text.peek()
    if opening == "[":
        yield from text.elements()
    elif opening == "{":
        yield from _Page(text, envelope).elements()
    else:
        text.value()
        raise Rejected("not_records", "文件不是记录的数组；请导出为对象的数组。")
    if text.peek():
        raise ValueError("something follows the end")


class _Page:
    """A page of an envelope, read once from its start: its records on the way, its code judged at its end."""

    def __init__(self, text: _Window, envelope: Envelope) -> None:
        self._text, self._envelope = text, envelope
        self._code: Any = None
        self._has_rows = False
        self._has_holder = False  # the object that should hold the records

    def elements(self) -> Iterator[Any]:
        """The records; rejects a page of failure and one without records at its end."""
        yield from self._members("")
        self._check_code()
        if not self._has_rows or self._code is None:
            raise Rejected("not_records", "文件是单个对象（或一行一个对象），不是记录的数组；请导出为对象的数组。")

    def _members(self, prefix: str) -> Iterator[Any]:
        for key in self._text.members():
            path, opening = prefix + key, self._text.peek()
            if path == self._envelope.rows and (prefix or opening == "["):
                yield from self._rows(opening)
            elif opening == "{" and self._envelope.rows.startswith(f"{path}."):
                self._has_holder |= self._envelope.rows.rpartition(".")[0] == path
                yield from self._members(f"{path}.")
            elif opening == "{" and self._envelope.code.startswith(f"{path}."):
                yield from self._members(f"{path}.")
            elif path == self._envelope.code and self._code is None:
                self._code = self._text.value()
            else:
                self._text.value()

    def _rows(self, opening: str) -> Iterator[Any]:
        if opening != "[" or self._has_rows:
            raise Rejected("not_records", f"返回信封里的 {self._envelope.rows} 不是唯一的一个记录数组；请重新取数。")
        self._has_rows = True
        yield from self._text.elements()

    def _check_code(self) -> None:
        """Reject a page of failure; a single record may have a field called code, so words count only beside the records' place."""
        code = shown(self._code)
        number = isinstance(self._code, str) and self._code.lstrip("-").isdigit()
        if code is None or code == self._envelope.ok or not (self._has_rows or self._has_holder or number):
            return
        told = f"（code={code[:20]}）" if number else ""
        raise Rejected("error_envelope", f"平台返回的是错误{told}，不是数据；请查明原因后重新取数。")


class _Window:
    """A window on the text of a file: grows at its end, is cut at its start, so that memory holds one element at a time."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._text = stream.read(_BLOCK).removeprefix("\ufeff")
        self._at = 0
        self.escaped = False

    def _grow(self) -> bool:
        # At least double: an element much longer than a block is then parsed again a few times, not once a block.
        more = self._stream.read(max(_BLOCK, len(self._text) - self._at))
        self._text = self._text[self._at :] + more
        self._at = 0
        return bool(more)

    def peek(self) -> str:
        """The next character that is not white space, "" at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _WHITE:
                    return self._text[self._at]
                self._at += 1
            if not self._grow():
                return ""

    def _take(self, char: str) -> None:
        if self.peek() != char:
            raise ValueError(f"expected {char}")
        self._at += 1

    def value(self) -> Any:
        """The next value, whole."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                at_end = error.pos >= len(self._text) - _TOKEN or error.msg.startswith("Unterminated string")
                if not at_end or not self._grow():
                    raise
                continue
            # A number may go on behind the window; everything else ends where it ends.
            if end == len(self._text) and isinstance(value, Number) and self._grow():
                continue
            self.escaped = self._text.find("\\u", self._at, end) >= 0
            self._at = end
            return value

    def elements(self) -> Iterator[Any]:
        """The elements of the array that starts here."""
        self._take("[")
        if self.peek() != "]":
            yield self.value()
            while self.peek() == ",":
                self._take(",")
                yield self.value()
        self._take("]")

    def members(self) -> Iterator[str]:
        """The keys of the object that starts here; whoever takes a key must read its value before the next."""
        self._take("{")
        more = self.peek() != "}"
        while more:
            key = self.value()
            if type(key) is not str:
                raise ValueError("a key must be a string")
            self._take(":")
            yield key
            more = self.peek() == ","
            if more:
                self._take(",")
        self._take("}")


def _text(value: Any) -> str:
    try:
        return compact(value)
    except RecursionError as error:
        raise _too_deep() from error


def _too_deep() -> Rejected:
    return Rejected("truncated_json", "有记录的内容嵌套过深，无法读取；请改为简单的值后重新导出。")


def _encodable(row: Object) -> bool:
    try:
        _text(row).encode()
    except UnicodeEncodeError:
        return False
    return True
