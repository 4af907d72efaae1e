"""Dates and instants: every form of the source contracts, as the wall clock of Asia/Shanghai.

Belongs here: text → instant or day. Does not belong here: working days and time limits, which date decides a report year.
Asia/Shanghai has had no daylight saving since 1991, so UTC is eight hours behind at every instant that is met here.
"""

from __future__ import annotations

import polars as pl

_WRITTEN = (
    r"^(?P<y>\d{4})[-/.年](?P<m>\d{1,2})[-/.月](?P<d>\d{1,2})日?"
    r"(?:[T ]*(?P<h>\d{1,2})[:时](?P<i>\d{1,2})(?:[:分](?P<s>\d{1,2})(?P<f>\.\d{1,6})?\d*秒?)?分?)? ?(?P<z>Z|[+-]\d{2}:?\d{2})?$"
)
_COMPACT = r"^(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})(?:(?P<h>\d{2})(?P<i>\d{2})(?P<s>\d{2}))?$"
_SERIAL = r"^\d{5}(\.\d+)?$"  # Excel's day number: 10000 is 1927, 99999 is 2173
_FORMAT = "%Y-%m-%d %H:%M:%S%.f"


def _assembled(parts: pl.Expr, fraction: pl.Expr) -> pl.Expr:
    two = [parts.struct.field(k).str.zfill(2) for k in ("m", "d")]
    clock = [parts.struct.field(k).fill_null("00").str.zfill(2) for k in ("h", "i", "s")]
    day = pl.concat_str([parts.struct.field("y"), *two], separator="-")
    text = pl.concat_str([day, pl.lit(" "), clock[0], pl.lit(":"), clock[1], pl.lit(":"), clock[2], fraction])
    return text.str.strptime(pl.Datetime("us"), _FORMAT, strict=False)


def _to_shanghai(zone: pl.Expr) -> pl.Expr:
    """Minutes to add to a clock time in `zone` (Z, +08:00, null = already local) to get Asia/Shanghai."""
    digits = zone.str.replace(":", "", literal=True)
    minutes = digits.str.slice(1, 2).cast(pl.Int64, strict=False) * 60 + digits.str.slice(3, 2).cast(pl.Int64, strict=False)
    sign = pl.when(digits.str.starts_with("-")).then(-1).otherwise(1)
    return pl.when(zone.is_null()).then(0).when(zone == "Z").then(480).otherwise(480 - sign * minutes)


def instant(text: pl.Expr) -> pl.Expr:
    """Instant (microseconds, wall clock of Asia/Shanghai); null where the text is empty or no real date.

    A bare Excel serial is rounded to the second: a day fraction holds no exact one.
    """
    clean = text.str.normalize("NFKC").str.strip_chars()
    written, compact = clean.str.extract_groups(_WRITTEN), clean.str.extract_groups(_COMPACT)
    zone = written.struct.field("z")
    local = _assembled(written, written.struct.field("f").fill_null("")) + pl.duration(minutes=_to_shanghai(zone))
    seconds = pl.when(clean.str.contains(_SERIAL)).then((clean.cast(pl.Float64, strict=False) * 86400).round())
    serial = pl.datetime(1899, 12, 30, time_unit="us") + pl.duration(seconds=seconds.cast(pl.Int64))
    return pl.coalesce(local, _assembled(compact, pl.lit("")), serial)


def day(text: pl.Expr) -> pl.Expr:
    """The day in Asia/Shanghai; an instant in UTC is shifted before its day is taken."""
    return instant(text).dt.date()
