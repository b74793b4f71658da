"""Celery's names for the sweeps of tracking; each works until nothing is left or its time is up."""

from functools import partial
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from psycopg import Connection

from network import clock
from network.celery import app, until_empty
from partners import caps, funds, snapshot
from tracking.clicks import partitions, repeats, salts
from tracking.conversions import nonces, room, waiting
from tracking.conversions.models import ReportWait
from tracking.insight import learn
from tracking.postbacks import deliveries, send
from tracking.validation import judge

BATCH: Final = 500


@app.task(name="tracking.match_reports")
def match_reports() -> int:
    """Find the clicks of reports that came before them."""
    if not ReportWait.objects.exists():
        return 0
    plain = _plain()
    known = snapshot.current(plain)
    return until_empty(lambda: waiting.match(plain, known, clock.now(), BATCH))


@app.task(name="tracking.judge")
def judge_due() -> int:
    """Decide about pending conversions that are due."""
    return until_empty(judge.judge_due)


@app.task(name="tracking.give_room")
def give_room() -> int:
    """Let conversions in that waited for money."""
    return sum(until_empty(partial(room.give, *pair)) for pair in room.waiting_pairs())


@app.task(name="tracking.consume_postbacks")
def consume_postbacks() -> int:
    """Turn events into messages."""
    return until_empty(deliveries.consume)


@app.task(name="tracking.deliver_postbacks")
def deliver_postbacks() -> int:
    """Send messages that are due."""
    return until_empty(send.send_due)


@app.task(name="tracking.flip_funded")
def flip_funded() -> int:
    """Tell the trackers whose money ran out or returned."""
    with connection.cursor() as cursor:
        return len(funds.flip_funded(cursor))


@app.task(name="tracking.alert_caps")
def alert_caps() -> int:
    """Tell of caps that are nearly full."""
    return until_empty(caps.alert)


@app.task(name="tracking.prune_caps")
def prune_caps() -> int:
    """Forget the counters of windows that ended long ago."""
    return until_empty(caps.prune)


@app.task(name="tracking.prune_nonces")
def prune_nonces() -> int:
    """Forget nonces whose time is over."""
    with _plain().cursor() as cursor:
        return nonces.prune(cursor, clock.now())


@app.task(name="tracking.make_partitions")
def make_partitions() -> int:
    """Make the partitions and the visitors' salts of today and the days ahead."""
    today = clock.now().date()
    with transaction.atomic(), _plain().cursor() as cursor:
        salts.prepare(cursor, today)
        salts.forget(cursor, today)
        return partitions.make(cursor, today)


@app.task(name="tracking.drop_partitions")
def drop_partitions() -> int:
    """Drop the clicks and the like of days whose time is over."""
    with _plain().cursor() as cursor:
        dropped = partitions.drop(
            cursor, clock.now().date(), kept_days=settings.CLICK_RETENTION_DAYS
        )
    return len(dropped)


@app.task(name="tracking.mark_repeats")
def mark_repeats() -> int:
    """Find out which clicks are a visitor's first of the day."""
    return repeats.sweep(_plain(), clock.now())


@app.task(name="tracking.learn_smart_links")
def learn_smart_links() -> int:
    """Share the visitors of smart links out by what was learned of their offers."""
    return learn.learn()


def _plain() -> Connection[Any]:
    """Django's connection as psycopg has it, for the verbs that the tracker shares with us."""
    connection.ensure_connection()
    plain: Connection[Any] = connection.connection
    return plain
