"""Room that came back goes to those who wait longest, as far as it reaches."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from network import clock as now_of
from tests import factories
from tests.tracking.rows import available_micros, make_conversion
from tracking.conversions import room
from tracking.conversions.models import Conversion, Event

UNIT = 1_000_000


def make_waiting(link, *sales):
    """Unfunded conversions of these sales, the first one the oldest; 10 % of them is needed."""
    begin = now_of.now() - timedelta(days=1)
    return [
        make_conversion(
            link, sale=sale, status="unfunded", received_at=begin + timedelta(minutes=minute)
        )
        for minute, sale in enumerate(sales)
    ]


def given(conversions):
    return [Conversion.objects.get(pk=each.pk).status == "pending" for each in conversions]


@pytest.mark.django_db
def test_the_oldest_come_first_and_what_does_not_fit_is_skipped():
    link = factories.make_link()
    waiting = make_waiting(link, 100, 500, 200, 100)
    factories.fund(link.offer.advertiser, micros=30 * UNIT)
    assert room.waiting_pairs() == [(link.offer.advertiser_id, "EUR")]
    assert room.give(link.offer.advertiser_id, "EUR") == 2
    assert given(waiting) == [True, False, True, False]
    assert available_micros(link.offer.advertiser_id) == 0
    assert room.waiting_pairs() == []


@pytest.mark.django_db
def test_large_ones_in_front_do_not_hide_small_ones_behind():
    link = factories.make_link()
    waiting = make_waiting(link, *[9_000] * 3, 10)
    factories.fund(link.offer.advertiser, micros=UNIT)
    assert room.give(link.offer.advertiser_id, "EUR", limit=2) == 1
    assert given(waiting) == [False, False, False, True]


@pytest.mark.django_db
def test_what_got_room_is_looked_at_by_the_judge_at_once():
    link = factories.make_link()
    (waiting,) = make_waiting(link, 100)
    factories.fund(link.offer.advertiser)
    room.give(link.offer.advertiser_id, "EUR")
    waiting.refresh_from_db()
    assert waiting.due_at <= now_of.now()
    assert waiting.reserved_micros == waiting.revenue_micros == 10 * UNIT
    event = Event.objects.get(conversion=waiting, seq=2)
    assert (event.old, event.new, event.reason) == ("unfunded", "pending", "room_given")


@pytest.mark.django_db
def test_a_fresh_one_that_got_room_still_has_its_time_to_settle(settings):
    settings.SETTLE_SECONDS = 300
    link = factories.make_link()
    waiting = make_conversion(link, status="unfunded")
    factories.fund(link.offer.advertiser)
    room.give(link.offer.advertiser_id, "EUR")
    waiting.refresh_from_db()
    assert waiting.due_at == waiting.received_at + timedelta(seconds=300)


@pytest.mark.django_db
def test_money_in_another_currency_gives_no_room():
    link = factories.make_link()
    make_waiting(link, 100)
    factories.fund(link.offer.advertiser, "USD")
    assert room.waiting_pairs() == []
    assert room.give(link.offer.advertiser_id, "EUR") == 0


def test_two_sweepers_never_give_more_than_there_is(fresh_db):
    link = factories.make_link()
    make_waiting(link, *[70] * 100)
    factories.fund(link.offer.advertiser, micros=500 * UNIT)

    def sweep():
        while room.give(link.offer.advertiser_id, "EUR", limit=7):
            pass
        connection.close()

    sweepers = [threading.Thread(target=sweep) for _ in range(2)]
    for sweeper in sweepers:
        sweeper.start()
    for sweeper in sweepers:
        sweeper.join()
    assert Conversion.objects.filter(status="pending").count() == 71
    assert available_micros(link.offer.advertiser_id) == 3 * UNIT
