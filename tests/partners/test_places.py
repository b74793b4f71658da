"""Places in caps: which a click needs, all of them or none, and never more than there are."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import IntegrityError, connection

from partners import places
from partners.models import CapWindow
from tests import factories
from tests.factories import claims_of

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def settle(url, clicks):
    """Decide about these clicks' claims in one transaction; what refused each, and the windows."""

    async def run():
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            windows = await places.begin(connection, [claim for click in clicks for claim in click])
            refused = places.reserve(windows, clicks)
            await places.commit(connection, windows)
            return refused, windows

    return asyncio.run(run())


def used():
    return {(row.cap_id, row.key): row.used for row in CapWindow.objects.all()}


@pytest.mark.parametrize(
    ("scope", "key"),
    [("offer", ""), ("affiliate", "7"), ("source", "blog"), ("country", "UA"), ("landing", "3")],
)
def test_a_scope_says_what_is_counted_apart(db, scope, key):
    cap = factories.make_cap(scope=scope)
    (claim,) = claims_of(cap, source="blog", country="UA", landing_id=3)
    day = datetime(2026, 11, 26, tzinfo=UTC)
    assert claim == (cap.pk, day, key, day + timedelta(days=1))


def test_a_cap_on_one_value_is_not_claimed_by_others(db):
    cap = factories.make_cap(scope="country", value="UA")
    assert [bool(claims_of(cap, country=country)) for country in ("UA", "DE", "")] == [
        True,
        False,
        False,
    ]


def test_a_long_source_is_counted_by_its_beginning(db):
    (claim,) = claims_of(factories.make_cap(scope="source"), source="x" * 3_000)
    assert claim[2] == "x" * 500


def test_clicks_of_a_batch_get_in_by_receipt_until_it_is_full(fresh_db):
    cap = factories.make_cap(limit=3)
    click = claims_of(cap)
    assert settle(fresh_db.url, [click] * 2)[0] == [None, None]
    assert settle(fresh_db.url, [click] * 3)[0] == [None, *click * 2]
    assert used() == {(cap.pk, ""): 3}


def test_a_click_takes_a_place_in_all_its_caps_or_in_none(fresh_db):
    offer = factories.make_offer()
    wide = factories.make_cap(offer, limit=5)
    narrow = factories.make_cap(offer, limit=1, scope="affiliate")
    clicks = [claims_of(wide, narrow, affiliate_id=number) for number in (7, 7, 8)]
    refused, _ = settle(fresh_db.url, clicks)
    assert refused == [None, clicks[1][1], None]
    assert used() == {(wide.pk, ""): 2, (narrow.pk, "7"): 1, (narrow.pk, "8"): 1}


def test_old_and_new_windows_are_taken_in_one_batch(fresh_db):
    cap = factories.make_cap(limit=2)
    today, tomorrow = claims_of(cap), claims_of(cap, at=NOW + timedelta(days=1))
    settle(fresh_db.url, [today])
    assert settle(fresh_db.url, [today, today, tomorrow])[0] == [None, *today, None]
    starts = [row.starts_at.day for row in CapWindow.objects.order_by("starts_at")]
    ends = [row.ends_at.day for row in CapWindow.objects.order_by("starts_at")]
    assert (starts, ends) == ([26, 27], [27, 28])


def test_all_time_has_one_window_without_an_end(fresh_db):
    cap = factories.make_cap(period="total")
    settle(fresh_db.url, [claims_of(cap), claims_of(cap, at=NOW + timedelta(days=9_000))])
    window = CapWindow.objects.get()
    assert (window.used, window.ends_at) == (2, None)


def test_a_new_window_has_the_limit_of_the_database_whatever_a_tracker_believes(fresh_db):
    cap = factories.make_cap(limit=1)
    cap.limit_count = 1_000
    assert settle(fresh_db.url, [claims_of(cap)] * 2)[0][1] is not None


def test_a_cap_of_nothing_lets_nobody_in(fresh_db):
    click = claims_of(factories.make_cap(limit=0))
    assert settle(fresh_db.url, [click])[0] == [*click]


def test_a_window_of_a_cap_that_is_gone_is_full(fresh_db):
    start = datetime(2026, 11, 26, tzinfo=UTC)
    gone = (10**9, start, "", start + timedelta(days=1))
    assert settle(fresh_db.url, [[gone], []])[0] == [gone, None]


