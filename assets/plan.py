"""What a night works with, as plain objects: the assets receive a Plan and nothing else from the outside.

Belongs here: the Plan. Does not belong here: where its parts come from (configuration, environment: `pipelines`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from assets.delivery import Delivery
from assets.logic.vocabulary import Vocabulary
from warehouse.landing import Landing
from warehouse.report import Scope
from warehouse.store import Warehouse


def _silent(_: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Plan:
    """Warehouse, kept bytes, sources, what is to be reported and where it is published.

    `say` tells a person at a terminal what is being done.
    """

    warehouse: Warehouse
    landing: Landing
    hits: Path
    deliveries: Mapping[str, tuple[Delivery, ...]]
    vocabulary: Vocabulary
    scope: Scope
    exports: Path
    status: Path
    today: date
    rules_version: str = ""
    limit_bytes: int = 300_000_000
    rehash_days: int = 7
    say: Callable[[str], None] = field(default=_silent, compare=False)
