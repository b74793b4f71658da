"""Clicks over HTTP: one's own, the latest first, whatever became of them."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from network import clock as now_of
from tests import factories
from tests.running import ROOT
from tests.tracking.rows import make_click
from tracking import tasks
from tracking.clicks import ids

pytestmark = pytest.mark.django_db
BASE = "/api/v1/clicks"
NOON = datetime(2031, 5, 4, 12, tzinfo=UTC)
DAY = "from=2031-05-04T00:00:00Z&to=2031-05-05T00:00:00Z"
EVERYBODY = ["alice", "acme", "olga", "fred"]


@pytest.fixture
def today():
    """A period of today and the days before."""
    return f"from={now_of.now() - timedelta(days=9):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def link(alice, acme):
    return factories.make_link(factories.make_offer(acme.advertiser), alice.affiliate)


def ids_of(member, query=""):
    answer = member.api.get(f"{BASE}?{query}")
    assert answer.status_code == 200, answer.content
    return [each["id"] for each in answer.json()["results"]]


def shown(member, query=""):
    answer = member.api.get(f"{BASE}?{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def click(link, minute, visitor=7, **fields):
    """A click some minutes after noon, as the API calls it."""
    return ids.mint(
        make_click(link, ts=NOON + timedelta(minutes=minute), visitor=visitor, **fields).id
    )


def repeats_of(member):
    return {each["id"]: each["repeat"] for each in shown(member)}


def sweep(clock, at=NOON + timedelta(hours=1)):
    clock.set(at)
    tasks.mark_repeats()


def test_clicks_are_listed_the_latest_first(alice, link):
    now = now_of.now()
    clicks = [make_click(link, ts=now - timedelta(minutes=age)) for age in (5, 1, 3)]
    assert ids_of(alice) == [ids.mint(clicks[index].id) for index in (1, 2, 0)]


def test_pages_of_clicks_hold_every_click_once(alice, link):
    now = now_of.now()
    clicks = {ids.mint(make_click(link, ts=now).id) for _ in range(7)}
    first = alice.api.get(f"{BASE}?limit=4").json()
    second = alice.api.get(f"{BASE}?limit=4&cursor={first['next_cursor']}").json()
    listed = [each["id"] for each in first["results"] + second["results"]]
    assert len(listed) == 7
    assert set(listed) == clicks
    assert second["next_cursor"] is None


@pytest.mark.parametrize("who", EVERYBODY)
def test_those_whose_click_it_is_see_it(request, who, link):
    member = request.getfixturevalue(who)
    carried = {"source": "blog", "sub_source": "sidebar", "subs": ["a", None]}
    click = make_click(link, ip="203.0.113.9", **carried)
    (seen,) = shown(member)
    assert {"id": ids.mint(click.id), **carried}.items() <= seen.items()
    assert ("ip" in seen) == (who in ("olga", "fred"))


@pytest.mark.parametrize("who", ["bob", "rival"])
def test_the_clicks_of_others_are_not_shown(request, who, link):
    make_click(link)
    assert ids_of(request.getfixturevalue(who)) == []


def test_only_the_network_sees_clicks_on_unknown_links(olga, alice, link, today):
    make_click(link, link_id=0, affiliate_id=0, offer_id=0, advertiser_id=0, reason="link_unknown")
    assert ids_of(alice) == []
    assert len(ids_of(olga, f"{today}&reason=link_unknown")) == 1


def test_clicks_are_filtered(olga, link, today):
    now = now_of.now()
    old = ids.mint(make_click(link, ts=now - timedelta(days=3), reason="offer_ended").id)
    new = ids.mint(make_click(factories.make_link(), ts=now).id)
    assert ids_of(olga, f"{today}&offer={link.offer_id}") == [old]
    assert ids_of(olga, f"{today}&link={link.pk}") == [old]
    assert ids_of(olga, f"{today}&reason=ok") == [new]
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
        f"{DAY}&country=de",
        f"{DAY}&country=QQ",
        f"{DAY}&country=",
        f"{DAY}&device=toaster",
        f"{DAY}&device=",
        f"{DAY}&repeat=maybe",
        f"{DAY}&repeat=null",
        f"{DAY}&repeat=",
        "from=noon",
        "cursor=x",
    ],
)
def test_parameters_that_cannot_be_read_are_refused(olga, query):
    assert olga.api.get(f"{BASE}?{query}").status_code == 400


def test_an_id_beyond_all_ids_finds_nothing(olga):
    assert ids_of(olga, f"affiliate={2**63 - 1}") == []


def test_an_advertiser_who_does_not_say_from_when_sees_a_month(acme, alice, link):
    now = now_of.now()
    old, new = (ids.mint(make_click(link, ts=now - timedelta(days=days)).id) for days in (32, 1))
    assert ids_of(acme) == [new]
    assert ids_of(alice) == [new, old]
    border = (now - timedelta(days=40)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert ids_of(acme, f"from={border}") == [new, old]


@pytest.mark.parametrize("who", EVERYBODY)
def test_the_first_click_of_each_day_is_none(request, who, link, clock):
    member = request.getfixturevalue(who)
    first, again, next_day = click(link, 0), click(link, 5), click(link, 24 * 60)
    sweep(clock, NOON + timedelta(days=1, hours=1))
    assert repeats_of(member) == {first: False, again: True, next_day: False}


def test_of_failed_clicks_and_those_without_a_key_nobody_can_tell(olga, link, clock):
    click(link, 0)
    untold = {click(link, 1, reason="geo_country"), click(link, 2, visitor=None)}
    sweep(clock)
    assert {id for id, repeat in repeats_of(olga).items() if repeat is None} == untold


def test_a_click_from_before_the_first_waits_for_the_sweep(olga, link, clock):
    first = click(link, 5)
    sweep(clock)
    late = click(link, 0)
    assert repeats_of(olga) == {first: False, late: None}


def test_what_is_known_of_the_visitor_is_shown(olga, link):
    facts = {
        "country": "DE",
        "region": "DE-BY",
        "device": "phone",
        "os": "Android",
        "browser": "Firefox",
        "language": "de-DE",
        "referrer": "https://blog.example/",
    }
    click(link, 0, landing_id=4, smart_link_id=9, marks=["bot"], **facts)
    (seen,) = shown(olga)
    assert {name: seen[name] for name in facts} == facts
    assert (seen["landing"], seen["smart_link"], seen["marks"]) == (4, 9, ["bot"])


def test_what_a_click_lacks_is_null(olga, link):
    click(link, 0)
    (seen,) = shown(olga)
    assert (seen["landing"], seen["smart_link"], seen["country"]) == (None, None, None)
    assert seen["marks"] == []


def test_the_smart_link_is_its_affiliates_own_business(alice, acme, link):
    click(link, 0, smart_link_id=9)
    assert shown(alice)[0]["smart_link"] == 9
    assert "smart_link" not in shown(acme)[0]


@pytest.mark.parametrize(("who", "column"), [("alice", 2), ("acme", 3), ("olga", 4)])
def test_the_page_on_clicks_says_what_each_is_told(request, who, column, link):
    make_click(link)
    page = (ROOT / "docs" / "clicks.md").read_text(encoding="utf-8")
    table = page.split("## What is told to whom")[1].split("\n\n")[1]
    told = set()
    for row in table.splitlines()[2:]:
        cells = row.strip("| ").split(" | ")
        if cells[column] != "no":
            told |= set(re.findall(r"`(\w+)`", cells[0]))
    (found,) = shown(request.getfixturevalue(who))
    assert set(found) == told


def test_an_affiliate_is_not_told_how_bots_are_found(alice, acme, link):
    marks = ["bot_suspected", "prefetch", "datacentre", "embedded", "gpc", "signature_missing"]
    click(link, 0, marks=marks)
    assert shown(acme)[0]["marks"] == marks
    assert shown(alice)[0]["marks"] == ["gpc", "signature_missing"]


@pytest.mark.parametrize("who", EVERYBODY)
def test_nobody_is_shown_a_visitors_key(request, who, link):
    click(link, 0, visitor=8_675_309_135)
    assert "8675309135" not in str(shown(request.getfixturevalue(who)))


def test_clicks_are_filtered_by_what_is_known_of_the_visitor(alice, bob, link, clock):
    german = click(link, 0, country="DE", device="phone")
    again = click(link, 5, country="DE", device="tablet")
    french = click(link, 10, visitor=8, country="FR", device="phone")
    click(factories.make_link(link.offer, bob.affiliate), 15, visitor=9, country="DE")
    sweep(clock)
    assert ids_of(alice, f"{DAY}&country=DE") == [again, german]
    assert ids_of(alice, f"{DAY}&device=phone") == [french, german]
    assert ids_of(alice, f"{DAY}&repeat=true") == [again]
    assert ids_of(alice, f"{DAY}&repeat=false") == [french, german]
    assert ids_of(alice, f"{DAY}&repeat=false&country=DE&device=phone") == [german]


@pytest.mark.parametrize(
    "scan", ["offer=1", "link=1", "reason=ok", "country=DE", "device=phone", "repeat=false"]
)
@pytest.mark.parametrize(
    "period",
    [
        "",
        "to=2031-05-05T00:00:00Z",
        "from=2031-04-03T00:00:00Z&to=2031-05-05T00:00:00Z",
        "from=2031-04-03T00:00:00Z",
    ],
)
def test_no_filter_reads_more_than_a_month(olga, clock, period, scan):
    clock.set(NOON)
    answer = olga.api.get(f"{BASE}?{period}&{scan}".replace("?&", "?"))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "?from")
    month = "from=2031-04-04T00:00:00Z&to=2031-05-05T00:00:00Z"
    assert ids_of(olga, f"{month}&{scan}") == []


def test_a_month_until_now_needs_no_end(olga, link, clock):
    clock.set(NOON + timedelta(days=30, hours=23))
    seen = click(link, 0, country="DE")
    assert ids_of(olga, "from=2031-05-04T12:00:00Z&country=DE") == [seen]
