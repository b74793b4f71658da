"""The judge decides what is due, once, in batches, and leaves the facts it saw."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from network import clock as now_of
from partners.models import Affiliate
from tests import factories
from tests.tracking.rows import OPERATOR, available_micros, make_conversion
from tracking.conversions import lifecycle
from tracking.conversions.models import Conversion, Event, Share
from tracking.validation import judge

UNIT = 1_000_000


@pytest.fixture(autouse=True)
def settled(settings):
    settings.SETTLE_SECONDS = 0


def state(conversion):
    conversion.refresh_from_db()
    return conversion.status, conversion.reason, conversion.due_at


def links_of_one_advertiser(count=2):
    advertiser = factories.make_advertiser()
    factories.fund(advertiser)
    return [factories.make_link(factories.make_offer(advertiser)) for _ in range(count)]


@pytest.mark.django_db
def test_a_good_one_is_approved_when_it_is_due(clock):
    (link,) = links_of_one_advertiser(1)
    conversion = make_conversion(link, due_at=now_of.now() + timedelta(minutes=5))
    assert judge.judge_due() == 0
    clock.forward(minutes=6)
    assert judge.judge_due() == 1
    assert state(conversion) == ("approved", "valid", None)
    assert Share.objects.get().commission_micros == 7 * UNIT


@pytest.mark.django_db
def test_a_rejected_one_gives_its_money_back():
    (link,) = links_of_one_advertiser(1)
    before = available_micros(link.offer.advertiser_id)
    conversion = make_conversion(link, clicked=timedelta(days=31))
    judge.judge_due()
    assert state(conversion) == ("rejected", "click_expired", None)
    assert available_micros(conversion.advertiser_id) == before


@pytest.mark.django_db
def test_a_verdict_stores_the_facts_of_every_rule():
    (link,) = links_of_one_advertiser(1)
    conversion = make_conversion(link, clicked=timedelta(seconds=3))
    judge.judge_due()
    event = Event.objects.get(conversion=conversion, seq=2)
    assert (event.new, event.reason, event.actor) == ("rejected", "ctit_min", "job:judge")
    by_rule = {each["rule"]: each for each in event.facts["rules"]}
    assert by_rule["ctit_min"] == {
        "rule": "ctit_min",
        "outcome": "reject",
        "saw": {"elapsed_s": 3.0, "min_click_to_conversion_s": 15},
    }
    assert by_rule["click_expired"]["outcome"] == "passed"


@pytest.mark.django_db
def test_an_order_under_another_offer_waits_for_a_person():
    first, second = (make_conversion(link, order_ref="1001") for link in links_of_one_advertiser())
    assert judge.judge_due() == 2
    assert state(first)[0] == "approved"
    assert state(second) == ("pending", "order_elsewhere", None)
    event = Event.objects.get(conversion=second, seq=2)
    assert (event.old, event.new, event.reason) == ("pending", "pending", "order_elsewhere")
    assert judge.judge_due() == 0


@pytest.mark.django_db
def test_an_order_under_another_affiliate_of_the_same_offer_waits_too():
    (link,) = links_of_one_advertiser(1)
    make_conversion(link, order_ref="1001")
    second = make_conversion(factories.make_link(link.offer), order_ref="1001")
    judge.judge_due()
    assert state(second) == ("pending", "order_elsewhere", None)


@pytest.mark.django_db
def test_a_person_may_approve_what_was_held():
    first, second = (make_conversion(link, order_ref="1001") for link in links_of_one_advertiser())
    judge.judge_due()
    lifecycle.approve(second.pk, actor=OPERATOR)
    assert state(second)[0] == state(first)[0] == "approved"


@pytest.mark.django_db
def test_rejected_and_test_conversions_claim_no_order():
    first, second, third = (
        make_conversion(link, order_ref="1001", is_test=test)
        for link, test in zip(links_of_one_advertiser(3), (True, False, False), strict=True)
    )
    lifecycle.reject(second.pk, reason="returned", actor=OPERATOR)
    judge.judge_due()
    assert state(third)[0] == "approved"


@pytest.mark.django_db
def test_the_same_reference_at_another_advertiser_is_another_order():
    conversions = [
        make_conversion(links_of_one_advertiser(1)[0], order_ref="1001") for _ in range(2)
    ]
    judge.judge_due()
    assert {state(each)[0] for each in conversions} == {"approved"}


@pytest.mark.django_db
def test_two_goals_of_one_order_are_no_conflict():
    (link,) = links_of_one_advertiser(1)
    lead = factories.make_goal(link.offer, "lead")
    make_conversion(link, order_ref="1001")
    second = make_conversion(link, goal=lead, order_ref="1001")
    judge.judge_due()
    assert state(second)[0] == "approved"


@pytest.mark.django_db
def test_one_stored_late_finds_the_approved_one_ahead_of_it():
    early, late = links_of_one_advertiser()
    make_conversion(early, order_ref="1001")
    judge.judge_due()
    waited = make_conversion(late, order_ref="1001", received_at=now_of.now() - timedelta(hours=1))
    judge.judge_due()
    assert state(waited) == ("pending", "order_elsewhere", None)


@pytest.mark.django_db
def test_a_hold_is_an_event_and_is_looked_at_again(settings, clock):
    settings.SETTLE_SECONDS = 300
    (link,) = links_of_one_advertiser(1)
    conversion = make_conversion(link)
    judge.judge_due()
    until = conversion.received_at + timedelta(seconds=300)
    assert state(conversion) == ("pending", "settling", until)
    clock.forward(minutes=6)
    judge.judge_due()
    assert state(conversion)[0] == "approved"


@pytest.mark.django_db
def test_an_inactive_affiliate_is_rejected():
    (link,) = links_of_one_advertiser(1)
    conversion = make_conversion(link)
    Affiliate.objects.filter(pk=link.affiliate_id).update(status="paused")
    judge.judge_due()
    assert state(conversion)[:2] == ("rejected", "affiliate_inactive")


def run_judges(count, limit):
    def drain():
        while judge.judge_due(limit):
            pass
        connection.close()

    judges = [threading.Thread(target=drain) for _ in range(count)]
    for each in judges:
        each.start()
    for each in judges:
        each.join()


def test_racing_judges_approve_each_order_exactly_once(fresh_db):
    links = links_of_one_advertiser()
    for number in range(100):
        for link in links:
            make_conversion(link, order_ref=str(number))
    run_judges(4, limit=9)
    approved = Conversion.objects.filter(status="approved")
    assert sorted(int(each.order_ref) for each in approved) == list(range(100))
    assert Conversion.objects.filter(status="pending", reason="order_elsewhere").count() == 100


def test_judges_of_one_order_take_turns(fresh_db):
    """One is judged while a report that had waited brings a twin with an older receipt.

    Otherwise the twin's judge would see the first one still pending, and itself ahead of it.
    """
    first, second = links_of_one_advertiser()
    make_conversion(first, order_ref="1001")

    def bring_twin():
        an_hour_ago = now_of.now() - timedelta(hours=1)
        make_conversion(second, order_ref="1001", received_at=an_hour_ago)
        judge.judge_due()
        connection.close()

    other = threading.Thread(target=bring_twin)
    with transaction.atomic():
        judge.judge_due()
        other.start()
        other.join(0.5)
        assert other.is_alive()
    other.join()
    assert Conversion.objects.filter(status="approved").count() == 1
    assert Conversion.objects.filter(reason="order_elsewhere", due_at=None).count() == 1


def test_racing_judges_decide_each_once(fresh_db):
    (link,) = links_of_one_advertiser(1)
    before = available_micros(link.offer.advertiser_id)
    conversions = [make_conversion(link) for _ in range(60)]
    run_judges(3, limit=7)
    assert Event.objects.filter(new="approved").count() == len(conversions)
    assert before - available_micros(link.offer.advertiser_id) == 60 * 10 * UNIT
