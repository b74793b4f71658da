"""Goals and terms: dated rows that are never edited, and who may state which price."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from network import clock
from partners import goals, offers
from partners.models import Goal, Terms
from partners.open_offers import OfferIncomplete
from tests import factories
from tests.amounts import eur


@pytest.fixture
def offer(acme):
    return factories.make_offer(acme.advertiser)


@pytest.fixture
def terms_url(offer):
    return f"/api/v1/goals/{offer.goals.get().pk}/terms"


def test_a_goal_is_added_with_its_terms(acme, offer):
    body = {"code": "lead", "name": "Lead", "dedupe": "once"}
    terms = [{"revenue": {"fixed": eur("5.00")}}]
    response = acme.api.post(f"/api/v1/offers/{offer.pk}/goals", body | {"terms": terms})
    assert response.status_code == 201
    assert response.json()["terms"][0]["revenue"] == {"fixed": eur("5.00"), "percent": "0"}
    assert not response.json()["is_default"]


@pytest.mark.parametrize("status", ["active", "paused", "draft"])
def test_an_active_offers_new_goal_pays_everybody_from_the_start(olga, alice, acme, status):
    offer = factories.make_offer(acme.advertiser, status=status)
    own = {"revenue": {"percent": "5"}, "affiliate": alice.affiliate.pk}
    for code, terms in (("lead", []), ("trial", [own])):
        body = {"code": code, "name": "Lead", "dedupe": "once", "terms": terms}
        answer = olga.api.post(f"/api/v1/offers/{offer.pk}/goals", body)
        if status == "active":
            assert (answer.status_code, answer.json()["code"]) == (409, "offer_incomplete")
            assert answer.json()["errors"][0]["pointer"] == "/terms"
        else:
            assert answer.status_code == 201


def test_an_ended_offer_gets_neither_goals_nor_terms(acme):
    offer = factories.make_offer(acme.advertiser, status="ended")
    terms = {"revenue": {"percent": "5"}}
    goal = {"code": "lead", "name": "Lead", "dedupe": "once", "terms": [terms]}
    for answer in (
        acme.api.post(f"/api/v1/offers/{offer.pk}/goals", goal),
        acme.api.post(f"/api/v1/goals/{offer.goals.get().pk}/terms", terms),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "offer_ended")
    assert (Goal.objects.count(), Terms.objects.count()) == (1, 1)


def test_first_terms_do_not_start_in_the_past_either(acme, offer):
    terms = {"revenue": {"percent": "5"}, "valid_from": "2020-01-01T00:00:00Z"}
    goal = {"code": "lead", "name": "Lead", "dedupe": "once", "terms": [terms]}
    answer = acme.api.post(f"/api/v1/offers/{offer.pk}/goals", goal)
    (fault,) = answer.json()["errors"]
    assert answer.status_code == 422
    assert (fault["pointer"], fault["code"]) == ("/terms/0/valid_from", "terms_in_the_past")
    assert Goal.objects.count() == 1


def test_an_activation_sees_the_goal_that_was_added_meanwhile(fresh_db, acme):
    draft = factories.make_offer(acme.advertiser, status="draft")

    def activate():
        try:
            offers.move(draft, "activate")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            new = goals.NewGoal(code="lead", name="Lead", dedupe=Goal.Dedupe.ONCE)
            goals.add_goal(draft, new, actor=acme.actor)
            activation = pool.submit(activate)
            time.sleep(0.2)
        with pytest.raises(OfferIncomplete):
            activation.result()
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_the_code_of_a_goal_is_taken_once_in_an_offer(acme, offer):
    body = {"code": "sale", "name": "Sale", "dedupe": "once"}
    response = acme.api.post(f"/api/v1/offers/{offer.pk}/goals", body)
    assert (response.status_code, response.json()["code"]) == (422, "goal_code_taken")
    second = acme.api.post(
        f"/api/v1/offers/{offer.pk}/goals", body | {"code": "lead", "is_default": True}
    )
    assert second.json()["code"] == "one_default_goal"


def test_simultaneous_first_goals_leave_one_default(fresh_db, acme):
    draft = factories.make_draft(acme.advertiser)

    def add(number):
        new = goals.NewGoal(code=f"goal{number}", name="Goal", dedupe=Goal.Dedupe.EVERY)
        try:
            goals.add_goal(draft, new, actor=acme.actor)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(6)))
    assert draft.goals.filter(is_default=True).count() == 1
    assert draft.goals.count() == 6


def test_a_commission_that_nobody_set_is_revenue_less_the_margin(acme, terms_url, settings):
    settings.NETWORK_MARGIN_PPM = 300_000
    body = {"revenue": {"fixed": eur("5.01"), "percent": "10.0001"}}
    acme.api.post(terms_url, body)
    terms = Terms.objects.order_by("pk").last()
    assert (terms.revenue_fixed_micros, terms.revenue_ppm) == (5_010_000, 100_001)
    assert (terms.commission_fixed_micros, terms.commission_ppm) == (3_507_000, 70_001)


def test_the_operator_sets_both_prices(olga, terms_url):
    body = {"revenue": {"percent": "10"}, "commission": {"percent": "7.3333"}}
    response = olga.api.post(terms_url, body)
    assert response.status_code == 201
    assert response.json()["commission"] == {"fixed": eur("0.00"), "percent": "7.3333"}
    assert response.json()["created_by"].endswith(f"/user:{olga.user.pk}")


def test_an_advertiser_neither_sets_nor_sees_a_commission(acme, offer, terms_url):
    body = {"revenue": {"percent": "10"}, "commission": {"percent": "1"}}
    response = acme.api.post(terms_url, body)
    assert (response.status_code, response.json()["code"]) == (403, "commission_not_yours")
    assert Terms.objects.count() == 1
    shown = acme.api.get(terms_url).content + acme.api.get("/api/v1/offers").content
    assert b"commission" not in shown
    assert b"created_by" not in shown


def test_an_affiliate_never_sees_revenue(alice, offer, terms_url):
    shown = alice.api.get(f"/api/v1/offers/{offer.pk}")
    assert shown.json()["goals"][0]["commission"] == {"fixed": eur("0.00"), "percent": "7"}
    assert b"revenue" not in shown.content
    assert b"revenue" not in alice.api.get(f"/api/v1/offers/{offer.pk}/goals").content
    assert alice.api.get(terms_url).status_code == 403


def test_an_affiliate_sees_the_commission_that_holds_for_itself(alice, bob, offer):
    goal = offer.goals.get()
    factories.make_terms(goal, affiliate=alice.affiliate, commission_ppm=90_000)
    factories.make_terms(goal, commission_ppm=50_000, valid_from=clock.now() + timedelta(days=1))
    percents = [
        member.api.get(f"/api/v1/offers/{offer.pk}").json()["goals"][0]["commission"]["percent"]
        for member in (alice, bob)
    ]
    assert percents == ["9", "7"]


def test_a_goal_that_pays_nothing_at_present_shows_no_commission(alice, acme):
    offer = factories.make_offer(
        acme.advertiser, terms={"valid_from": clock.now() + timedelta(days=1)}
    )
    assert alice.api.get(f"/api/v1/offers/{offer.pk}").json()["goals"][0]["commission"] is None


def test_terms_for_one_affiliate_name_a_partner_of_the_advertiser(acme, olga, alice, offer):
    url = f"/api/v1/goals/{offer.goals.get().pk}/terms"
    body = {"revenue": {"percent": "12"}, "affiliate": alice.affiliate.pk}
    unknown = acme.api.post(url, body)
    assert unknown.json()["errors"][0]["code"] == "unknown_affiliate"
    factories.make_link(offer, alice.affiliate)
    assert acme.api.post(url, body).json()["affiliate"] == alice.affiliate.pk
    clash = olga.api.post(url, body | {"valid_from": "2035-01-01T00:00:00Z"})
    assert clash.status_code == 201


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"valid_from": "2020-01-01T00:00:00Z"}, "/valid_from", "terms_in_the_past"),
        ({"valid_to": "2020-01-01T00:00:00Z"}, "/valid_to", "terms_dates_invalid"),
        ({"revenue": {}}, "/revenue", "required"),
        ({"revenue": {"percent": 10}}, "/revenue/percent", "rate_must_be_string"),
        ({"revenue": {"percent": "100.0001"}}, "/revenue/percent", "rate_too_large"),
        ({"revenue": {"percent": "1.00001"}}, "/revenue/percent", "rate_too_fine"),
        ({"revenue": {"percent": "-1"}}, "/revenue/percent", "rate_invalid"),
        ({"revenue": {"fixed": 5}}, "/revenue/fixed", "money_must_be_string"),
        ({"revenue": {"fixed": eur("5.001")}}, "/revenue/fixed", "amount_too_fine"),
        ({"revenue": {"fixed": eur("-5")}}, "/revenue/fixed", "amount_too_small"),
        (
            {"revenue": {"fixed": {"amount": "5", "currency": "USD"}}},
            "/revenue/fixed/currency",
            "currency_mismatch",
        ),
        ({"commission": {"percent": "11"}}, "/commission", "commission_above_revenue"),
        ({"rate": "1"}, "/rate", "unknown_field"),
    ],
)
def test_bad_terms_are_refused(olga, terms_url, change, pointer, code):
    response = olga.api.post(terms_url, {"revenue": {"percent": "10"}} | change)
    assert response.status_code == 422
    assert [(e["pointer"], e["code"]) for e in response.json()["errors"]] == [(pointer, code)]
    assert Terms.objects.count() == 1


def test_a_commission_above_revenue_in_one_part_alone_can_be_meant(olga, terms_url):
    body = {"revenue": {"percent": "10"}, "commission": {"fixed": eur("1.00")}}
    assert olga.api.post(terms_url, body).status_code == 201


def test_two_terms_do_not_start_at_one_instant(olga, terms_url):
    body = {"revenue": {"percent": "10"}, "valid_from": "2035-01-01T00:00:00Z"}
    assert olga.api.post(terms_url, body).status_code == 201
    again = olga.api.post(terms_url, body)
    assert (again.status_code, again.json()["code"]) == (409, "terms_start_taken")


def test_terms_are_never_edited(acme, terms_url):
    assert acme.api.patch(terms_url, {}).status_code == 405
    assert acme.api.delete(terms_url).status_code == 405
