"""Group commit: what arrives while one batch is under way makes up the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Generic, TypeVar

import structlog

from network.errors import PeractionError, Unavailable

log = structlog.get_logger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
Settle = Callable[[list[Item]], Awaitable[Sequence[Result | Exception]]]
# Is called with an item's result on the event loop; what it raises is logged and nobody else's.
Tell = Callable[[Result | Exception], None]


class Batches(Generic[Item, Result]):
    """Settles items together, one batch at a time, and tells each item's giver its own result.

    `settle` answers a result or an exception for each item, in their order; what it raises is
    everybody's. At most `waiting_max` items wait. After a batch of few items the next one gathers
    for `linger_s`, because a commit costs the same for one row as for fifty; after a single item it
    does not, because nobody else is there to gather.
    """

    def __init__(
        self,
        settle: Settle[Item, Result],
        *,
        batch_max: int,
        waiting_max: int,
        few: int = 0,
        linger_s: float = 0.0,
    ) -> None:
        self._settle = settle
        self._batch_max: Final = batch_max
        self._waiting_max: Final = waiting_max
        self._few: Final = few
        self._linger_s: Final = linger_s
        self._items: list[Item] = []
        self._givers: list[Tell[Result]] = []
        self._arrived = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def add(self, item: Item) -> asyncio.Future[Result]:
        """Queue an item; await the result. Unavailable where too many wait already."""
        future: asyncio.Future[Result] = self._loop.create_future()
        self.give(item, partial(_settle_future, future))
        return future

    def give(self, item: Item, tell: Tell[Result]) -> None:
        """Queue an item whose result is told by a call. Unavailable where too many wait already."""
        if len(self._items) >= self._waiting_max:
            raise Unavailable("too much at once")
        self._items.append(item)
        self._givers.append(tell)
        self._arrived.set()

    async def run(self) -> None:
        """Settle batches until cancelled; what waits then is Unavailable."""
        size = 0
        try:
            while True:
                await self._arrived.wait()
                if 1 < size < self._few:
                    await asyncio.sleep(self._linger_s)
                size = await self._settle_next()
        finally:
            for tell in self._givers:
                _tell(tell, Unavailable("stopped"))

    async def drain(self, *, patience_s: float) -> None:
        """Return when nothing waits any more, or after `patience_s`."""
        deadline_s = self._loop.time() + patience_s
        while (self._items or self._arrived.is_set()) and self._loop.time() < deadline_s:
            await asyncio.sleep(0.01)

    async def _settle_next(self) -> int:
        items, self._items = self._items[: self._batch_max], self._items[self._batch_max :]
        givers, self._givers = self._givers[: self._batch_max], self._givers[self._batch_max :]
        results: Sequence[Result | Exception]
        try:
            results = await self._settle(items)
        except PeractionError as error:
            results = [error] * len(items)
        except Exception:
            log.exception("batch.failed", size=len(items))
            results = [PeractionError()] * len(items)
        except asyncio.CancelledError:
            for tell in givers:
                _tell(tell, Unavailable("stopped"))
            raise
        for tell, result in zip(givers, results, strict=True):
            _tell(tell, result)
        # Only now: `drain` waits for what is under way too.
        if not self._items:
            self._arrived.clear()
        return len(items)


def _tell(tell: Tell[Result], result: Result | Exception) -> None:
    try:
        tell(result)
    except Exception:
        log.exception("batch.not_told")


def _settle_future(future: asyncio.Future[Result], result: Result | Exception) -> None:
    # A visitor who has gone away cancels the wait, not the row.
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
