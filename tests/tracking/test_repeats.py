"""A visitor's first click of a day on an offer is told from its repeats, however late it comes."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from network.ids import uuid7_at
from tests import factories
from tests.tracking.rows import make_click
from tests.tracking.trackers import tell
from tracking import tasks
from tracking.clicks import recorder, repeats

NOON = datetime(2031, 5, 4, 12, tzinfo=UTC)
DAY = NOON.date()
LAPTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
LATER = NOON + timedelta(hours=12, seconds=repeats.SETTLED_S + 1)


def click(link, visitor, *, minutes=0, **fields):
    id = uuid7_at(int((NOON + timedelta(minutes=minutes)).timestamp() * 1_000))
    return make_click(link, id=id, visitor=visitor, **fields).id


def mark(day=DAY, now=LATER):
    with transaction.atomic(), connection.cursor() as cursor:
        return repeats.mark(cursor, day, now)


def firsts():
    with connection.cursor() as cursor:
        cursor.execute("SELECT visitor, click_id FROM first_click")
        return dict(cursor.fetchall())


@pytest.fixture
def link(db):
    return factories.make_link()


def test_the_earliest_click_of_a_visitor_is_its_first(link):
    first = click(link, 7)
    click(link, 7, minutes=1)
    other = click(link, 8, minutes=2)
    assert mark() == 2
    assert firsts() == {7: first, 8: other}


def test_failed_clicks_and_visitors_without_a_key_are_nobodys_first(link):
    click(link, 7, reason="geo_country")
    click(link, None)
    assert (mark(), firsts()) == (0, {})


def test_a_click_that_is_not_settled_yet_waits_for_the_next_sweep(link):
    first = click(link, 7)
    assert mark(now=NOON + timedelta(seconds=1)) == 0
    assert mark() == 1
    assert firsts() == {7: first}


def test_a_late_click_becomes_the_first_when_its_day_is_looked_through_again(link):
    click(link, 7, minutes=5)
    mark()
    first = click(link, 7)
    assert mark() == 0
    with connection.cursor() as cursor:
        repeats.look_again(cursor, [DAY, DAY])
        assert repeats.behind(cursor) == [DAY]
    assert mark() == 1
    assert firsts() == {7: first}


def test_days_do_not_know_each_other(link):
    click(link, 7)
    click(link, 7, minutes=24 * 60)
    mark()
    assert mark(DAY + timedelta(days=1), LATER + timedelta(days=1)) == 1


def test_first_clicks_go_with_their_days(link):
    click(link, 7)
    mark()
    with connection.cursor() as cursor:
        assert repeats.forget(cursor, DAY) == 0
        assert repeats.forget(cursor, date(2031, 5, 5)) == 1


def test_a_day_that_is_gone_is_not_looked_through_again(link):
    mark()
    mark(DAY + timedelta(days=1), LATER + timedelta(days=1))
    with connection.cursor() as cursor:
        repeats.look_again(cursor, [DAY])
        repeats.forget(cursor, DAY + timedelta(days=1))
        assert repeats.behind(cursor) == []


def test_the_sweep_goes_on_from_its_last_day_though_that_is_gone(link):
    mark()
    today = DAY + timedelta(days=3)
    with connection.cursor() as cursor:
        repeats.forget(cursor, today)
        assert repeats.due(cursor, today) == [DAY + timedelta(days=n) for n in (-1, 0, 1, 2, 3)]


def test_days_that_nobody_looked_through_are_made_up_for(link, clock):
    clock.set(LATER)
    tasks.mark_repeats()
    clicks = {day: click(link, day, minutes=24 * 60 * day) for day in (1, 2, 3, 4)}
    clock.set(LATER + timedelta(days=4))
    tasks.mark_repeats()
    assert firsts() == clicks


def test_a_click_of_the_last_seconds_of_a_day_is_found_after_days_too(link, clock):
    clock.set(NOON.replace(hour=23, minute=59))
    tasks.mark_repeats()
    clock.set(LATER - timedelta(seconds=repeats.SETTLED_S + 1))
    tasks.mark_repeats()
    last = click(link, 7, minutes=12 * 60 - 0.05)
    clock.set(LATER + timedelta(days=5))
    tasks.mark_repeats()
    assert firsts() == {7: last}


def test_clicks_that_may_wait_long_for_their_commit_are_waited_for(link, settings):
    settings.COMMIT_MAX_MS = 5_000
    last = click(link, 7, minutes=12 * 60 - 0.05)
    assert recorder.WAITING_MAX // recorder.BATCH_MAX < repeats.COMMITS_MAX
    assert mark(now=NOON + timedelta(hours=12, seconds=20)) == 0
    assert mark(now=NOON + timedelta(hours=12, seconds=31)) == 1
    assert firsts() == {7: last}


def test_who_comes_again_is_a_repeat_from_the_tracker_to_the_api(fresh_db, alice, bob, olga, clock):
    offer = factories.make_offer()
    factories.make_link(offer, alice.affiliate, code="ofalice")
    factories.make_link(offer, bob.affiliate, code="ofbob")
    agreed = {"user_agent": LAPTOP, "peer": "192.0.2.1"}
    visits = {
        "first": ("ofalice?cons=1", agreed),
        "repeat": ("ofalice?cons=1", agreed),
        "other affiliate": ("ofbob?cons=1", agreed),
        "other visitor": ("ofalice?cons=1", {**agreed, "peer": "192.0.2.2"}),
        "refused": ("ofalice?cons=0", agreed),
        "opted out": ("ofalice?cons=1", {**agreed, "sec_gpc": "1"}),
    }
    clock.set(NOON)

    async def story(visitor):
        for name, (address, headers) in visits.items():
            await visitor.get(f"/c/{address}&sub1={name.replace(' ', '+')}", **headers)

    def shown(member, *fields):
        clicks = member.api.get("/api/v1/clicks").json()["results"]
        return {each["subs"][0]: tuple(each[name] for name in fields) for each in clicks}

    tell(fresh_db.url, story)
    assert set(shown(olga, "repeat").values()) == {(None,)}
    clock.set(LATER)
    tasks.mark_repeats()
    told = shown(olga, "repeat", "marks", "device", "os", "browser")
    assert told == {
        "first": (False, [], "desktop", "Linux", "Firefox"),
        "repeat": (True, [], "desktop", "Linux", "Firefox"),
        "other affiliate": (False, [], "desktop", "Linux", "Firefox"),
        "other visitor": (False, [], "desktop", "Linux", "Firefox"),
        "refused": (None, ["consent_refused"], "desktop", "Linux", "Firefox"),
        "opted out": (None, ["gpc", "consent_minimal"], "desktop", "Linux", "Firefox"),
    }
    assert set(shown(bob, "repeat")) == {"other affiliate"}
    assert shown(alice, "marks").items() <= shown(olga, "marks").items()
    day = NOON.date()
    (line,) = alice.api.get(f"/api/v1/reports?from={day}&to={day}&tz=UTC").json()["results"]
    assert (line["clicks"], line["unique_clicks"]) == (5, 4)


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 700)), max_size=6), max_size=4)
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_arrival_gives_what_a_full_count_gives(link, arrivals):
    with transaction.atomic():
        sid = transaction.savepoint()
        clicks = []
        for arrival in arrivals:
            clicks += [(visitor, click(link, visitor, minutes=at)) for visitor, at in arrival]
            with connection.cursor() as cursor:
                repeats.look_again(cursor, [DAY])
            mark()
        expected = {visitor: min(id for v, id in clicks if v == visitor) for visitor, _ in clicks}
        assert firsts() == expected
        transaction.savepoint_rollback(sid)
