"""Partitions are made ahead and dropped when nobody can need their clicks any more."""

import threading
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection

from network import clock as now_of
from partners.models import Offer
from tests import factories
from tests.running import eventually
from tracking import tasks
from tracking.clicks import partitions, salts

pytestmark = pytest.mark.django_db
TODAY = date(2026, 3, 1)
OLD = TODAY - timedelta(days=500)
WINDOW_S = 600 * 86_400


def make(*days, kind="click"):
    with connection.cursor() as cursor:
        for day in days:
            cursor.execute("SELECT make_partition(%s, %s)", [kind, day])


def exists(table):
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
        return cursor.fetchone()[0]


def drop(today=TODAY, *, kept_days):
    with connection.cursor() as cursor:
        return partitions.drop(cursor, today, kept_days=kept_days)


def test_days_beyond_the_retention_are_dropped():
    make(OLD, TODAY - timedelta(days=399))
    assert drop(kept_days=400) == [OLD]
    assert drop(kept_days=400) == []


@pytest.mark.parametrize("kind", partitions.TABLES)
def test_everything_that_is_kept_by_day_goes_with_the_day(kind):
    make(OLD, TODAY, kind=kind)
    assert exists(f"{kind}_{OLD:%Y%m%d}")
    assert drop(kept_days=400) == [OLD]
    assert not exists(f"{kind}_{OLD:%Y%m%d}")
    assert exists(f"{kind}_{TODAY:%Y%m%d}")


@pytest.mark.parametrize("verb", ["make_partition", "drop_partition"])
def test_no_other_table_is_touched(verb):
    with pytest.raises(IntegrityError, match="is not kept by day"), connection.cursor() as cursor:
        cursor.execute(f"SELECT {verb}('conversion', %s)", [OLD])


def test_each_table_has_a_function_of_its_own_that_makes_its_days():
    with connection.cursor() as cursor:
        for kind in partitions.TABLES:
            cursor.execute(f"SELECT make_{kind}_partition(%s)", [OLD])
            assert exists(f"{kind}_{OLD:%Y%m%d}")


def test_two_may_want_the_same_day_at_once(fresh_db):
    made = []

    def want():
        with psycopg.connect(fresh_db.url) as other:
            made.extend(other.execute("SELECT make_partition('click', %s)", [OLD]).fetchone())

    with psycopg.connect(fresh_db.url) as first:
        first.execute("SELECT make_partition('click', %s)", [OLD])
        waiting = threading.Thread(target=want)
        waiting.start()
        eventually(lambda: _waits(fresh_db.owner_url))
    waiting.join()
    assert made == [False]


def _waits(url):
    with psycopg.connect(url) as watching:
        waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return watching.execute(waiting).rowcount


def test_a_retention_of_nothing_keeps_everything():
    make(OLD)
    assert drop(kept_days=0) == []


def test_clicks_stay_as_long_as_a_conversion_may_name_them():
    factories.make_offer(click_window_s=WINDOW_S)
    make(OLD)
    assert drop(kept_days=400) == []
    assert drop(TODAY + timedelta(days=102), kept_days=400) == [OLD]


def test_a_draft_keeps_no_clicks():
    factories.make_offer(status="draft", click_window_s=WINDOW_S)
    make(OLD)
    assert drop(kept_days=400) == [OLD]


@pytest.mark.parametrize("status", ["active", "paused", "ended"])
def test_an_offer_whose_last_day_is_not_told_keeps_its_clicks(status):
    factories.make_offer(status=status, click_window_s=WINDOW_S)
    make(OLD)
    assert drop(kept_days=400) == []


@pytest.mark.parametrize(("status", "dropped"), [("ended", [OLD]), ("active", []), ("paused", [])])
def test_an_ended_offer_keeps_its_clicks_for_a_window_after_its_last_day(status, dropped):
    last = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC) - timedelta(seconds=WINDOW_S)
    offer = factories.make_offer(status=status, click_window_s=WINDOW_S, ends_at=last)
    make(OLD)
    assert drop(kept_days=400) == []
    Offer.objects.filter(pk=offer.pk).update(ends_at=last - timedelta(seconds=1))
    assert drop(kept_days=400) == dropped


def test_a_short_retention_keeps_the_last_month():
    today = datetime.now(UTC).date()
    older, young = today - timedelta(days=31), today - timedelta(days=30)
    make(older, young)
    assert drop(today, kept_days=7) == [older]


def test_the_database_keeps_the_last_month_whatever_it_is_told():
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    make(yesterday)
    with pytest.raises(IntegrityError, match="too young"):
        drop(yesterday + timedelta(days=1_000), kept_days=400)


def test_the_application_cannot_drop_a_partition_by_itself():
    make(OLD)
    with pytest.raises(ProgrammingError, match="must be owner"), connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE click_{OLD:%Y%m%d}")


def test_partitions_and_salts_are_made_for_the_days_ahead(clock):
    clock.set(datetime(2031, 12, 31, 12, tzinfo=UTC))
    assert tasks.make_partitions() == len(partitions.TABLES) * (partitions.AHEAD_DAYS + 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT day FROM visitor_salt ORDER BY day")
        days = [day for (day,) in cursor.fetchall()]
    assert days == [now_of.now().date() + timedelta(days=n) for n in range(salts.AHEAD_DAYS + 1)]


def test_yesterdays_salt_is_the_oldest_that_is_kept_and_none_is_changed(clock):
    clock.set(datetime(2031, 12, 31, 12, tzinfo=UTC))
    tasks.make_partitions()
    clock.set(datetime(2032, 1, 3, 12, tzinfo=UTC))
    tasks.make_partitions()
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(day) FROM visitor_salt")
        assert cursor.fetchone() == (date(2032, 1, 2),)
    with pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute("UPDATE visitor_salt SET salt = decode(repeat('00', 16), 'hex')")
