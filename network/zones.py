"""Which time zones there are: the names of the IANA list, the same on every machine."""

from functools import cache
from zoneinfo import available_timezones

from network.errors import BadInput


class UnknownTimeZone(BadInput):
    """A time zone has a name of the IANA list, such as Europe/Sofia."""

    code = "unknown_time_zone"


@cache
def names() -> frozenset[str]:
    """All names; read from many files, so once."""
    # Not this machine's own zone, which is another on the next machine.
    return frozenset(available_timezones() - {"localtime"})
