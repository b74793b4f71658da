"""Keeps a server's configuration snapshot fresh: a bell, and the version row that it announces."""

import asyncio
import threading
import time
from contextlib import suppress
from functools import partial
from typing import Any, Final

import psycopg
import structlog
from psycopg import AsyncConnection, Connection

from partners import snapshot
from partners.snapshot import Snapshot

log = structlog.get_logger(__name__)

# Between two looks: when the bell rings, when somebody asks for what is not known, and anyway. The
# bell may be lost on the way (a pooler, a half-open connection); the version row is not.
BELL_EVERY_S: Final = 0.2
CHECK_EVERY_S: Final = 1.0
LOOK_ANYWAY_S: Final = 5.0
PATIENCE_S: Final = 3.0
_FREED_AT_ONCE: Final = 500
_FREE_PAUSE_S: Final = 0.0005
_BACKOFF_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)


class Watcher:
    """The snapshot of one event loop; `snapshot` is None until the first one is there."""

    def __init__(self, conninfo: str) -> None:
        self.snapshot: Snapshot | None = None
        self._reader = _Reader(conninfo)
        self._conninfo = conninfo
        self._stir = asyncio.Event()
        self._has_rung = False
        self._next_look: asyncio.Future[None] | None = None
        self._looked_s = float("-inf")
        self._current_s = float("-inf")

    @property
    def age_s(self) -> float:
        """Seconds since the snapshot was last known to be the present one; at first infinite."""
        return time.monotonic() - self._current_s

    async def run(self) -> None:
        """Listen for ever; after a lost connection begin again."""
        failures = 0
        try:
            while True:
                try:
                    async with await AsyncConnection.connect(
                        self._conninfo, autocommit=True, application_name="tracker config"
                    ) as connection:
                        connection.add_notify_handler(lambda _: self._ring())
                        await connection.execute("LISTEN config")
                        # Now, since what was announced while nobody listened is gone.
                        await self._look(connection)
                        failures = 0
                        await self._listen(connection)
                except Exception as error:
                    # Anything: a tracker that stops looking serves an old configuration for ever.
                    surprise = not isinstance(error, psycopg.Error)
                    log.warning("snapshot.watch_failed", error=str(error), exc_info=surprise)
                    await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
                    failures += 1
        finally:
            # On a thread: one that is still reading is waited for.
            asyncio.get_running_loop().run_in_executor(None, self._reader.close)

    async def version_check(self) -> None:
        """Return when the version row has been looked at once more, at most once a second.

        For what the snapshot does not know: it may have been stored a moment ago. Gives up after
        PATIENCE_S, so that a lost database makes nobody wait for ever.
        """
        if self._next_look is None:
            self._next_look = asyncio.get_running_loop().create_future()
            self._stir.set()
        await asyncio.wait([self._next_look], timeout=PATIENCE_S)

    async def _listen(self, connection: AsyncConnection[Any]) -> None:
        while True:
            await self._until_due(connection)
            if not self._has_rung:
                # It has been quiet: a connection that waits for nothing is one of the server's.
                self._reader.close()
            await self._look(connection)

    async def _until_due(self, connection: AsyncConnection[Any]) -> None:
        """Wait for the next look; a bell or a question that comes meanwhile hastens it."""
        loop, socket = asyncio.get_running_loop(), connection.fileno()

        def heard() -> None:
            # Until the next statement takes in what came, the socket would be readable for ever.
            loop.remove_reader(socket)
            self._ring()

        # A notification, or the end of the connection, makes its socket readable.
        loop.add_reader(socket, heard)
        try:
            while (left_s := self._due_s() - time.monotonic()) > 0:
                self._stir.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stir.wait(), left_s)
        finally:
            loop.remove_reader(socket)

    def _due_s(self) -> float:
        if self._has_rung:
            return self._looked_s + BELL_EVERY_S
        return self._looked_s + (LOOK_ANYWAY_S if self._next_look is None else CHECK_EVERY_S)

    def _ring(self) -> None:
        self._has_rung = True
        self._stir.set()

    async def _look(self, connection: AsyncConnection[Any]) -> None:
        # What rings, and who asks, from here on may mean what this look is too early to see.
        self._has_rung = False
        seen, self._next_look = self._next_look, None
        looked_s = self._looked_s = time.monotonic()
        try:
            row = await (await connection.execute(snapshot.STAMP)).fetchone()
            if self.snapshot is None or row != self.snapshot.stamp:
                # On a thread and a connection of its own: clicks go on meanwhile.
                self.snapshot = await asyncio.to_thread(self._reader.latest, self.snapshot)
                if self._reader.remains:
                    await asyncio.to_thread(self._reader.let_go)
            self._current_s = looked_s
        finally:
            if seen is not None:
                seen.set_result(None)


class _Reader:
    """Reads the configuration on other threads; its connection is kept while changes come."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection: Connection[Any] | None = None
        self._in_use = threading.Lock()
        # What a snapshot consisted of that was read anew from beginning to end.
        self.remains: list[object] = []

    def latest(self, held: Snapshot | None) -> Snapshot:
        """The present configuration; what it takes depends on how far `held` is from it."""
        with self._in_use:
            if self._connection is None:
                self._connection = psycopg.connect(
                    self._conninfo, autocommit=True, application_name="tracker config"
                )
            try:
                read_whole = partial(self._read_whole, held)
                return snapshot.latest(held, self._connection, read_whole=read_whole)
            except BaseException:
                self._connection.close()
                self._connection = None
                raise

    def close(self) -> None:
        """Give the connection back until there is something to read again."""
        with self._in_use:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def let_go(self) -> None:
        """Free the remains bit by bit: all at once would hold up every click for a moment."""
        while self.remains:
            del self.remains[-_FREED_AT_ONCE:]
            time.sleep(_FREE_PAUSE_S)

    def _read_whole(self, held: Snapshot | None, connection: Connection[Any]) -> Snapshot:
        found = snapshot.load(connection, gently=held is not None, lasting=True)
        log.info("snapshot.loaded", version=found.stamp[0], links=len(found.links))
        if held is not None:
            self.remains += [*held.links.values(), *held.offers.values()]
        return found
