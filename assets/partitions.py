"""Partitions of the report layer: one a report year.

Belongs here: which years there are. Does not belong here: which of them are due (`pipelines`).
"""

from __future__ import annotations

import dagster as dg

from warehouse import clock
from warehouse.forms import first_year

# Every year that has a form, up to the current one (a window that has begun: offset 1), asked anew each time, so that a daemon
# that runs over New Year knows the new year. Raw and core hold all years at once and have no partitions.
YEARS = dg.TimeWindowPartitionsDefinition(start=str(first_year()), fmt="%Y", cron_schedule="0 0 1 1 *", timezone=clock.ZONE, end_offset=1)
