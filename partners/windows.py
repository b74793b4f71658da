"""Windows of time: the hour, day, week or month of a zone in which an instant lies, in UTC.

One rule for all of them: a window begins when the zone's clock shows its beginning for the first
time, and lasts until the next one begins. So a day may have 23, 24 or 25 hours; the hour that a
clock shows twice in autumn is one window of two hours; an hour or a day that a clock leaves out has
none; and no instant is ever in two windows or in none.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from network.clock import EPOCH

Window = tuple[datetime, datetime | None]  # from, included, and to, excluded; None is for ever

ALL_TIME: Final[Window] = (EPOCH, None)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_DAYS_OF_A_WEEK: Final = 7
_SECOND: Final = timedelta(seconds=1)
_MONTHS: Final = 12

# The last window that was asked for, which is nearly always the next one too.
_held: dict[tuple[str, str], Window] = {}


def window(period: str, time_zone: str, at: datetime) -> Window:
    """The hour, day, week (from Monday) or month in which the aware instant `at` lies.

    `total` is all time. ZoneInfoNotFoundError for a zone that this machine does not know.
    """
    held = _held.get((period, time_zone))
    if held is None or at < held[0] or (held[1] is not None and at >= held[1]):
        held = _held[period, time_zone] = _found(period, ZoneInfo(time_zone), at)
    return held


def _found(period: str, zone: ZoneInfo, at: datetime) -> Window:
    if period == "total":
        return ALL_TIME
    # Without its fold, which copies of it would carry along.
    begin = _floor(period, at.astimezone(zone).replace(tzinfo=None, fold=0))
    # A clock that was set back shows an earlier hour, or day, than the one that has begun.
    while _first_shown(begin, zone) > at:
        begin = _floor(period, begin - _SECOND)
    while (end := _first_shown(_following(period, begin), zone)) <= at:
        begin = _following(period, begin)
    return _first_shown(begin, zone), end


def _floor(period: str, local: datetime) -> datetime:
    if period == "hour":
        return local.replace(minute=0, second=0, microsecond=0)
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return day
    if period == "week":
        return day - day.weekday() * _DAY
    if period == "month":
        return day.replace(day=1)
    raise ValueError(f"{period!r} is no period")


def _following(period: str, begin: datetime) -> datetime:
    if period == "hour":
        return begin + _HOUR
    if period == "day":
        return begin + _DAY
    if period == "week":
        return begin + _DAYS_OF_A_WEEK * _DAY
    years, month = divmod(begin.month, _MONTHS)
    return begin.replace(year=begin.year + years, month=month + 1)


@lru_cache(maxsize=1024)
def _first_shown(local: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which the zone's clock shows this time or, leaving it out, a later one.

    Of a time that is shown twice Python's fold of 0 is the first. Of one that is left out neither
    fold is the jump itself, but the jump is between them, found by halving.
    """
    late = local.replace(tzinfo=zone).astimezone(UTC)
    early = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if early >= late:
        return late
    while late - early > _SECOND:
        middle = early + (late - early) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).replace(tzinfo=None) < local:
            early = middle
        else:
            late = middle
    return late
