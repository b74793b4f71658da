"""UUIDv7: ids that carry the business time of their making, so they sort by it."""

from datetime import datetime, timedelta
from uuid import UUID

from uuid_utils import compat

from network.clock import EPOCH, now_ms

_NS_PER_MS = 1_000_000
_VERSION = 7


def uuid7() -> UUID:
    """A new id stamped with `clock.now_ms()`; ids of one millisecond are in no order."""
    return uuid7_at(now_ms())


def uuid7_at(ms: int) -> UUID:
    """A new id stamped with these milliseconds since 1970."""
    return compat.uuid7(nanoseconds=ms * _NS_PER_MS)


def uuid7_ms(id: UUID) -> int:
    """The milliseconds since 1970 that the id carries; ValueError for another version."""
    if id.version != _VERSION:
        raise ValueError(f"{id} is not a UUIDv7")
    return id.int >> 80


def uuid7_time(id: UUID) -> datetime:
    """The instant that the id carries, in UTC; ValueError for another version."""
    return EPOCH + timedelta(milliseconds=uuid7_ms(id))
