"""`links`: given with access, unguessable, switched off and on, signed, drawn as QR codes."""

import io
import re
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import segno
from django.utils.dateparse import parse_datetime

from network import clock
from partners import link_keys
from partners.models import Link
from partners.snapshot import SigningKey
from tests import factories
from tracking.clicks.query import parse
from tracking.clicks.signing import check

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


# --- signed


@pytest.fixture
def link(alice, acme):
    offer = factories.make_offer(acme.advertiser, deep_link_hosts=["shop.example"])
    return factories.make_link(offer, alice.affiliate)


def sign(member, link, expires_in_s=3600, **params):
    body = {"params": params, "expires_in_s": expires_in_s}
    return member.api.post(f"{URL}/{link.pk}/sign", body)


def verdict(url, key, secret, at):
    """What the tracker says to the address."""
    parts = urlsplit(url)
    keys = {key.key_id: SigningKey(secret.encode(), key.expires_at)}
    raw = parts.query.encode()
    return check(parts.path, raw, parse(raw), keys, at)


def test_a_signed_link_is_good_until_it_ends(alice, link, settings):
    settings.TRACKER_URL = "https://go.example"
    key, secret = link_keys.add(affiliate=alice.affiliate)
    params = {"sub1": "a b&c", "url": "https://shop.example/p?q=1"}
    signed = sign(alice, link, **params).json()
    ends = parse_datetime(signed["expires_at"])
    assert signed["key_id"] == key.key_id
    assert signed["url"].startswith(f"https://go.example/c/{link.code}?")
    assert abs(ends - clock.now() - timedelta(hours=1)) < timedelta(seconds=30)
    assert verdict(signed["url"], key, secret, ends) == ""
    assert verdict(signed["url"], key, secret, ends + timedelta(seconds=1)) == "link_expired"
    told = parse(urlsplit(signed["url"]).query.encode())
    assert (told["sub1"], told["deep_link"]) == (params["sub1"], params["url"])


def test_the_newest_key_that_lasts_as_long_signs(alice, link):
    old, _ = link_keys.add(affiliate=alice.affiliate)
    end = clock.now() + timedelta(hours=2)
    new, _ = link_keys.add(affiliate=alice.affiliate, expires_at=end)
    assert sign(alice, link, 3600).json()["key_id"] == new.key_id
    assert sign(alice, link, 3 * 3600).json()["key_id"] == old.key_id


def test_no_link_outlives_its_key(alice, link):
    end = clock.now() + timedelta(hours=1)
    link_keys.add(affiliate=alice.affiliate, expires_at=end)
    problem = sign(alice, link, 3600 + 60).json()
    assert problem["code"] == "link_outlives_key"
    assert problem["errors"][0]["pointer"] == "/expires_in_s"
    assert parse_datetime(problem["keys_end_at"]) == end
    assert sign(alice, link, 3600 - 60).status_code == 200


def test_without_a_live_key_nothing_is_signed(alice, bob, link):
    link_keys.add(affiliate=bob.affiliate)
    key, _ = link_keys.add(affiliate=alice.affiliate)
    link_keys.end(key)
    assert sign(alice, link).json()["code"] == "link_key_missing"


@pytest.mark.parametrize(
    ("params", "pointer", "code"),
    [
        ({"colour": "red"}, "/params/colour", "unknown_field"),
        ({"key": "k1"}, "/params/key", "unknown_field"),
        ({"sub31": "x"}, "/params/sub31", "unknown_field"),
        ({"sub1": "x" * 501}, "/params/sub1", "parameter_invalid"),
        ({"sub1": "a\nb"}, "/params/sub1", "parameter_invalid"),
        ({"sub1": ""}, "/params/sub1", "blank"),
        ({"sub1": 5}, "/params/sub1", "invalid"),
        ({"url": "https://evil.example/"}, "/params/url", "bad_deeplink"),
        ({"deep_link": "https://shop.example@evil.example/"}, "/params/deep_link", "bad_deeplink"),
        ({"landing": "{landing}"}, "/params/landing", "unknown_landing"),
        ({"landing": "x"}, "/params/landing", "unknown_landing"),
    ],
)
def test_what_a_click_would_fail_for_or_lose_is_not_signed(alice, link, params, pointer, code):
    link_keys.add(affiliate=alice.affiliate)
    anothers = factories.make_landing()
    params = {name: anothers.pk if v == "{landing}" else v for name, v in params.items()}
    if "landing" in params:
        params["landing"] = str(params["landing"])
    response = sign(alice, link, **params)
    assert response.status_code == 422
    assert [(e["pointer"], e["code"]) for e in response.json()["errors"]] == [(pointer, code)]


def test_a_link_may_ask_for_an_active_page_of_its_offer(alice, link):
    link_keys.add(affiliate=alice.affiliate)
    page = factories.make_landing(link.offer)
    assert sign(alice, link, landing=str(page.pk)).status_code == 200
    page.active = False
    page.save()
    assert sign(alice, link, landing=str(page.pk)).status_code == 422


@pytest.mark.parametrize("seconds", [0, -1, 366 * 86_400 + 1])
def test_a_signed_link_runs_a_year_at_most(alice, link, seconds):
    link_keys.add(affiliate=alice.affiliate)
    assert sign(alice, link, seconds).json()["errors"][0]["pointer"] == "/expires_in_s"


# --- QR codes


def test_a_qr_code_is_an_svg_that_may_be_kept(alice, link):
    answer = alice.api.get(f"{URL}/{link.pk}/qr")
    assert answer["Content-Type"] == "image/svg+xml"
    assert answer["Cache-Control"] == "private, max-age=86400"
    assert answer.content.startswith(b"<?xml")


def test_a_qr_code_holds_the_links_address(alice, link, settings):
    settings.TRACKER_URL = "https://go.example"
    asked = {"format": "png", "scale": "3", "sub1": "a b", "source": "poster"}
    answer = alice.api.get(f"{URL}/{link.pk}/qr", asked)
    assert answer["Content-Type"] == "image/png"
    url = f"https://go.example/c/{link.code}?sub1=a%20b&source=poster"
    expected = io.BytesIO()
    segno.make_qr(url, error="m").save(expected, kind="png", scale=3, light="#fff")
    assert answer.content == expected.getvalue()


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("format=gif", "?format", "invalid_parameter"),
        ("scale=11", "?scale", "invalid_parameter"),
        ("colour=red", "?colour", "unknown_parameter"),
        ("url=https://evil.example", "?url", "bad_deeplink"),
        ("sub1=", "?sub1", "invalid_parameter"),
    ],
)
def test_a_qr_code_of_a_bad_link_is_not_drawn(alice, link, query, pointer, code):
    answer = alice.api.get(f"{URL}/{link.pk}/qr?{query}")
    assert answer["Content-Type"] == "application/problem+json"
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [(pointer, code)]


def test_an_address_that_no_qr_code_holds_is_refused(alice, link):
    asked = {f"sub{number}": "x" * 500 for number in range(1, 6)}
    answer = alice.api.get(f"{URL}/{link.pk}/qr", asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "qr_too_long")
