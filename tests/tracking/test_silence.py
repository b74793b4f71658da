"""A PostgreSQL that is there and does not answer: the tracker gives up in time, and comes back."""

import asyncio
import os
import signal
import time
from contextlib import contextmanager

import psycopg
import pytest

from network.errors import Unavailable
from partners import snapshot
from tests import factories
from tests.tracking.rows import make_click
from tests.tracking.trackers import report_path, tell
from tracking.clicks import drain, ids
from tracking.conversions.desk import Desk
from tracking.models import Click, Conversion

PATIENCE_S = 0.5


@pytest.fixture
def link(fresh_db):
    link = factories.make_link(
        factories.make_offer(factories.make_advertiser("acme")), code="abc123"
    )
    factories.fund(link.offer.advertiser)
    return link


@pytest.fixture
def report(link):
    """The path of a good report."""
    click = ids.mint(make_click(link).id)
    fields = {"click_id": click, "order_id": "1", "amount": "9.00"}
    return report_path(advertiser="acme", token="token-of-acme", **fields)


@contextmanager
def silent(url, *names):
    """Stop the server processes of these connections, as a machine that hangs does."""
    with psycopg.connect(url, autocommit=True) as other:
        found = other.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = ANY(%s)", [list(names)]
        ).fetchall()
    assert found
    for (pid,) in found:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for (pid,) in found:
            os.kill(pid, signal.SIGCONT)


def test_a_click_is_spooled_in_time_and_the_next_one_is_stored(fresh_db, link, tmp_path):
    async def story(visitor):
        with silent(fresh_db.url, "tracker clicks"):
            started_s = time.monotonic()
            hung = await visitor.get("/c/abc123")
            took_s = time.monotonic() - started_s
            while visitor.tracker.recorder.spooling:
                await asyncio.sleep(0.01)
            return hung, took_s, await visitor.get("/c/abc123")

    hung, took_s, after = tell(
        fresh_db.url, story, commit_max_s=PATIENCE_S, spool_dir=tmp_path / "spool"
    )
    assert (hung.status, after.status) == (302, 302)
    assert took_s < 3 * PATIENCE_S
    assert after.headers["location"] in set(Click.objects.values_list("destination", flat=True))
    assert drain.drain(tmp_path / "spool", fresh_db.url)
    stored = list(Click.objects.values_list("destination", flat=True))
    assert sorted(stored) == sorted([hung.headers["location"], after.headers["location"]])


def test_without_a_spool_a_click_is_told_to_come_later(fresh_db, link):
    async def story(visitor):
        with silent(fresh_db.url, "tracker clicks"):
            started_s = time.monotonic()
            hung = await visitor.get("/c/abc123")
            took_s = time.monotonic() - started_s
            while visitor.tracker.recorder.spooling:
                await asyncio.sleep(0.01)
            return hung, took_s, await visitor.get("/c/abc123")

    hung, took_s, after = tell(fresh_db.url, story, commit_max_s=PATIENCE_S, spool_bytes_max=0)
    assert (hung.status, hung.headers["retry-after"], after.status) == (503, "1", 302)
    assert took_s < 3 * PATIENCE_S
    assert after.headers["location"] in set(Click.objects.values_list("destination", flat=True))


def test_a_report_is_told_to_come_later_and_then_is_taken_once(fresh_db, report):
    async def story(visitor):
        # A refused report: it makes the connection, and stores nothing that counts.
        await visitor.get(report.replace("9.00", "x"))
        with silent(fresh_db.url, "tracker reports"):
            started_s = time.monotonic()
            hung = await visitor.get(report)
            ready = await visitor.get("/readyz")
            took_s = time.monotonic() - started_s
            return hung, ready, took_s, await visitor.get(report)

    hung, ready, took_s, after = tell(fresh_db.url, story, commit_max_s=PATIENCE_S)
    assert (hung.status, hung.json["code"]) == (503, "unavailable")
    assert (hung.headers["retry-after"], ready.status) == ("1", 200)
    assert took_s < 3 * PATIENCE_S
    assert (after.status, after.json["code"]) == (200, "accepted")
    assert Conversion.objects.count() == 1


def test_a_report_in_anothers_form_is_told_to_come_later_too(fresh_db, report):
    renamed = {"/postback": "/aff_lsr", "click_id": "transaction_id", "order_id": "adv_sub"}
    renamed |= {"&token": "&security_token"}
    for ours, theirs in renamed.items():
        report = report.replace(ours, theirs)

    async def story(visitor):
        first = await visitor.get(report.replace("9.00", "x"))
        with silent(fresh_db.url, "tracker reports"):
            return first, await visitor.get(report)

    refused, hung = tell(fresh_db.url, story, commit_max_s=PATIENCE_S)
    assert (refused.status, hung.status) == (200, 503)
    assert hung.headers["retry-after"] == "1"
    assert hung.body.startswith(b"success=false; err_msg=unavailable: ")


def test_a_desk_closes_although_its_batch_hangs(fresh_db):
    with psycopg.connect(fresh_db.url) as connection:
        known = snapshot.load(connection)

    async def story():
        desk = Desk(fresh_db.url)
        await desk.take([], known)
        with silent(fresh_db.url, "tracker reports"):
            hanging = asyncio.create_task(desk.take([], known))
            await asyncio.sleep(0.1)
            hanging.cancel()
            await asyncio.wait([hanging])
            async with asyncio.timeout(3):
                await asyncio.to_thread(desk.close)

    asyncio.run(story())


def test_reports_that_queue_behind_nobody_are_all_told_soon(fresh_db):
    async def story():
        desk = Desk("postgresql://nobody@127.0.0.1:1/none")
        for _ in range(2):
            with pytest.raises(Unavailable):
                await desk.take([], None)
        desk.close()

    asyncio.run(story())
