"""The network's bank as it is spelt: its days, its account, its references."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings
from schwifty import IBAN

from network import clock
from network.clock import FIRST_DAY, LAST_DAY
from network.errors import BadInput, Conflict
from network.zones import midnight

_SATURDAY: Final = 5
# One spelling for one booking: no letters that look alike, and nothing that cannot be seen.
_REF: Final = re.compile(r"[!-~]+( [!-~]+)*")


class DebtorNotSet(Conflict):
    """The network's own bank account is not set, or is not valid: see DEBTOR_NAME, DEBTOR_IBAN."""

    code = "debtor_not_set"


class UnknownAccount(BadInput):
    """The network has no such bank account."""

    code = "unknown_account"


class BankRefInvalid(BadInput):
    """A bank reference is printable ASCII, with single spaces inside at most."""

    code = "bank_ref_invalid"


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
    return midnight(day, ZoneInfo(settings.NETWORK_TIME_ZONE)).astimezone(UTC)


def next_working_day(day: date) -> date:
    """The next day that is no Saturday or Sunday; a bank moves a holiday to the day after it."""
    following = day + timedelta(days=1)
    return following if following.weekday() < _SATURDAY else next_working_day(following)


def own_account(said: str = "") -> str:
    """The network's account in the one spelling that is stored; `said` may spell it otherwise.

    UnknownAccount where `said` is another account, DebtorNotSet where the network has none.
    """
    ours = IBAN(settings.DEBTOR_IBAN, allow_invalid=True).compact
    if not ours:
        raise DebtorNotSet()
    if said and IBAN(said, allow_invalid=True).compact != ours:
        raise UnknownAccount(pointer="/account")
    return ours


def check_ref(ref: str, *, pointer: str = "/bank_ref") -> None:
    """BankRefInvalid for a reference that could be a second spelling of one that is booked."""
    if not _REF.fullmatch(ref):
        raise BankRefInvalid(pointer=pointer)


def check_booked_on(day: date, *, pointer: str = "/booked_on") -> None:
    """BookedInFuture for a day that has not begun in the network's zone; DayOutOfRange."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise DayOutOfRange(pointer=pointer)
    if day > today():
        raise BookedInFuture(pointer=pointer)
