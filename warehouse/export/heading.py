"""What stands above and below the tables: whose report, which year, which version, as of when.

Belongs here: the words that every readable export shares. Does not belong here: the tables and their layout.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from warehouse.forms import Form

DRAFT = "草稿：未经发布，不得对外使用"


@dataclass(frozen=True, slots=True)
class Heading:
    """Whose tables these are. `version` and `as_of` are printed as given (“第 1 版”, “数据截至2023年6月30日”)."""

    agency: str
    year: int
    agency_code: str
    version: str
    as_of: str
    draft: bool = False

    def title(self, form: Form) -> str:
        """The title of the report."""
        return f"{self.agency}{self.year}年{form.title}"

    def facts(self, form: Form) -> tuple[str, ...]:
        """The facts a reader needs to place the tables; empty ones are left out."""
        code = self.agency_code and f"统一社会信用代码 {self.agency_code}"
        return tuple(filter(None, (code, self.version, self.as_of, f"表样 {form.document}")))


def as_of_text(year: int, as_of: date) -> str:
    """“数据截至…” while the year is not over: a reader must not take the figures for those of the whole year; then empty."""
    return f"数据截至{as_of.year}年{as_of.month}月{as_of.day}日" if as_of < date(year, 12, 31) else ""
