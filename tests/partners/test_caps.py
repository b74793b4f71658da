"""`caps`: set by the offer's side, read by whom they concern, told when nearly full."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection

from partners import caps
from partners.models import Cap, CapWindow, Landing
from partners.windows import window
from tests import factories
from tracking import tasks

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
BODY = {"scope": "offer", "period": "day", "limit": 100}


@pytest.fixture
def offer(acme):
    return factories.make_offer(acme.advertiser)


@pytest.fixture
def url(offer):
    return f"/api/v1/offers/{offer.pk}/caps"


def make_window(cap, used=0, *, key="", at=NOW, **fields):
    """A counter of the cap's window at this instant."""
    starts_at, ends_at = window(cap.period, cap.time_zone, at)
    given = {"starts_at": starts_at, "ends_at": ends_at, "limit_count": cap.limit_count}
    return CapWindow.objects.create(cap=cap, key=key, used=used, **(given | fields))


def fault(answer):
    (only,) = answer.json()["errors"]
    return answer.status_code, only["pointer"], only["code"]


def test_an_advertiser_sets_a_cap(acme, offer, url):
    body = BODY | {"period": "week", "time_zone": "Europe/Kyiv", "alert_percent": 80}
    answer = acme.api.post(url, body)
    cap = answer.json()
    assert answer.status_code == 201
    assert {name: cap[name] for name in body} == body
    assert (cap["offer"], cap["value"], cap["active"], cap["fullest"]) == (offer.pk, "", True, None)
    assert acme.api.get(url).json()["results"] == [cap]
    assert acme.api.get(f"/api/v1/caps/{cap['id']}").json() == cap


def test_affiliates_and_finance_set_none(alice, fred, url):
    for member in (alice, fred):
        answer = member.api.post(url, BODY)
        assert (answer.status_code, answer.json()["code"]) == (403, "role_not_allowed")


def test_a_value_is_the_one_that_clicks_have(acme, alice, offer, url):
    factories.make_link(offer, alice.affiliate)
    landing = Landing.objects.create(offer=offer, name="L", url="https://a.example", created_at=NOW)
    for scope, value, stored in (
        ("affiliate", alice.affiliate.code, str(alice.affiliate.pk)),
        ("affiliate", str(alice.affiliate.pk), str(alice.affiliate.pk)),
        ("source", " a blog ", " a blog "),
        ("country", "UA", "UA"),
        ("landing", str(landing.pk), str(landing.pk)),
    ):
        answer = acme.api.post(url, BODY | {"scope": scope, "value": value})
        assert (answer.status_code, answer.json()["value"]) == (201, stored)


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"scope": "offer", "value": "x"}, "/value", "cap_value_unwanted"),
        ({"scope": "affiliate", "value": "bob"}, "/value", "unknown_affiliate"),
        ({"scope": "affiliate", "value": "9" * 30}, "/value", "unknown_affiliate"),
        ({"scope": "country", "value": "UK"}, "/value", "unknown_country"),
        ({"scope": "country", "value": "ua"}, "/value", "unknown_country"),
        ({"scope": "landing", "value": "1"}, "/value", "unknown_landing"),
        ({"scope": "landing", "value": "9" * 30}, "/value", "unknown_landing"),
        ({"scope": "landing", "value": "first"}, "/value", "unknown_landing"),
        ({"scope": "source", "value": "x" * 501}, "/value", "max_length"),
        ({"scope": "planet"}, "/scope", "invalid_choice"),
        ({"period": "year"}, "/period", "invalid_choice"),
        ({"time_zone": "Mars/Phobos"}, "/time_zone", "unknown_time_zone"),
        ({"time_zone": "../etc/passwd"}, "/time_zone", "unknown_time_zone"),
        ({"time_zone": "Europe"}, "/time_zone", "unknown_time_zone"),
        ({"time_zone": "localtime"}, "/time_zone", "unknown_time_zone"),
        ({"limit": -1}, "/limit", "min_value"),
        ({"limit": 10**12 + 1}, "/limit", "max_value"),
        ({"alert_percent": 0}, "/alert_percent", "min_value"),
        ({"alert_percent": 101}, "/alert_percent", "max_value"),
        ({"limit_count": 1}, "/limit_count", "unknown_field"),
        ({"active": False}, "/active", "unknown_field"),
    ],
)
def test_a_bad_cap_is_refused_and_says_why(acme, bob, url, change, pointer, code):
    assert fault(acme.api.post(url, BODY | change)) == (422, pointer, code)
    assert not Cap.objects.exists()


def test_a_landing_page_of_another_offer_is_unknown(acme, url):
    other = factories.make_offer(acme.advertiser)
    landing = Landing.objects.create(offer=other, name="L", url="https://a.example", created_at=NOW)
    answer = acme.api.post(url, BODY | {"scope": "landing", "value": str(landing.pk)})
    assert fault(answer)[2] == "unknown_landing"


