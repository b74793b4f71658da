"""Clicks as spool files, for tests: lines, records, files that nobody holds."""

from datetime import date
from pathlib import Path
from uuid import UUID

from network.ids import uuid7, uuid7_time
from tests.tracking.visits import make_line
from tracking.clicks import spool_records
from tracking.clicks.kinds import KINDS
from tracking.clicks.spool_records import Record


def line(id: UUID | None = None, *, language: str = "") -> str:
    """The line of a click; a language of 36 characters and more is one that nothing refuses."""
    return make_line(id, language=language)


def record(*ids: UUID, columns: str = KINDS["click"].columns, extra: str = "") -> Record:
    """A record of clicks with these ids, and of further lines as they are."""
    lines = "".join([line(id) for id in ids]) + extra
    return Record("click", columns, days_of(ids), lines.encode())


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
