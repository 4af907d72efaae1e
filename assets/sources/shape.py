"""The shape every reader hands over: which column of a file is which field, and rows as frames of text.

Belongs here: rejection of a file, header matching, the layout of a header, building the chunks. Does not belong here: how
bytes of one format become cells (`spreadsheet.py`, `delimited.py`, `json_rows.py`), cleaning of values, configuration files.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import polars as pl

from warehouse.subjects import Subject

CHUNK_ROWS = 50_000
HEADER_ROWS = 20
_SHOWN_HEADERS = 40
_SHOWN_LENGTH = 30

Cells = Sequence[str | None]


class Rejected(Exception):  # noqa: N818 - a verdict on the file, as the tables call it, not a fault of the program
    """A file that is not landed at all: `reason` is a code, `detail` a sentence for a clerk, without any cell value."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Landed:
    """What a file holds: sheet, headers that stand for no field, sheets not read, and the rows in chunks."""

    sheet: str | None
    unknown_columns: tuple[str, ...]
    ignored_sheets: tuple[str, ...]
    chunks: Iterator[pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand in a record: per contract field its position or None, and position and name of every other column."""

    fields: tuple[int | None, ...]
    unknown: tuple[tuple[int, str], ...]

    @property
    def unknown_names(self) -> tuple[str, ...]:
        """Names of the columns that stand for no field."""
        return tuple(name for _, name in self.unknown)

    def row(self, cells: Cells) -> tuple[list[str | None], str | None]:
        """One record as contract values and `extra`; a record may be shorter than its header."""
        width = len(cells)
        values = [cells[at] or None if at is not None and at < width else None for at in self.fields]
        return values, extra_json((name, cells[at]) for at, name in self.unknown if at < width) if self.unknown else None


@dataclass(frozen=True)
class Headers:
    """The headers of a subject, built in and configured, in the form in which they are compared."""

    subject: Subject
    built_in: Mapping[str, str]
    configured: Mapping[str, str]

    @classmethod
    def of(cls, subject: Subject, columns: Mapping[str, str]) -> Headers:
        """Headers of `subject` with the configured `columns` (header → house name or contract code).

        Raises:
            ValueError: If a configured column names a field the subject does not have.
        """
        names = {f.code: f.name for f in subject.fields} | {f.name: f.name for f in subject.fields}
        unknown = sorted({target for target in columns.values() if target not in names})
        if unknown:
            raise ValueError(f"{subject.name}: no such field: {', '.join(unknown)}")
        return cls(subject, {fold(h): name for h, name in subject.headers.items()}, {fold(h): names[t] for h, t in columns.items()})

    def field_of(self, header: str | None) -> str | None:
        """House name of the field this header stands for, or None."""
        folded = fold(header or "")
        return self.configured.get(folded) or self.built_in.get(folded)

    def known(self, cells: Cells) -> set[str]:
        """House names of the fields that these headers stand for."""
        return {name for name in map(self.field_of, cells) if name}

    def find(self, rows: Iterable[Cells]) -> tuple[int, int] | None:
        """Index of the header row and how many fields it names: the first row with the most fields and the whole key."""
        found = None
        for index, cells in enumerate(rows):
            known = self.known(cells)
            if known.issuperset(self.subject.key) and (found is None or len(known) > found[1]):
                found = index, len(known)
        return found

    def layout(self, cells: Cells, where: str, used: Iterable[int] = ()) -> Layout:
        """Positions of the fields and of all other columns under these headers.

        Args:
            cells: The headers, None or blank where a column has none.
            where: Place of the headers, for the message of a rejection.
            used: Positions, also past the header, that hold values: without a header they are called 第N列.

        Raises:
            Rejected: `duplicate_column` when two columns stand for the same field.
        """
        claims: dict[str, list[int]] = {}
        for at, header in enumerate(cells):
            if name := self.field_of(header):
                claims.setdefault(name, []).append(at)
        places = {name: self._settle(name, claim, cells, where) for name, claim in claims.items()}
        taken = set(places.values())
        named = {at for at, header in enumerate(cells) if (header or "").strip()}
        unknown: dict[str, int] = {}
        for at in sorted((named | set(used)) - taken):
            name = ((cells[at] if at < len(cells) else None) or "").strip() or f"第{at + 1}列"
            while name in unknown:
                name += f"（第{at + 1}列）"
            unknown[name] = at
        return Layout(tuple(places.get(f.name) for f in self.subject.fields), tuple((at, name) for name, at in unknown.items()))

    def _settle(self, name: str, claim: list[int], cells: Cells, where: str) -> int:
        # A configured header is a decision of the agency: it wins over the built-in one, whose column then goes to `extra`.
        chosen = [at for at in claim if fold(cells[at] or "") in self.configured] or claim
        if len(chosen) > 1:
            seen = "、".join(_shown(cells[at]) for at in chosen)
            what = f"{where}有 {len(chosen)} 个栏目都表示“{self._zh(name)}”（{seen}）"
            raise Rejected("duplicate_column", f"{what}，无法判断以哪个为准；请只保留一个后重新提交。")
        return chosen[0]

    def missing(self, rows: Iterable[Cells], where: str) -> Rejected:
        """The rejection of a file without header: names the missing key columns and the headers of its likeliest header row."""
        best: Cells = max(rows, key=lambda cells: len(self.known(cells)), default=())
        known = self.known(best)
        # A row with no known header is perhaps a record: its cells are values and must not be shown.
        seen = "、".join(_shown(h) for h in [h for h in best if (h or "").strip()][:_SHOWN_HEADERS]) if known else ""
        absent = "、".join(self._zh(name) for name in self.subject.key if name not in known)
        found = f"看到的栏目：{seen}" if seen else "没有看到任何已知栏目"
        return Rejected("missing_key_column", f"{where}缺少必需的栏目：{absent}；{found}。请补上该栏目，或在配置中写明它在本单位的名称。")

    def _zh(self, name: str) -> str:
        contract = self.subject.by_name[name]
        return contract.zh if contract.code == contract.name else f"{contract.zh}（{contract.code}）"


def fold(header: str) -> str:
    """A header in the form in which headers are compared: NFKC, no white space or invisible characters, one case."""
    folded = unicodedata.normalize("NFKC", header)
    return "".join(c for c in folded if not c.isspace() and unicodedata.category(c) != "Cf").casefold()


def _shown(header: str | None) -> str:
    text = " ".join((header or "").split())
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}…"


def is_blank(cells: Iterable[str | None]) -> bool:
    """Whether no cell of a record holds anything but white space."""
    return not any(cell and not cell.isspace() for cell in cells)


def extra_json(items: Iterable[tuple[str, str | None]]) -> str | None:
    """Unknown columns and their values as a JSON object; None when all are empty."""
    kept = {name: value for name, value in items if value}
    return json.dumps(kept, ensure_ascii=False) if kept else None


def schema_of(subject: Subject) -> dict[str, pl.DataType]:
    """Columns of a chunk: row_no, the contract fields, extra."""
    return {"row_no": pl.Int64(), **{f.name: pl.String() for f in subject.fields}, "extra": pl.String()}


def frames(subject: Subject, rows: Iterable[tuple[int, list[str | None], str | None]]) -> Iterator[pl.DataFrame]:
    """Chunks of the rows (number, contract values, extra)."""
    schema = schema_of(subject)
    source = iter(rows)
    while batch := list(islice(source, CHUNK_ROWS)):
        numbers, values, extras = zip(*batch, strict=True)
        columns = [numbers, *zip(*values, strict=True), extras]
        yield pl.DataFrame(dict(zip(schema, columns, strict=True)), schema=schema)
