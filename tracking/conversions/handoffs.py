"""How a consumer takes the events that wait for it: in order, once, and with its own work.

A consumer claims rows, works and deletes them in one transaction; `consume` does just that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from network import clock
from network.rows import AnyCursor

log = structlog.get_logger(__name__)

FIRST_WAIT: Final = timedelta(seconds=10)
LONGEST_WAIT: Final = timedelta(hours=1)
DOUBLINGS_MAX: Final = 10

# SKIP LOCKED alone overtakes: while one worker holds event 1 of a conversion, another would take
# event 2. A row is free only when no lower one of its conversion is there at all; a row that
# another worker has taken, even deleted, is there for us until that worker commits. The other way
# round cannot happen: whoever wrote event 2 had waited for the commit of event 1.
_CLAIM: Final = """
SELECT event_id, conversion_id, seq, attempts FROM handoff
WHERE consumer = %s AND due_at <= %s AND NOT EXISTS (
    SELECT FROM handoff AS earlier
    WHERE earlier.consumer = handoff.consumer
        AND earlier.conversion_id = handoff.conversion_id AND earlier.seq < handoff.seq
)
ORDER BY due_at
LIMIT %s
FOR UPDATE SKIP LOCKED
"""

_PUT_OFF: Final = """
UPDATE handoff SET attempts = fresh.attempts, due_at = fresh.due_at, error = %s
FROM unnest(%s::uuid[], %s::int[], %s::timestamptz[]) AS fresh (event_id, attempts, due_at)
WHERE handoff.event_id = fresh.event_id AND handoff.consumer = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A hand-off that is ours until the transaction ends."""

    consumer: str
    event_id: UUID
    conversion_id: UUID
    seq: int
    attempts: int


Work = Callable[[CursorWrapper, Sequence[Claimed]], None]


def consume(consumer: str, work: Work, *, limit: int) -> int:
    """Do the work of up to `limit` due hand-offs; returns how many were taken.

    When a batch fails its rows are tried one by one, and what fails alone is put off: a bad event
    stops only what comes after it in its own conversion.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            claimed = claim(cursor, consumer, limit)
            work(cursor, claimed)
            finish(cursor, claimed)
            return len(claimed)
    except Exception:
        log.exception("handoffs.batch_failed", consumer=consumer)
    taken = 0
    while taken < limit and _consume_one(consumer, work):
        taken += 1
    return taken


def _consume_one(consumer: str, work: Work) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        claimed = claim(cursor, consumer, 1)
        try:
            # A savepoint: the row stays ours while the failed work is undone.
            with transaction.atomic():
                work(cursor, claimed)
                finish(cursor, claimed)
        except Exception as error:
            log.exception("handoffs.put_off", consumer=consumer)
            put_off(cursor, claimed, f"{type(error).__name__}: {error}")
    return bool(claimed)


def claim(cursor: AnyCursor, consumer: str, limit: int) -> list[Claimed]:
    """Lock up to `limit` due hand-offs of a consumer, at most one of each conversion."""
    cursor.execute(_CLAIM, [consumer, clock.now(), limit])
    return [
        Claimed(
            consumer=consumer,
            event_id=event_id,
            conversion_id=conversion_id,
            seq=seq,
            attempts=attempts,
        )
        for event_id, conversion_id, seq, attempts in cursor.fetchall()
    ]


def finish(cursor: AnyCursor, claimed: Sequence[Claimed]) -> None:
    """Delete what was claimed, in the transaction that did the work."""
    for consumer in {each.consumer for each in claimed}:
        cursor.execute(
            "DELETE FROM handoff WHERE consumer = %s AND event_id = ANY(%s)",
            [consumer, [each.event_id for each in claimed if each.consumer == consumer]],
        )


def put_off(cursor: AnyCursor, claimed: Sequence[Claimed], error: str) -> None:
    """Try these again later, each time after a longer wait; `error` says what went wrong."""
    now = clock.now()
    for consumer in {each.consumer for each in claimed}:
        own = [each for each in claimed if each.consumer == consumer]
        cursor.execute(
            _PUT_OFF,
            [
                error[:200],
                [each.event_id for each in own],
                [each.attempts + 1 for each in own],
                [_due_at(each, now) for each in own],
                consumer,
            ],
        )


def _due_at(claimed: Claimed, now: datetime) -> datetime:
    doublings = min(claimed.attempts, DOUBLINGS_MAX)
    return now + min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)
