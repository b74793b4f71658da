"""Each rule alone, on facts made by hand; and which of several words counts."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tracking.validation import rules
from tracking.validation.rules import Approve, Facts, Hold, OrderTwin, Reject, Review

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
OWN, OTHER = UUID(int=2), UUID(int=1)


def facts(**changes):
    """A conversion with nothing wrong: one hour after its click, settled, partners active."""
    given = {
        "now": NOON,
        "conversion_id": OWN,
        "received_at": NOON - timedelta(minutes=10),
        "click_at": NOON - timedelta(minutes=70),
        "settle_s": 300,
        "click_window_s": 86_400,
        "min_click_to_conversion_s": 15,
        "affiliate_status": "active",
        "advertiser_status": "active",
        "order_ref": "1001",
        "order_twins": (),
    }
    return Facts(**(given | changes))


def word(**changes):
    return rules.verdict(rules.examine(facts(**changes)))


def after_click(**distance):
    click_at = NOON - timedelta(days=2)
    return {"click_at": click_at, "received_at": click_at + timedelta(**distance)}


def twin(status="pending", **distance):
    received_at = facts().received_at + timedelta(**distance)
    return OrderTwin(conversion_id=OTHER, status=status, received_at=received_at)


def test_nothing_wrong_is_approved():
    assert word() == Approve()


@pytest.mark.parametrize(("seconds", "expired"), [(86_400, False), (86_400.001, True)])
def test_the_window_ends_after_its_last_second(seconds, expired):
    assert word(**after_click(seconds=seconds)) == (
        Reject("click_expired") if expired else Approve()
    )


@pytest.mark.parametrize(("seconds", "quick"), [(14.999, True), (15, False)])
def test_nobody_buys_within_seconds(seconds, quick):
    assert word(**after_click(seconds=seconds)) == (Reject("ctit_min") if quick else Approve())


def test_a_minimum_of_0_allows_even_a_click_that_seems_to_come_later():
    assert word(min_click_to_conversion_s=0, **after_click(seconds=-1)) == Approve()


@pytest.mark.parametrize("status", ["paused", "closed"])
def test_an_inactive_affiliate_is_not_paid(status):
    assert word(affiliate_status=status) == Reject("affiliate_inactive")


@pytest.mark.parametrize("status", ["paused", "closed"])
def test_what_an_inactive_advertiser_owes_a_person_decides(status):
    assert word(advertiser_status=status) == Review("advertiser_inactive")


def test_the_later_of_two_with_one_order_is_held():
    assert word(order_twins=[twin(seconds=-1)]) == Review("order_elsewhere")
    assert word(order_twins=[twin(seconds=1)]) == Approve()


def test_of_two_received_in_one_instant_exactly_one_is_held():
    assert word(order_twins=[twin()]) == Review("order_elsewhere")
    own = {"conversion_id": OTHER}
    other = OrderTwin(conversion_id=OWN, status="pending", received_at=facts().received_at)
    assert word(**own, order_twins=[other]) == Approve()


def test_one_that_is_approved_counts_as_earlier():
    assert word(order_twins=[twin("approved", seconds=1)]) == Review("order_elsewhere")


def test_evidence_has_time_to_settle_before_anything_is_decided():
    received_at = NOON - timedelta(seconds=299)
    until = received_at + timedelta(seconds=300)
    assert word(received_at=received_at) == Hold("settling", until)
    assert word(received_at=received_at, affiliate_status="closed") == Hold("settling", until)


def test_a_rejection_outweighs_a_review():
    assert word(advertiser_status="paused", affiliate_status="paused") == Reject(
        "affiliate_inactive"
    )


def test_every_rule_tells_its_outcome_and_what_it_saw():
    findings = rules.examine(facts(affiliate_status="paused"))
    assert [(finding.code, finding.outcome) for finding in findings] == [
        ("click_expired", "passed"),
        ("ctit_min", "passed"),
        ("affiliate_inactive", "reject"),
        ("advertiser_inactive", "passed"),
        ("order_elsewhere", "passed"),
        ("settling", "passed"),
    ]
    assert findings[0].saw == {"elapsed_s": 3600.0, "click_window_s": 86_400}
