"""A limit that goes to many windows, a slice at a time, while clicks and other changes go on."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import connection

from partners import caps, places
from partners.models import Cap, CapWindow
from tests import factories
from tests.databases import who_waits
from tests.factories import claims_of
from tests.running import eventually

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MANY = 5 * caps.SLICE

pytestmark = pytest.mark.usefixtures("fresh_db")


@pytest.fixture
def cap(clock):
    """A cap of a hundred clicks for each source, of which there are many, one click from each."""
    clock.set(NOW)
    cap = factories.make_cap(limit=100, scope="source")
    make_windows(cap, MANY)
    return cap


def make_windows(cap, number):
    ((_, starts_at, _, ends_at),) = claims_of(cap)
    fields = {"starts_at": starts_at, "ends_at": ends_at, "limit_count": cap.limit_count, "used": 1}
    CapWindow.objects.bulk_create(
        CapWindow(cap=cap, key=str(key), **fields) for key in range(number)
    )


def limits(cap):
    """What limits there are in the cap's windows."""
    return set(CapWindow.objects.filter(cap=cap).values_list("limit_count", flat=True))


def in_thread(what):
    """The function, giving its connection back at the end."""

    def call(*args):
        try:
            return what(*args)
        finally:
            connection.close()

    return call


class Clicks:
    """Takes a place after the other in these windows, until told to stop."""

    def __init__(self, url, *windows):
        self.taken = dict.fromkeys(windows, 0)
        self.longest_s = 0.0
        self.over = threading.Event()
        self._url = url

    def run(self):
        asyncio.run(self._run())

    async def _run(self):
        wanted = places.wanted(list(self.taken))
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as own:
            while not self.over.is_set():
                began_s = time.perf_counter()
                statement = places.taking(own, wanted).encode()
                cursor = await own.execute(statement, prepare=False)
                self.longest_s = max(self.longest_s, time.perf_counter() - began_s)
                windows = places.taken(cursor.pgresult.get_value(0, 0), wanted)
                for claim, window in windows.items():
                    self.taken[claim] += not window.full


def test_clicks_wait_for_a_slice_of_the_windows_and_no_cap_is_passed(fresh_db, clock):
    clock.set(NOW)
    cap, other = (factories.make_cap(limit=10**9, scope="source") for _ in range(2))
    make_windows(cap, 4 * MANY)
    make_windows(other, 1)
    (changed,), (beside,) = claims_of(cap, source="7"), claims_of(other, source="0")
    clicks = Clicks(fresh_db.url, changed, beside)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(clicks.run)
        eventually(lambda: clicks.taken[changed] > 50, within_s=10)
        began_s = time.perf_counter()
        caps.change(cap, {"limit_count": 50})
        took_s = time.perf_counter() - began_s
        closed = CapWindow.objects.get(cap=cap, key="7")
        before = clicks.taken[beside]
        eventually(lambda: clicks.taken[beside] > before + 100, within_s=10)
        clicks.over.set()
        running.result(10)
    assert clicks.longest_s < took_s / 3
    # Nobody got in after the change, and nobody was counted who did not.
    assert closed.used == closed.limit_count == 1 + clicks.taken[changed]
    assert CapWindow.objects.get(cap=cap, key="7").used == closed.used
    assert CapWindow.objects.get(cap=other).used == 1 + clicks.taken[beside]
    assert limits(cap) == {50, closed.used}


def test_of_two_changes_at_once_all_windows_have_the_last(fresh_db, cap):
    """Also of a change back, which finds most windows as they shall be."""
    change = in_thread(lambda limit: caps.change(cap, {"limit_count": limit}))
    with ThreadPoolExecutor(1) as threads:
        for _ in range(5):
            first = threads.submit(change, 9)
            eventually(lambda: limits(cap) != {100}, within_s=10)
            caps.change(cap, {"limit_count": 100})
            first.result(10)
            assert (limits(cap), Cap.objects.get().limit_count) == ({100}, 100)


@contextmanager
def broken_off(fresh_db, cap, *, after):
    """Whatever changes the cap's windows here loses its connection when so many are done."""
    ids = CapWindow.objects.filter(cap=cap).order_by("pk").values_list("pk", flat=True)
    with psycopg.connect(fresh_db.url, autocommit=True) as own:

        def kill():
            (pid,) = eventually(lambda: who_waits(fresh_db.url), within_s=20)
            own.execute("SELECT pg_terminate_backend(%s)", [pid])
            eventually(lambda: not who_waits(fresh_db.url), within_s=20)

        with psycopg.connect(fresh_db.owner_url) as other, ThreadPoolExecutor(1) as threads:
            other.execute("SELECT FROM cap_window WHERE id = %s FOR UPDATE", [ids[after]])
            killed = threads.submit(kill)
            yield
            killed.result(30)
    connection.close()


def break_off(fresh_db, cap, limit):
    """A change that gets to one slice of the windows."""
    with broken_off(fresh_db, cap, after=caps.SLICE), pytest.raises(Exception, match="terminat"):
        caps.change(cap, {"limit_count": limit})
    changed = CapWindow.objects.filter(limit_count=limit).count()
    assert (changed, Cap.objects.get().limit_count) == (caps.SLICE, limit)


def test_a_change_that_breaks_off_is_finished_by_the_next_like_it(fresh_db, cap):
    break_off(fresh_db, cap, 7)
    caps.change(cap, {"limit_count": 7})
    assert limits(cap) == {7}


def test_a_change_that_breaks_off_is_finished_by_a_sweep_when_it_was_left_alone(
    fresh_db, cap, clock
):
    break_off(fresh_db, cap, 7)
    assert caps.finish_changes() == 0
    clock.forward(seconds=31)
    assert caps.finish_changes() == 1
    assert limits(cap) == {7}
    assert caps.finish_changes() == 0


def test_who_finishes_a_change_leaves_what_a_later_one_has_to_do(fresh_db, cap, clock):
    break_off(fresh_db, cap, 7)
    older = Cap.objects.get()
    break_off(fresh_db, cap, 9)
    later = Cap.objects.get()
    caps._change_windows(older)
    assert Cap.objects.get().windows_due == later.windows_due
    clock.forward(seconds=31)
    assert caps.finish_changes() == 1
    assert limits(cap) == {9}


def test_a_retry_with_the_same_idempotency_key_finishes_it_too(fresh_db, clock, acme):
    clock.set(NOW)
    cap = factories.make_cap(factories.make_offer(acme.advertiser), 100, scope="source")
    make_windows(cap, MANY)

    def patch():
        headers = {"Idempotency-Key": "k1"}
        return acme.api.patch(f"/api/v1/caps/{cap.pk}", {"limit": 7}, headers=headers)

    with broken_off(fresh_db, cap, after=caps.SLICE):
        assert patch().status_code == 503
    assert limits(cap) == {7, 100}
    first, again = patch(), patch()
    assert (first.status_code, first.json()["fullest"]["limit"]) == (200, 7)
    assert limits(cap) == {7}
    caps.change(cap, {"limit_count": 9})
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    assert patch().content == first.content
    assert limits(cap) == {9}


def test_a_change_that_says_nothing_new_writes_no_window(cap):
    caps.change(cap, {"limit_count": 7})
    CapWindow.objects.filter(key="3").update(limit_count=8)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
        (begun,) = cursor.fetchone()
        caps.change(cap, {"limit_count": 7})
        cursor.execute("SELECT key FROM cap_window WHERE xmin::text::bigint >= %s", [int(begun)])
        assert cursor.fetchall() == [("3",)]
    assert limits(cap) == {7}
