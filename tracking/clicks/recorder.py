"""Stores rows: many at once by COPY, each acknowledged after its commit, or when it is spooled."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

import psycopg
import structlog
from psycopg import AsyncConnection

from network import clock
from network.errors import PeractionError, Unavailable
from network.logs import database_facts
from network.patience import hanging_up
from partners import places
from partners.places import Full
from tracking import metrics
from tracking.batches import Batches, Tell
from tracking.clicks import batch, salts
from tracking.clicks.batch import Batch
from tracking.clicks.commit import commit
from tracking.clicks.kinds import COPIES, KINDS, LATER, Entry, Later
from tracking.clicks.spool import Spool
from tracking.clicks.spool_records import BINARY, Record

log = structlog.get_logger(__name__)

BATCH_MAX: Final = 2_000
WAITING_MAX: Final = 10_000
CONNECT_MAX_S: Final = 5
_BACKOFF_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_TEND_EVERY_S: Final = 1.0
_FEW: Final = 256
_LINGER_S: Final = 0.001
_MAKE_PARTITION: Final = "SELECT make_partition(%s, %s)"


class Recorder:
    """The one writer of clicks, impressions and page events of this process.

    On a connection of its own. A commit that PostgreSQL does not confirm within `commit_max_s` is
    given up: its rows go to the spool, as all rows do while there is no connection, and whoever
    waits is answered. Perhaps it came about all the same; the drainer stores a row only once.
    """

    def __init__(self, conninfo: str, spool: Spool, *, commit_max_s: float) -> None:
        self._conninfo = conninfo
        self._spool = spool
        self._commit_max_s: Final = commit_max_s
        self._connection: AsyncConnection[Any] | None = None
        self._lost = asyncio.Event()
        # Connections that failed, or were lost before a commit was confirmed on them. So a server
        # that takes connections and is too slow for commits is tried only now and then.
        self._failures = 0
        self._made: set[tuple[str, date]] = set()
        # The salts of the days around now, by which visitors are told apart; without a database
        # those that are there must do.
        self.salts: Mapping[date, bytes] = {}
        # Windows of caps that are closed for sure.
        self.full = Full()
        self._batches: Batches[Entry, Entry] = Batches(
            self._store, batch_max=BATCH_MAX, waiting_max=WAITING_MAX, few=_FEW, linger_s=_LINGER_S
        )

    @property
    def spooling(self) -> bool:
        """Whether rows go to the spool right now, because PostgreSQL is away or too slow."""
        return self._connection is None

    @property
    def storing(self) -> bool:
        """Whether there is a place for rows right now, one or the other."""
        return not self.spooling or self._spool.has_room

    async def record(self, entry: Entry) -> Entry:
        """Queue a row, and return what was stored of it: itself, or what took its place.

        Unavailable where there is nowhere to store it.
        """
        stored = await self._batches.add(entry)
        while isinstance(stored, Later):
            stored = await self._batches.add(stored.entry)
        return stored

    def give(self, entry: Entry, tell: Tell[Entry]) -> None:
        """Queue a row whose place no `Later` takes; what was stored of it is told by a call."""
        self._batches.give(entry, tell)

    async def run(self) -> None:
        """Keep the connection and store what is queued, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._stay_connected())
                tasks.create_task(self._tend_spool())
                tasks.create_task(self._batches.run())
        finally:
            if self._connection is not None:
                await self._connection.close()

    async def drain(self, *, patience_s: float) -> None:
        """Return when everything queued is stored, or after `patience_s`."""
        await self._batches.drain(patience_s=patience_s)

    async def _stay_connected(self) -> None:
        while True:
            try:
                connection = await AsyncConnection.connect(
                    self._conninfo,
                    autocommit=True,
                    application_name="tracker clicks",
                    connect_timeout=CONNECT_MAX_S,
                )
                self.salts = await salts.around(connection, clock.now().date())
                self._connection = connection
            except Exception as error:
                # Anything: a tracker that stops trying would be down until somebody looks.
                log.warning("clicks.not_connected", error=str(error))
            else:
                log.info("clicks.connected")
                await self._lost.wait()
                self._lost.clear()
            await asyncio.sleep(_BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)])
            self._failures += 1

    async def _tend_spool(self) -> None:
        while True:
            await self._spool.tend(done=not self.spooling)
            await asyncio.sleep(_TEND_EVERY_S)

    async def _store(self, entries: list[Entry]) -> Sequence[Entry | Exception]:
        """Store rows in PostgreSQL or in the spool; what fails on its data is halved.

        So a row that PostgreSQL refuses fails alone.
        """
        connection = self._connection
        if connection is None:
            return await self._put_by(entries)
        began_s = time.perf_counter()
        try:
            with hanging_up(connection, patience_s=self._commit_max_s):
                await self._make_partitions(connection, entries)
                stored = await self._commit(connection, entries)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            await self._take_back(connection)
            if len(entries) == 1:
                log.error("clicks.refused", rows_of=entries[0].kind, **database_facts(error))
                return [Unavailable("this cannot be stored")]
            half = len(entries) // 2
            return [*await self._part(entries[:half]), *await self._part(entries[half:])]
        except (psycopg.Error, OSError) as error:
            # OSError: the process has no file descriptor left, or the socket is gone.
            # Perhaps stored, perhaps not. All rows of the COPY go to the spool together, so that
            # one which comes about late may fail on rows that the drainer has stored before it.
            log.warning("clicks.commit_unknown", rows=len(entries), error=str(error))
            await self._drop(connection)
            return await self._put_by(entries)
        self._failures = 0
        seconds = time.perf_counter() - began_s
        outcomes = _outcomes(stored)
        later = outcomes.pop(LATER, 0)
        metrics.count_batch(rows=len(stored) - later, seconds=seconds)
        metrics.count_outcomes(outcomes)
        return stored

    async def _take_back(self, connection: AsyncConnection[Any]) -> None:
        """End a transaction that has failed; a server that is silent about that is given up."""
        try:
            with hanging_up(connection, patience_s=self._commit_max_s):
                await connection.rollback()
        except (psycopg.Error, OSError) as error:
            log.warning("clicks.not_taken_back", error=str(error))
            await self._drop(connection)

    async def _part(self, entries: list[Entry]) -> Sequence[Entry | Exception]:
        """Store a part by itself: where that fails, others of its batch may have been stored."""
        try:
            return await self._store(entries)
        except PeractionError as error:
            return [error] * len(entries)

    async def _commit(
        self, connection: AsyncConnection[Any], entries: Sequence[Entry]
    ) -> Sequence[Entry]:
        """Store all at once; who finds no place in a cap is stored as its `otherwise` says."""
        wanted = places.wanted([claim for entry in entries for claim in entry.claims])
        together = Batch(entries, wanted)
        taking = [places.taking(connection, wanted)] if wanted else []
        if await commit(connection, [*taking, *together.copies], together.rows):
            self.full.learn(together.windows)
            return together.entries
        return await self._commit_in_turn(connection, entries)

    async def _commit_in_turn(
        self, connection: AsyncConnection[Any], entries: Sequence[Entry]
    ) -> Sequence[Entry]:
        """The same with a window that is new, or a click that one cap refuses and another takes.

        The windows are locked first, and their places taken when it is known how many.
        """
        windows = await places.begin(connection, [c for entry in entries for c in entry.claims])
        decided = batch.decided(entries, windows)
        for kind, part in batch.by_kind(decided).items():
            async with connection.cursor() as cursor, cursor.copy(COPIES[kind]) as copy:
                await copy.write(batch.copied(part))
        await places.commit(connection, windows)
        self.full.learn(windows)
        return decided

    async def _put_by(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Spool rows. Unavailable where the spool takes none.

        Nobody gets into a cap whose counter is out of reach. What takes the place of such a row has
        an id of its own: the row itself may have come about after all.
        """
        kept = [entry if entry.otherwise is None else entry.otherwise(None) for entry in entries]
        await self._spool.append(
            [_record(kind, part) for kind, part in batch.by_kind(kept).items()]
        )
        metrics.SPOOLED.inc(len(kept))
        metrics.count_outcomes(_outcomes(kept))
        return kept

    async def _drop(self, connection: AsyncConnection[Any]) -> None:
        self._connection = None
        await connection.close()
        self._lost.set()

    async def _make_partitions(
        self, connection: AsyncConnection[Any], entries: Sequence[Entry]
    ) -> None:
        """Make sure of the partitions of these days and the days after, once for each.

        Where that fails the default partition takes the rows, and the next batch tries again.
        """
        for kind, day in sorted({(entry.kind, entry.day) for entry in entries} - self._made):
            try:
                for each in (day, day + timedelta(days=1)):
                    await connection.execute(_MAKE_PARTITION, [KINDS[kind].table, each])
                self.salts = await salts.around(connection, day)
            except psycopg.Error as error:
                log.warning("clicks.no_partition", day=str(day), error=str(error))
                return
            self._made.add((kind, day))


def _outcomes(entries: Sequence[Entry]) -> Counter[str]:
    return Counter([e.outcome for e in entries if e.kind == "click"])


def _record(kind: str, entries: Sequence[Entry]) -> Record:
    days = frozenset([entry.day for entry in entries])
    rows = [entry.row for entry in entries]
    return Record(kind, KINDS[kind].columns, BINARY, days, len(rows), b"".join(rows))
