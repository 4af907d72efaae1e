"""A feed over rows in memory, and nights of a house whose penalties come from one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from building import AGENCY, House, good

from assets.delivery import Delivery
from assets.ingest import ingest
from assets.look import Ingested
from assets.sources.connector import Incomplete, Part, Pulled
from warehouse.subjects import Subject

Row = dict[str, str | None]


def fine(no: int, when: str = "2023-05-02 10:00:00", **changes: str) -> Row:
    return good("penalties", document_no=f"P-{no}", updated_at=when, **changes)


@dataclass
class Table:
    """A feed over rows in memory, which is what a platform or a database holds."""

    rows: list[Row] = field(default_factory=list)
    size: int = 2
    trouble: Incomplete | None = None
    asked: list[datetime | None] = field(default_factory=list)
    source_at: datetime | None = None
    kind: str = "rest"

    def pull(self, subject: Subject, since: datetime | None, spool: Path) -> Pulled:
        self.asked.append(since)
        rows = [r for r in self.rows if since is None or not r["updated_at"] or r["updated_at"] >= f"{since:%Y-%m-%d %H:%M:%S}"]
        parts = []
        for at in range(0, max(1, len(rows)), self.size):
            file = spool / f"page-{at // self.size + 1:04d}.json"
            page = {"total": len(rows), "pageNum": at // self.size + 1, "rows": rows[at : at + self.size]}
            file.write_text(json.dumps({"code": 0, "msg": "ok", "data": page}, ensure_ascii=False), "utf-8")
            parts.append(Part(file.name, file))
        if self.trouble:
            raise self.trouble
        return Pulled(tuple(parts), since is None, len(rows), len(rows), self.source_at)


class Night:
    """A house whose penalties come from a feed."""

    def __init__(self, folder: Path, feed: Any, **options: Any) -> None:
        self.house = House(folder, ("penalties",), sources={"platform": AGENCY})
        self.delivery = Delivery("platform", AGENCY, feed, **options)

    def __call__(self, *, judged: bool = True) -> Ingested:
        self.house.run += 1
        done = ingest(
            self.house.warehouse, self.house.landing, "penalties", [self.delivery], run_id=f"run {self.house.run}", limit_bytes=10_000_000
        )
        self.house.settle("penalties")
        if judged:
            self.house.count()
        return done

    def landed(self) -> list[str]:
        return [no for (no,) in self.house.ask("SELECT document_no FROM raw.penalties ORDER BY file_id, row_no")]

    def current(self) -> dict[str, Any]:
        return dict(self.house.ask("SELECT document_no, fine_wan FROM core.penalties WHERE state = 'current'"))

    def load(self, *columns: str) -> tuple[Any, ...]:
        return self.house.ask(f"SELECT {', '.join(columns)} FROM raw.loads ORDER BY load_id DESC LIMIT 1")[0]
