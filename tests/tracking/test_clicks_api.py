"""Clicks over HTTP: one's own, the latest first, whatever became of them."""

from datetime import timedelta

import pytest

from network import clock as now_of
from tests import factories
from tests.tracking.rows import make_click
from tracking.clicks import ids

pytestmark = pytest.mark.django_db
BASE = "/api/v1/clicks"


@pytest.fixture
def link(alice, acme):
    return factories.make_link(factories.make_offer(acme.advertiser), alice.affiliate)


def ids_of(member, query=""):
    answer = member.api.get(f"{BASE}?{query}")
    assert answer.status_code == 200, answer.content
    return [each["id"] for each in answer.json()["results"]]


def test_clicks_are_listed_the_latest_first(alice, link):
    now = now_of.now()
    clicks = [make_click(link, ts=now - timedelta(minutes=age)) for age in (5, 1, 3)]
    assert ids_of(alice) == [ids.mint(clicks[index].id) for index in (1, 2, 0)]


def test_pages_of_clicks_hold_every_click_once(alice, link):
    now = now_of.now()
    clicks = {ids.mint(make_click(link, ts=now).id) for _ in range(7)}
    first = alice.api.get(f"{BASE}?limit=4").json()
    second = alice.api.get(f"{BASE}?limit=4&cursor={first['next_cursor']}").json()
    shown = [each["id"] for each in first["results"] + second["results"]]
    assert len(shown) == 7
    assert set(shown) == clicks
    assert second["next_cursor"] is None


@pytest.mark.parametrize("who", ["alice", "acme", "olga", "fred"])
def test_those_whose_click_it_is_see_it(request, who, link):
    member = request.getfixturevalue(who)
    click = make_click(link, ip="203.0.113.9", subs=["a", None])
    (shown,) = member.api.get(BASE).json()["results"]
    assert (shown["id"], shown["subs"]) == (ids.mint(click.id), ["a", None])
    assert ("ip" in shown) == (who in ("olga", "fred"))


@pytest.mark.parametrize("who", ["bob", "rival"])
def test_the_clicks_of_others_are_not_shown(request, who, link):
    make_click(link)
    assert ids_of(request.getfixturevalue(who)) == []


def test_only_the_network_sees_clicks_on_unknown_links(olga, alice, link):
    make_click(link, link_id=0, affiliate_id=0, offer_id=0, advertiser_id=0, reason="link_unknown")
    assert ids_of(alice) == []
    assert len(ids_of(olga, "reason=link_unknown")) == 1


def test_clicks_are_filtered(olga, link):
    now = now_of.now()
    old = ids.mint(make_click(link, ts=now - timedelta(days=3), reason="offer_ended").id)
    new = ids.mint(make_click(factories.make_link(), ts=now).id)
    assert ids_of(olga, f"offer={link.offer_id}") == [old]
    assert ids_of(olga, f"link={link.pk}") == [old]
    assert ids_of(olga, "reason=ok") == [new]
    border = (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert ids_of(olga, f"from={border}") == [new]
    assert ids_of(olga, f"to={border}") == [old]


@pytest.mark.parametrize(
    "query",
    [
        "nonsense=1",
        "offer=x",
        "offer=1.9",
        "offer=-1",
        "offer=1e400",
        "offer=%D9%A1",
        f"link={2**63}",
        "reason=nonsense",
        "from=noon",
        "cursor=x",
    ],
)
def test_parameters_that_cannot_be_read_are_refused(olga, query):
    assert olga.api.get(f"{BASE}?{query}").status_code == 400


def test_an_id_beyond_all_ids_finds_nothing(olga):
    assert ids_of(olga, f"link={2**63 - 1}") == []
