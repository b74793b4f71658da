"""Days as the network's bank counts them."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings

from network import clock
from network.clock import FIRST_DAY, LAST_DAY
from network.errors import BadInput

_SATURDAY: Final = 5


class DayOutOfRange(BadInput):
    """A day of the books lies between 1970 and 2999."""

    code = "day_out_of_range"


class BookedInFuture(BadInput):
    """A bank does not book on a day to come."""

    code = "booked_in_future"


def today() -> date:
    """The present day in the network's zone."""
    return clock.now().astimezone(ZoneInfo(settings.NETWORK_TIME_ZONE)).date()


def start_of(day: date) -> datetime:
    """The first instant of a day in the network's zone, in UTC."""
    return datetime.combine(day, time(), ZoneInfo(settings.NETWORK_TIME_ZONE)).astimezone(UTC)


def next_working_day(day: date) -> date:
    """The next day that is no Saturday or Sunday; a bank moves a holiday to the day after it."""
    following = day + timedelta(days=1)
    return following if following.weekday() < _SATURDAY else next_working_day(following)


def check_booked_on(day: date, *, pointer: str = "/booked_on") -> None:
    """BookedInFuture for a day that has not begun in the network's zone; DayOutOfRange."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise DayOutOfRange(pointer=pointer)
    if day > today():
        raise BookedInFuture(pointer=pointer)
