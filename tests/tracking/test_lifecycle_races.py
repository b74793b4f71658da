"""Decisions made at the same moment: one counts, and no money is taken or given twice."""

import threading
from contextlib import suppress
from functools import partial

from django.db import connection

from network.errors import IllegalMove, NotEnoughRoom, PeractionError
from network.money import Money
from tests import factories
from tests.tracking.rows import OPERATOR, available_micros, make_approved, make_conversion
from tracking.conversions import lifecycle
from tracking.conversions.models import Conversion, Event, Share

UNIT = 1_000_000


def make_link():
    link = factories.make_link()
    factories.fund(link.offer.advertiser, micros=1000 * UNIT)
    return link


def at_once(count, verb):
    """Run the verb in so many threads at the same moment; the codes of what was refused."""
    begin, refused = threading.Barrier(count), []

    def run(number):
        begin.wait()
        try:
            verb(number)
        except PeractionError as error:
            refused.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


def test_reversals_at_once_never_pass_the_sale(fresh_db):
    conversion = make_approved(make_link(), sale=100)

    def take_back(number):
        lifecycle.reverse(
            conversion.pk, reason="returned", actor=OPERATOR, refund=Money(20 * UNIT, "EUR")
        )

    assert at_once(8, take_back) == ["illegal_move"] * 3
    conversion.refresh_from_db()
    assert (conversion.status, conversion.revenue_micros) == ("reversed", 0)
    assert sum(Share.objects.values_list("revenue_micros", flat=True)) == 0
    assert available_micros(conversion.advertiser_id) == 1000 * UNIT


def test_of_an_approval_and_a_rejection_at_once_the_books_are_whole(fresh_db):
    link = make_link()
    conversions = [make_conversion(link, sale=100) for _ in range(10)]

    def decide(number):
        approve = partial(lifecycle.approve, actor=OPERATOR)
        reject = partial(lifecycle.reject, reason="returned", actor=OPERATOR)
        for conversion in conversions[:: 1 if number % 2 else -1]:
            with suppress(IllegalMove, NotEnoughRoom):
                (approve if number % 2 else reject)(conversion.pk)

    assert at_once(4, decide) == []
    approved = Conversion.objects.filter(status="approved").count()
    assert available_micros(link.offer.advertiser_id) == (1000 - 10 * approved) * UNIT
    assert Share.objects.count() == approved
    assert Event.objects.filter(new="approved").count() == approved


def test_what_was_rejected_takes_only_the_room_there_is(fresh_db):
    link = make_link()
    conversions = [make_conversion(link, sale=1000) for _ in range(9)]
    for conversion in conversions:
        lifecycle.reject(conversion.pk, reason="returned", actor=OPERATOR)
    factories.fund(link.offer.advertiser, micros=-600 * UNIT)

    def approve(number):
        lifecycle.approve(conversions[number].pk, actor=OPERATOR)

    assert at_once(9, approve) == ["no_room"] * 5
    assert available_micros(link.offer.advertiser_id) == 0
