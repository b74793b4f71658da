"""Keeps a server's configuration snapshot fresh: a bell, and the version row that it announces."""

import asyncio
import gc
from typing import Any, Final

import psycopg
import structlog
from psycopg import AsyncConnection

from partners import snapshot
from partners.snapshot import Snapshot, Stamp

log = structlog.get_logger(__name__)

CHECK_EVERY_S: Final = 1.0
# The bell may be lost on the way (a pooler, a half-open connection); the version row is not.
LOOK_ANYWAY_S: Final = 5.0
PATIENCE_S: Final = 3.0
_BACKOFF_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)


class Watcher:
    """The snapshot of one event loop; `snapshot` is None until the first one is there."""

    def __init__(self, conninfo: str) -> None:
        self.snapshot: Snapshot | None = None
        self._conninfo = conninfo
        self._bell = asyncio.Event()
        self._waiting: set[asyncio.Future[None]] = set()
        self._checked_s = float("-inf")

    async def run(self) -> None:
        """Listen for ever; after a lost connection begin again with a full read."""
        failures = 0
        while True:
            try:
                async with await AsyncConnection.connect(
                    self._conninfo, autocommit=True, application_name="tracker config"
                ) as connection:
                    await connection.execute("LISTEN config")
                    # What was announced while nobody listened is gone, so read everything.
                    await self._reload()
                    failures = 0
                    await self._listen(connection)
            except Exception:
                # Anything: a tracker that stops looking would serve an old configuration for ever.
                log.warning("snapshot.watch_failed", exc_info=True)
                await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
                failures += 1

    async def version_check(self) -> None:
        """Return when the version row has been looked at once more, at most once a second.

        For what the snapshot does not know: it may have been stored a moment ago. Gives up after
        PATIENCE_S, so that a lost database makes nobody wait for ever.
        """
        seen = asyncio.get_running_loop().create_future()
        self._waiting.add(seen)
        self._bell.set()
        await asyncio.wait([seen], timeout=PATIENCE_S)
        # Nobody looks while the database is away: who has given up shall not stay in here.
        self._waiting.discard(seen)

    async def _listen(self, connection: AsyncConnection[Any]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._check(connection)
            # A notification, or the end of the connection, makes its socket readable.
            loop.add_reader(connection.fileno(), self._bell.set)
            try:
                await asyncio.wait_for(self._bell.wait(), LOOK_ANYWAY_S)
            except TimeoutError:
                pass
            finally:
                loop.remove_reader(connection.fileno())
            self._bell.clear()
            await asyncio.sleep(self._checked_s + CHECK_EVERY_S - loop.time())

    async def _check(self, connection: AsyncConnection[Any]) -> None:
        # Those who come from here on may ask for what this look is too early to see.
        waiting, self._waiting = self._waiting, set()
        self._checked_s = asyncio.get_running_loop().time()
        try:
            cursor = await connection.execute(snapshot.STAMP)
            if await cursor.fetchone() != self._stamp():
                await self._reload()
        finally:
            for seen in waiting:
                if not seen.done():
                    seen.set_result(None)

    def _stamp(self) -> Stamp | None:
        return self.snapshot.stamp if self.snapshot else None

    async def _reload(self) -> None:
        """Read on a thread and a connection of its own: clicks go on meanwhile."""
        self.snapshot = await asyncio.to_thread(self._load)
        # A hundred thousand links live long; the collector need not walk through them.
        gc.freeze()
        log.info("snapshot.loaded", version=self.snapshot.stamp[0], links=len(self.snapshot.links))

    def _load(self) -> Snapshot:
        # What is garbage now would be frozen in with the rest, and never be freed.
        gc.collect()
        with psycopg.connect(self._conninfo, application_name="tracker config") as connection:
            return snapshot.load(connection)
