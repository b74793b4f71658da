"""The time of the story: the clock of this process alone, and what will happen at which instant."""

import heapq
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Generic, TypeVar

from network import clock

Action = Callable[[], None]
Item = TypeVar("Item")


class StoryClock:
    """Moves the business time of this process; others go on with theirs."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def move_to(self, instant: datetime) -> None:
        """Make it `instant` now; from there on time goes its way."""
        offset_us = (instant - datetime.now(UTC)) // timedelta(microseconds=1)
        sign, (whole, rest) = "-" * (offset_us < 0), divmod(abs(offset_us), 1_000_000)
        # A new file each time: one that was only rewritten can look the same as before.
        fresh = self._path.with_suffix(".new")
        fresh.write_text(f"{sign}{whole}.{rest:06d}", encoding="ascii")
        fresh.replace(self._path)


@contextmanager
def story_clock() -> Iterator[StoryClock]:
    """A clock to move inside the block; afterwards this process has the time of all others."""
    with tempfile.TemporaryDirectory(prefix="peraction-demo-") as folder:
        path = Path(folder) / "clock"
        with clock.following(str(path)):
            yield StoryClock(path)


class Agenda(Generic[Item]):
    """Things in the order of their time."""

    def __init__(self) -> None:
        self._waiting: list[tuple[datetime, int, Item]] = []
        self._numbers = count()

    def add(self, at: datetime, item: Item) -> None:
        """Put something on for this instant."""
        heapq.heappush(self._waiting, (at, next(self._numbers), item))

    def until(self, end: datetime) -> Iterator[Item]:
        """Take out what is due before `end`, also what is added meanwhile."""
        while self._waiting and self._waiting[0][0] < end:
            yield heapq.heappop(self._waiting)[2]
