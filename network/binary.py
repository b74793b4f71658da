"""Values, rows and their ends in the binary format of PostgreSQL's COPY.

A row is the number of its fields and then the fields; a field is its length and its bytes. Source:
PostgreSQL's manual, "COPY", "Binary Format"; what stands in a field is what `*_recv` of its type
reads, the same in all releases that we know.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from socket import AF_INET, AF_INET6, inet_pton
from struct import Struct
from struct import error as StructError
from typing import Final

from network.clock import EPOCH

NULL: Final = b"\xff\xff\xff\xff"
# Before the first row, and after the last one.
BEGIN: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END: Final = b"\xff\xff"

_LENGTH: Final = Struct(">i")
_COUNT: Final = Struct(">h")
_NUMBER: Final = Struct(">iq")
# Dimensions, whether there are NULLs, the elements' type, their number, the index of the first.
_ARRAY: Final = Struct(">iiiii")
_TEXT_OID: Final = 25
_ADDRESS: Final = Struct(">iBBBB")
_IPV4, _IPV6 = 2, 3
# Timestamps are microseconds since then.
_ZERO_MS: Final = int((datetime(2000, 1, 1, tzinfo=UTC) - EPOCH).total_seconds()) * 1_000


class Broken(ValueError):
    """Bytes that are not whole rows."""


def number(value: int) -> bytes:
    """A field of bigint."""
    return _NUMBER.pack(8, value)


def instant(ms: int) -> int:
    """Milliseconds since 1970 as the number that a field of timestamptz holds."""
    return (ms - _ZERO_MS) * 1_000


def raw(value: bytes) -> bytes:
    """A field of these bytes, as of uuid."""
    return _LENGTH.pack(len(value)) + value


def text(value: str) -> bytes:
    """A field of text; PostgreSQL takes no NUL."""
    encoded = value.encode("utf-8", "replace")
    return _LENGTH.pack(len(encoded)) + encoded


def text_or_null(value: str | None) -> bytes:
    """The same, where empty stands for absent."""
    return text(value) if value else NULL


def texts(values: Sequence[str | None]) -> bytes:
    """A field of text[] in one dimension, of one element or more; None is NULL."""
    fields = [NULL if value is None else text(value) for value in values]
    head = _ARRAY.pack(1, int(None in values), _TEXT_OID, len(fields), 1)
    return raw(head + b"".join(fields))


def address(ip: str) -> bytes:
    """A field of inet for one address; ValueError for what is none."""
    family, code = (AF_INET6, _IPV6) if ":" in ip else (AF_INET, _IPV4)
    try:
        packed = inet_pton(family, ip)
    except OSError as error:
        raise ValueError(f"no address: {ip!r}") from error
    return _ADDRESS.pack(4 + len(packed), code, 8 * len(packed), 0, len(packed)) + packed


def row(*fields: bytes) -> bytes:
    """A row of these fields."""
    return _COUNT.pack(len(fields)) + b"".join(fields)


def split(rows: bytes) -> list[bytes]:
    """The rows of which these bytes are made; Broken where they are not."""
    found: list[bytes] = []
    at = 0
    while at < len(rows):
        begin = at
        try:
            (count,) = _COUNT.unpack_from(rows, at)
            at += _COUNT.size
            for _ in range(count):
                (length,) = _LENGTH.unpack_from(rows, at)
                at += _LENGTH.size + max(length, 0)
        except StructError as error:
            raise Broken("a row breaks off") from error
        if count < 0 or at > len(rows):
            raise Broken("a row breaks off")
        found.append(rows[begin:at])
    return found
