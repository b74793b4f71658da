"""Places taken by one statement: as many as are wanted or left, in one order, and never more."""

import asyncio
import random
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection

from partners import caps, places
from partners.models import CapWindow
from tests import factories
from tests.databases import who_waits
from tests.factories import claims_of
from tests.running import eventually

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def make_windows(*claims, limit=10, used=0):
    CapWindow.objects.bulk_create(
        CapWindow(cap_id=cap, starts_at=start, key=key, ends_at=end, limit_count=limit, used=used)
        for cap, start, key, end in claims
    )


async def take(own, wanted):
    """What the statement took of these, in a transaction of its own; None where one is new."""
    cursor = await own.execute(places.taking(own, wanted).encode(), prepare=False)
    return places.taken(cursor.pgresult.get_value(0, 0), wanted)


def take_once(url, wanted):
    async def run():
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as own:
            return await take(own, wanted)

    return asyncio.run(run())


def used():
    return {(row.cap_id, row.starts_at, row.key): row.used for row in CapWindow.objects.all()}


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [(0, 1, 1), (0, 10, 10), (0, 11, 10), (9, 1, 10), (9, 5, 10), (10, 1, 10), (10, 10**15, 10)],
)
def test_as_many_are_taken_as_are_wanted_or_left(fresh_db, before, wanted, after):
    (claim,) = claims_of(factories.make_cap())
    make_windows(claim, used=before)
    assert take_once(fresh_db.url, {claim: wanted}) == {claim: places.Places(10, before)}
    assert list(used().values()) == [after]


def test_each_window_has_its_own_answer_in_whatever_order_it_is_asked_for(fresh_db):
    offer = factories.make_offer()
    every = [
        claim
        for cap in (factories.make_cap(offer, scope="source"), factories.make_cap(offer, limit=3))
        for at in (NOW + DAY, NOW)
        for source in ("b", "a")
        for claim in claims_of(cap, source=source, at=at)
    ]
    every = list(dict.fromkeys(every))
    for number, claim in enumerate(every):
        make_windows(claim, limit=100, used=number)
    wanted = {claim: 10 * number for number, claim in enumerate(every)}
    told = take_once(fresh_db.url, wanted)
    assert told == {claim: places.Places(100, number) for number, claim in enumerate(every)}
    assert used() == {claim[:3]: 11 * number for number, claim in enumerate(every)}


def test_of_a_window_that_is_new_nothing_is_told(fresh_db):
    old, new = claims_of(factories.make_cap()), claims_of(factories.make_cap())
    make_windows(*old)
    assert take_once(fresh_db.url, {old[0]: 1, new[0]: 1}) is None
    assert take_once(fresh_db.url, {(10**9, NOW, "", None): 1}) is None


KEYS = [
    "it's", "''", "\\", "\\'", '"', '\\"', "{", "}", "{a,b}", ",", "a,b", "\n", "\r\n", "\t", " a ",
    "NULL", "null", '"NULL"', "\\N", "", "🦊", "é", "e\u0301", "\u202e", "$$", "%s", "{}",
    "'); DROP TABLE cap; --", "\\x00", "\x7f", "\x1b", "雪", "x" * 500,
]  # fmt: skip


def test_any_text_is_a_key(fresh_db):
    cap = factories.make_cap(scope="source")
    every = [claim for key in KEYS for claim in claims_of(cap, source=key)]
    assert len(set(every)) == len(KEYS)
    make_windows(*every, limit=1_000)
    wanted = {claim: number for number, claim in enumerate(every)}
    told = take_once(fresh_db.url, wanted)
    assert told == {claim: places.Places(1_000, 0) for claim in every}
    assert used() == {claim[:3]: number for number, claim in enumerate(every)}


def test_whatever_text_there_is_comes_back_as_it_was(fresh_db):
    """What is quoted for the statement is what the database reads."""

    async def run(texts):
        async with await psycopg.AsyncConnection.connect(fresh_db.url, autocommit=True) as own:
            for each in texts:
                wanted = {(1, NOW, text, None): 1 for text in each}
                statement = places.taking(own, wanted).replace(
                    "take_places_together", "as_they_are"
                )
                cursor = await own.execute(statement.encode(), prepare=False)
                assert (await cursor.fetchone())[0] == list(each)

    with psycopg.connect(fresh_db.owner_url) as owner:
        owner.execute(
            "CREATE FUNCTION as_they_are(bigint[], timestamptz[], keys text[], bigint[])"
            " RETURNS text[] LANGUAGE sql RETURN keys"
        )
    chance = random.Random(5)
    letters = "'\"\\{}, \t\n$%aAN\x01\x7f\x80é雪🦊\u2028\ufeff"
    texts = [
        {"".join(chance.choices(letters, k=chance.randrange(8))) for _ in range(20)}
        for _ in range(300)
    ]
    asyncio.run(run(texts))


