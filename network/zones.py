"""Time zones: the names of the IANA list, the same on every machine, and where a day begins."""

from datetime import date, datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from network.errors import BadInput


class UnknownTimeZone(BadInput):
    """A time zone has a name of the IANA list, such as Europe/Sofia."""

    code = "unknown_time_zone"


@cache
def names() -> frozenset[str]:
    """All names; read from many files, so once."""
    # Not this machine's own zone, which is another on the next machine.
    return frozenset(available_timezones() - {"localtime"})


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day in a zone, also where its clocks skip or repeat midnight."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)
