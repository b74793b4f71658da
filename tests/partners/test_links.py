"""`links`: given with access, unguessable, switched off and on."""

import re
import secrets

import pytest

from partners.models import Link
from tests import factories

URL = "/api/v1/links"


def test_an_affiliate_takes_a_link(alice, acme, settings):
    settings.TRACKER_URL = "https://go.example"
    offer = factories.make_offer(acme.advertiser)
    response = alice.api.post(URL, {"offer": offer.pk, "name": "footer"})
    link = response.json()
    assert response.status_code == 201
    assert re.fullmatch(r"[0-9A-Za-z]{10}", link["code"])
    assert link["url"] == f"https://go.example/c/{link['code']}"
    assert (link["affiliate"], link["name"]) == (alice.affiliate.pk, "footer")


def test_the_operator_takes_a_link_for_an_affiliate(olga, alice, acme):
    offer = factories.make_offer(acme.advertiser)
    missing = olga.api.post(URL, {"offer": offer.pk})
    fault = missing.json()["errors"][0]
    assert (fault["pointer"], fault["code"]) == ("/affiliate", "required")
    given = olga.api.post(URL, {"offer": offer.pk, "affiliate": alice.affiliate.pk})
    assert given.json()["affiliate"] == alice.affiliate.pk


def test_no_affiliate_takes_a_link_for_another(alice, bob, acme):
    offer = factories.make_offer(acme.advertiser)
    response = alice.api.post(URL, {"offer": offer.pk, "affiliate": bob.affiliate.pk})
    assert response.json()["errors"][0]["code"] == "unknown_affiliate"
    assert not Link.objects.exists()


@pytest.mark.parametrize(
    ("status", "given"),
    [
        (None, False),
        ("pending", False),
        ("approved", True),
        ("rejected", False),
        ("revoked", False),
    ],
)
def test_an_offer_with_approval_gives_links_to_the_approved(alice, acme, status, given):
    offer = factories.make_offer(acme.advertiser, visibility="approval")
    if status:
        factories.make_application(offer, alice.affiliate, status)
    response = alice.api.post(URL, {"offer": offer.pk})
    assert response.status_code == (201 if given else 403)
    assert given or response.json()["code"] == "not_approved"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"visibility": "private"}, "unknown_offer"),
        ({"status": "draft"}, "unknown_offer"),
        ({"status": "paused"}, "offer_not_open"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "offer_not_open"),
    ],
)
def test_an_offer_that_is_not_open_gives_no_link(alice, acme, fields, code):
    offer = factories.make_offer(acme.advertiser, **fields)
    problem = alice.api.post(URL, {"offer": offer.pk}).json()
    assert code in (problem["code"], problem.get("errors", [{}])[0].get("code"))
    assert not Link.objects.exists()


def test_a_paused_affiliate_takes_no_link(alice, acme):
    offer = factories.make_offer(acme.advertiser)
    alice.affiliate.status = "paused"
    alice.affiliate.save()
    assert alice.api.post(URL, {"offer": offer.pk}).json()["code"] == "affiliate_not_active"


def test_a_link_is_renamed_and_switched_off_but_never_moved(alice, acme):
    link = factories.make_link(factories.make_offer(acme.advertiser), alice.affiliate)
    changed = alice.api.patch(f"{URL}/{link.pk}", {"name": "header", "active": False}).json()
    assert (changed["name"], changed["active"]) == ("header", False)
    moved = alice.api.patch(f"{URL}/{link.pk}", {"offer": 1})
    assert moved.json()["errors"][0]["code"] == "unknown_field"


def test_links_are_found_by_offer_and_state(alice, acme):
    offers = [factories.make_offer(acme.advertiser) for _ in range(2)]
    links = [factories.make_link(offer, alice.affiliate) for offer in offers]
    found = alice.api.get(URL, {"offer": offers[0].pk, "active": "true"}).json()["results"]
    assert [link["id"] for link in found] == [links[0].pk]


def test_a_code_that_is_taken_is_drawn_again(alice, acme, monkeypatch):
    offer = factories.make_offer(acme.advertiser)
    factories.make_link(offer, alice.affiliate, code="a" * 10)
    draws = iter("a" * 10 + "b" * 10)
    monkeypatch.setattr(secrets, "choice", lambda alphabet: next(draws))
    assert alice.api.post(URL, {"offer": offer.pk}).json()["code"] == "b" * 10


def test_a_retried_request_makes_one_link(alice, acme):
    body = {"offer": factories.make_offer(acme.advertiser).pk}
    codes = {
        alice.api.post(URL, body, headers={"idempotency-key": "once"}).json()["code"]
        for _ in range(2)
    }
    assert codes == {Link.objects.get().code}