def test_a_click_that_one_cap_refuses_does_not_suit_and_leaves_the_other_alone():
    wide, narrow = (1, NOW, "", None), (2, NOW, "7", None)
    windows = {wide: places.Places(10, 0), narrow: places.Places(5, 5)}
    refused = places.reserve(windows, [(wide, narrow), (wide,)])
    assert (refused, windows[wide].taken) == ([narrow, None], 1)
    assert not places.suits(windows, {wide: 2, narrow: 1})


def test_clicks_that_the_last_places_are_taken_by_suit():
    claim = (1, NOW, "", None)
    windows = {claim: places.Places(10, 8)}
    assert places.reserve(windows, [(claim,)] * 5) == [None, None, claim, claim, claim]
    assert places.suits(windows, {claim: 5})


@contextmanager
def held(fresh_db, claim):
    """A window that another transaction has locked."""
    with psycopg.connect(fresh_db.owner_url) as other:
        other.execute(
            "SELECT FROM cap_window WHERE (cap_id, starts_at, key) = (%s, %s, %s) FOR UPDATE",
            claim[:3],
        )
        yield


def is_locked(fresh_db, claim):
    try:
        with psycopg.connect(fresh_db.owner_url) as other:
            other.execute(
                "SELECT FROM cap_window WHERE (cap_id, starts_at, key) = (%s, %s, %s)"
                " FOR UPDATE NOWAIT",
                claim[:3],
            )
    except psycopg.errors.LockNotAvailable:
        return True
    return False


def by_take(fresh_db, cap, claims):
    take_once(fresh_db.url, places.wanted([*reversed(claims), *claims]))


def by_begin(fresh_db, cap, claims):
    async def run():
        async with await psycopg.AsyncConnection.connect(fresh_db.url, autocommit=True) as own:
            await places.commit(own, await places.begin(own, claims))

    asyncio.run(run())


def by_change(fresh_db, cap, claims):
    try:
        caps.change(cap, {"limit_count": 100})
    finally:
        connection.close()


def by_alert(fresh_db, cap, claims):
    try:
        assert caps.alert() == len(claims)
    finally:
        connection.close()


def order_otherwise(fresh_db):
    """Sort keys as people do, where the server can: b before C."""
    with psycopg.connect(fresh_db.owner_url, autocommit=True) as owner:
        for collation in ("unicode", "en-x-icu", "en_US.utf8", "en_US"):
            try:
                (found,) = owner.execute(f"SELECT 'b' < 'C' COLLATE \"{collation}\"").fetchone()
                assert found
                owner.execute(
                    f'ALTER TABLE cap_window ALTER key TYPE varchar(500) COLLATE "{collation}"'
                )
            except (psycopg.errors.UndefinedObject, psycopg.errors.FeatureNotSupported):
                continue
            return


@pytest.mark.parametrize("way", [by_take, by_begin, by_change, by_alert])
def test_everybody_locks_windows_in_the_order_of_their_bytes(fresh_db, clock, way):
    """Whatever the order of the database's own language, in which b comes before C."""
    clock.set(NOW)
    order_otherwise(fresh_db)
    cap = factories.make_cap(scope="source")
    in_order = [claim for key in ("C", "b", "z", "é") for claim in claims_of(cap, source=key)]
    make_windows(*reversed(in_order), used=9)
    for place, claim in enumerate(in_order):
        with held(fresh_db, claim):
            at_work = threading.Thread(target=way, args=(fresh_db, cap, in_order))
            at_work.start()
            eventually(lambda: who_waits(fresh_db.url), within_s=10)
            locked = [is_locked(fresh_db, each) for each in in_order]
        at_work.join(timeout=20)
        assert locked == [other <= place for other in range(len(in_order))]
        CapWindow.objects.update(used=9, limit_count=10, alerted_at=None)


def test_windows_are_locked_in_the_order_of_the_list_however_they_lie_in_the_table(fresh_db):
    """Or two batches could each hold what the other waits for."""
    cap = factories.make_cap(scope="source")
    every = [claim for key in "abcdefgh" for claim in claims_of(cap, source=key)]
    # Made from the last to the first, so the table and the order of ids say the opposite.
    make_windows(*reversed(every), limit=100)
    held = every[4]
    with psycopg.connect(fresh_db.url) as holder:
        holder.execute("SELECT FROM cap_window WHERE key = %s FOR UPDATE", [held[2]])
        taker = threading.Thread(target=take_once, args=[fresh_db.url, dict.fromkeys(every, 1)])
        taker.start()
        eventually(lambda: who_waits(fresh_db.url), within_s=10)
        free = connection.cursor()
        free.execute("SELECT key FROM cap_window ORDER BY key FOR UPDATE SKIP LOCKED")
        assert "".join(key for (key,) in free.fetchall()) == "fgh"
        holder.rollback()
        taker.join(timeout=20)
    assert set(used().values()) == {1}
