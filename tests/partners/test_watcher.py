"""A server's snapshot stays fresh, and nobody waits for it in vain."""

import asyncio
import time

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
