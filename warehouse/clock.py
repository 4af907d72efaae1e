"""The one place that decides the time zone: Asia/Shanghai.

Belongs here: now and today. Does not belong here: reading of dates, working days, report years.
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

ZONE = "Asia/Shanghai"
SHANGHAI = ZoneInfo(ZONE)


def now() -> datetime:
    """The wall clock of Asia/Shanghai, without zone, as instants are stored."""
    return datetime.now(SHANGHAI).replace(tzinfo=None)


def today() -> date:
    """The day in Asia/Shanghai."""
    return now().date()
