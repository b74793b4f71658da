"""Intake: an action is one conversion, no money is promised twice, and the answer is the truth."""

from datetime import timedelta

import psycopg
import pytest

from network import clock as now_of
from network.ids import uuid7
from partners import snapshot
from partners.models import Goal, Offer, Terms
from tests import factories
from tests.tracking.intake_desk import Desk
from tests.tracking.rows import OPERATOR, available_micros, make_click
from tracking.conversions import intake, lifecycle, nonces
from tracking.models import (
    Conversion,
    ConversionKey,
    Event,
    Handoff,
    Report,
    ReportNonce,
    ReportWait,
    Share,
)


@pytest.fixture
def desk(fresh_db):
    desk = Desk(fresh_db.url)
    factories.fund(desk.link.offer.advertiser)
    yield desk
    desk.connection.close()


@pytest.fixture
def click(desk):
    return make_click(desk.link, source="blog", subs=["a", None, "c"], aff_click_id="x1").id


def set_dedupe(desk, dedupe):
    Goal.objects.filter(offer=desk.link.offer).update(dedupe=dedupe)


def room_micros(desk):
    return available_micros(desk.link.offer.advertiser_id)


def codes(answers):
    return [answer.body["code"] for answer in answers]


def test_a_report_of_a_good_click_makes_a_pending_conversion(desk, click, settings):
    before = room_micros(desk)
    answer = desk.take_one(click, order_id="1001", amount="49.90", currency="EUR")
    conversion = Conversion.objects.get()
    assert (answer["status"], answer["code"]) == ("pending", "accepted")
    assert answer["conversion"] == conversion.id
    assert (conversion.revenue_micros, conversion.commission_micros) == (4_990_000, 3_493_000)
    assert conversion.reserved_micros == before - room_micros(desk) == 4_990_000
    assert (conversion.source, conversion.aff_click_id) == ("blog", "x1")
    assert (conversion.subs, conversion.order_ref) == (["a", None, "c"], "1001")
    due = conversion.received_at + timedelta(seconds=settings.SETTLE_SECONDS)
    assert (conversion.due_at, conversion.reason) == (due, "received")


def test_the_report_and_the_first_event_say_what_was_used(desk, click):
    answer = desk.take_one(click, order_id="1001")
    report, event = Report.objects.get(), Event.objects.get()
    assert (report.verdict, report.conversion_id) == ("accepted", answer["conversion"])
    assert (event.old, event.new, event.seq, event.reason) == ("", "pending", 1, "received")
    assert event.actor == f"advertiser:{desk.link.offer.advertiser_id}"
    assert event.facts["terms"]["id"] == Terms.objects.get().pk
    assert event.facts["click"] == str(click)
    assert list(Handoff.objects.values_list("consumer", "event_id")) == [("postbacks", event.id)]


def test_the_same_order_again_is_a_duplicate_of_the_first(desk, click):
    first = desk.take_one(click, order_id="1001")
    again = desk.take_one(click, order_id=" 1001 ", amount="7.00")
    assert (again["code"], again["status"]) == ("duplicate", "pending")
    assert again["duplicate_of"] == again["conversion"] == first["conversion"]
    assert (Conversion.objects.count(), Report.objects.count()) == (1, 2)


def test_doubles_inside_one_batch_are_resolved_in_the_order_of_receipt(desk, click):
    now = now_of.now()
    late = desk.report(click, order_id="1", amount="9.00", received_at=now + timedelta(seconds=1))
    early = desk.report(click, order_id="1", amount="5.00", received_at=now)
    answers = desk.take(late, early)
    assert codes(answers) == ["duplicate", "accepted"]
    assert Conversion.objects.get().sale_micros == 5_000_000


def test_a_nonce_is_good_once(desk, click):
    first = desk.take(desk.report(click, nonce="n1", order_id="1"))[0]
    (again,) = desk.take(desk.report(click, nonce="n1", order_id="2"))
    assert (again.status, again.body["code"]) == (409, "report_replayed")
    assert again.body["report"] == first.body["report"]
    assert again.body["conversion"] == first.body["conversion"]
    assert (Conversion.objects.count(), Report.objects.count()) == (1, 1)


