"""The secrets of a day that make its visitors comparable, and only among themselves."""

import secrets
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from psycopg import AsyncConnection, Cursor

SALT_BYTES: Final = 16
# Yesterday's serves clicks around midnight and clocks that are behind.
KEPT_DAYS: Final = 1
AHEAD_DAYS: Final = 3

# Whoever comes first makes the salt; the others take what is there.
_MAKE: Final = """
INSERT INTO visitor_salt (day, salt) SELECT * FROM unnest(%s::date[], %s::bytea[])
ON CONFLICT (day) DO NOTHING
"""
_READ: Final = "SELECT day, salt FROM visitor_salt WHERE day = ANY(%s)"
_FORGET: Final = "DELETE FROM visitor_salt WHERE day < %s"


async def around(connection: AsyncConnection[Any], day: date) -> dict[date, bytes]:
    """The salts of a day in UTC and of the days around it, made where they are missing.

    The same for every tracker; so early that a night without a database changes nothing.
    """
    wanted = [day + timedelta(days=ahead) for ahead in range(-1, AHEAD_DAYS + 1)]
    await connection.execute(_MAKE, [wanted, _fresh(wanted)])
    found = await connection.execute(_READ, [wanted])
    return {day: bytes(salt) for day, salt in await found.fetchall()}


def prepare(cursor: Cursor[Any], today: date) -> None:
    """Make the salts of the days ahead, so that a night without a database changes nothing."""
    days = [today + timedelta(days=ahead) for ahead in range(AHEAD_DAYS + 1)]
    cursor.execute(_MAKE, [days, _fresh(days)])


def forget(cursor: Cursor[Any], today: date) -> int:
    """Delete the salts of days gone by: from then on nobody can tell whose a visitor's key is."""
    cursor.execute(_FORGET, [today - timedelta(days=KEPT_DAYS)])
    return cursor.rowcount


def _fresh(days: Sequence[date]) -> list[bytes]:
    return [secrets.token_bytes(SALT_BYTES) for _ in days]
