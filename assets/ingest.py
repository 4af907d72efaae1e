"""From the sources of a subject into the warehouse: fetch outside, land in one transaction.

Belongs here: that order. Does not belong here: how a source is reached (`delivery`), what a look does (`record_files`, `pulls`; access
logs: `logs`), Dagster.

Of a load that is not whole nothing is landed but the fact.
"""

from __future__ import annotations

from collections.abc import Sequence

from assets.delivery import Delivery, fetch
from assets.look import Ingested
from assets.pulls import PullLook
from warehouse.landing import Landing
from warehouse.store import Warehouse


def ingest(
    warehouse: Warehouse,
    landing: Landing,
    subject: str,
    deliveries: Sequence[Delivery],
    *,
    run_id: str,
    limit_bytes: int,
    rehash_days: int = 7,
) -> Ingested:
    """Land what is new of one subject, over all its sources, in one transaction."""
    with landing.spool() as spool:
        arrived = [fetch(warehouse, d, subject, spool / str(at), rehash_days) for at, d in enumerate(deliveries)]
        with warehouse.step() as con:
            landing.tidy()
            return Ingested.sum([PullLook(con, landing, subject, a, run_id, limit_bytes).take(rehash_days) for a in arrived])