def test_one_nonce_many_times_in_one_batch_is_one_report(desk, click):
    answers = desk.take(*(desk.report(click, nonce="n1", order_id="1") for _ in range(5)))
    assert codes(answers) == ["accepted", *["report_replayed"] * 4]
    assert {str(answer.body["report"]) for answer in answers} == {str(Report.objects.get().id)}


def test_nonces_of_two_advertisers_are_their_own(desk, click):
    rival = Desk(desk.url)
    theirs = make_click(rival.link).id
    assert codes(desk.take(desk.report(click, nonce="n1"))) == ["accepted"]
    (answer,) = rival.take(rival.report(theirs, nonce="n1"))
    assert (answer.status, answer.body["status"]) == (200, "unfunded")
    rival.connection.close()


def test_old_nonces_are_forgotten_when_their_time_is_over(desk, click, clock):
    desk.take(desk.report(click, nonce="n1"))
    clock.forward(minutes=10)
    with desk.connection.cursor() as cursor:
        assert nonces.prune(cursor, now_of.now()) == 0
        clock.forward(minutes=2)
        assert nonces.prune(cursor, now_of.now()) == 1
    assert not ReportNonce.objects.exists()


@pytest.mark.parametrize(
    ("dedupe", "first", "second", "code"),
    [
        ("once", {}, {"order_id": "other"}, "duplicate"),
        ("per_order", {"order_id": "A"}, {"order_id": "a"}, "accepted"),
        (
            "per_order",
            {"order_id": "A", "event_id": "1"},
            {"order_id": "A", "event_id": "2"},
            "duplicate",
        ),
        ("every", {"event_id": "1"}, {"event_id": "2"}, "accepted"),
        ("every", {"event_id": "1"}, {"event_id": "1", "order_id": "other"}, "duplicate"),
    ],
)
def test_the_goals_policy_alone_says_what_is_the_same_action(
    desk, click, dedupe, first, second, code
):
    set_dedupe(desk, dedupe)
    assert desk.take_one(click, **first)["code"] == "accepted"
    assert desk.take_one(click, **second)["code"] == code


def test_the_same_order_under_another_goal_is_another_action(desk, click):
    factories.make_goal(desk.link.offer, "lead")
    assert desk.take_one(click, order_id="1")["code"] == "accepted"
    assert desk.take_one(click, order_id="1", goal="LEAD")["code"] == "accepted"


def test_a_test_report_earns_reserves_and_blocks_nothing(desk, click):
    before = room_micros(desk)
    desk.take_one(click, order_id="1", test="1")
    conversion = Conversion.objects.get()
    assert (conversion.is_test, conversion.reserved_micros, room_micros(desk)) == (True, 0, before)
    assert not Handoff.objects.exists()
    assert desk.take_one(click, order_id="1")["code"] == "accepted"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"goal": "nonsense"}, "unknown_goal"),
        ({"order_id": ""}, "order_id_required"),
        ({"currency": "USD"}, "currency_not_offers"),
        ({"amount": "1.001"}, "amount_too_fine"),
        ({"amount": ""}, "amount_required"),
        ({"amount": "x"}, "amount_invalid"),
    ],
)
def test_a_refused_report_is_stored_and_makes_nothing(desk, click, fields, code):
    (answer,) = desk.take(desk.report(click, **fields))
    report = Report.objects.get()
    assert (answer.status, answer.body["code"], answer.body["report"]) == (422, code, report.id)
    assert (report.verdict, report.code) == ("refused", code)
    assert not Conversion.objects.exists()
    assert not ConversionKey.objects.exists()


def test_a_report_that_may_be_meant_as_a_test_makes_nothing(desk, click):
    (answer,) = desk.take(desk.report(click, test="yes"))
    assert (answer.status, answer.body["code"]) == (400, "malformed")
    assert answer.body["detail"] == "`test` is 1 or true, 0 or false, or left out."
    assert Report.objects.get().verdict == "refused"
    assert not Conversion.objects.exists()


def test_a_goal_that_counts_every_time_needs_an_event_id(desk, click):
    set_dedupe(desk, "every")
    assert desk.take_one(click)["code"] == "event_id_required"