@pytest.mark.parametrize(
    "source", ["it's", 'a"b\\c{d,e}', "%s; DROP TABLE cap", "\\'; --", "雪", "NULL", " a "]
)
def test_any_source_is_a_key(fresh_db, source):
    cap = factories.make_cap(scope="source")
    settle(fresh_db.url, [claims_of(cap, source=source)] * 3)
    assert used() == {(cap.pk, source): 3}


@pytest.mark.parametrize("source", ["\0a", "\ud800"])
def test_a_source_that_is_no_text_spoils_nothing_for_the_others(fresh_db, source):
    cap = factories.make_cap(scope="source")
    clicks = [claims_of(cap, source=source), claims_of(cap, source="blog")]
    assert settle(fresh_db.url, clicks)[0][1] is None
    assert used()[cap.pk, "blog"] == 1


def test_the_same_batch_again_and_again_is_never_prepared(fresh_db):
    # A prepared statement takes one command, and the driver prepares what comes often.
    click = claims_of(factories.make_cap(limit=1_000))

    async def run():
        async with await psycopg.AsyncConnection.connect(fresh_db.url, autocommit=True) as own:
            for _ in range(12):
                windows = await places.begin(own, click)
                places.reserve(windows, [click])
                await places.commit(own, windows)
            for _ in range(12):
                await places.commit(own, await places.begin(own, click))

    asyncio.run(run())
    assert CapWindow.objects.get().used == 12


def test_what_is_rolled_back_was_never_taken(fresh_db):
    cap = factories.make_cap()
    click = claims_of(cap)

    async def run():
        async with await psycopg.AsyncConnection.connect(fresh_db.url, autocommit=True) as own:
            places.reserve(await places.begin(own, click), [click])
            await own.rollback()
            windows = await places.begin(own, click)
            places.reserve(windows, [click])
            await places.commit(own, windows)

    asyncio.run(run())
    assert used() == {(cap.pk, ""): 1}


def test_what_was_found_full_needs_no_database(fresh_db):
    cap = factories.make_cap(limit=1)
    click = claims_of(cap)
    full = places.Full()
    _, windows = settle(fresh_db.url, [click])
    assert not full.knows(click[0], 1)
    full.learn(windows)
    assert full.knows(click[0], 1)
    assert full.first(click, [cap]) == click[0]
    assert full.first(claims_of(cap, at=NOW + timedelta(days=1)), [cap]) is None


def test_a_raised_limit_makes_a_full_window_unknown_again():
    claim = (1, NOW, "", None)
    full = places.Full()
    full.learn({claim: places.Places(limit=15, used=15)})
    assert [full.knows(claim, limit) for limit in (10, 15, 16)] == [True, True, False]


def test_a_window_with_room_is_not_kept():
    full = places.Full()
    full.learn({(1, NOW, "", None): places.Places(limit=15, used=13, taken=1)})
    assert not full.knows((1, NOW, "", None), 14)


def test_the_memory_of_full_windows_is_bounded():
    full = places.Full(size_max=3)
    windows = [(number, NOW, "", None) for number in range(5)]
    for claim in windows:
        full.learn({claim: places.Places(limit=1, used=1)})
    full.learn({windows[2]: places.Places(limit=1, used=1)})
    full.learn({windows[0]: places.Places(limit=1, used=1)})
    assert [full.knows(claim, 1) for claim in windows] == [True, False, True, False, True]


@pytest.mark.parametrize(
    "change",
    ["used = limit_count + 1", "used = -1", "limit_count = used - 1"],
)
def test_the_database_refuses_to_pass_a_cap(db, change):
    cap = factories.make_cap()
    CapWindow.objects.create(cap=cap, key="", starts_at=NOW, limit_count=10, used=4)
    with pytest.raises(IntegrityError, match="cap_never_passed"), connection.cursor() as cursor:
        cursor.execute(f"UPDATE cap_window SET {change}")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM cap_window",
        "TRUNCATE cap_window",
        "UPDATE cap_window SET starts_at = starts_at + interval '1 day'",
        "UPDATE cap_window SET ends_at = NULL",
        "UPDATE cap_window SET key = 'other'",
        "UPDATE cap_window SET cap_id = cap_id",
    ],
)
def test_the_application_neither_forgets_a_counter_nor_moves_it(fresh_db, statement):
    settle(fresh_db.url, [claims_of(factories.make_cap())])
    with (
        psycopg.connect(fresh_db.url) as own,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        own.execute(statement)
