"""JSON files: an array of objects, or one page of the platform's envelope around such an array.

Belongs here: a strict parse to the last byte, exact positions, values as the literal text of the file. Does not belong here:
fetching pages over the network, what a key means (`shape.py`).

The standard library parses element by element over a sliding window. DuckDB's JSON reader is faster and was not used: it takes
trailing commas, NaN and duplicate keys, and writes numbers its own way. The file is parsed to its end once before the first
row is handed over, so nothing of a broken file is landed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from assets.sources.encoding import detect
from assets.sources.shape import Headers, Landed, Layout, Rejected, frames

_BLOCK = 1 << 20
_WHITE = " \t\r\n"
# Longest token that can look wrong only because the window ends within it: an escaped surrogate pair.
_TOKEN = 16
_LAYOUTS = 1000

_Object = tuple[tuple[str, Any], ...]


class _Number(str):
    """A number as the file writes it; inside nested values it must not get quotes."""

    __slots__ = ()


def _constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# Objects become tuples of pairs, which keeps duplicate keys and tells them from arrays.
_DECODER = json.JSONDecoder(object_pairs_hook=tuple, parse_int=_Number, parse_float=_Number, parse_constant=_constant)


def read_json(path: Path, headers: Headers) -> Landed:
    """Read a JSON file.

    Raises:
        Rejected: `truncated_json`, `not_records`, `error_envelope`, `bad_encoding`, `missing_key_column` or `duplicate_column`.
    """
    codec = detect(path, cut_reason="truncated_json")
    layouts = _Layouts(headers)
    count = 0
    for count, (row, escaped) in enumerate(_elements(path, codec), 1):
        if escaped and not _encodable(row):
            raise Rejected("bad_encoding", f"第 {count} 条记录里有不成对的 Unicode 代理字符，不是有效文字；请修正后重新导出。")
        layouts.of(row, count)
    if count and not headers.known(layouts.keys).issuperset(headers.subject.key):
        raise headers.missing([layouts.keys], "全部记录")
    return Landed(None, tuple(layouts.unknown), (), frames(headers.subject, _rows(path, codec, layouts)))


def _rows(path: Path, codec: str, layouts: _Layouts) -> Iterator[tuple[int, list[str | None], str | None]]:
    for position, (row, _) in enumerate(_elements(path, codec), 1):
        yield position, *layouts.of(row, position).row([_text(value) for _, value in row])


class _Layouts:
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

    def of(self, row: _Object, position: int) -> Layout:
        """The layout of this object.

        Raises:
            Rejected: `duplicate_column` when it has a key twice or two keys for one field.
        """
        keys = tuple(key for key, _ in row)
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


def _elements(path: Path, codec: str) -> Iterator[tuple[_Object, bool]]:
    """Each object, and whether it has escapes; rejects what is not JSON to its end or not an object."""
    position = 0
    try:
        with path.open(encoding=codec, newline="") as stream:
            text = _Window(stream)
            for element in _document(text):
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


def _document(text: _Window) -> Iterator[Any]:
    opening = text.peek()
    if opening == "[":
        yield from text.elements()
    elif opening == "{":
        yield from _envelope(text)
    else:
        text.value()
        raise Rejected("not_records", "文件不是记录的数组；请导出为对象的数组。")
    if text.peek():
        raise ValueError("something follows the end")


def _envelope(text: _Window) -> Iterator[Any]:
    code: Any = None
    data = rows = False
    for key in text.members():
        if key == "data" and text.peek() == "{":
            data = True
            for inner in text.members():
                if inner == "rows" and text.peek() == "[" and not rows:
                    rows = True
                    yield from text.elements()
                elif inner == "rows":
                    raise Rejected("not_records", "返回信封里的 data.rows 不是唯一的一个记录数组；请重新取数。")
                else:
                    text.value()
        elif key == "code" and code is None:
            code = text.value()
        else:
            text.value()
    _check_code(code, data)
    if not rows or code is None:
        raise Rejected("not_records", "文件是单个对象（或一行一个对象），不是记录的数组；请导出为对象的数组。")


def _check_code(code: Any, data: bool) -> None:
    """Reject an envelope of failure; a single record may have a field called code, so words count only beside data."""
    number = isinstance(code, str) and code.lstrip("-").isdigit()
    if code is None or code == "0" or not (data or number):
        return
    shown = f"（code={code[:20]}）" if number else ""
    raise Rejected("error_envelope", f"平台返回的是错误{shown}，不是数据；请查明原因后重新取数。")


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
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                at_end = error.pos >= len(self._text) - _TOKEN or error.msg.startswith("Unterminated string")
                if not at_end or not self._grow():
                    raise
                continue
            # A number may go on behind the window; everything else ends where it ends.
            if end == len(self._text) and isinstance(value, _Number) and self._grow():
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


def _text(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    return _nested(value)


def _nested(value: Any) -> str:
    try:
        return _compact(value)
    except RecursionError as error:  # the parser goes deeper than this module's own recursion
        raise _too_deep() from error


def _too_deep() -> Rejected:
    return Rejected("truncated_json", "有记录的内容嵌套过深，无法读取；请改为简单的值后重新导出。")


def _compact(value: Any) -> str:
    """A value as compact JSON text, numbers as the file writes them, duplicate keys of nested objects kept."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, tuple):
        return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{_compact(inner)}" for key, inner in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _encodable(row: _Object) -> bool:
    try:
        _nested(row).encode()
    except UnicodeEncodeError:
        return False
    return True
