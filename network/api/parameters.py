"""Query parameters that a view reads by itself: each is read exactly, or refused by name."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final, TypeVar

from network.clock import FIRST_DAY, LAST_DAY
from network.errors import InvalidParameter

ID_MAX: Final = 2**63 - 1
_DIGITS: Final = re.compile(r"[0-9]{1,19}", re.ASCII)

Value = TypeVar("Value")


def parameter(said: Mapping[str, str], name: str, read: Callable[[str], Value]) -> Value | None:
    """What `read` makes of the parameter, None where it is not given.

    InvalidParameter with the words of the ValueError that `read` raises.
    """
    if name not in said:
        return None
    try:
        return read(said[name])
    except ValueError as error:
        raise InvalidParameter(str(error), pointer=f"?{name}") from None


def id_parameter(said: Mapping[str, str], name: str) -> int | None:
    """An id, None where it is not given; InvalidParameter."""
    return parameter(said, name, read_id)


def day_parameter(said: Mapping[str, str], name: str) -> date | None:
    """A day as 2026-11-30, None where it is not given; InvalidParameter."""
    return parameter(said, name, read_day)


def read_id(text: str) -> int:
    """A whole number that a bigint holds, or ValueError."""
    if not _DIGITS.fullmatch(text) or int(text) > ID_MAX:
        raise ValueError(f"An id is a whole number from 0 to {ID_MAX}.")
    return int(text)


def read_day(text: str) -> date:
    """A day between the first and the last that we reckon with, or ValueError."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError("A day looks like 2026-11-30.") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"A day lies between {FIRST_DAY} and {LAST_DAY}.")
    return day
