"""Page events over HTTP: of one click, to those whose click it is."""

from datetime import timedelta

import pytest

from network import clock as now_of
from network.ids import uuid7
from tests import factories
from tests.tracking.rows import make_click, make_page_event
from tracking.clicks import ids

pytestmark = pytest.mark.django_db
BASE = "/api/v1/page-events"


@pytest.fixture
def click(alice, acme):
    """A click of two days ago, with a page, a cart, and something told of another click."""
    link = factories.make_link(factories.make_offer(acme.advertiser), alice.affiliate)
    click = make_click(link, ts=now_of.now() - timedelta(days=2))
    make_page_event(click)
    later = uuid7()
    make_page_event(click, "cart", id=later, ts=now_of.now(), path="/cart")
    make_page_event(make_click(link), "other")
    return ids.mint(click.id)


def events(member, click):
    answer = member.api.get(f"{BASE}?click={click}")
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


@pytest.mark.parametrize("who", ["acme", "olga", "fred"])
def test_the_pages_after_a_click_are_listed_the_latest_first(request, who, click):
    found = events(request.getfixturevalue(who), click)
    assert [(each["name"], each["path"]) for each in found] == [
        ("cart", "/cart"),
        ("page", "/boots"),
    ]
    assert found[0]["at"] > found[1]["at"]


def test_the_affiliate_sees_what_happened_and_not_on_which_page(alice, click):
    found = events(alice, click)
    assert [each["name"] for each in found] == ["cart", "page"]
    assert {frozenset(each) for each in found} == {frozenset(("id", "at", "name"))}


@pytest.mark.parametrize("who", ["bob", "rival"])
def test_anothers_click_is_not_found(request, who, click):
    answer = request.getfixturevalue(who).api.get(f"{BASE}?click={click}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_click_that_is_not_stored_is_not_found(olga, click):
    assert olga.api.get(f"{BASE}?click={ids.mint(uuid7())}").status_code == 404


@pytest.mark.parametrize("query", ["", "click=x", f"click={'A' * 32}", "limit=5"])
def test_it_must_be_said_whose_events(olga, click, query):
    answer = olga.api.get(f"{BASE}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert answer.json()["errors"][0]["pointer"] == "?click"


def test_pages_of_events_hold_every_event_once(acme, click):
    first = acme.api.get(f"{BASE}?click={click}&limit=1").json()
    second = acme.api.get(f"{BASE}?click={click}&cursor={first['next_cursor']}").json()
    assert [each["name"] for each in first["results"] + second["results"]] == ["cart", "page"]
