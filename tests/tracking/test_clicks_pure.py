"""The pure parts of a click: its id, its parameters, where it comes from, whether it is good."""

import re
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network import address
from network.ids import uuid7
from partners.deep_links import deep_link
from partners.models import Cap
from partners.snapshot import Advertiser, Affiliate, Link, Offer
from partners.vocabulary import TEXT_MAX, URL_MAX
from tests.running import ROOT
from tests.tracking.visits import make_visit
from tracking.clicks import decide, ids, query
from tracking.clicks.evaluate import evaluate

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DAY = timedelta(days=1)
VISIT = make_visit(at=NOW)


@pytest.fixture
def proxies(settings):
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48")]


def make_offer(**fields):
    acme = Advertiser(1, "acme", True, True, "token", "", {})
    given = {"status": "active", "visibility": "public", "starts_at": None, "ends_at": None}
    empty = dict.fromkeys(Offer.__slots__, 0) | {"id": 5, "advertiser": acme}
    empty |= {"link_signing": "off", "targeting": None, "landings": (), "caps": ()}
    return Offer(**(empty | given | fields))


def make_link(**fields):
    given = {"offer": make_offer(), "active": True, "allowed": True}
    return Link(
        **({"id": 1, "code": "abc", "affiliate": Affiliate(7, "alice", True)} | given | fields)
    )


# --- ids


def test_a_minted_id_is_read_back():
    id = uuid7()
    text = ids.mint(id)
    assert (len(text), ids.read(text)) == (32, id)


@given(st.integers(0, 31), st.sampled_from("ABYZaz09-_"))
def test_an_id_with_another_character_is_forged(place, character):
    text = ids.mint(UUID(int=7))
    other = text[:place] + character + text[place + 1 :]
    assert ids.read(other) == (UUID(int=7) if other == text else None)


@pytest.mark.parametrize(
    "text", ["", "x" * 32, "A" * 31, "A" * 31 + "+", "A" * 30 + "==", "\n" * 32]
)
def test_what_is_no_id_is_refused(text):
    assert ids.read(text) is None


def test_an_old_key_still_reads_and_a_dropped_one_does_not(settings):
    text = ids.mint(UUID(int=7))
    settings.CLICK_KEYS = (secrets.token_bytes(32), *settings.CLICK_KEYS)
    assert ids.read(text) == UUID(int=7)
    settings.CLICK_KEYS = settings.CLICK_KEYS[:1]
    assert ids.read(text) is None


# --- query


def test_known_parameters_are_taken_and_others_ignored():
    assert query.parse(b"sub1=a&x=1&sub30=b&sub31=c&source=s&sub2=&SUB3=d") == {
        "sub1": "a",
        "sub30": "b",
        "source": "s",
    }


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"url_id=7", {"landing": "7"}),
        (b"url_id=7&landing=8", {"landing": "7"}),
        (b"url=https%3A%2F%2Fa.example%2F%3Fb%3D1", {"deep_link": "https://a.example/?b=1"}),
        (b"cons=0&gdpr=1&gdpr_consent=CP", {"cons": "0", "gdpr": "1", "gdpr_consent": "CP"}),
        (b"key=k1&expires=9&sig=ab", {"key": "k1", "expires": "9", "sig": "ab"}),
        (b"sub_source=x&aff_click_id=y", {"sub_source": "x", "aff_click_id": "y"}),
    ],
)
def test_values_have_one_name_whatever_the_parameter_is_called(raw, found):
    assert query.parse(raw) == found


def test_other_words_for_parameters_are_given_by_whoever_knows_them():
    names = {"aff_sub": "sub1", "s1": "sub1", "aff_id": "affiliate"}
    assert query.pairs(b"aff_id=7&aff_sub=a+b&s1=c&sub2=d", names) == {
        "affiliate": "7",
        "sub1": "a b",
    }


