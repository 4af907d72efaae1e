"""Column and Table: the two words of which the dictionary is made.

Belongs here: what a column or a table is, and what follows from it (DDL, Polars schema, comments). Does not belong here:
which tables exist (`tables.py`) or which fields a source hands over (`subjects.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

# Logical type → (DuckDB type, Polars type). An instant is stored as the wall clock of Asia/Shanghai: the report year is a
# calendar year there, and a plain TIMESTAMP cannot be shifted by a reader's session time zone.
TYPES: dict[str, tuple[str, pl.DataType]] = {
    "text": ("VARCHAR", pl.String()),
    "date": ("DATE", pl.Date()),
    "instant": ("TIMESTAMP", pl.Datetime("us")),
    "integer": ("BIGINT", pl.Int64()),
    "boolean": ("BOOLEAN", pl.Boolean()),
    "amount": ("DECIMAL(28,10)", pl.Decimal(28, 10)),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: name, logical type (a key of `TYPES`), meaning in Chinese and English, unit, personal data or not."""

    name: str
    type: str
    zh: str
    en: str
    pii: bool = False
    unit: str | None = None

    @property
    def ddl(self) -> str:
        """The column as it stands in CREATE TABLE."""
        return f'"{self.name}" {TYPES[self.type][0]}'

    @property
    def comment(self) -> str:
        """The Chinese comment an auditor reads, with unit and personal-data mark."""
        return self.zh + (f"（单位：{self.unit}）" if self.unit else "") + ("【个人信息】" if self.pii else "")


@dataclass(frozen=True, slots=True)
class Table:
    """One table: layer and name (DuckDB schema and table), columns, what one row is, its key, its subject if it has one."""

    layer: str
    name: str
    zh: str
    en: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    subject: str | None = None

    def __post_init__(self) -> None:
        names = [c.name for c in self.columns]
        if len(set(names)) != len(names) or not set(self.key) <= set(names):
            raise ValueError(f"{self.full_name}: a column twice, or a key column that does not exist")

    @property
    def full_name(self) -> str:
        """`layer.table`, the DuckDB name."""
        return f"{self.layer}.{self.name}"

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Column name → Polars type, in order."""
        return {c.name: TYPES[c.type][1] for c in self.columns}

    def ddl(self) -> list[str]:
        """CREATE TABLE and COMMENT ON statements. No PRIMARY KEY: keys are asserted by checks (see DECISIONS.md)."""
        body = ",\n  ".join(c.ddl for c in self.columns)
        quote = str.maketrans({"'": "''"})
        return [
            f"CREATE TABLE IF NOT EXISTS {self.full_name} (\n  {body}\n)",
            f"COMMENT ON TABLE {self.full_name} IS '{self.zh.translate(quote)}'",
            *(f"COMMENT ON COLUMN {self.full_name}.\"{c.name}\" IS '{c.comment.translate(quote)}'" for c in self.columns),
        ]
