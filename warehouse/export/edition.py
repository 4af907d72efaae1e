"""One version of a report and the files it is exported as: their names, their bytes, and reading them back.

Belongs here: which files there are and what each is made of. Does not belong here: how one of them looks (the other modules of
this package), or how they come to stand in a folder (`warehouse.publish`). Equal input gives equal bytes: nothing here asks what
time it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from warehouse import forms
from warehouse.export import html, markdown, readback, tables_json, tabular, xlsx
from warehouse.export.figures import UNKNOWN, Values, text_of
from warehouse.export.heading import Heading, as_of_text

EVIDENCE = ("cell_id", "subject", "record_key", "source", "path", "sheet", "row_no", "amount")


@dataclass(frozen=True, eq=False)
class Edition:
    """A version of a report: whose, its figures, and what they were counted from.

    `facts` are the digests of inputs and settings and the versions of code and rules; `sections` the figures of sections 一 and 六
    as `warehouse.report.sections` gives them; `evidence` one row a record in a cell, sorted.
    """

    agency: str
    agency_name: str
    year: int
    version: int
    format: str
    as_of: date
    content_sha256: str
    facts: Mapping[str, str]
    values: Values
    sections: Mapping[str, Any]
    evidence: pl.DataFrame

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"{self.agency_name} {self.year} 年度第 {self.version} 版"

    def heading(self) -> Heading:
        """What stands above its tables."""
        return Heading(self.agency_name, self.year, self.agency, f"第 {self.version} 版", as_of_text(self.year, self.as_of))

    def about(self) -> dict[str, Any]:
        """What tells this version from every other one."""
        return {
            "agency": self.agency_name,
            "agency_code": self.agency,
            "year": self.year,
            "format": self.format,
            "version": self.version,
            "as_of": self.as_of.isoformat(),
        }


def files(edition: Edition) -> dict[str, bytes]:
    """File name → its bytes, in the order they are written.

    Raises:
        ValueError: the values are not those of the form.
    """
    form, heading, values = forms.load(edition.format), edition.heading(), edition.values
    return {
        "tables.json": tables_json.render(form, values, {**edition.about(), **edition.sections}).encode(),
        "tables.csv": _csv(tabular.cells(form, values)),
        "tables.md": markdown.render(form, heading, values).encode(),
        "tables.html": html.render(form, heading, values).encode(),
        "tables.xlsx": xlsx.render(form, heading, values),
        "evidence.csv": _csv(_evidence(edition.evidence)),
    }


_READERS: Mapping[str, Callable[[forms.Form, bytes], dict[str, Decimal | None]]] = {
    "tables.json": lambda form, data: readback.json(form, data.decode()),
    "tables.csv": lambda form, data: readback.csv(form, data.decode()),
    "tables.html": lambda form, data: readback.html(form, data.decode()),
    "tables.xlsx": readback.xlsx,
}


def differences(edition: Edition, folder: Path) -> Iterator[str]:
    """What the files in this folder, read back from the disk, say otherwise than the version."""
    form = forms.load(edition.format)
    for name, reader in _READERS.items():
        try:
            read = reader(form, (folder / name).read_bytes())
        except ValueError as error:  # a ReadbackError, or bytes that are no UTF-8
            yield f"{name}：{error}"
            continue
        for cell in form.cells.values():
            want, got = edition.values[cell.id], read[cell.id]
            if got != want:
                yield f"{name}：{cell.label}（{cell.id}）应为 {_shown(want)}，写出的是 {_shown(got)}"


def _shown(value: Decimal | None) -> str:
    return UNKNOWN if value is None else text_of(value)


def _csv(frame: pl.DataFrame) -> bytes:
    target = BytesIO()
    tabular.safe_csv(frame, target)
    return target.getvalue()


def _evidence(frame: pl.DataFrame) -> pl.DataFrame:
    """The evidence with amounts in plain digits, as the tables show them."""
    digits = pl.col("amount").cast(pl.String)
    plain = pl.when(digits.str.contains(".", literal=True)).then(digits.str.strip_chars_end("0").str.strip_chars_end("."))
    return frame.select(EVIDENCE).with_columns(plain.otherwise(digits).alias("amount"))
