"""Reports equal a recount of their rows, in any zone, for any grouping, and show own money only."""

import csv
import io
import random
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction

from network.money import Money
from tests import factories
from tests.amounts import micros
from tests.tracking.rows import (
    OPERATOR,
    make_approved,
    make_click,
    make_conversion,
    make_impression,
)
from tracking.clicks import repeats
from tracking.clicks.models import Click
from tracking.conversions import lifecycle
from tracking.conversions.models import Conversion
from tracking.models import Impression
from tracking.reports.api import LINES_MAX

pytestmark = pytest.mark.django_db
BASE = "/api/v1/reports"
UNIT = 1_000_000
# The days around the change to summer time in Berlin, one of which has 23 hours.
BEGIN = datetime(2026, 3, 27, tzinfo=UTC)
PERIOD = "from=2026-03-27&to=2026-03-31&tz=Europe/Berlin"


@pytest.fixture
def traffic(alice, bob, acme, rival):
    """What happens to two affiliates on three offers, in every state, over four days."""
    dice = random.Random(4)
    links = []
    for advertiser, currency in ((acme, "EUR"), (acme, "USD"), (rival, "EUR")):
        factories.fund(advertiser.advertiser, currency)
        offer = factories.make_offer(advertiser.advertiser, currency=currency)
        factories.make_goal(offer, "lead", terms={"revenue_fixed_micros": 3 * UNIT})
        links += [factories.make_link(offer, who.affiliate) for who in (alice, bob)]
    for _ in range(80):
        ts = BEGIN + timedelta(minutes=dice.randrange(5 * 24 * 60))
        make_impression(dice.choice(links), ts=ts)
    for _ in range(120):
        ts = BEGIN + timedelta(minutes=dice.randrange(5 * 24 * 60))
        link = dice.choice(links)
        visitor = dice.choice([None, 10 * link.pk, 10 * link.pk + 1])
        make_click(link, ts=ts, reason=dice.choice(["ok", "offer_ended"]), visitor=visitor)
    sweep(BEGIN + timedelta(days=6))
    for _ in range(60):
        link = dice.choice(links)
        status = dice.choice(["pending", "over_cap", "unfunded", "rejected", "reversed"])
        make = dice.choice([make_conversion, make_approved])
        fields = {"status": status} if make is make_conversion else {}
        make(
            link,
            goal=dice.choice(list(link.offer.goals.all())),
            sale=dice.randrange(500),
            received_at=BEGIN + timedelta(minutes=dice.randrange(5 * 24 * 60)),
            is_test=dice.random() < 0.1,
            **fields,
        )
    return links


def sweep(now):
    """Find the first clicks of the week before."""
    with transaction.atomic(), connection.cursor() as cursor:
        for age in range(8):
            repeats.mark(cursor, (now - timedelta(days=age)).date(), now)


