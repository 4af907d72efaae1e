"""Jobs: what runs together.

Belongs here: selections of assets and the tags by which a run knows its report years. Does not belong here: when a job runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

# Ingest once, then count the years that are due: one run over the unpartitioned layers and a range of report years.
nightly = dg.define_asset_job(
    "nightly", selection=dg.AssetSelection.all(), description="取数、清洗、统计、核查、发布；一次运行统计全部应出的年度"
)
# What a clerk starts after mending the configuration: judge again what is there, publish what nothing holds back any more.
publish = dg.define_asset_job(
    "publish",
    selection=dg.AssetSelection.groups("report"),
    description="按现有数据重新统计、核查并发布；不取数",
)


def year_tags(years: Sequence[int]) -> dict[str, str]:
    """Tags by which a run of `nightly` covers these consecutive report years."""
    return {"dagster/asset_partition_range_start": str(min(years)), "dagster/asset_partition_range_end": str(max(years))}
