"""The bytes of a spool file: records that name their rows, and in which every damage shows.

A file begins with a line that names the format's version. A record is a head and a payload. The
head holds a mark, the number of bytes and of rows, the payload's checksum and its own. The payload
is a line of JSON (kind, columns, format, days) and then rows as COPY takes them; it names columns
and format itself, so that a later release still loads the file. Rows without a named format are
lines of COPY's text.
"""

import struct
from collections.abc import Iterator
from datetime import date
from os import SEEK_CUR, SEEK_END
from typing import IO, Final, NamedTuple
from zlib import crc32

import orjson

from network.binary import BEGIN, END, split

FILE_HEAD: Final = b"peraction spool 2\n"
# As long. Releases that wrote it took all rows for lines of text: they leave newer files alone.
_FILE_HEADS: Final = (FILE_HEAD, b"peraction spool 1\n")
_ANY_VERSION: Final = b"peraction spool "
# No text holds it, though numbers of a row may: what makes a head is the checksum.
_MARK: Final = b"\xff\xfeR\n"
_HEAD: Final = struct.Struct(">4sIIII")
_HEAD_CRC: Final = struct.Struct(">I")

BINARY: Final = "binary"
TEXT: Final = "text"


class UnknownFormat(ValueError):
    """A spool file of another version than ours, or a sound record that says nothing to us."""


class Record(NamedTuple):
    """So many rows of one kind, in COPY's format of this name, which fall on these days (UTC)."""

    kind: str
    columns: str
    format: str
    days: frozenset[date]
    size: int
    rows: bytes

    @property
    def copied(self) -> bytes:
        """All that COPY is given."""
        return b"".join([BEGIN, self.rows, END]) if self.format == BINARY else self.rows

    def halves(self) -> tuple["Record", "Record"]:
        """Both halves of two rows or more. Broken where the rows cannot be told apart."""
        if self.format == BINARY:
            rows = split(self.rows)
        else:
            # Not splitlines, which would split at other characters too.
            rows = [line + b"\n" for line in self.rows.split(b"\n")[:-1]]
        middle = len(rows) // 2
        return self._of(rows[:middle]), self._of(rows[middle:])

    def _of(self, rows: list[bytes]) -> "Record":
        return self._replace(size=len(rows), rows=b"".join(rows))


class Reading(NamedTuple):
    """What a file holds; `damaged` where something that may have been answered is unreadable."""

    records: list[Record]
    damaged: bool


def encode(record: Record) -> bytes:
    """A record as its bytes."""
    about = {
        "kind": record.kind,
        "columns": record.columns,
        "format": record.format,
        "days": sorted(record.days),
    }
    payload = orjson.dumps(about) + b"\n" + record.rows
    head = _HEAD.pack(_MARK, len(payload), record.size, crc32(payload), 0)[: -_HEAD_CRC.size]
    return head + _HEAD_CRC.pack(crc32(head)) + payload


def decode(data: bytes) -> Reading:
    """All sound records of a file. UnknownFormat for what another version has written.

    A record whose end is missing was being written when its writer died: nobody was answered, and
    it is no damage. Behind damage the search goes on at the next mark.
    """
    records: list[Record] = []
    at = len(FILE_HEAD) if data.startswith(_FILE_HEADS) else 0
    if at == 0 and data.startswith(_ANY_VERSION):
        raise UnknownFormat(data[:40].partition(b"\n")[0].decode("utf-8", "replace"))
    damaged = False
    # Behind damage, what seems a head may be bytes of a row: there nothing ends the search.
    while at < len(data) and (damaged or not _is_torn(data, at)):
        begin = at + _HEAD.size
        found = _head(data[at:begin])
        payload = data[begin : begin + found.length] if found else b""
        if found and len(payload) == found.length and crc32(payload) == found.crc:
            records.append(_record(payload, found.rows))
            at += _HEAD.size + found.length
            continue
        damaged = True
        at = data.find(_MARK, at + 1)
        if at < 0:
            break
    return Reading(records, damaged)


def count_rows(file: IO[bytes]) -> int:
    """The rows of a file by its heads alone, up to the first record that is not whole."""
    size = file.seek(0, SEEK_END)
    file.seek(len(FILE_HEAD))
    return sum(_rows(file, size))


class _Head(NamedTuple):
    length: int
    rows: int
    crc: int


def _head(raw: bytes) -> _Head | None:
    """A head; None for bytes that are none."""
    if len(raw) < _HEAD.size:
        return None
    mark, length, rows, crc, own_crc = _HEAD.unpack(raw)
    if mark != _MARK or crc32(raw[: -_HEAD_CRC.size]) != own_crc:
        return None
    return _Head(length, rows, crc)


def _is_torn(data: bytes, at: int) -> bool:
    """Whether the file ends in a write that did not end.

    Its head is short, or sound with a payload that is short. After a power cut the file may have
    its new length already and zeros for what was to be written.
    """
    left = len(data) - at
    if left < _HEAD.size:
        return True
    head = _head(data[at : at + _HEAD.size])
    if head is not None:
        return left < _HEAD.size + head.length
    return data.count(0, at) == left


def _record(payload: bytes, size: int) -> Record:
    about, _, rows = payload.partition(b"\n")
    unknown = UnknownFormat(f"a record that tells nothing of its rows: {about[:100]!r}")
    try:
        named = orjson.loads(about)
        kind, columns, format = named["kind"], named["columns"], named.get("format", TEXT)
        days = frozenset(date.fromisoformat(day) for day in named["days"])
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise unknown from error
    if not all(isinstance(word, str) for word in (kind, columns, format)):
        raise unknown
    return Record(kind, columns, format, days, size, rows)


def _rows(file: IO[bytes], size: int) -> Iterator[int]:
    while (head := _head(file.read(_HEAD.size))) is not None:
        if file.seek(head.length, SEEK_CUR) > size:
            return
        yield head.rows