def report(member, query=""):
    answer = member.api.get(f"{BASE}?{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def recount(zone):
    """The same numbers by plain Python, by offer, affiliate, goal, day and currency."""
    cells = defaultdict(Counter)
    first, last = date(2026, 3, 27), date(2026, 3, 31)
    currencies = {each.offer_id: each.offer.currency for each in Conversion.objects.all()}
    seen = {None}
    for shown in Impression.objects.all():
        day = shown.ts.astimezone(zone).date()
        key = (shown.offer_id, shown.affiliate_id, None, day, currencies[shown.offer_id])
        cells[key]["impressions"] += 1
    for click in Click.objects.order_by("id"):
        key = (click.offer_id, click.affiliate_id, None, click.ts.astimezone(zone).date())
        cell = cells[(*key, currencies[click.offer_id])]
        cell["clicks"] += 1
        if click.reason == "ok":
            visitor = click.visitor and (click.visitor, click.ts.date())
            cell["valid"] += 1
            cell["unique"] += visitor is None or visitor not in seen
            seen.add(visitor)
    for each in Conversion.objects.filter(is_test=False):
        day = each.received_at.astimezone(zone).date()
        cell = cells[each.offer_id, each.affiliate_id, each.goal_id, day, each.currency]
        cell[each.status] += 1
        if each.status == "approved":
            cell["revenue"] += each.revenue_micros
            cell["commission"] += each.commission_micros
    return {key: cell for key, cell in cells.items() if first <= key[3] <= last}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Kiritimati"])
def test_a_report_equals_a_recount_of_its_rows(olga, traffic, zone):
    query = f"group=offer,affiliate,goal,day&from=2026-03-27&to=2026-03-31&tz={zone}"
    lines = report(olga, query)
    expected = recount(ZoneInfo(zone))
    assert len(lines) == len(expected)
    for line in lines:
        day = date.fromisoformat(line["day"])
        cell = expected[line["offer"], line["affiliate"], line["goal"], day, line["currency"]]
        assert line["impressions"] == cell["impressions"]
        assert (line["clicks"], line["valid_clicks"]) == (cell["clicks"], cell["valid"])
        assert line["unique_clicks"] == cell["unique"]
        assert line["conversions"] == {name: cell[name] for name in line["conversions"]}
        assert micros(line["revenue"]) == cell["revenue"]
        assert micros(line["commission"]) == cell["commission"]


@pytest.mark.parametrize(
    "group",
    ["", *(f"group={names}&" for names in ("offer", "affiliate", "goal", "day", "day,goal"))],
)
def test_every_grouping_adds_up_to_the_same(olga, traffic, group):
    lines = report(olga, f"{group}{PERIOD}")
    expected = recount(ZoneInfo("Europe/Berlin")).values()
    for column, name in (
        ("impressions", "impressions"),
        ("clicks", "clicks"),
        ("valid_clicks", "valid"),
        ("unique_clicks", "unique"),
    ):
        assert sum(line[column] for line in lines) == sum(cell[name] for cell in expected)
    assert all(line["unique_clicks"] <= line["valid_clicks"] <= line["clicks"] for line in lines)
    for currency in ("EUR", "USD"):
        own = [line for line in lines if line["currency"] == currency]
        whole = [
            cell for key, cell in recount(ZoneInfo("Europe/Berlin")).items() if key[4] == currency
        ]
        assert sum(micros(line["revenue"]) for line in own) == sum(c["revenue"] for c in whole)


def test_the_affiliate_sees_own_rows_and_no_revenue(alice, bob, traffic):
    lines = report(alice, f"group=affiliate,offer&{PERIOD}")
    assert {line["affiliate"] for line in lines} == {alice.affiliate.pk}
    assert all("revenue" not in name for line in lines for name in line)
    assert report(alice, f"affiliate={bob.affiliate.pk}&{PERIOD}") == []


def test_an_affiliate_cannot_ask_by_advertiser(alice, acme, traffic):
    answer = alice.api.get(f"/api/v1/reports?advertiser={acme.advertiser.pk}&{PERIOD}")
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_parameter")


def test_the_advertiser_sees_own_rows_and_no_commission(acme, rival, traffic):
    lines = report(acme, f"group=offer&{PERIOD}")
    own = {offer.pk for offer in acme.advertiser.offers.all()}
    assert {line["offer"] for line in lines} == own
    assert all("commission" not in name for line in lines for name in line)
    assert report(acme, f"advertiser={rival.advertiser.pk}&{PERIOD}") == []


def test_a_reversal_lowers_what_was_approved(olga):
    link = factories.make_link()
    factories.fund(link.offer.advertiser)
    conversion = make_approved(link, sale=100)
    lifecycle.reverse(
        conversion.pk, reason="returned", actor=OPERATOR, refund=Money(40 * UNIT, "EUR")
    )
    (line,) = report(olga, "group=offer")
    assert (line["revenue"]["amount"], line["commission"]["amount"]) == ("6.00", "4.20")


def test_clicks_on_unknown_links_have_no_offer_and_no_currency(olga):
    make_click(factories.make_link(), offer_id=0, affiliate_id=0, reason="link_unknown")
    (line,) = report(olga, "group=offer")
    assert (line["offer"], line["offer_name"], line["currency"]) == (0, None, None)
    assert (line["clicks"], line["valid_clicks"], line["revenue"]) == (1, 0, None)


def test_repeats_are_clicks_and_not_unique(alice, bob, olga):
    offer = factories.make_offer()
    link, other = (factories.make_link(offer, who.affiliate) for who in (alice, bob))
    noon = BEGIN + timedelta(hours=12)
    for visitor in (1, 1, 1, 2, None, None):
        make_click(link, ts=noon, visitor=visitor)
    make_click(link, ts=noon, visitor=3, reason="geo_country")
    make_click(link, ts=noon + timedelta(days=1), visitor=4)
    make_click(other, ts=noon, visitor=5)
    sweep(BEGIN + timedelta(days=5))
    columns = ("clicks", "valid_clicks", "unique_clicks")
    days = [tuple(line[name] for name in columns) for line in report(alice, f"group=day&{PERIOD}")]
    assert days == [(7, 6, 4), (1, 1, 1)]
    assert [report(who, PERIOD)[0]["unique_clicks"] for who in (alice, bob, olga)] == [5, 1, 6]


def test_a_visitor_has_one_first_click_on_both_sides_of_a_zones_midnight(olga):
    link = factories.make_link()
    # In Berlin it is midnight at 23:00 UTC, and the visitor's key is that of the UTC day.
    for minutes in (-10, 10):
        make_click(link, ts=BEGIN + timedelta(hours=23, minutes=minutes), visitor=1)
    sweep(BEGIN + timedelta(days=5))
    lines = report(olga, f"group=day&{PERIOD}")
    assert [(line["clicks"], line["unique_clicks"]) for line in lines] == [(1, 1), (1, 0)]
    assert [line["unique_clicks"] for line in report(olga, PERIOD)] == [1]


def test_a_visitor_is_unique_from_the_sweep_on(olga):
    link = factories.make_link()
    for minutes in (5, 9):
        make_click(link, ts=BEGIN + timedelta(minutes=minutes), visitor=1)
    assert report(olga, PERIOD)[0]["unique_clicks"] == 0
    sweep(BEGIN + timedelta(days=1))
    # One that comes late, and before the first that is known, makes no second unique click.
    make_click(link, ts=BEGIN, visitor=1)
    assert report(olga, PERIOD)[0]["unique_clicks"] == 1


@pytest.mark.parametrize(("who", "party"), [("bob", "affiliate"), ("rival", "advertiser")])
def test_the_unique_clicks_of_others_are_not_counted(request, who, party, traffic):
    member = request.getfixturevalue(who)
    own = Click.objects.filter(**{f"{party}_id": getattr(member, party).pk}, reason="ok")
    visitors = {(each.visitor, each.ts.date()) for each in own.exclude(visitor=None)}
    unique = own.filter(visitor=None).count() + len(visitors)
    lines = report(member, "group=day&from=2026-03-27&to=2026-03-31&tz=UTC")
    assert sum(line["unique_clicks"] for line in lines) == unique


@pytest.mark.parametrize("accept", ["text/csv", None])
def test_a_report_is_a_table_too(olga, traffic, accept):
    query = f"group=offer,day&{PERIOD}"
    headers = {"accept": accept} if accept else {}
    answer = olga.api.get(f"{BASE}?{query}{'' if accept else '&format=csv'}", headers=headers)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    lines = report(olga, query)
    for column in ("impressions", "clicks"):
        assert [row[column] for row in rows] == [str(line[column]) for line in lines]
    assert [row["unique_clicks"] for row in rows] == [str(line["unique_clicks"]) for line in lines]
    assert [row["revenue"] for row in rows] == [line["revenue"]["amount"] for line in lines]
    assert [row["approved"] for row in rows] == [
        str(line["conversions"]["approved"]) for line in lines
    ]


def test_no_name_becomes_a_formula(olga):
    link = factories.make_link(factories.make_offer(name='=HYPERLINK("x"),1'))
    make_click(link)
    answer = olga.api.get(f"{BASE}?group=offer&format=csv")
    (row,) = csv.DictReader(io.StringIO(answer.content.decode()))
    assert row["offer_name"] == '\'=HYPERLINK("x"),1'


@pytest.mark.parametrize(
    "query",
    [
        "nonsense=1",
        "group=offer,offer",
        "group=colour",
        "from=2026-13-01",
        "from=",
        "from=2026-05-02&to=2026-05-01",
        "from=2016-05-02&to=2026-05-01",
        "to=9999-12-31",
        "to=0001-01-01",
        "tz=Mars/Base",
        "tz=../etc/passwd",
        "tz=localtime",
        "offer=x",
        f"offer={2**63}",
        "limit=5",
    ],
)
def test_parameters_that_cannot_be_read_are_refused(olga, query):
    for form in ("", "&format=csv"):
        answer = olga.api.get(f"{BASE}?{query}{form}")
        assert answer.status_code == 400
        assert answer.json()["code"] in ("invalid_parameter", "unknown_parameter")


def test_a_report_says_what_it_covers(alice, clock):
    clock.set(datetime(2026, 5, 31, 23, 30, tzinfo=UTC))
    told = alice.api.get(f"{BASE}?tz=Europe/Berlin").json()
    assert (told["from"], told["to"], told["tz"]) == ("2026-05-03", "2026-06-01", "Europe/Berlin")
    assert told["complete_until"].startswith("2026-05-31T23:30")
    assert LINES_MAX > 10_000
