"""UUIDv7: ids that carry the business time of their making, so they sort by it."""

from datetime import datetime, timedelta
from os import urandom
from uuid import UUID

from network.clock import EPOCH, now_ms

_VERSION = 7


def uuid7() -> UUID:
    """A new id stamped with `clock.now_ms()`; ids of one millisecond are in no order."""
    return uuid7_at(now_ms())


def uuid7_at(ms: int) -> UUID:
    """A new id stamped with these milliseconds since 1970."""
    return UUID(bytes=uuid7_bytes(ms))


def uuid7_bytes(ms: int) -> bytes:
    """The 16 bytes of such an id: 48 bits of time, then chance around version and variant.

    Source: RFC 9562, 5.7.
    """
    chance = bytearray(urandom(10))
    chance[0] = _VERSION << 4 | chance[0] & 0x0F
    chance[2] = 0x80 | chance[2] & 0x3F
    return ms.to_bytes(6) + chance


def uuid7_ms(id: UUID) -> int:
    """The milliseconds since 1970 that the id carries; ValueError for another version."""
    if id.version != _VERSION:
        raise ValueError(f"{id} is not a UUIDv7")
    return id.int >> 80


def uuid7_time(id: UUID) -> datetime:
    """The instant that the id carries, in UTC; ValueError for another version."""
    return EPOCH + timedelta(milliseconds=uuid7_ms(id))
