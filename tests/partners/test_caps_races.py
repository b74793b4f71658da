"""Caps under fire: many trackers at once, killed in the middle, limits that change meanwhile."""

import asyncio
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection

from partners import caps, places
from partners.models import Cap, CapWindow
from tests import factories
from tests.databases import who_waits
from tests.environment import LONG
from tests.running import eventually

TRACKERS = 8
ROUNDS = 200 if LONG else 40
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
# The middle of a transaction: long enough that another gets in between.
MIDDLE_S = 0.002


@pytest.fixture
def offer(fresh_db):
    """An offer with caps of every scope; beside the counters, a row for each place taken."""
    with psycopg.connect(fresh_db.owner_url) as owner:
        owner.execute("CREATE TABLE taken (cap_id bigint, starts_at timestamptz, key text)")
    offer = factories.make_offer()
    factories.make_cap(offer, 700)
    factories.make_cap(offer, 150, scope="affiliate")
    factories.make_cap(offer, 60, scope="source", period="hour")
    factories.make_cap(offer, 100, scope="country", value="UA", period="total")
    factories.make_cap(offer, 120, scope="landing", period="hour", time_zone="Asia/Kolkata")
    return offer


def a_batch(dice, offered):
    """What a few clicks of one moment claim; their windows go on as the test does."""
    at = NOW + timedelta(minutes=dice.randrange(90))
    return [
        places.claims(
            dice.sample(offered, dice.randint(1, len(offered))),
            affiliate_id=dice.randrange(5),
            source=f"source-{dice.randrange(9)}",
            country=dice.choice(["UA", "DE"]),
            landing_id=dice.randrange(3),
            at=at,
        )
        for _ in range(dice.randint(1, 12))
    ]


async def settle(own, clicks, middle_s, ways):
    """One batch as a tracker does it; who got in is copied in the same transaction."""
    if await settle_at_once(own, clicks, middle_s):
        ways["at once"] += 1
        return
    ways["in turn"] += 1
    windows = await places.begin(own, [claim for click in clicks for claim in click])
    refused = places.reserve(windows, clicks)
    await asyncio.sleep(middle_s)
    await copy_in(own, clicks, refused)
    await places.commit(own, windows)


async def settle_at_once(own, clicks, middle_s):
    """The same where the places can be taken at once; whether they could."""
    wanted = places.wanted([claim for click in clicks for claim in click])
    await own.execute("BEGIN")
    cursor = await own.execute(places.taking(own, wanted).encode(), prepare=False)
    windows = places.taken(cursor.pgresult.get_value(0, 0), wanted)
    await asyncio.sleep(middle_s)
    if windows is not None:
        refused = places.reserve(windows, clicks)
        if places.suits(windows, wanted):
            await copy_in(own, clicks, refused)
            await own.execute("COMMIT")
            return True
    await own.rollback()
    return False


async def copy_in(own, clicks, refused):
    async with own.cursor() as cursor, cursor.copy("COPY taken FROM STDIN") as copy:
        for click, full in zip(clicks, refused, strict=True):
            for cap_id, starts_at, key, _ in click if full is None else ():
                await copy.write_row((cap_id, starts_at, key))


def track(url, seed, offered, ways):
    """A tracker of some batches; how often it lost its connection."""
    dice = random.Random(seed)

    async def run():
        left, lost = ROUNDS, 0
        while left:
            own = await psycopg.AsyncConnection.connect(
                url, autocommit=True, application_name="racer"
            )
            try:
                async with own:
                    while left:
                        batch = a_batch(dice, offered)
                        # As a tracker, who asks for no places where nobody claims one.
                        if any(batch):
                            await settle(own, batch, dice.random() * MIDDLE_S, ways)
                        left -= 1
            except psycopg.errors.DeadlockDetected:
                raise
            except psycopg.OperationalError:
                lost += 1
        return lost

    return asyncio.run(run())


def race(url, offered, *, beside):
    """All trackers at once, and `beside` again and again meanwhile; how many connections broke."""
    over = threading.Event()
    ways = Counter()

    def again():
        while not over.is_set():
            beside()
        connection.close()

    with ThreadPoolExecutor(TRACKERS + 1) as threads:
        other = threads.submit(again)
        trackers = [threads.submit(track, url, seed, offered, ways) for seed in range(TRACKERS)]
        try:
            lost = sum(tracker.result(120) for tracker in trackers)
        finally:
            over.set()
            other.result(30)
    assert min(ways["at once"], ways["in turn"]) > TRACKERS
    return lost


