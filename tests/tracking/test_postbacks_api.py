"""Postbacks over HTTP: one's own addresses, secrets shown once, a test, the log, a replay."""

import pytest
from standardwebhooks.webhooks import Webhook

from tests import factories
from tests.tracking.rows import make_conversion
from tracking.postbacks import deliveries, send
from tracking.postbacks.models import Delivery, Postback

pytestmark = pytest.mark.django_db
BASE = "/api/v1/postbacks"
URL = "https://tracker.example/in"


def test_the_secret_is_shown_once(alice):
    answer = alice.api.post(BASE, {"url": URL})
    assert answer.status_code == 201
    made = answer.json()
    assert made["secret"].startswith("whsec_")
    assert made["statuses"] == ["approved", "pending", "rejected", "reversed"]
    shown = alice.api.get(f"{BASE}/{made['id']}").json()
    assert shown == {name: value for name, value in made.items() if name != "secret"}


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/url", "required"),
        ({"url": "ftp://tracker.example/"}, "/url", "url_invalid"),
        ({"url": "https://me:secret@tracker.example/"}, "/url", "url_invalid"),
        ({"url": "tracker"}, "/url", "url_invalid"),
        ({"url": URL + "x" * 2_000}, "/url", "max_length"),
        ({"url": URL, "statuses": ["paid"]}, "/statuses", "invalid_choice"),
        ({"url": URL, "statuses": []}, "/statuses", "empty"),
        ({"url": URL, "offer": 10**9}, "/offer", "unknown_offer"),
        ({"url": URL, "secret": "mine"}, "/secret", "unknown_field"),
    ],
)
def test_a_faulty_address_is_refused_with_the_place_of_the_fault(alice, body, pointer, code):
    answer = alice.api.post(BASE, body)
    (fault,) = answer.json()["errors"]
    assert (answer.status_code, fault["pointer"], fault["code"]) == (422, pointer, code)
    assert not Postback.objects.exists()


def test_an_affiliate_adds_addresses_for_itself_only(alice, bob):
    answer = alice.api.post(BASE, {"url": URL, "affiliate": bob.affiliate.pk})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "unknown_affiliate")


@pytest.mark.parametrize("who", ["acme", "rival"])
def test_advertisers_have_no_business_here(request, who):
    answer = request.getfixturevalue(who).api.get(BASE)
    assert (answer.status_code, answer.json()["code"]) == (403, "role_not_allowed")


def test_the_address_of_another_is_not_there(alice, bob):
    id = alice.api.post(BASE, {"url": URL}).json()["id"]
    for answer in (
        bob.api.get(f"{BASE}/{id}"),
        bob.api.patch(f"{BASE}/{id}", {"active": False}),
        bob.api.delete(f"{BASE}/{id}"),
        bob.api.post(f"{BASE}/{id}/test"),
    ):
        assert answer.status_code == 404
    assert Postback.objects.get().active


def test_an_address_is_changed_and_removed(alice):
    id = alice.api.post(BASE, {"url": URL}).json()["id"]
    changed = alice.api.patch(f"{BASE}/{id}", {"statuses": ["reversed", "approved"]}).json()
    assert changed["statuses"] == ["approved", "reversed"]
    assert alice.api.delete(f"{BASE}/{id}").status_code == 204
    assert alice.api.get(BASE).json()["results"] == []


def test_a_test_message_is_sent_at_once_and_signed(alice, receiver):
    made = alice.api.post(BASE, {"url": receiver.url}).json()
    receiver.answer(503)
    result = alice.api.post(f"{BASE}/{made['id']}/test").json()
    assert (result["delivered"], result["status"]) == (False, 503)
    assert alice.api.post(f"{BASE}/{made['id']}/test").json()["delivered"] is True
    Webhook(made["secret"]).verify(receiver.bodies[1], receiver.headers[1])


@pytest.fixture
def delivered(alice, receiver):
    """A message that Alice's server has taken."""
    alice.api.post(BASE, {"url": receiver.url})
    link = factories.make_link(affiliate=alice.affiliate)
    make_conversion(link)
    deliveries.consume()
    send.send_due()
    return Delivery.objects.get()


def test_the_log_shows_what_was_sent_and_how_it_went(alice, bob, delivered):
    (shown,) = alice.api.get("/api/v1/deliveries?status=delivered").json()["results"]
    assert (shown["id"], shown["last_status"], shown["attempts"]) == (str(delivered.pk), 200, 1)
    assert shown["body"]["data"]["status"] == "pending"
    assert bob.api.get("/api/v1/deliveries").json()["results"] == []


def test_a_message_is_replayed_with_the_same_id(alice, delivered, receiver):
    path = f"/api/v1/deliveries/{delivered.pk}/replay"
    assert alice.api.post(path).json()["status"] == "due"
    assert alice.api.post(path).json()["code"] == "still_due"
    send.send_due()
    assert receiver.ids == [str(delivered.pk)] * 2
