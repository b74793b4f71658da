"""Loads what trackers of this host have spooled, each row once; a file goes after its last commit.

Everything may be done twice. A drainer that is killed between a commit and the deletion loads the
file again, and the unique key of each row makes that nothing.

The COPY that a tracker gave up may still be under way in a server process while its rows are
inserted here. The unique index makes the later of the two wait for the earlier. Where the COPY
commits first, these rows are left out; where it fails, on a row of ours or for itself, nothing is
lost, because all rows of that COPY are in the file; in a deadlock one of both fails, and a file is
simply loaded again.
"""

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, Final

import psycopg
import structlog
from psycopg import Connection
from psycopg.errors import DatatypeMismatch, ProgramLimitExceeded

from network.binary import Broken
from tracking.clicks import backlog, kinds, repeats, spool_records
from tracking.clicks.kinds import KINDS
from tracking.clicks.spool_records import Record

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 1.0
ROWS_MAX: Final = 2_000
_BACKOFF_S: Final = (1.0, 2.0, 5.0)
_CONNECT_MAX_S: Final = 5
# What a killed tracker has left of a file that it never began to use.
_FRESH_MAX_S: Final = 60
# What PostgreSQL says of rows that are none, or none of this table's.
_REFUSALS: Final = (
    psycopg.DataError,
    psycopg.IntegrityError,
    DatatypeMismatch,
    ProgramLimitExceeded,
)
_COLUMNS: Final = re.compile(r"[a-z_0-9]+(, [a-z_0-9]+)*", re.ASCII)


class UnknownKind(LookupError):
    """Rows of a kind that this release does not know."""


def run(directory: Path, conninfo: str) -> None:
    """Load whatever is left, for ever. Anything may end it at any moment."""
    failures = 0
    while True:
        failures = 0 if drain(directory, conninfo) else failures + 1
        time.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1] if failures else LOOK_EVERY_S)


def drain(directory: Path, conninfo: str) -> bool:
    """Load every file that nobody holds, the oldest first; False where some could not be."""
    _clear(directory)
    waiting = backlog.paths(directory)
    if not waiting:
        return True
    try:
        with psycopg.connect(
            conninfo,
            autocommit=True,
            application_name="tracker drain",
            connect_timeout=_CONNECT_MAX_S,
        ) as connection:
            loaded = [_tried(connection, path) for path in waiting]
            return all(loaded)
    except psycopg.OperationalError as error:
        log.warning("spool.not_drained", files=len(waiting), error=str(error))
        return False


def _tried(connection: Connection[Any], path: Path) -> bool:
    """Load a file; one that fails stays as it is and holds up none of the others."""
    try:
        with backlog.seized(path) as file:
            if file is not None:
                _load(connection, path, file.read())
    except (psycopg.Error, OSError, spool_records.UnknownFormat, UnknownKind) as error:
        if connection.broken:
            raise psycopg.OperationalError(str(error)) from error
        log.error("spool.not_loaded", file=path.name, error=repr(error))
        return False
    return True


def _load(connection: Connection[Any], path: Path, data: bytes) -> None:
    """Load a file that we hold, put aside what is refused, then delete it."""
    reading = spool_records.decode(data)
    refused: list[Record] = []
    total = stored = 0
    for records in _neighbours(reading.records):
        _make_partitions(connection, _joined(records))
        stored += _insert(connection, records, refused)
        total += sum(record.size for record in records)
    if refused:
        _keep(refused, path.with_suffix(backlog.REJECTED))
        log.error("spool.rows_refused", file=path.name, rows=sum(each.size for each in refused))
    if reading.damaged:
        path.rename(path.with_suffix(backlog.DAMAGED))
        log.error("spool.damaged", file=path.name, rows_read=total)
    else:
        path.unlink()
    backlog.sync(path.parent)
    log.info("spool.loaded", file=path.name, rows=total, stored=stored)


def _neighbours(found: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Neighbours of one kind, up to ROWS_MAX or so: a commit costs the same for many."""
    first = 0
    rows = 0
    for place, record in enumerate(found):
        rows += record.size
        following = found[place + 1] if place + 1 < len(found) else None
        if rows >= ROWS_MAX or following is None or following[:3] != record[:3]:
            yield found[first : place + 1]
            first, rows = place + 1, 0


def _joined(records: Sequence[Record]) -> Record:
    """Records of one kind as one."""
    days = frozenset[date]().union(*(each.days for each in records))
    data = b"".join([each.rows for each in records])
    return records[0]._replace(days=days, size=sum(each.size for each in records), rows=data)


def _insert(connection: Connection[Any], records: Sequence[Record], refused: list[Record]) -> int:
    """Store the rows that are not stored yet, and count them; what fails on its data is halved.

    The row that is left alone goes to `refused`, and so does a record whose rows cannot be told
    apart.
    """
    record = _joined(records)
    kind, columns = _kind(record), record.columns
    try:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TEMP TABLE spooled ON COMMIT DROP AS"
                f" SELECT {columns} FROM {kind.table} WITH NO DATA"
            )
            with cursor.copy(kinds.copy("pg_temp.spooled", columns, record.format)) as copy:
                copy.write(record.copied)
            cursor.execute(
                f"INSERT INTO {kind.table} ({columns}) SELECT {columns} FROM pg_temp.spooled"
                " ON CONFLICT DO NOTHING"
            )
            stored = cursor.rowcount
            if record.kind == "click":
                # They come late: among them may be visitors' first clicks of those days.
                repeats.look_again(cursor, record.days)
            return stored
    except _REFUSALS as error:
        if halves := _halved(records):
            return sum(_insert(connection, half, refused) for half in halves)
        log.error("spool.row_refused", kind=record.kind, error=str(error).partition("\n")[0])
        refused.append(record)
        return 0


def _halved(records: Sequence[Record]) -> Sequence[Sequence[Record]]:
    """Both halves, empty for what cannot be taken apart; a record's rows are the last to be.

    Where they cannot be told apart, the other records are none the worse.
    """
    if len(records) > 1:
        middle = len(records) // 2
        return records[:middle], records[middle:]
    if records[0].size > 1:
        with suppress(Broken):
            return [[half] for half in records[0].halves()]
    return ()


def _make_partitions(connection: Connection[Any], record: Record) -> None:
    """Make sure of the days' partitions; where that fails the default one takes the rows."""
    for day in sorted(record.days):
        try:
            connection.execute("SELECT make_partition(%s, %s)", [_kind(record).table, day])
        except psycopg.Error as error:
            if connection.broken:
                raise
            log.warning("spool.no_partition", day=str(day), error=str(error))


def _kind(record: Record) -> kinds.Kind:
    known = record.kind in KINDS and record.format in kinds.FORMATS
    if not (known and _COLUMNS.fullmatch(record.columns)):
        raise UnknownKind(f"{record.kind} ({record.columns}) {record.format}")
    return KINDS[record.kind]


def _keep(refused: list[Record], path: Path) -> None:
    """Keep refused rows as a spool file: renamed to `.spool`, it is tried again."""
    fresh = path.with_suffix(backlog.FRESH)
    with open(fresh, "wb", opener=_private) as file:
        file.write(
            spool_records.FILE_HEAD + b"".join([spool_records.encode(record) for record in refused])
        )
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


def _clear(directory: Path) -> None:
    """Delete files that died before they had their name: nothing in them was answered."""
    for path in backlog.paths(directory, backlog.FRESH):
        with suppress(FileNotFoundError), backlog.seized(path) as file:
            if file is not None and time.time() - path.stat().st_mtime > _FRESH_MAX_S:
                path.unlink()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