def check_counters():
    """Each counter is the number of rows, and no more than its limit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT cap_id, starts_at, key, count(*) FROM taken GROUP BY 1, 2, 3")
        counted = {(cap, start, key): number for cap, start, key, number in cursor.fetchall()}
    windows = list(CapWindow.objects.all())
    used = {(row.cap_id, row.starts_at, row.key): row.used for row in windows if row.used}
    assert used == counted
    assert all(row.used <= row.limit_count for row in windows)


def test_no_cap_is_passed_and_none_is_left_half_full_through_kills(fresh_db, offer):
    offered = list(offer.caps.order_by("pk"))
    killed = []

    def kill():
        with psycopg.connect(fresh_db.url, autocommit=True) as own:
            found = own.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
                "'racer' AND datname = current_database() AND xact_start IS NOT NULL "
                "ORDER BY random() LIMIT 1"
            ).fetchall()
            killed.extend(found)
        time.sleep(0.05)

    lost = race(fresh_db.url, offered, beside=kill)
    assert lost > 3
    assert len(killed) >= lost
    check_counters()
    # Whoever died in the middle took no place with it: what was wanted by more is full.
    assert CapWindow.objects.get(cap=offered[0]).used == 700
    assert CapWindow.objects.get(cap=offered[3], key="UA").used == 100


def test_a_limit_that_changes_meanwhile_holds_in_windows_that_are_made_meanwhile(
    fresh_db, offer, clock
):
    clock.set(NOW)
    dice = random.Random(7)
    offered = list(offer.caps.order_by("pk"))

    def change():
        caps.change(dice.choice(offered), {"limit_count": dice.randint(0, 300)})

    assert race(fresh_db.url, offered, beside=change) == 0
    check_counters()
    assert CapWindow.objects.count() > 20
    limits = dict(Cap.objects.values_list("pk", "limit_count"))
    for row in CapWindow.objects.all():
        assert row.limit_count == max(row.used, limits[row.cap_id])


def waits_for_a_lock(url):
    """Whether, soon, a connection of this database waits for another one."""
    return bool(eventually(lambda: who_waits(url), within_s=10))


def lower(cap):
    try:
        return caps.change(cap, {"limit_count": 1})
    finally:
        connection.close()


def test_a_limit_waits_for_a_window_that_is_being_made(fresh_db, clock):
    clock.set(NOW)
    cap = factories.make_cap(limit=100)
    click = places.claims([cap], affiliate_id=7, source="", country="", landing_id=0, at=NOW)

    async def run(threads):
        async with await psycopg.AsyncConnection.connect(fresh_db.url, autocommit=True) as own:
            windows = await places.begin(own, click)
            changing = threads.submit(lower, cap)
            waited = await asyncio.to_thread(waits_for_a_lock, fresh_db.url)
            places.reserve(windows, [click] * 5)
            await places.commit(own, windows)
            return waited, changing

    with ThreadPoolExecutor(2) as threads:
        waited, changing = asyncio.run(run(threads))
        changing.result(10)
    window = CapWindow.objects.get()
    assert (waited, window.used, window.limit_count) == (True, 5, 5)


def test_a_window_that_is_made_waits_for_the_limit_that_is_being_set(fresh_db):
    cap = factories.make_cap(limit=100)
    click = places.claims([cap], affiliate_id=7, source="", country="", landing_id=0, at=NOW)

    async def run():
        async with (
            await psycopg.AsyncConnection.connect(fresh_db.url, autocommit=True) as own,
            await psycopg.AsyncConnection.connect(fresh_db.url) as changing,
        ):
            await changing.execute("UPDATE cap SET limit_count = 3")
            beginning = asyncio.create_task(places.begin(own, click))
            waited = await asyncio.to_thread(waits_for_a_lock, fresh_db.url)
            await changing.commit()
            windows = await beginning
            await places.commit(own, windows)
            return waited, windows

    waited, windows = asyncio.run(run())
    assert (waited, windows[click[0]].limit) == (True, 3)
