"""Clicks as spool files, for tests: rows, records, files that nobody holds."""

from datetime import date
from pathlib import Path
from uuid import UUID

from network.ids import uuid7, uuid7_time
from tests.tracking.visits import make_row
from tracking.clicks import spool_records
from tracking.clicks.kinds import KINDS
from tracking.clicks.spool_records import BINARY, Record


def row(id: UUID | None = None, *, language: str = "") -> bytes:
    """The row of a click; any text may be its language."""
    return make_row(id, language=language)


def record(*ids: UUID, columns: str = KINDS["click"].columns, extra: bytes = b"") -> Record:
    """A record of clicks with these ids, and of one further row as it is."""
    rows = [row(id) for id in ids] + [extra] * bool(extra)
    return Record("click", columns, BINARY, days_of(ids), len(rows), b"".join(rows))


def days_of(ids: tuple[UUID, ...]) -> frozenset[date]:
    """The days of clicks with these ids."""
    return frozenset(uuid7_time(id).date() for id in ids)


def contents(*found: Record) -> bytes:
    """A file of these records."""
    return spool_records.FILE_HEAD + b"".join(spool_records.encode(each) for each in found)


def put(directory: Path, *found: Record) -> Path:
    """A file of these records, as a tracker leaves it when it dies."""
    directory.mkdir(mode=0o700, exist_ok=True)
    path = directory / f"{uuid7()}.spool"
    path.write_bytes(contents(*found))
    return path
