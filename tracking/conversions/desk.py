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
from partners.snapshot import Snapshot
from tracking.conversions import intake
from tracking.conversions.answers import Answer
from tracking.conversions.evidence import Authenticated

log = structlog.get_logger(__name__)

CONNECT_MAX_S: Final = 3


class Desk:
    """Hands batches of reports to intake."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reports")
        self._connection: Connection[Any] | None = None

    async def take(self, reports: Sequence[Authenticated], snapshot: Snapshot) -> list[Answer]:
        """Take a batch in. Unavailable where it is not known to be stored: send it again."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._take, reports, snapshot)

    def close(self) -> None:
        """End the thread and the connection."""
        self._thread.shutdown(wait=True)
        if self._connection is not None:
            self._connection.close()

    def _take(self, reports: Sequence[Authenticated], snapshot: Snapshot) -> list[Answer]:
        try:
            return intake.take(self._open(), reports, snapshot, clock.now())
        except psycopg.OperationalError as error:
            log.warning("report.batch_unknown", size=len(reports), error=str(error))
            self._drop_broken()
            raise Unavailable("reports cannot be stored right now") from error

    def _open(self) -> Connection[Any]:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._conninfo,
                autocommit=True,
                application_name="tracker reports",
                connect_timeout=CONNECT_MAX_S,
            )
        return self._connection

    def _drop_broken(self) -> None:
        """Let go of a lost connection; one that only ran out of time or locks is still good."""
        if self._connection is not None and self._connection.broken:
            self._connection.close()
        if self._connection is not None and self._connection.closed:
            self._connection = None
