"""Conversions over HTTP: who sees what, who decides, and why each is as it is."""

from uuid import uuid4

import pytest

from network.ids import uuid7
from tests import factories
from tests.tracking.rows import available_micros, make_approved, make_click, make_conversion
from tracking.clicks import ids
from tracking.conversions.models import Conversion, Event, Report
from tracking.validation import judge

pytestmark = pytest.mark.django_db
UNIT = 1_000_000
BASE = "/api/v1/conversions"


@pytest.fixture
def link(alice, acme):
    """Alice's link to an offer of Acme, which has 1,000.00 of funds."""
    factories.fund(acme.advertiser, micros=1000 * UNIT)
    return factories.make_link(factories.make_offer(acme.advertiser), alice.affiliate)


@pytest.fixture
def conversion(link):
    return make_conversion(link, sale=100, order_ref="1001")


def post(member, conversion, verb, key="", **body):
    headers = {"idempotency-key": key or uuid4().hex}
    return member.api.post(f"{BASE}/{conversion.pk}/{verb}", body, headers=headers)


def test_the_affiliate_sees_the_commission_and_never_the_revenue(alice, conversion):
    answer = alice.api.get(f"{BASE}/{conversion.pk}")
    assert answer.status_code == 200
    shown = answer.json()
    assert shown["commission"] == {"amount": "7.00", "currency": "EUR"}
    assert shown["click_id"] == ids.mint(conversion.click_id)
    assert shown["reason"] == "accepted"
    assert not {"revenue", "sale", "advertiser", "order_id"} & set(shown)


def test_the_advertiser_sees_the_revenue_and_never_the_commission(acme, conversion):
    shown = acme.api.get(f"{BASE}/{conversion.pk}").json()
    assert shown["revenue"] == {"amount": "10.00", "currency": "EUR"}
    assert shown["order_id"] == "1001"
    assert "commission" not in shown


@pytest.mark.parametrize("who", ["olga", "fred"])
def test_the_network_sees_both_sides(request, who, conversion):
    shown = request.getfixturevalue(who).api.get(f"{BASE}/{conversion.pk}").json()
    assert (shown["revenue"]["amount"], shown["commission"]["amount"]) == ("10.00", "7.00")


@pytest.mark.parametrize("who", ["bob", "rival"])
@pytest.mark.parametrize("path", ["", "/explain"])
def test_the_conversion_of_another_is_not_there(request, who, path, conversion):
    stranger = request.getfixturevalue(who)
    assert stranger.api.get(f"{BASE}/{conversion.pk}{path}").status_code == 404
    assert stranger.api.get(BASE).json()["results"] == []


@pytest.mark.parametrize("query", ["order_id=1001", "order_id=1002", "review=true", "advertiser=1"])
def test_an_affiliate_cannot_guess_what_it_is_not_shown(alice, conversion, query):
    answer = alice.api.get(f"{BASE}?{query}")
    name = query.split("=")[0]
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_parameter")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [f"?{name}"]


def test_an_affiliate_filters_by_what_it_is_shown(alice, link, conversion):
    for query in (
        "status=pending",
        "is_test=false",
        f"offer={link.offer_id}",
        f"link={link.pk}",
        f"click_id={ids.mint(conversion.click_id)}",
        "from=2000-01-01",
    ):
        results = alice.api.get(f"{BASE}?{query}").json()["results"]
        assert [row["id"] for row in results] == [str(conversion.pk)], query


def test_an_advertiser_finds_its_order(acme, conversion):
    results = acme.api.get(f"{BASE}?order_id=1001").json()["results"]
    assert [row["id"] for row in results] == [str(conversion.pk)]