def test_without_terms_at_the_time_of_receipt_there_is_no_rule(desk, click):
    report = desk.report(click, received_at=factories.EVER - timedelta(days=1))
    assert codes(desk.take(report)) == ["no_payout_rule"]


def test_a_click_that_failed_pays_nothing(desk):
    assert desk.take_one(make_click(desk.link, reason="offer_ended").id)["code"] == "click_invalid"
    nowhere = make_click(desk.link, advertiser_id=0, offer_id=0, reason="link_unknown").id
    assert desk.take_one(nowhere)["code"] == "click_invalid"


def test_another_advertisers_click_pays_nothing(desk):
    click = make_click(factories.make_link()).id
    assert desk.take_one(click)["code"] == "click_of_another_advertiser"


def test_a_genuine_click_that_is_not_stored_is_waited_for(desk, settings):
    (answer,) = desk.take(desk.report(uuid7()))
    wait = ReportWait.objects.get()
    assert (answer.status, answer.body["code"]) == (202, "waiting")
    assert wait.until - wait.received_at == timedelta(hours=settings.WAIT_HOURS)
    assert not ConversionKey.objects.exists()


def test_a_sale_of_nothing_is_a_conversion_that_needs_no_money(desk, click):
    desk.link.offer.advertiser.funds.all().delete()
    assert desk.take_one(click, amount="0.00")["status"] == "pending"
    assert Conversion.objects.get().revenue_micros == 0


def test_money_is_given_in_the_order_of_receipt_and_small_ones_pass_large_ones(desk, click):
    desk.link.offer.advertiser.funds.update(available_micros=10_000_000)
    answers = desk.take(
        *(desk.report(click, amount=amount) for amount in ("60.00", "50.00", "40.00", "0.10"))
    )
    assert [answer.body["status"] for answer in answers] == [
        "pending", "unfunded", "pending", "unfunded",
    ]  # fmt: skip
    assert room_micros(desk) == 0
    unfunded = Conversion.objects.filter(status="unfunded").first()
    assert (unfunded.reserved_micros, unfunded.due_at) == (0, None)


def test_a_report_that_cannot_be_stored_does_not_fail_its_neighbours(desk, click):
    bad = desk.report(click)
    object.__setattr__(bad, "query", "a\0b")
    answers = desk.take(desk.report(click), bad, desk.report(click))
    assert codes(answers) == ["accepted", "internal_error", "accepted"]
    assert Conversion.objects.count() == Report.objects.count() == 2


def test_terms_and_goals_of_a_moment_ago_are_known(desk, click):
    old = snapshot.load(desk.connection)
    factories.make_goal(desk.link.offer, "lead")
    report = desk.report(click, goal="lead")
    (answer,) = intake.take(desk.connection, [report], old, now_of.now())
    assert answer.body["code"] == "accepted"


def test_an_affiliates_own_terms_pay_its_conversions(desk, click):
    goal = desk.link.offer.goals.get()
    own = factories.make_terms(goal, affiliate=desk.link.affiliate, revenue_fixed_micros=5_000_000)
    desk.take_one(click, amount="")
    conversion = Conversion.objects.get()
    assert (conversion.terms_id, conversion.revenue_micros) == (own.pk, 5_000_000)


def test_an_ended_offer_still_takes_reports_of_its_clicks(desk, click):
    Offer.objects.update(status="ended")
    assert desk.take_one(click)["code"] == "accepted"


@pytest.mark.parametrize(("promised", "later"), [(0, 365), (30, 0)])
def test_an_affiliate_waits_as_long_as_was_promised_at_the_receipt(desk, click, promised, later):
    Offer.objects.update(hold_days=promised)
    conversion = Conversion.objects.get(pk=desk.take_one(click)["conversion"])
    Offer.objects.update(hold_days=later)
    lifecycle.approve(conversion.pk, actor=OPERATOR)
    assert Event.objects.get(seq=1).facts["hold_days"] == promised
    waits = Share.objects.get().release_at - conversion.received_at
    assert timedelta(days=promised) < waits <= timedelta(days=promised + 1)


def test_a_lost_connection_is_told_and_not_hidden(desk, click):
    with psycopg.connect(desk.url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [desk.connection.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        desk.take(desk.report(click))
