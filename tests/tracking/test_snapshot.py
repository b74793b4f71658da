"""The configuration in memory: whole, consistent, and fresh."""

import asyncio
import time

import psycopg
import pytest

from network import crypto
from partners import snapshot
from partners.models import Link, ReportKey
from partners.watcher import Watcher
from tests import factories


@pytest.fixture
def direct(fresh_db):
    with psycopg.connect(fresh_db.url, autocommit=True) as connection:
        yield connection


def make_report_key(advertiser, key_id="k1", **fields):
    aad = snapshot.report_key_aad(advertiser.pk, key_id)
    given = {"sealed_secret": crypto.seal(b"s3cret", aad=aad), "created_at": factories.EVER}
    return ReportKey.objects.create(advertiser=advertiser, key_id=key_id, **(given | fields))


def test_a_link_leads_to_everything_that_a_click_needs(direct):
    link = factories.make_link(code="abc")
    loaded = snapshot.load(direct).links["abc"]
    assert (loaded.id, loaded.affiliate.id) == (link.pk, link.affiliate_id)
    assert loaded.offer.advertiser.id == link.offer.advertiser_id
    assert loaded.active
    assert loaded.allowed


def test_goals_are_found_in_any_case_and_the_default_without_a_code(direct):
    offer = factories.make_offer()
    factories.make_goal(offer, "Lead")
    loaded = snapshot.load(direct).offers[offer.pk]
    assert (loaded.goal("lEAD").code, loaded.goal("").code) == ("Lead", "sale")
    assert loaded.goal("nonsense") is None


def test_terms_of_a_goal_are_all_there(direct):
    goal = factories.make_offer().goals.get()
    own = factories.make_terms(
        goal, affiliate=factories.make_affiliate(), revenue_fixed_micros=1, commission_ppm=2
    )
    loaded = snapshot.load(direct).offers[goal.offer_id].default_goal.terms[-1]
    assert (loaded.id, loaded.affiliate_id) == (own.pk, own.affiliate_id)
    assert (loaded.revenue_fixed_micros, loaded.commission_ppm) == (1, 2)
    assert loaded.valid_from == own.valid_from


@pytest.mark.parametrize(
    ("visibility", "status", "allowed"),
    [
        ("public", None, True),
        ("approval", None, False),
        ("approval", "pending", False),
        ("approval", "approved", True),
        ("private", "revoked", False),
    ],
)
def test_who_may_send_people_follows_from_visibility_and_application(
    direct, visibility, status, allowed
):
    link = factories.make_link(factories.make_offer(visibility=visibility))
    if status:
        factories.make_application(link.offer, link.affiliate, status)
    assert snapshot.load(direct).links[link.code].allowed is allowed


def test_report_keys_are_open_and_one_that_does_not_open_is_left_out(direct):
    acme = factories.make_advertiser("acme")
    make_report_key(acme)
    make_report_key(acme, "moved", sealed_secret=crypto.seal(b"x", aad="elsewhere"))
    keys = snapshot.load(direct).advertisers["acme"].report_keys
    assert {key_id: key.secret for key_id, key in keys.items()} == {"k1": b"s3cret"}


def test_the_current_snapshot_is_read_again_only_after_a_change(direct):
    factories.make_link()
    first = snapshot.current(direct)
    assert snapshot.current(direct) is first
    Link.objects.update(active=False)
    assert snapshot.current(direct).stamp != first.stamp


def test_a_change_that_is_not_committed_is_not_seen(direct, fresh_db):
    link = factories.make_link()
    with psycopg.connect(fresh_db.url) as other:
        other.execute("UPDATE link SET active = false")
        assert snapshot.current(direct).links[link.code].active
    assert not snapshot.current(direct).links[link.code].active


def watch(fresh_db, story):
    async def run():
        watcher = Watcher(fresh_db.url)
        task = asyncio.create_task(watcher.run())
        try:
            async with asyncio.timeout(20):
                while watcher.snapshot is None:
                    await asyncio.sleep(0.01)
                return await story(watcher)
        finally:
            task.cancel()

    return asyncio.run(run())


def change(url):
    with psycopg.connect(url) as other:
        other.execute("UPDATE link SET active = false")


def test_the_bell_brings_a_change_in_well_below_the_interval_of_looking_anyway(fresh_db):
    link = factories.make_link()

    async def story(watcher):
        before = time.monotonic()
        await asyncio.to_thread(change, fresh_db.url)
        while watcher.snapshot.links[link.code].active:
            await asyncio.sleep(0.01)
        return time.monotonic() - before

    assert watch(fresh_db, story) < 3


def test_a_version_check_shows_what_was_committed_before_it(fresh_db):
    link = factories.make_link()

    async def story(watcher):
        await asyncio.to_thread(change, fresh_db.url)
        await watcher.version_check()
        return watcher.snapshot.links[link.code].active

    assert watch(fresh_db, story) is False


def test_many_version_checks_together_are_one_look_a_second(fresh_db):
    async def story(watcher):
        await watcher.version_check()
        before = time.monotonic()
        await asyncio.gather(*(watcher.version_check() for _ in range(100)))
        return time.monotonic() - before

    assert 0.5 < watch(fresh_db, story) < 2.5


def test_after_a_lost_connection_everything_is_read_again(fresh_db):
    link = factories.make_link()

    async def story(watcher):
        await asyncio.to_thread(end_listening, fresh_db.url)
        await asyncio.to_thread(change, fresh_db.url)
        while watcher.snapshot.links[link.code].active:
            await asyncio.sleep(0.01)
        return True

    assert watch(fresh_db, story)


def end_listening(url):
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'tracker config'"
        )
