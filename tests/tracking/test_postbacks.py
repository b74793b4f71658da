"""Affiliates are told of their conversions: signed, at least once, until taken or hopeless."""

import pytest
from standardwebhooks.webhooks import Webhook

from network.money import Money
from tests import factories
from tests.tracking.rows import OPERATOR, make_approved, make_conversion
from tracking.clicks import ids
from tracking.conversions import lifecycle
from tracking.conversions.models import Handoff
from tracking.postbacks import addresses, deliveries, send
from tracking.postbacks.models import Delivery, Postback

pytestmark = pytest.mark.django_db
ALL = ["pending", "approved", "rejected", "reversed"]


@pytest.fixture
def link():
    link = factories.make_link()
    factories.fund(link.offer.advertiser)
    return link


def add(link, url="http://127.0.0.1:9/", statuses=ALL, offer=None):
    return addresses.add(affiliate=link.affiliate, url=url, statuses=statuses, offer=offer)


def consume_all():
    while deliveries.consume():
        pass


def tell(conversion):
    """All messages about a conversion, in the order of its events."""
    consume_all()
    told = Delivery.objects.filter(conversion_id=conversion.pk)
    return [each.body["data"] for each in sorted(told, key=lambda each: each.body["data"]["seq"])]


def reverse(conversion, refund=None):
    lifecycle.reverse(conversion.pk, reason="returned", actor=OPERATOR, refund=refund)


def test_a_message_says_what_the_affiliate_may_know(link):
    add(link)
    conversion = make_approved(link, sale=100, aff_click_id="x-1", source="mail", subs=["a", "b"])
    assert tell(conversion)[1] == {
        "conversion": str(conversion.pk),
        "seq": 2,
        "status": "approved",
        "reason": "accepted",
        "commission": {"amount": "7.00", "currency": "EUR"},
        "offer": {"id": link.offer_id, "name": link.offer.name},
        "goal": "sale",
        "click_id": ids.mint(conversion.click_id),
        "aff_click_id": "x-1",
        "source": "mail",
        "subs": {"sub1": "a", "sub2": "b"},
    }


def test_each_message_has_the_commission_of_its_moment(link):
    add(link)
    conversion = make_approved(link, sale=100)
    reverse(conversion, refund=Money(40_000_000, "EUR"))
    reverse(conversion)
    told = [(each["status"], each["commission"]["amount"]) for each in tell(conversion)]
    assert told == [
        ("pending", "7.00"),
        ("approved", "7.00"),
        ("approved", "4.20"),
        ("reversed", "0.00"),
    ]


def test_only_the_chosen_states_are_told(link):
    add(link, statuses=["reversed"])
    conversion = make_approved(link)
    assert tell(conversion) == []
    reverse(conversion)
    assert [each["status"] for each in tell(conversion)] == ["reversed"]


def test_an_address_for_the_offer_goes_before_one_for_all(link):
    general, _ = add(link)
    own, _ = add(link, offer=link.offer, statuses=["approved"])
    elsewhere = factories.make_link(affiliate=link.affiliate)
    consume_all()
    for conversion, postback in (
        (make_conversion(link), None),
        (make_conversion(elsewhere), general),
    ):
        consume_all()
        told = Delivery.objects.filter(conversion_id=conversion.pk)
        assert [each.postback for each in told] == ([postback] if postback else [])
    assert own.offer == link.offer


def test_nobody_is_told_of_a_wait_a_test_or_anothers_conversion(link):
    add(factories.make_link(link.offer))
    add(link)
    test = make_conversion(link, is_test=True)
    assert tell(test) == []
    Postback.objects.filter(affiliate=link.affiliate).update(active=False)
    assert tell(make_conversion(link)) == []
    assert not Handoff.objects.filter(consumer="postbacks").exists()


def test_the_signature_is_that_of_standard_webhooks(link, receiver):
    _, secret = add(link, receiver.url)
    make_conversion(link)
    consume_all()
    assert send.send_due() == 1
    payload = Webhook(secret).verify(receiver.bodies[0], receiver.headers[0])
    assert payload["type"] == "conversion.pending"
    assert Delivery.objects.get().status == "delivered"


