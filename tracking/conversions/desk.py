"""The one writer of reports of a server process: a thread with a connection of its own.

A thread, because intake is plain synchronous code that sweepers use too; one, because the next
batch gathers meanwhile.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import psycopg
import structlog
from psycopg import Connection

from network import clock
from network.errors import Unavailable
from network.patience import hanging_up
from partners.snapshot import Snapshot
from tracking.conversions import intake
from tracking.conversions.answers import Answer
from tracking.conversions.evidence import Authenticated

log = structlog.get_logger(__name__)

# A batch that takes longer is given up: its senders come again.
COMMIT_MAX_S: Final = 10.0
CONNECT_MAX_S: Final = 3
# Who finds nobody there does not try again for each batch that waits behind it.
_AWAY_S: Final = 0.5


class Desk:
    """Hands batches of reports to intake."""

    def __init__(self, conninfo: str, *, commit_max_s: float = COMMIT_MAX_S) -> None:
        self._conninfo = conninfo
        self._commit_max_s: Final = commit_max_s
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reports")
        self._connection: Connection[Any] | None = None
        self._away_until_s = float("-inf")

    async def take(self, reports: Sequence[Authenticated], snapshot: Snapshot) -> list[Answer]:
        """Take a batch in. Unavailable where it is not known to be stored: send it again."""
        loop = asyncio.get_running_loop()
        connection = await self._open(loop)
        try:
            with hanging_up(connection, patience_s=self._commit_max_s):
                return await loop.run_in_executor(
                    self._thread, intake.take, connection, reports, snapshot, clock.now()
                )
        except psycopg.OperationalError as error:
            log.warning("report.batch_unknown", size=len(reports), error=str(error))
            self._drop_broken()
            raise Unavailable("reports cannot be stored right now") from error

    def close(self) -> None:
        """End the thread and the connection."""
        self._thread.shutdown(wait=True)
        if self._connection is not None:
            self._connection.close()

    async def _open(self, loop: asyncio.AbstractEventLoop) -> Connection[Any]:
        """The connection, made where there is none; Unavailable where nobody answers."""
        if self._connection is not None:
            return self._connection
        if loop.time() < self._away_until_s:
            raise Unavailable("reports cannot be stored right now")
        try:
            self._connection = await loop.run_in_executor(self._thread, self._connect)
        except psycopg.OperationalError as error:
            self._away_until_s = loop.time() + _AWAY_S
            log.warning("report.not_connected", error=str(error))
            raise Unavailable("reports cannot be stored right now") from error
        return self._connection

    def _connect(self) -> Connection[Any]:
        return psycopg.connect(
            self._conninfo,
            autocommit=True,
            application_name="tracker reports",
            connect_timeout=CONNECT_MAX_S,
        )

    def _drop_broken(self) -> None:
        """Let go of a lost connection; one that only ran out of time or locks is still good."""
        if self._connection is not None and self._connection.broken:
            self._connection.close()
        if self._connection is not None and self._connection.closed:
            self._connection = None
