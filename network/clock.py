"""The one clock of every process: real time plus the offset in the file named by CLOCK_FILE."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Between these days every zone's midnight is an instant that both Python and PostgreSQL can say.
FIRST_DAY: Final = date(1970, 1, 1)
LAST_DAY: Final = date(2999, 12, 31)
_US_PER_S = 1_000_000


class _OffsetFile:
    """The seconds in a file, read again only when the file has changed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.seen: tuple[int, int, int] | None = None
        self.offset_us = 0

    def read_us(self) -> int:
        """The offset in microseconds; 0 without a file, ValueError for what is no number."""
        try:
            stat = os.stat(self.path)
        except FileNotFoundError:
            self.seen, self.offset_us = None, 0
            return 0
        signature = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        # A size of 0 is a writer between truncating and writing: time stays where it was.
        if signature != self.seen and stat.st_size:
            self.offset_us = parse_offset_us(self._content())
            self.seen = signature
        return self.offset_us

    def _content(self) -> str:
        with open(self.path, encoding="ascii") as file:
            return file.read()


def parse_offset_us(text: str) -> int:
    """Decimal seconds as whole microseconds, exactly; ValueError for anything else."""
    try:
        return int(Decimal(text.strip()) * _US_PER_S)
    except (ArithmeticError, ValueError) as error:
        raise ValueError(f"CLOCK_FILE holds {text!r}, not a number of seconds") from error


_file = _OffsetFile(os.environ["CLOCK_FILE"]) if os.environ.get("CLOCK_FILE") else None


@contextmanager
def following(path: str) -> Iterator[None]:
    """Take the offset from another file inside the block, in this process alone."""
    global _file  # noqa: PLW0603  (one clock per process is the point)
    before, _file = _file, _OffsetFile(path)
    try:
        yield
    finally:
        _file = before


def _now_us() -> int:
    real_us = time.time_ns() // 1_000
    return real_us + _file.read_us() if _file else real_us


def now() -> datetime:
    """The present business time, aware, in UTC, to the microsecond."""
    return EPOCH + timedelta(microseconds=_now_us())


def now_ms() -> int:
    """The present business time in milliseconds since 1970."""
    return _now_us() // 1_000
