"""Reports before their clicks: matched once the click is there, given up when the time is over."""

from datetime import timedelta

import pytest

from network import clock as now_of
from network.ids import uuid7
from partners.models import Offer
from tests import factories
from tests.tracking.intake_desk import Desk
from tests.tracking.rows import make_click
from tracking.models import Conversion, Event, Report, ReportOutcome, ReportWait


@pytest.fixture
def desk(fresh_db):
    desk = Desk(fresh_db.url)
    factories.fund(desk.link.offer.advertiser)
    yield desk
    desk.connection.close()


def test_nothing_happens_while_the_click_is_missing(desk):
    desk.take_one(uuid7())
    assert desk.match() == 0
    assert ReportWait.objects.count() == 1


def test_a_late_click_makes_the_conversion_as_of_the_receipt(desk, clock):
    id = uuid7()
    received_at = now_of.now()
    desk.take(desk.report(id, received_at=received_at, order_id="1"))
    clock.forward(hours=3)
    make_click(desk.link, id=id)
    assert desk.match() == 1
    conversion, outcome = Conversion.objects.get(), ReportOutcome.objects.get()
    assert (conversion.received_at, conversion.order_ref) == (received_at, "1")
    assert conversion.due_at < now_of.now()
    assert (outcome.verdict, outcome.conversion_id) == ("accepted", conversion.id)
    assert not ReportWait.objects.exists()
    assert Report.objects.get().verdict == "waiting"


def test_a_report_that_waited_has_the_hold_of_when_it_was_matched(desk):
    id = uuid7()
    desk.take_one(id)
    Offer.objects.update(hold_days=3)
    make_click(desk.link, id=id)
    desk.match()
    assert Event.objects.get().facts["hold_days"] == 3


def test_two_waiting_reports_of_one_order_become_one_conversion(desk):
    id = uuid7()
    desk.take(desk.report(id, nonce="n1", order_id="1"), desk.report(id, nonce="n2", order_id="1"))
    make_click(desk.link, id=id)
    assert desk.match() == 2
    outcomes = sorted(ReportOutcome.objects.values_list("verdict", "conversion_id"))
    id = Conversion.objects.get().id
    assert outcomes == [("accepted", id), ("duplicate", id)]


def test_the_same_order_that_came_meanwhile_keeps_its_conversion(desk):
    id = uuid7()
    desk.take_one(id, order_id="1")
    first = desk.take_one(make_click(desk.link).id, order_id="1")
    make_click(desk.link, id=id)
    desk.match()
    outcome = ReportOutcome.objects.get()
    assert (outcome.verdict, outcome.conversion_id) == ("duplicate", first["conversion"])


def test_a_click_that_never_came_is_unknown_after_the_wait(desk, clock, settings):
    desk.take_one(uuid7())
    clock.forward(hours=settings.WAIT_HOURS, seconds=1)
    assert desk.match() == 1
    outcome = ReportOutcome.objects.get()
    assert (outcome.verdict, outcome.code) == ("refused", "unknown_click")
    assert not ReportWait.objects.exists()
    assert not Conversion.objects.exists()


def test_a_late_click_of_another_advertiser_is_refused_then(desk):
    id = uuid7()
    desk.take_one(id)
    make_click(factories.make_link(), id=id)
    desk.match()
    assert ReportOutcome.objects.get().code == "click_of_another_advertiser"


def test_a_test_report_is_still_one_after_the_wait(desk):
    id = uuid7()
    desk.take_one(id, test="true")
    make_click(desk.link, id=id)
    desk.match()
    assert Conversion.objects.get().is_test


def test_the_oldest_reports_are_matched_first(desk):
    clicks = [uuid7() for _ in range(3)]
    now = now_of.now()
    for age, id in enumerate(clicks):
        desk.take(desk.report(id, received_at=now - timedelta(minutes=age)))
        make_click(desk.link, id=id)
    assert desk.match(limit=2) == 2
    assert ReportWait.objects.get().click_id == clicks[0]


def test_a_replay_of_a_report_that_waited_is_told_its_conversion(desk):
    id = uuid7()
    desk.take(desk.report(id, nonce="n1"))
    make_click(desk.link, id=id)
    desk.match()
    (again,) = desk.take(desk.report(id, nonce="n1"))
    assert again.body["code"] == "report_replayed"
    assert again.body["conversion"] == Conversion.objects.get().id
