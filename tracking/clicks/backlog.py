"""The spool's directory: which files wait there, which are still being written, how full it is.

A file is held by its writer with flock, so its end, and the writer's death too, are known to the
kernel alone. Files get their name when they are held and have their first line; until then they are
called `.new`, and nothing in them was ever answered.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from tracking.clicks import spool_records

FRESH: Final = ".new"
WAITING: Final = ".spool"
# Kept for a person: bytes that cannot be read, rows that PostgreSQL refused.
DAMAGED: Final = ".damaged"
REJECTED: Final = ".rejected"

ALARM_SHARE: Final = 0.8
# Files that wait longer say that nobody drains them, or that the database is away for long.
ALARM_AGE_S: Final = 300


@dataclass(frozen=True, slots=True)
class Backlog:
    """What lies in a spool's directory. Rows are those in files that wait to be loaded."""

    files: int
    bytes: int
    bytes_max: int
    rows: int
    oldest_s: int
    held: int
    damaged: int
    rejected: int

    @property
    def share(self) -> float:
        """How much of the bound is taken; 1.0 is all of it."""
        return self.bytes / self.bytes_max if self.bytes_max else float(self.bytes > 0)

    @property
    def alarms(self) -> list[str]:
        """What a person should look after; empty when all is well."""
        found = {
            f"more than {ALARM_SHARE:.0%} of the bound is taken": self.share >= ALARM_SHARE,
            f"a file waits for more than {ALARM_AGE_S} s": self.oldest_s > ALARM_AGE_S,
            "there are damaged files": self.damaged > 0,
            "there are rejected rows": self.rejected > 0,
        }
        return [alarm for alarm, is_so in found.items() if is_so]


def look(directory: Path, *, bytes_max: int) -> Backlog:
    """The state of the directory, with every waiting file opened and its rows counted."""
    found = [(path, stat) for path in paths(directory) if (stat := _stat(path)) is not None]
    ages_s = [time.time() - stat.st_mtime for _, stat in found]
    return Backlog(
        files=len(found),
        bytes=size(directory)[0],
        bytes_max=bytes_max,
        rows=sum(_rows(path) for path, _ in found),
        oldest_s=int(max([0.0, *ages_s])),
        held=sum(_is_held(path) for path, _ in found),
        damaged=len(paths(directory, DAMAGED)),
        rejected=len(paths(directory, REJECTED)),
    )


def paths(directory: Path, suffix: str = WAITING) -> list[Path]:
    """The files of this kind, the oldest first; none without the directory."""
    with suppress(FileNotFoundError):
        names = [entry.name for entry in os.scandir(directory) if entry.name.endswith(suffix)]
        return [directory / name for name in sorted(names)]
    return []


def size(directory: Path) -> tuple[int, int]:
    """(bytes of all files, number of files that wait); what is kept for a person takes room too."""
    total = waiting = 0
    with suppress(FileNotFoundError):
        for entry in os.scandir(directory):
            with suppress(FileNotFoundError):
                total += entry.stat().st_size
                waiting += entry.name.endswith(WAITING)
    return total, waiting


@contextmanager
def seized(path: Path) -> Iterator[IO[bytes] | None]:
    """The file, held for this long; None where its writer or another drainer holds it."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield None
        return
    with file:
        # A second drainer may have loaded and deleted it since we opened it.
        held = hold(file.fileno()) and os.fstat(file.fileno()).st_nlink > 0
        yield file if held else None


def hold(fd: int) -> bool:
    """Hold an open file until it is closed or its process dies; False where somebody else does."""
    return _hold(fd, fcntl.LOCK_EX)


def sync(directory: Path) -> None:
    """Make the directory's names durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _hold(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_held(path: Path) -> bool:
    with suppress(FileNotFoundError), path.open("rb") as file:
        return not _hold(file.fileno(), fcntl.LOCK_SH)
    return False


def _rows(path: Path) -> int:
    with suppress(FileNotFoundError), path.open("rb") as file:
        return spool_records.count_rows(file)
    return 0


def _stat(path: Path) -> os.stat_result | None:
    with suppress(FileNotFoundError):
        return path.stat()
    return None