def test_an_address_that_is_too_long_is_not_cut_to_another_one():
    url = "https://a.example/".ljust(URL_MAX, "x")
    assert deep_link(query.parse(f"url={url}".encode())["deep_link"], {"a.example"}) == url
    assert deep_link(query.parse(f"url={url}y".encode())["deep_link"], {"a.example"}) is None


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"a%20b+c", "a b c"),
        (b"%00x%00", "x"),
        (b"%ff\xfe", "\ufffd\ufffd"),
        (b"first&sub1=second", "first"),
        ("ключ".encode(), "ключ"),
        (b"x" * 2000, "x" * TEXT_MAX),
    ],
)
def test_hostile_values_are_made_storable(raw, value):
    assert query.parse(b"sub1=" + raw) == {"sub1": value}


def test_a_value_of_nothing_but_nul_is_none():
    assert query.parse(b"sub1=%00&source=%00a") == {"source": "a"}


# --- address


def test_a_stranger_is_whoever_connects(proxies):
    assert address.visitor("198.51.100.7", [b"192.0.2.1"]) == "198.51.100.7"


@pytest.mark.parametrize(
    ("forwarded", "visitor"),
    [
        ([b"192.0.2.1"], "192.0.2.1"),
        ([b"6.6.6.6, 192.0.2.1, 10.9.9.9"], "192.0.2.1"),
        ([b"6.6.6.6", b"192.0.2.1:4711"], "192.0.2.1"),
        ([b"[2001:db8::7]:443"], "2001:db8::7"),
        ([b"6.6.6.6, 2001:db8::7, 2001:db8:1::9"], "2001:db8::7"),
        ([b"::ffff:192.0.2.1"], "192.0.2.1"),
        ([b"fe80::1%eth0"], "fe80::1"),
        ([b"6.6.6.6, rubbish, 10.1.1.1"], "10.1.1.1"),
        ([b"\xff\xfe"], "10.0.0.1"),
        ([b"10.0.0.2"], "10.0.0.2"),
    ],
)
def test_behind_a_trusted_proxy_the_rightmost_stranger_is_the_visitor(proxies, forwarded, visitor):
    assert address.visitor("10.0.0.1", forwarded) == visitor


def test_without_trusted_proxies_nobody_is_believed():
    assert address.visitor("10.0.0.1", [b"192.0.2.1"]) == "10.0.0.1"


def test_a_peer_without_an_address_has_none():
    assert address.visitor("", []) is None


# --- evaluate


@pytest.mark.parametrize(
    ("reason", "link"),
    [
        ("ok", make_link()),
        ("link_inactive", make_link(active=False, allowed=False)),
        ("affiliate_inactive", make_link(affiliate=Affiliate(7, "alice", False))),
        ("offer_inactive", make_link(offer=make_offer(status="paused"))),
        ("offer_ended", make_link(offer=make_offer(status="ended"))),
        ("offer_not_started", make_link(offer=make_offer(starts_at=NOW + DAY))),
        ("offer_ended", make_link(offer=make_offer(ends_at=NOW))),
        ("not_approved", make_link(allowed=False)),
    ],
)
def test_the_first_step_that_fails_gives_the_reason(reason, link):
    assert evaluate(link, VISIT) == (reason, "")


def test_the_advertiser_is_looked_at_before_its_money():
    broke = replace(make_offer().advertiser, funded=False)
    reason, _ = evaluate(make_link(offer=make_offer(advertiser=broke)), VISIT)
    assert reason == "advertiser_unfunded"
    closed = replace(broke, active=False)
    reason, _ = evaluate(make_link(offer=make_offer(advertiser=closed)), VISIT)
    assert reason == "advertiser_inactive"


def test_every_scope_of_caps_has_its_reason():
    assert set(decide.CAP_REASONS) == {
        *(f"cap_{scope}" for scope in Cap.Scope.values),
        decide.CAP_UNAVAILABLE,
    }


def test_the_page_on_clicks_explains_every_reason():
    page = (ROOT / "docs" / "clicks.md").read_text()
    rows = page.split("## Why a click is not good")[1].split("\n## ")[0]
    assert set(re.findall(r"`([a-z_]+)`", rows)) >= set(decide.REASONS)
