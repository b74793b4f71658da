"""A server's snapshot stays fresh, and nobody waits for it in vain."""

import asyncio
import time
from dataclasses import replace

import psycopg

from partners.watcher import Watcher
from tests import factories


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


def test_the_bell_brings_a_change_in_at_once(fresh_db):
    link = factories.make_link()

    async def story(watcher):
        before = time.monotonic()
        await asyncio.to_thread(change, fresh_db.url)
        while watcher.snapshot.links[link.code].active:
            await asyncio.sleep(0.01)
        return time.monotonic() - before

    assert watch(fresh_db, story) < 1


def test_a_change_acts_at_once_even_while_everybody_asks_for_what_is_unknown(fresh_db):
    link = factories.make_link()

    async def ask_for_ever(watcher):
        while True:
            await watcher.version_check()

    async def story(watcher):
        asking = asyncio.create_task(ask_for_ever(watcher))
        await watcher.version_check()
        before = time.monotonic()
        await asyncio.to_thread(change, fresh_db.url)
        while watcher.snapshot.links[link.code].active:
            await asyncio.sleep(0.01)
        asking.cancel()
        return time.monotonic() - before

    # The next answer to those who ask is a second away.
    assert watch(fresh_db, story) < 0.9


def test_many_changes_are_looked_at_five_times_a_second_at_most(fresh_db):
    factories.make_link()

    async def story(watcher):
        seen, before = set(), time.monotonic()
        changing = asyncio.create_task(asyncio.to_thread(change_again_and_again, fresh_db.url))
        while not changing.done():
            seen.add(watcher.snapshot.stamp)
            await asyncio.sleep(0.005)
        return len(seen) / (time.monotonic() - before)

    assert 1 < watch(fresh_db, story) < 7


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


def test_it_says_how_old_the_snapshot_may_be_and_keeps_it_while_nothing_changes(fresh_db):
    factories.make_link()
    assert Watcher(fresh_db.url).age_s == float("inf")

    async def story(watcher):
        await watcher.version_check()
        first = watcher.snapshot
        assert 0 <= watcher.age_s < 1
        await watcher.version_check()
        assert watcher.snapshot is first
        await asyncio.to_thread(change, fresh_db.url)
        await watcher.version_check()
        assert watcher.snapshot is not first

    watch(fresh_db, story)


def test_a_snapshot_that_cannot_be_patched_is_replaced(fresh_db):
    link = factories.make_link()

    async def story(watcher):
        watcher.snapshot = replace(watcher.snapshot, approved=None)
        await asyncio.to_thread(change, fresh_db.url)
        await watcher.version_check()
        return watcher.snapshot.links[link.code].active

    assert watch(fresh_db, story) is False


def test_in_quiet_times_it_keeps_one_connection(fresh_db, monkeypatch):
    monkeypatch.setattr("partners.watcher.LOOK_ANYWAY_S", 0.2)

    async def story(watcher):
        async with asyncio.timeout(5):
            while await asyncio.to_thread(connections, fresh_db.url) != 1:
                await asyncio.sleep(0.05)
        return watcher.snapshot is not None

    assert watch(fresh_db, story)


def test_after_a_lost_connection_what_was_missed_is_read(fresh_db):
    link = factories.make_link()

    async def story(watcher):
        await asyncio.to_thread(end_listening, fresh_db.url)
        await asyncio.to_thread(change, fresh_db.url)
        while watcher.snapshot.links[link.code].active:
            await asyncio.sleep(0.01)
        return True

    assert watch(fresh_db, story)


def change_again_and_again(url):
    with psycopg.connect(url, autocommit=True) as other:
        for _ in range(40):
            other.execute("UPDATE link SET active = NOT active")
            time.sleep(0.03)


def connections(url):
    with psycopg.connect(url) as other:
        (count,) = other.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tracker config'"
        ).fetchone()
    return count


def end_listening(url):
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'tracker config'"
        )
