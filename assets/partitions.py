"""Partitions of the report layer: one a report year.

Belongs here: which years there are. Does not belong here: which of them are due (`pipelines`).
"""

from __future__ import annotations

import dagster as dg

from warehouse import clock
from warehouse.forms import first_year

# Every year that has a form, up to the current one. Raw and core hold all years at once and have no partitions.
YEARS = dg.StaticPartitionsDefinition([str(year) for year in range(first_year(), clock.today().year + 1)])
