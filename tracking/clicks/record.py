"""Stores clicks: many at once by COPY, each acknowledged after its commit."""

import asyncio
from datetime import date, timedelta
from typing import Any, Final

import psycopg
import structlog
from psycopg import AsyncConnection

from network.errors import Unavailable
from network.logs import database_facts
from network.patience import hanging_up
from tracking.batches import Batches
from tracking.clicks.row import COPY

log = structlog.get_logger(__name__)

BATCH_MAX: Final = 2_000
WAITING_MAX: Final = 10_000
# A commit that takes longer is given up: nobody waits longer for a redirect.
COMMIT_MAX_S: Final = 10.0
CONNECT_MAX_S: Final = 5
_BACKOFF_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_FEW: Final = 32
_LINGER_S: Final = 0.001

_Row = tuple[date, str]  # the day of the click in UTC, and its COPY line


class Recorder:
    """The one writer of clicks of this process, on a connection of its own."""

    def __init__(self, conninfo: str, *, commit_max_s: float = COMMIT_MAX_S) -> None:
        self._conninfo = conninfo
        self._commit_max_s: Final = commit_max_s
        self._connection: AsyncConnection[Any] | None = None
        self._lost = asyncio.Event()
        self._days: set[date] = set()
        self._batches: Batches[_Row, None] = Batches(
            self._store, batch_max=BATCH_MAX, waiting_max=WAITING_MAX, few=_FEW, linger_s=_LINGER_S
        )

    @property
    def connected(self) -> bool:
        """Whether clicks can be stored right now."""
        return self._connection is not None

    def record(self, day: date, line: str) -> asyncio.Future[None]:
        """Queue a click; await its commit. Unavailable where there is nowhere to store it."""
        if self._connection is None:
            raise Unavailable("clicks cannot be stored right now")
        return self._batches.add((day, line))

    async def run(self) -> None:
        """Keep the connection and store what is queued, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stay_connected())
            tasks.create_task(self._batches.run())

    async def drain(self, *, patience_s: float) -> None:
        """Return when everything queued is stored, or after `patience_s`."""
        await self._batches.drain(patience_s=patience_s)

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            try:
                self._connection = await AsyncConnection.connect(
                    self._conninfo,
                    autocommit=True,
                    application_name="tracker clicks",
                    connect_timeout=CONNECT_MAX_S,
                )
            except Exception as error:
                # Anything: a tracker that stops trying would be down until somebody looks.
                log.warning("clicks.not_connected", error=str(error))
                await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
                failures += 1
                continue
            failures = 0
            log.info("clicks.connected")
            await self._lost.wait()
            self._lost.clear()

    async def _store(self, rows: list[_Row]) -> list[None | Exception]:
        """Store rows in one COPY; what fails on its data is halved, so it fails alone."""
        try:
            await self._make_partitions({day for day, _ in rows})
            await self._copy("".join([line for _, line in rows]))
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            if len(rows) == 1:
                log.error("clicks.refused", **database_facts(error))
                return [Unavailable("this click cannot be stored")]
            half = len(rows) // 2
            return await self._store(rows[:half]) + await self._store(rows[half:])
        return [None] * len(rows)

    async def _copy(self, lines: str) -> None:
        """One COPY, one commit; Unavailable where it is not known to have happened."""
        connection = self._connection
        if connection is None:
            raise Unavailable("clicks cannot be stored right now")
        try:
            with hanging_up(connection, patience_s=self._commit_max_s):
                async with connection.cursor() as cursor, cursor.copy(COPY) as copy:
                    await copy.write(lines.encode("utf-8", "replace"))
        except psycopg.OperationalError as error:
            # Perhaps stored, perhaps not: nobody is told that it was.
            log.warning("clicks.commit_unknown", error=str(error))
            await self._drop(connection)
            raise Unavailable("clicks cannot be stored right now") from error

    async def _drop(self, connection: AsyncConnection[Any]) -> None:
        self._connection = None
        await connection.close()
        self._lost.set()

    async def _make_partitions(self, days: set[date]) -> None:
        """Make sure of the partitions of these days and the days after, once for each.

        Where that fails the default partition takes the clicks, and the next batch tries again.
        """
        for day in sorted(days - self._days):
            if self._connection is None:
                return
            try:
                with hanging_up(self._connection, patience_s=self._commit_max_s):
                    for each in (day, day + timedelta(days=1)):
                        await self._connection.execute("SELECT make_click_partition(%s)", [each])
            except psycopg.Error as error:
                log.warning("clicks.no_partition", day=str(day), error=str(error))
                return
            self._days.add(day)
