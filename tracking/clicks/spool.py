"""The local files that take rows while PostgreSQL is away: appended to, synced, then answered.

One file at a time for a process, held by flock; the drainer loads those that nobody holds.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

import structlog

from network.errors import Unavailable
from network.ids import uuid7
from tracking.clicks import backlog, spool_records
from tracking.clicks.spool_records import Record

log = structlog.get_logger(__name__)

# A disk that takes longer is as good as full: its visitors are told to come later.
APPEND_MAX_S: Final = 5.0
# How long a file may grow before the drainer gets it, also where the database stays too slow.
FILE_MAX_S: Final = 10.0
FILE_BYTES_MAX: Final = 32 * 2**20
# How long a disk that refused a write counts as one without room.
_REFUSED_S: Final = 5.0

Result = TypeVar("Result")


class Spool:
    """The spool of one process. At most `bytes_max` bytes lie in the directory; 0 switches it off.

    All file work is done by one thread, so that it happens in order and never on the event loop.
    Other processes may share the directory: what they write is counted once a second.
    """

    def __init__(self, directory: Path, *, bytes_max: int) -> None:
        self.bytes = 0
        self.files = 0
        self._directory = directory
        self._bytes_max: Final = bytes_max
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")
        self._file: _File | None = None
        self._usable = bytes_max > 0
        self._refused_until_s = float("-inf")
        self._alarmed = False

    @property
    def has_room(self) -> bool:
        """Whether the next rows would be taken, as far as is known."""
        return self._usable and not self._refuses and self.bytes < self._bytes_max

    async def append(self, rows: Sequence[Record]) -> None:
        """Return when these are on the disk. Unavailable where they are not known to be."""
        data = b"".join([spool_records.encode(record) for record in rows])
        if self.bytes + len(data) > self._bytes_max:
            self._refuse("it is full")
            raise Unavailable("the spool is full")
        try:
            await self._in_thread(lambda: self._append(data))
        except (OSError, TimeoutError) as error:
            self._refuse(repr(error))
            raise Unavailable("the spool takes nothing") from error
        self.bytes += len(data)
        self._refused_until_s = float("-inf")

    async def tend(self, *, done: bool) -> None:
        """Look how full it is; leave the open file to the drainer where it is old, or all is done.

        To be called about once a second. Nothing is raised: a disk in trouble shows in `has_room`.
        """
        try:
            await self._in_thread(lambda: self._tend(done))
        except (OSError, TimeoutError) as error:
            self._usable = False
            log.error("spool.unusable", directory=str(self._directory), error=repr(error))
        self._watch_the_bound()

    def close(self) -> None:
        """Leave everything to the drainer; waits for what is under way."""
        self._thread.submit(self._let_go)
        self._thread.shutdown(wait=True)

    @property
    def _refuses(self) -> bool:
        return time.monotonic() < self._refused_until_s

    def _refuse(self, why: str) -> None:
        """Take note, and say so at the first of many: a full disk shall not fill with logs too."""
        if not self._refuses and self._bytes_max > 0:
            log.error("spool.refused", reason=why)
        self._refused_until_s = time.monotonic() + _REFUSED_S

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        running = asyncio.get_running_loop().run_in_executor(self._thread, work)
        # Behind a write that hangs, the next ones leave the queue when their time is up.
        return await asyncio.wait_for(running, APPEND_MAX_S)

    def _append(self, data: bytes) -> None:
        if self._file is not None and self._file.size + len(data) > FILE_BYTES_MAX:
            self._let_go()
        if self._file is None:
            _make(self._directory)
            self._file = _File(self._directory)
        try:
            self._file.append(data)
        except OSError:
            if not self._file.sound:
                self._let_go()
            raise

    def _tend(self, done: bool) -> None:
        if self._file is not None and (done or self._file.age_s > FILE_MAX_S):
            self._let_go()
        if self._bytes_max > 0:
            _make(self._directory)
            self._usable = os.access(self._directory, os.W_OK | os.X_OK) and _has_space(
                self._directory
            )
        self.bytes, self.files = backlog.size(self._directory)

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _watch_the_bound(self) -> None:
        """One alarm when it is crossed, not one a second."""
        crossed = 0 < self._bytes_max * backlog.ALARM_SHARE <= self.bytes
        if crossed and not self._alarmed:
            log.error("spool.filling", bytes=self.bytes, bytes_max=self._bytes_max)
        self._alarmed = crossed


class _File:
    """One file of the spool, open and held by this process."""

    def __init__(self, directory: Path) -> None:
        """Make it, with its first line on the disk; OSError where that cannot be."""
        path = directory / f"{uuid7()}{backlog.WAITING}"
        fresh = path.with_suffix(backlog.FRESH)
        self.sound = True
        self.size = 0
        self._began_s = time.monotonic()
        self._fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # Held before it has its name: the drainer never finds a file that seems abandoned.
            if not backlog.hold(self._fd):
                raise OSError("somebody holds the new file")
            self.append(spool_records.FILE_HEAD)
            fresh.rename(path)
            backlog.sync(directory)
        except BaseException:
            self.close()
            with suppress(OSError):
                fresh.unlink()
            raise

    @property
    def age_s(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._began_s

    def append(self, data: bytes) -> None:
        """Put bytes at its end and sync them. OSError where they are not known to be on the disk.

        A failed write is cut off again. After a failed sync nobody knows what the disk holds, and
        a second sync would lie (the kernel has forgotten the pages): the file is not `sound`, and
        takes nothing more.
        """
        try:
            self._write(data)
        except OSError:
            self.sound = False
            os.ftruncate(self._fd, self.size)
            self.sound = True
            raise
        self.sound = False
        os.fdatasync(self._fd)
        self.sound = True
        self.size += len(data)

    def close(self) -> None:
        """Let the drainer have it."""
        os.close(self._fd)

    def _write(self, data: bytes) -> None:
        view, at = memoryview(data), self.size
        while view:
            written = os.pwrite(self._fd, view, at)
            view, at = view[written:], at + written


def _make(directory: Path) -> None:
    """Make sure of the directory, closed to others: its rows hold addresses of visitors."""
    if not directory.is_dir():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        backlog.sync(directory.parent)


def _has_space(directory: Path) -> bool:
    found = os.statvfs(directory)
    return found.f_bavail > 0
