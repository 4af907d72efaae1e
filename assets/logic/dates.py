"""Dates and instants: every form of the source contracts, as the wall clock of Asia/Shanghai.

Belongs here: text → instant or day. Does not belong here: working days and time limits, which date decides a report year.
Asia/Shanghai has had no daylight saving since 1991, so UTC is eight hours behind at every instant that is met here.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from assets.logic.text import halved, trimmed

_ZONE = r"[Zz]|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?"
_WRITTEN = (
    r"^(?P<y>[0-9]{4})\s*[-/.年]\s*(?P<m>[0-9]{1,2})\s*[-/.月]\s*(?P<d>[0-9]{1,2})\s*日?"
    r"(?:(?:日|[Tt]|\s)\s*(?P<h>[0-9]{1,2})"
    r"(?:时|[:时](?P<i>[0-5]?[0-9])(?:分|[:分](?P<s>[0-5]?[0-9])(?:(?P<f>\.[0-9]{1,6})[0-9]*)?秒?)?)"
    rf"\s*(?P<z>{_ZONE})?|(?P<u>[Zz]))?$"
)
_COMPACT = r"^(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})(?:(?P<h>[0-9]{2})(?P<i>[0-9]{2})(?P<s>[0-5][0-9]))?$"
_SERIAL = r"^([1-9][0-9]{4}(?:\.[0-9]+)?)$"  # Excel's day number: 10000 is 1927, 99999 is 2173
_FORMAT = "%Y-%m-%d %H:%M:%S%.f"
_FIRST, _LAST = datetime.min, datetime.max  # what other programs can hold as well


def _read(text: pl.Expr, pattern: str, value: pl.Expr) -> pl.Expr:
    """`value`, an expression over the named groups of a pattern; the text is matched once, not once a group."""
    return text.str.extract_groups(pattern).struct.with_fields(value.alias("at")).struct.field("at")


def _clock_time(fraction: pl.Expr) -> pl.Expr:
    """The groups of a day, and of a time where there is one, as an instant; null where there is no such day."""
    day = pl.concat_str(pl.field("y"), *(pl.field(name).str.zfill(2) for name in ("m", "d")), separator="-")
    time = pl.concat_str(*(pl.field(name).fill_null("00").str.zfill(2) for name in ("h", "i", "s")), separator=":")
    return pl.concat_str(day, pl.lit(" "), time, fraction).str.strptime(pl.Datetime("us"), _FORMAT, strict=False)


def _to_shanghai(zone: pl.Expr) -> pl.Expr:
    """Minutes to add to a clock time in `zone` (Z, +08:00, +08, null = already local) to get Asia/Shanghai."""
    digits = zone.str.replace(":", "", literal=True)
    hours, minutes = (digits.str.slice(at, 2).cast(pl.Int64, strict=False).fill_null(0) for at in (1, 3))
    sign = pl.when(digits.str.starts_with("-")).then(-1).otherwise(1)
    return pl.when(zone.is_null()).then(0).otherwise(480 - sign * (hours * 60 + minutes))


def instant(text: pl.Expr) -> pl.Expr:
    """Instant (microseconds, wall clock of Asia/Shanghai); null where the text is empty or no real date and time.

    A bare Excel serial is rounded to the second: a day fraction holds no exact one.
    """
    clean = trimmed(halved(text))
    shift = pl.duration(minutes=_to_shanghai(pl.coalesce(pl.field("z"), pl.field("u"))))
    written = _read(clean, _WRITTEN, _clock_time(pl.field("f").fill_null("")) + shift)
    compact = _read(clean, _COMPACT, _clock_time(pl.lit("")))
    seconds = (clean.str.extract(_SERIAL).cast(pl.Float64) * 86400).round().cast(pl.Int64)
    serial = pl.datetime(1899, 12, 30, time_unit="us") + pl.duration(seconds=seconds)
    found = pl.coalesce(written, compact, serial)
    return pl.when(found.is_between(pl.lit(_FIRST), pl.lit(_LAST))).then(found)


def day(text: pl.Expr) -> pl.Expr:
    """The day in Asia/Shanghai; an instant in UTC is shifted before its day is taken."""
    return instant(text).dt.date()