def test_an_ended_offer_gets_no_cap(acme):
    ended = factories.make_offer(acme.advertiser, status="ended")
    answer = acme.api.post(f"/api/v1/offers/{ended.pk}/caps", BODY)
    assert (answer.status_code, answer.json()["code"]) == (409, "offer_ended")


def test_what_a_cap_counts_is_frozen(acme, offer):
    cap = factories.make_cap(offer)
    for name, value in (("scope", "source"), ("period", "hour"), ("value", "x")):
        answer = acme.api.patch(f"/api/v1/caps/{cap.pk}", {name: value})
        assert fault(answer) == (422, f"/{name}", "unknown_field")


def test_caps_that_are_on_are_few(acme, offer, url):
    for _ in range(caps.ACTIVE_MAX - 1):
        factories.make_cap(offer)
    off = factories.make_cap(offer, active=False)
    assert acme.api.post(url, BODY).status_code == 201
    for answer in (
        acme.api.post(url, BODY),
        acme.api.patch(f"/api/v1/caps/{off.pk}", {"active": True}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "too_many_caps")


def test_simultaneous_caps_do_not_pass_their_number(fresh_db, acme):
    offer = factories.make_offer(acme.advertiser)
    for _ in range(caps.ACTIVE_MAX - 3):
        factories.make_cap(offer)

    def create(_):
        try:
            caps.create(offer=offer, actor=acme.actor, scope="offer", period="day", limit_count=1)
        except caps.TooManyCaps:
            return 0
        finally:
            connection.close()
        return 1

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(create, range(8))) == 3


def test_counters_are_live_and_the_newest_come_first(acme, offer, clock):
    clock.set(NOW)
    cap = factories.make_cap(offer, limit=30)
    make_window(cap, 30, at=NOW - timedelta(days=1))
    make_window(cap, 17)
    today, yesterday = acme.api.get(f"/api/v1/caps/{cap.pk}/windows").json()["results"]
    assert today == {
        "id": today["id"],
        "starts_at": "2026-11-26T00:00:00Z",
        "ends_at": "2026-11-27T00:00:00Z",
        "key": "",
        "used": 17,
        "limit": 30,
        "percent": 56,
        "alerted_at": None,
    }
    assert (yesterday["used"], yesterday["percent"]) == (30, 100)
    assert acme.api.get(f"/api/v1/caps/{cap.pk}").json()["fullest"] == today


def test_counters_come_in_pages(acme, offer):
    cap = factories.make_cap(offer, scope="source")
    for number in range(5):
        make_window(cap, key=f"source-{number}")
    address, seen = f"/api/v1/caps/{cap.pk}/windows?limit=2", []
    while address:
        page = acme.api.get(address).json()
        seen += [row["key"] for row in page["results"]]
        address = page["next"]
    assert seen == [f"source-{number}" for number in (4, 3, 2, 1, 0)]


def test_the_fullest_counter_is_open_and_has_the_fewest_places_left(acme, offer, clock):
    clock.set(NOW)
    one, other = (factories.make_cap(offer, limit=10, scope="source") for _ in range(2))
    make_window(one, 10, key="yesterday", at=NOW - timedelta(days=1))
    make_window(one, 3, key="a")
    make_window(one, 4, key="b")
    make_window(other, 5, key="c")
    shown = acme.api.get(f"/api/v1/caps?offer={offer.pk}").json()["results"]
    assert [cap["fullest"]["key"] for cap in shown] == ["c", "b"]


def test_a_cap_of_nothing_is_full(acme, offer, clock):
    clock.set(NOW)
    cap = factories.make_cap(offer, limit=0)
    make_window(cap)
    assert acme.api.get(f"/api/v1/caps/{cap.pk}").json()["fullest"]["percent"] == 100


def test_an_affiliate_reads_what_concerns_it_and_nothing_of_others(alice, bob, acme, offer, clock):
    clock.set(NOW)
    own, others = str(alice.affiliate.pk), str(bob.affiliate.pk)
    each = factories.make_cap(offer, scope="affiliate")
    make_window(each, 9, key=others)
    make_window(each, 2, key=own)
    visible = [
        factories.make_cap(offer),
        each,
        factories.make_cap(offer, scope="affiliate", value=own),
    ]
    for scope, value in (("affiliate", others), ("source", ""), ("country", "UA"), ("landing", "")):
        hidden = factories.make_cap(offer, scope=scope, value=value)
        assert alice.api.get(f"/api/v1/caps/{hidden.pk}").status_code == 404
        assert alice.api.get(f"/api/v1/caps/{hidden.pk}/windows").status_code == 404
    factories.make_cap(offer, active=False)
    found = alice.api.get(f"/api/v1/offers/{offer.pk}/caps").json()["results"]
    assert {cap["id"] for cap in found} == {cap.pk for cap in visible}
    assert [cap["fullest"]["key"] for cap in found if cap["fullest"]] == [own]
    counters = alice.api.get(f"/api/v1/caps/{each.pk}/windows").json()["results"]
    assert [(row["key"], row["used"]) for row in counters] == [(own, 2)]


