"""Hand-offs are taken once and in order, whoever takes them."""

import threading

import pytest
from django.db import connection, transaction

from tests import factories
from tests.tracking.rows import OPERATOR, make_approved, make_conversion
from tracking.conversions import handoffs, lifecycle
from tracking.conversions.models import Handoff


def claim(consumer="postbacks", limit=100):
    with connection.cursor() as cursor:
        return handoffs.claim(cursor, consumer, limit)


def make_story(link=None):
    """A conversion with three events: received, approved, reversed."""
    link = link or factories.make_link()
    factories.fund(link.offer.advertiser)
    conversion = make_approved(link)
    lifecycle.reverse(conversion.pk, reason="returned", actor=OPERATOR)
    return conversion


@pytest.mark.django_db
def test_only_the_first_event_of_a_conversion_is_free():
    make_story()
    assert [each.seq for each in claim()] == [1]


@pytest.mark.django_db
def test_finishing_one_frees_the_next():
    make_story()
    seen = []

    def work(cursor, claimed):
        seen.extend(each.seq for each in claimed)

    while handoffs.consume("postbacks", work, limit=10):
        pass
    assert seen == [1, 2, 3]
    assert set(Handoff.objects.values_list("consumer", flat=True)) == {"payouts"}


@pytest.mark.django_db
def test_what_is_put_off_blocks_what_comes_after_it(clock):
    make_story()
    with connection.cursor() as cursor:
        handoffs.put_off(cursor, handoffs.claim(cursor, "postbacks", 10), "no luck")
    assert claim() == []
    clock.forward(seconds=11)
    (again,) = claim()
    assert (again.seq, again.attempts) == (1, 1)


@pytest.mark.django_db
def test_each_failure_waits_longer_but_never_above_an_hour(clock):
    make_story()
    waits = []
    for _ in range(12):
        with connection.cursor() as cursor:
            (claimed,) = handoffs.claim(cursor, "payouts", 1)
            handoffs.put_off(cursor, [claimed], "no luck")
        row = Handoff.objects.get(event_id=claimed.event_id, consumer="payouts")
        waits.append(row.attempts)
        clock.forward(hours=1)
    assert waits == list(range(1, 13))


@pytest.mark.django_db
def test_a_bad_event_stops_only_its_own_conversion():
    bad, good = make_conversion(), make_conversion()

    def work(cursor, claimed):
        if any(each.conversion_id == bad.pk for each in claimed):
            raise ValueError("cannot be done")

    assert handoffs.consume("postbacks", work, limit=10) == 2
    assert not Handoff.objects.filter(conversion_id=good.pk).exists()
    assert Handoff.objects.get(conversion_id=bad.pk).error == "ValueError: cannot be done"


def test_a_later_event_never_overtakes_one_that_is_being_worked_on(fresh_db):
    make_story()
    taken, go_on = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic(), connection.cursor() as cursor:
            handoffs.finish(cursor, handoffs.claim(cursor, "postbacks", 10))
            taken.set()
            go_on.wait(10)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait(10)
    with transaction.atomic():
        assert claim() == []
    go_on.set()
    holder.join()
    with transaction.atomic():
        assert [each.seq for each in claim()] == [2]


def test_four_workers_take_every_event_once_and_in_order(fresh_db):
    link = factories.make_link()
    conversions = [make_story(link) for _ in range(30)]
    lock, seen = threading.Lock(), {conversion.pk: [] for conversion in conversions}

    def work(cursor, claimed):
        with lock:
            for each in claimed:
                seen[each.conversion_id].append(each.seq)

    def drain():
        while Handoff.objects.filter(consumer="postbacks").exists():
            handoffs.consume("postbacks", work, limit=7)
        connection.close()

    workers = [threading.Thread(target=drain) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert set(map(tuple, seen.values())) == {(1, 2, 3)}