def test_a_list_is_filtered_by_what_it_declares(olga, link, conversion):
    other = make_approved(link, order_ref="1002")
    for query, wanted in {
        "status=approved": [other],
        "order_id=1001": [conversion],
        f"click_id={ids.mint(other.click_id)}": [other],
        f"offer={link.offer_id}": [other, conversion],
        f"affiliate={link.affiliate_id + 1}": [],
        "review=true": [],
        "review=false": [other, conversion],
        "is_test=false": [other, conversion],
        "is_test=true": [],
        "from=2100-01-01": [],
        "to=2100-01-01T00:00:00Z": [other, conversion],
    }.items():
        found = olga.api.get(f"{BASE}?{query}").json()["results"]
        assert [each["id"] for each in found] == [str(each.pk) for each in wanted], query


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("nonsense=1", "unknown_parameter"),
        ("offer=x", "invalid_parameter"),
        ("from=yesterday", "invalid_parameter"),
        ("status=paid", "invalid_parameter"),
        ("limit=0", "invalid_parameter"),
        ("order_id=%00", "invalid_parameter"),
        ("click_id=%00", "invalid_parameter"),
        ("review=maybe", "invalid_parameter"),
        ("is_test=maybe", "invalid_parameter"),
        ("offer=1.9", "invalid_parameter"),
    ],
)
def test_parameters_that_cannot_be_read_are_refused(olga, query, code):
    answer = olga.api.get(f"{BASE}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize("who", ["olga", "acme"])
def test_the_operator_and_the_offers_advertiser_decide(request, who, conversion):
    member = request.getfixturevalue(who)
    answer = post(member, conversion, "approve")
    assert (answer.status_code, answer.json()["status"]) == (200, "approved")
    event = Event.objects.get(conversion=conversion, seq=2)
    assert event.actor.endswith(f"/user:{member.user.pk}")
    assert event.reason == f"{member.membership.role}_approve"


@pytest.mark.parametrize(
    ("who", "own", "other"),
    [
        ("olga", "manager_reject", "advertiser_reject"),
        ("acme", "advertiser_reject", "manager_reject"),
    ],
)
def test_nobody_decides_in_the_name_of_another(request, who, own, other, link, conversion):
    member = request.getfixturevalue(who)
    approved = make_approved(link)
    for one, verb in ((conversion, "reject"), (approved, "reverse")):
        refused = post(member, one, verb, reason=other)
        (fault,) = refused.json()["errors"]
        assert refused.status_code == 422
        assert (fault["pointer"], fault["code"]) == ("/reason", "reason_of_another")
        assert post(member, one, verb, reason=own).json()["reason"] == own
    refused = post(member, conversion, "approve", reason="operator_approve")
    assert refused.json()["errors"][0]["code"] == "unknown_field"


@pytest.mark.parametrize(("who", "status"), [("alice", 403), ("fred", 403), ("rival", 404)])
@pytest.mark.parametrize("verb", ["approve", "reject", "reverse"])
def test_nobody_else_decides(request, who, status, verb, conversion):
    member = request.getfixturevalue(who)
    said = {} if verb == "approve" else {"reason": "returned"}
    assert post(member, conversion, verb, **said).status_code == status
    conversion.refresh_from_db()
    assert conversion.status == "pending"


def test_approving_twice_names_the_state(olga, conversion):
    post(olga, conversion, "approve")
    answer = post(olga, conversion, "approve")
    assert answer.status_code == 409
    assert (answer.json()["code"], answer.json()["state"]) == ("illegal_move", "approved")


def test_the_same_key_approves_once_and_answers_twice(olga, conversion):
    first, again = (post(olga, conversion, "approve", key="k-1") for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    assert Event.objects.filter(conversion=conversion).count() == 2


@pytest.mark.parametrize("verb", ["approve", "reverse"])
def test_what_commits_money_needs_a_key(olga, conversion, verb):
    answer = olga.api.post(f"{BASE}/{conversion.pk}/{verb}", {"reason": "returned"})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")


def test_a_rejection_says_why_and_the_affiliate_hears_the_category(acme, alice, conversion):
    answer = post(acme, conversion, "reject", reason="fraud_velocity", note="seen twice")
    assert answer.json()["reason"] == "fraud_velocity"
    assert alice.api.get(f"{BASE}/{conversion.pk}").json()["reason"] == "quality"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/reason", "required"),
        ({"reason": "because"}, "/reason", "invalid_choice"),
        ({"reason": "returned", "note": "x" * 201}, "/note", "max_length"),
        ({"reason": "returned", "why": "x"}, "/why", "unknown_field"),
        ({"reason": "returned", "amount": 5}, "/amount", "money_must_be_string"),
        (
            {"reason": "returned", "amount": {"amount": "1.001", "currency": "EUR"}},
            "/amount",
            "amount_too_fine",
        ),
        (
            {"reason": "returned", "amount": {"amount": "1.00", "currency": "USD"}},
            "/amount/currency",
            "currency_mismatch",
        ),
    ],
)
def test_a_faulty_reversal_is_refused_with_the_place_of_the_fault(olga, link, body, pointer, code):
    conversion = make_approved(link)
    answer = post(olga, conversion, "reverse", **body)
    (fault,) = answer.json()["errors"]
    assert (answer.status_code, fault["pointer"], fault["code"]) == (422, pointer, code)
    assert Event.objects.filter(conversion=conversion).count() == 2


