"""Dates and instants: every form of the contracts against Python's datetime, unreal dates, the year's edge in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.logic import dates

EPOCH = datetime(1899, 12, 30)
SHANGHAI = timezone(timedelta(hours=8))
FULL = str.maketrans({chr(i): chr(i + 0xFEE0) for i in range(0x21, 0x7F)})

DAY_FORMS: list[Callable[[date], str]] = [
    lambda d: d.isoformat(),
    lambda d: f"{d.year}/{d.month}/{d.day}",
    lambda d: f"{d.year}.{d.month:02}.{d.day:02}",
    lambda d: f"{d.year}-{d.month}-{d.day}",
    lambda d: f"{d.year}年{d.month}月{d.day}日",
    lambda d: f"{d.year}年 {d.month} 月 {d.day} 日",
    lambda d: f"{d:%Y%m%d}",
    lambda d: d.isoformat().translate(FULL),
    lambda d: f"\ufeff\u3000{d.isoformat()} \u200b",
    lambda d: str(d.toordinal() - EPOCH.toordinal()),
    lambda d: f"{d.toordinal() - EPOCH.toordinal()}.0",
    lambda d: f"{d.isoformat()} 00:00:00",
]
INSTANT_FORMS: list[Callable[[datetime], str]] = [
    lambda t: t.isoformat(" "),
    lambda t: t.isoformat(),
    lambda t: t.isoformat(" ").translate(FULL),
    lambda t: f"{t.year}/{t.month}/{t.day} {t.hour}:{t.minute}:{t.second}",
    lambda t: f"{t.year}年{t.month}月{t.day}日 {t.hour}时{t.minute}分{t.second}秒",
    lambda t: f"{t.year}年{t.month}月{t.day}日{t.hour}:{t.minute:02}:{t.second:02}",
    lambda t: f"{t:%Y%m%d%H%M%S}",
    lambda t: f"{t.isoformat()}.000",
    lambda t: f"{t.isoformat()}.000000000+08:00",
    lambda t: (t - timedelta(hours=8)).isoformat() + "Z",
    lambda t: (t - timedelta(hours=8)).isoformat().lower() + "z",
    lambda t: (t - timedelta(hours=8)).isoformat() + "+00:00",
    lambda t: f"{t.isoformat(' ')} +0800",
    lambda t: f"{t.isoformat(' ')}+08",
    lambda t: (t - timedelta(hours=13, minutes=30)).isoformat() + "-05:30",
    lambda t: repr((t - EPOCH).total_seconds() / 86400),
    lambda t: f"{(t - EPOCH).total_seconds() / 86400:.8f}",
]


def read(expression: Callable[[pl.Expr], pl.Expr], *texts: str | None) -> list[datetime | None]:
    return pl.DataFrame({"x": texts}, schema={"x": pl.String}).select(expression(pl.col("x"))).to_series().to_list()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.dates(date(1930, 1, 1), date(2170, 12, 31)), min_size=1, max_size=20))
def test_every_form_of_a_day(days: list[date]) -> None:
    written = [form(d) for d in days for form in DAY_FORMS]
    assert read(dates.day, *written) == [d for d in days for _ in DAY_FORMS]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.datetimes(datetime(1930, 1, 2), datetime(2170, 12, 31)), min_size=1, max_size=20))
def test_every_form_of_an_instant(moments: list[datetime]) -> None:
    whole = [t.replace(microsecond=0) for t in moments]
    written = [form(t) for t in whole for form in INSTANT_FORMS]
    assert read(dates.instant, *written) == [t for t in whole for _ in INSTANT_FORMS]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.datetimes(datetime(1930, 1, 2), datetime(2170, 12, 31)), min_size=1, max_size=40))
def test_fractions_of_a_second_are_kept(moments: list[datetime]) -> None:
    assert read(dates.instant, *(t.isoformat(" ", "microseconds") for t in moments)) == moments


@settings(max_examples=30, deadline=None)
@given(st.lists(st.datetimes(datetime(1930, 1, 2), datetime(2170, 12, 31)), min_size=1, max_size=40))
def test_a_day_in_utc_is_the_day_in_shanghai(moments: list[datetime]) -> None:
    written = [t.isoformat() + "Z" for t in moments]
    assert read(dates.day, *written) == [t.replace(tzinfo=UTC).astimezone(SHANGHAI).date() for t in moments]


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2022-12-31T16:30:00Z", date(2023, 1, 1)),
        ("2022-12-31T15:59:59Z", date(2022, 12, 31)),
        ("2022-12-31T16:30:00+08:00", date(2022, 12, 31)),
        ("2023-03-05Z", date(2023, 3, 5)),
        ("2023-03-05 10:20", date(2023, 3, 5)),
        ("2023年3月5日10时", date(2023, 3, 5)),
        ("2024-02-29", date(2024, 2, 29)),
        ("45000.99999", date(2023, 3, 15)),
        ("45000.999999999", date(2023, 3, 16)),  # less than a second before midnight: a day fraction holds no exact second
        ("0001-01-01", date(1, 1, 1)),
        ("9999-12-31", date(9999, 12, 31)),
    ],
)
def test_days(written: str, day: date) -> None:
    assert read(dates.day, written) == [day]


@pytest.mark.parametrize(
    "written",
    [
        "2023-02-29", "2023-02-30", "2023-13-05", "2023-00-10", "2023-04-31", "20231301", "20230230", "2023年2月30日", "2023/2/30",
        "2023-13-01 10:00:00", "2023-03-05 24:00:00", "2023-03-05 10:60:00", "2023-03-05 23:59:60", "20230305101060",
        "2023-03-05 10:20:301",
        "2023-02-30T10:00:00Z", "2023-03-05 10:20:30+99:99", "2023-03-05T10:20:30+8", "2023-03-05+08:00",
        "0000-01-01", "0001-01-01T00:00:00+09:00", "9999-12-31T23:00:00Z", "00000", "0", "1234", "123456", "1234567", "202303051010",
        "1678000000000", "1.5", "-45000", "4.5e4", "45000Z", "2023", "2023-3", "2023年", "3月5日", "05/03/2023", "不详", "长期", "/", "-",
        "2023-03-0510:20:30", "2023-3-110:20", "2023-03-05 10", "2023-03-05 上午10:20", "2023-03-05x", "٢٠٢٣-٠٣-٠٥", "2023-03-0①",
    ],
)  # fmt: skip
def test_what_is_no_real_date(written: str) -> None:
    assert read(dates.instant, written) == [None]


def test_empty_is_null() -> None:
    assert read(dates.instant, None, "", " \u3000", "\ufeff") == [None] * 4


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="0123456789-/.年月日时分秒:TZ+ ", max_size=24), min_size=1, max_size=60))
def test_whatever_is_read_is_a_date_that_python_can_hold(texts: list[str]) -> None:
    assert all(t is None or datetime.min <= t <= datetime.max for t in read(dates.instant, *texts))
