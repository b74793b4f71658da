"""Messages on their way: leased, called, recorded; tried again for two days, then given up.

One affiliate's slow server shall not hold up the others: a batch takes a few messages of each
affiliate, and an address that was slow rests for a while with all that is due there.

No transaction is open while an address takes its time. A worker pushes `due_at` ahead, commits,
calls and records; one that dies in between leaves a message that comes due again with the same id.
That is at least once, and the receiver dedupes on the id.
"""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Final
from uuid import UUID

import structlog
from django.db import connection, transaction

from network import clock, outgoing
from network.crypto import Unreadable
from network.errors import Conflict, RateLimited
from network.ids import uuid7
from network.locks import turn
from network.outgoing import Outcome
from network.webhooks import webhook_headers
from tracking.postbacks import schedule
from tracking.postbacks.addresses import secret_of
from tracking.postbacks.models import Delivery, Postback

BATCH: Final = 64
CALLS_AT_ONCE: Final = 16
TIMEOUT_S: Final = 10.0
# Of one affiliate in a batch, whatever number of addresses it has.
SHARE: Final = 4
# An address that took this long, or longer, for one message rests.
SLOW_MS: Final = 5_000
REST: Final = timedelta(minutes=1)
# Well above the time in which a whole batch times out.
LEASE: Final = timedelta(minutes=3)
ERROR_MAX: Final = 200
# A person waits for a test, and so does one of the few threads of the web server: some stay free.
TEST_TIMEOUT_S: Final = 3.0
TESTS_AT_ONCE: Final = 2

log = structlog.get_logger(__name__)
_tests: Final = threading.BoundedSemaphore(TESTS_AT_ONCE)

_LEASE: Final = """
UPDATE delivery SET due_at = %s, attempts = attempts + 1
FROM postback
WHERE postback.id = delivery.postback_id AND delivery.status = 'due' AND delivery.id IN (
    SELECT id FROM (
        SELECT waiting.id, waiting.due_at, row_number() OVER (
            PARTITION BY wanted.affiliate_id ORDER BY waiting.due_at, waiting.id
        ) AS place
        FROM delivery AS waiting JOIN postback AS wanted ON wanted.id = waiting.postback_id
        WHERE waiting.status = 'due' AND waiting.due_at <= %s AND wanted.active
    ) AS waiting
    WHERE place <= %s ORDER BY place, due_at LIMIT %s
)
RETURNING delivery.id, delivery.attempts, delivery.body::text, postback.id, postback.url,
    postback.sealed_secret
"""


class StillDue(Conflict):
    """The message is still on its way."""

    code = "still_due"


class TestUnderWay(Conflict):
    """Another test of this affiliate has not ended yet."""

    code = "test_under_way"
    retry_after_s = int(TEST_TIMEOUT_S)


class TestsBusy(RateLimited):
    """Others test their addresses at this moment; try again."""

    code = "tests_busy"
    retry_after_s = int(TEST_TIMEOUT_S)


@dataclass(frozen=True, slots=True)
class Leased:
    """A message that is ours to send until its lease runs out."""

    id: UUID
    attempts: int
    body: str
    postback_id: int
    url: str
    sealed_secret: bytes


def send_due(limit: int = BATCH) -> int:
    """Send up to `limit` due messages, several at once; returns how many were tried.

    None while another process sends: each would take its share of a slow address, and as many
    batches as there are processes would wait for it.
    """
    with turn("send_due") as ours:
        if not ours:
            return 0
        leased = _lease(limit)
        slow = set()
        for message, outcome in _calls(leased):
            _record(message, outcome)
            if outcome.elapsed_ms >= SLOW_MS:
                slow.add(message.postback_id)
        _rest(slow)
        return len(leased)


def send_test(postback: Postback) -> Outcome:
    """Send a made-up message now, signed like a real one, and say what came of it.

    One at a time for an affiliate, or TestUnderWay; a few at once in this process, or TestsBusy.
    """
    message = Leased(
        id=uuid7(),
        attempts=1,
        body='{"type": "test", "data": {}}',
        postback_id=postback.pk,
        url=postback.url,
        sealed_secret=bytes(postback.sealed_secret),
    )
    with turn(f"send_test:{postback.affiliate_id}") as ours:
        if not ours:
            raise TestUnderWay()
        if not _tests.acquire(blocking=False):
            raise TestsBusy()
        try:
            return _call(message, timeout_s=TEST_TIMEOUT_S)
        finally:
            _tests.release()


def replay(delivery: Delivery) -> None:
    """Send a message again from the beginning of its schedule; StillDue if it is on its way."""
    again = {"status": Delivery.Status.DUE, "attempts": 0, "due_at": clock.now()}
    ended = Delivery.objects.filter(pk=delivery.pk).exclude(status=Delivery.Status.DUE)
    if not ended.update(**again):
        raise StillDue()


def _lease(limit: int) -> list[Leased]:
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_LEASE, [now + LEASE, now, SHARE, limit])
        return [Leased(*found) for found in cursor.fetchall()]


def _calls(leased: list[Leased]) -> Iterator[tuple[Leased, Outcome]]:
    if leased:
        with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
            call = partial(_call, timeout_s=TIMEOUT_S)
            yield from zip(leased, pool.map(call, leased), strict=True)


def _call(message: Leased, *, timeout_s: float) -> Outcome:
    """Sign and post; runs in a thread and touches no database."""
    body = message.body.encode()
    try:
        secret = secret_of(message.postback_id, message.sealed_secret)
    except Unreadable as error:
        return Outcome(status=None, error=error.code, body=b"", elapsed_ms=0)
    signed = webhook_headers(
        secret, id=str(message.id), timestamp_s=clock.now_ms() // 1_000, body=body
    )
    headers = {"Content-Type": "application/json", **signed}
    return outgoing.call("POST", message.url, headers=headers, content=body, timeout_s=timeout_s)


def _record(message: Leased, outcome: Outcome) -> None:
    own = Delivery.objects.filter(pk=message.id, status=Delivery.Status.DUE)
    seen = {"last_status": outcome.status, "last_error": outcome.error[:ERROR_MAX]}
    if outcome.ok:
        own.update(status=Delivery.Status.DELIVERED, delivered_at=clock.now(), **seen)
        return
    # Whoever took over after our lease has the newer word.
    own = own.filter(attempts=message.attempts)
    if outcome.status == HTTPStatus.GONE:
        with transaction.atomic():
            own.update(status=Delivery.Status.DEAD, **seen)
            Postback.objects.filter(pk=message.postback_id).update(active=False)
        log.info("postback.gone", postback=message.postback_id)
        return
    due_at = schedule.next_due(
        message.attempts,
        clock.now(),
        jitter=random.random(),
        retry_after_s=outcome.retry_after_s,
    )
    if due_at is None:
        own.update(status=Delivery.Status.DEAD, **seen)
        log.info("postback.given_up", delivery=str(message.id), **seen)
    else:
        own.update(due_at=due_at, **seen)


def _rest(postback_ids: set[int]) -> None:
    """Put off what is due at these addresses; what fails there next time makes them rest again."""
    until = clock.now() + REST
    due = Delivery.objects.filter(postback_id__in=postback_ids, status=Delivery.Status.DUE)
    due.filter(due_at__lt=until).update(due_at=until)
