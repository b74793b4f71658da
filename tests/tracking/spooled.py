"""Clicks as spool files, for tests: lines, records, files that nobody holds."""

from datetime import date
from pathlib import Path
from uuid import UUID

from network.ids import uuid7, uuid7_time
from tracking.clicks import records, row
from tracking.clicks.kinds import KINDS
from tracking.clicks.records import Record


def line(id: UUID | None = None, *, language: str = "") -> str:
    """The line of a click; a language of 36 characters and more is one that nothing refuses."""
    return row.line(
        id or uuid7(),
        link=(1, 2, 3, 4),
        reason="ok",
        link_code="abc123",
        destination="https://shop.example/",
        params={},
        ip="192.0.2.1",
        headers=("", "", language),
    )


def record(*ids: UUID, columns: str = KINDS["click"].columns, extra: str = "") -> Record:
    """A record of clicks with these ids, and of further lines as they are."""
    lines = "".join([line(id) for id in ids]) + extra
    return Record("click", columns, days_of(ids), lines.encode())


def days_of(ids: tuple[UUID, ...]) -> frozenset[date]:
    """The days of clicks with these ids."""
    return frozenset(uuid7_time(id).date() for id in ids)


def contents(*found: Record) -> bytes:
    """A file of these records."""
    return records.FILE_HEAD + b"".join(records.encode(each) for each in found)


def put(directory: Path, *found: Record) -> Path:
    """A file of these records, as a tracker leaves it when it dies."""
    directory.mkdir(mode=0o700, exist_ok=True)
    path = directory / f"{uuid7()}.spool"
    path.write_bytes(contents(*found))
    return path
