"""UUIDv7: ids that carry the business time of their making, so they sort by it."""

from datetime import datetime, timedelta
from os import register_at_fork, urandom
from uuid import UUID

from network.clock import EPOCH, now_ms

_VERSION = 7
# Bytes behind the time.
_TAIL = 10
_AT_ONCE = 256


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
    while True:
        try:
            # One step, so that no two threads get the same.
            return ms.to_bytes(6) + _drawn.pop()
        except IndexError:
            _draw()


# The ends of the ids to come, many of them by one call of the system.
_drawn: list[bytes] = []
# Nor may a process have those of its parent.
register_at_fork(after_in_child=_drawn.clear)


def _draw() -> None:
    chance = bytearray(urandom(_TAIL * _AT_ONCE))
    chance[0::_TAIL] = bytes([_VERSION << 4 | byte & 0x0F for byte in chance[0::_TAIL]])
    chance[2::_TAIL] = bytes([0x80 | byte & 0x3F for byte in chance[2::_TAIL]])
    _drawn.extend([bytes(chance[at : at + _TAIL]) for at in range(0, len(chance), _TAIL)])


def uuid7_ms(id: UUID) -> int:
    """The milliseconds since 1970 that the id carries; ValueError for another version."""
    if id.version != _VERSION:
        raise ValueError(f"{id} is not a UUIDv7")
    return id.int >> 80


def uuid7_time(id: UUID) -> datetime:
    """The instant that the id carries, in UTC; ValueError for another version."""
    return EPOCH + timedelta(milliseconds=uuid7_ms(id))