def test_a_part_of_the_sale_is_taken_back(olga, link):
    conversion = make_approved(link, sale=100)
    refund = {"amount": "40.00", "currency": "EUR"}
    answer = post(olga, conversion, "reverse", reason="returned", amount=refund)
    assert answer.json()["revenue"]["amount"] == "6.00"
    again = {"amount": "60.01", "currency": "EUR"}
    refused = post(olga, conversion, "reverse", reason="returned", amount=again)
    assert (refused.status_code, refused.json()["code"]) == (409, "reversal_too_large")


def test_a_rejected_one_cannot_come_back_without_room(olga, link):
    conversion = make_conversion(link, sale=9_000)
    post(olga, conversion, "reject", reason="manager_reject")
    make_conversion(link, sale=9_000)
    answer = post(olga, conversion, "approve")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_room")
    assert available_micros(link.offer.advertiser_id) == 100 * UNIT


@pytest.fixture
def explained(link, settings):
    """A conversion that the judge rejected, with its click and its report."""
    settings.SETTLE_SECONDS = 0
    click = make_click(link, referrer="https://blog.example/")
    report = Report.objects.create(
        id=uuid7(),
        received_at=click.ts,
        advertiser=link.offer.advertiser,
        auth="hmac:k1",
        method="GET",
        query="order_id=1001",
        body="",
        goal_code="sale",
        verdict="accepted",
        code="accepted",
        conversion_id=uuid7(),
    )
    conversion = make_conversion(
        link,
        id=report.conversion_id,
        click_id=click.id,
        report_id=report.id,
        received_at=click.ts,
        click_at=click.ts,
    )
    judge.judge_due()
    return conversion


def test_an_explanation_tells_the_network_every_fact(olga, explained):
    told = olga.api.get(f"{BASE}/{explained.pk}/explain").json()
    assert (told["status"], told["reason"]) == ("rejected", "ctit_min")
    assert told["click"]["referrer"] == "https://blog.example/"
    assert told["terms"]["commission"]["percent"] == "7"
    assert told["evidence"][0]["query"] == "order_id=1001"
    first, second = told["timeline"]
    assert (first["from"], first["to"], first["by"]) == (None, "pending", "advertiser")
    assert (second["to"], second["by"], second["reason"]) == ("rejected", "job", "ctit_min")
    rules = {each["rule"]: each["outcome"] for each in second["facts"]["rules"]}
    assert rules["ctit_min"] == "reject"
    assert second["facts"]["before"]["commission_micros"] == 7 * UNIT


def test_an_explanation_tells_the_affiliate_categories_and_kinds_only(alice, explained):
    answer = alice.api.get(f"{BASE}/{explained.pk}/explain")
    told = answer.json()
    assert told["reason"] == "timing"
    assert set(told["evidence"][0]) == {"kind", "signed", "received_at"}
    assert set(told["timeline"][1]) == {"seq", "at", "from", "to", "reason", "by"}
    assert "revenue" not in answer.content.decode()
    assert "ctit" not in answer.content.decode()


def test_an_explanation_tells_the_advertiser_all_but_the_commission(acme, explained):
    answer = acme.api.get(f"{BASE}/{explained.pk}/explain")
    told = answer.json()
    assert told["reason"] == "ctit_min"
    assert told["timeline"][1]["facts"]["after"]["revenue_micros"] == 10 * UNIT
    assert "commission" not in answer.content.decode()


def test_pages_hold_every_row_once(olga, link):
    for _ in range(5):
        make_conversion(link)
    seen, cursor = [], ""
    while cursor is not None:
        page = olga.api.get(f"{BASE}?limit=2&cursor={cursor}" if cursor else f"{BASE}?limit=2")
        seen += [each["id"] for each in page.json()["results"]]
        cursor = page.json()["next_cursor"]
    assert sorted(seen) == sorted(str(pk) for pk in Conversion.objects.values_list("pk", flat=True))


def test_without_the_scope_nothing_is_read(olga, conversion):
    key = factories.make_key(olga.membership, scopes=["offers:read"])
    answer = olga.api.get(BASE, headers={"authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