def test_a_message_that_was_taken_is_not_sent_again(link, receiver, clock):
    add(link, receiver.url)
    make_conversion(link)
    consume_all()
    send.send_due()
    clock.forward(days=3)
    assert send.send_due() == 0
    assert len(receiver.bodies) == 1


def test_a_failure_is_tried_again_with_the_same_id_until_it_is_taken(link, receiver, clock):
    add(link, receiver.url)
    make_conversion(link)
    consume_all()
    for status in (500, 302, 429):
        receiver.answer(status)
        send.send_due()
        assert Delivery.objects.get().last_status == status
        assert send.send_due() == 0
        clock.forward(minutes=3)
    send.send_due()
    assert Delivery.objects.get().status == "delivered"
    assert len(receiver.ids) == 4
    assert len(set(receiver.ids)) == 1


def test_after_the_last_attempt_it_is_dead_and_can_be_replayed(link, receiver, clock):
    add(link, receiver.url)
    make_conversion(link)
    consume_all()
    for _ in range(10):
        receiver.answer(500)
        send.send_due()
        clock.forward(days=1, hours=3)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts, len(receiver.ids)) == ("dead", 10, 10)
    send.replay(delivery)
    send.send_due()
    assert Delivery.objects.get().status == "delivered"


def test_gone_stops_at_once_and_switches_the_address_off(link, receiver):
    postback, _ = add(link, receiver.url)
    make_conversion(link)
    consume_all()
    receiver.answer(410)
    send.send_due()
    postback.refresh_from_db()
    assert (Delivery.objects.get().status, postback.active) == ("dead", False)


def test_a_receiver_that_asks_for_patience_gets_it(link, receiver, clock):
    add(link, receiver.url)
    make_conversion(link)
    consume_all()
    receiver.answer(429, Retry_After="3600")
    send.send_due()
    clock.forward(minutes=59)
    assert send.send_due() == 0
    clock.forward(minutes=2)
    assert send.send_due() == 1


def test_a_worker_that_dies_after_the_call_repeats_it_with_the_same_id(link, receiver, clock):
    add(link, receiver.url)
    make_conversion(link)
    consume_all()
    (leased,) = send._lease(10)
    send._call(leased, timeout_s=1.0)  # and the process ends here, before it could write that down
    assert send.send_due() == 0
    clock.forward(minutes=4)
    assert send.send_due() == 1
    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1


def test_internal_addresses_are_refused(link, settings, receiver):
    settings.OUTGOING_ALLOW = []
    add(link, receiver.url)
    make_conversion(link)
    consume_all()
    send.send_due()
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.last_error) == ("due", "address_refused")
    assert receiver.bodies == []


def test_what_waits_for_a_paused_address_is_sent_when_it_is_back(link, receiver):
    postback, _ = add(link, receiver.url)
    make_conversion(link)
    consume_all()
    addresses.change(postback, active=False)
    assert send.send_due() == 0
    addresses.change(postback, active=True)
    assert send.send_due() == 1


def test_an_event_makes_one_message_however_often_it_is_consumed(link):
    add(link)
    conversion = make_conversion(link)
    before = list(Handoff.objects.filter(consumer="postbacks"))
    consume_all()
    Handoff.objects.bulk_create(before)
    consume_all()
    assert Delivery.objects.filter(conversion_id=conversion.pk).count() == 1


def test_a_secret_copied_to_another_address_does_not_open(link, receiver):
    postback, _ = add(link, receiver.url)
    other, _ = add(link, receiver.url, offer=link.offer)
    Postback.objects.filter(pk=other.pk).update(sealed_secret=postback.sealed_secret)
    make_conversion(link)
    consume_all()
    send.send_due()
    assert Delivery.objects.get().last_error == "sealed_value_unreadable"
    assert receiver.bodies == []


def test_what_is_removed_is_not_sent(link, receiver):
    postback, _ = add(link, receiver.url)
    make_conversion(link)
    consume_all()
    receiver.before = lambda: None
    addresses.remove(postback)
    assert send.send_due() == 0
    assert not Delivery.objects.exists()