def test_without_access_an_affiliate_reads_no_caps(alice, acme):
    offer = factories.make_offer(acme.advertiser, visibility="approval")
    cap = factories.make_cap(offer)
    assert alice.api.get(f"/api/v1/offers/{offer.pk}/caps").json()["results"] == []
    assert alice.api.get(f"/api/v1/caps/{cap.pk}").status_code == 404
    factories.make_application(offer, alice.affiliate)
    assert alice.api.get(f"/api/v1/caps/{cap.pk}").status_code == 200


@pytest.mark.parametrize(
    ("limit", "in_window"),
    [(50, 50), (41, 41), (40, 40), (39, 40), (0, 40), (1_000, 1_000)],
)
def test_a_limit_holds_at_once_and_takes_nothing_back(acme, offer, clock, limit, in_window):
    clock.set(NOW)
    cap = factories.make_cap(offer, limit=45)
    over = make_window(cap, 40, at=NOW - timedelta(days=1))
    now_open = make_window(cap, 40)
    answer = acme.api.patch(f"/api/v1/caps/{cap.pk}", {"limit": limit})
    assert (answer.status_code, answer.json()["limit"]) == (200, limit)
    over.refresh_from_db()
    now_open.refresh_from_db()
    assert (over.limit_count, now_open.limit_count, now_open.used) == (45, in_window, 40)


def test_a_limit_of_all_time_holds_at_once(acme, offer):
    cap = factories.make_cap(offer, limit=45, period="total")
    counter = make_window(cap, 40)
    caps.change(cap, {"limit_count": 60})
    counter.refresh_from_db()
    assert counter.limit_count == 60


def test_switching_a_cap_off_leaves_its_counters(acme, offer, clock):
    clock.set(NOW)
    cap = factories.make_cap(offer)
    make_window(cap, 4)
    answer = acme.api.patch(f"/api/v1/caps/{cap.pk}", {"active": False})
    assert answer.json()["active"] is False
    assert answer.json()["fullest"]["used"] == 4


def test_a_threshold_is_told_once(db, clock, caplog):
    clock.set(NOW)
    cap = factories.make_cap(limit=10, alert_percent=80)
    counter = make_window(cap, 7)
    assert caps.alert() == 0
    CapWindow.objects.update(used=8)
    assert [tasks.alert_caps(), tasks.alert_caps()] == [1, 0]
    counter.refresh_from_db()
    assert timedelta(0) <= counter.alerted_at - NOW < timedelta(minutes=1)
    [told] = [record.msg for record in caplog.records]
    expected = {
        "event": "cap.threshold",
        "level": "warning",
        "cap_id": cap.pk,
        "offer_id": cap.offer_id,
        "counted": "",
        "used": 8,
        "limit": 10,
    }
    assert expected.items() <= told.items()


def test_simultaneous_sweeps_tell_of_a_window_once(fresh_db, clock):
    clock.set(NOW)
    cap = factories.make_cap(limit=10, scope="source")
    for number in range(40):
        make_window(cap, 10, key=str(number))

    def alert(_):
        try:
            return caps.alert()
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(alert, range(6))) == 40


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"active": False}, NOW),
        ({"limit": 0}, NOW),
        ({}, NOW - timedelta(days=3)),
    ],
)
def test_what_nobody_can_act_on_is_not_told(db, clock, fields, at):
    clock.set(NOW)
    cap = factories.make_cap(**({"limit": 10} | fields))
    make_window(cap, cap.limit_count, at=at)
    assert caps.alert() == 0


def test_a_window_below_a_raised_limit_is_told_anew_when_it_gets_there(db, clock):
    clock.set(NOW)
    cap = factories.make_cap(limit=10, alert_percent=80)
    make_window(cap, 9)
    assert caps.alert() == 1
    caps.change(cap, {"alert_percent": 85})
    assert caps.alert() == 0
    caps.change(cap, {"limit_count": 20})
    assert caps.alert() == 0
    CapWindow.objects.update(used=17)
    assert caps.alert() == 1


def test_counters_of_windows_long_over_are_forgotten(db, clock):
    clock.set(NOW)
    cap = factories.make_cap()
    make_window(cap, at=NOW - timedelta(days=402))
    kept = [make_window(cap, at=NOW - timedelta(days=days)) for days in (400, 1, 0)]
    kept.append(make_window(factories.make_cap(period="total")))
    assert tasks.prune_caps() == 1
    assert set(CapWindow.objects.values_list("pk", flat=True)) == {row.pk for row in kept}


def test_whatever_the_application_says_open_counters_are_kept(fresh_db):
    cap = factories.make_cap()
    make_window(cap, at=NOW - timedelta(days=402))
    make_window(cap)
    make_window(factories.make_cap(period="month"))
    with psycopg.connect(fresh_db.url) as own:
        (pruned,) = own.execute("SELECT prune_cap_windows('2999-01-01')").fetchone()
    assert (pruned, CapWindow.objects.count()) == (1, 2)
