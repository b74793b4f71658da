"""Commissions: taken once, in batches, held as long as promised, released once."""

from datetime import timedelta

import pytest
from django.db import connection, transaction

from network import clock
from partners import funds
from payouts import commissions
from payouts.models import Commission, CommissionHold, Journal
from tests import factories
from tests.payouts.earning import book, books, deposit, earn, reverse, violations
from tracking.conversions.models import Handoff


@pytest.fixture
def shop(db, fred):
    """An advertiser with 1,000.00."""
    advertiser = factories.make_advertiser()
    deposit(advertiser, "1000", fred.actor)
    return advertiser


def test_a_share_becomes_a_commission_and_its_posting(shop, alice):
    earned = earn(alice.affiliate, shop, "7.333333", revenue="10")
    assert commissions.accrue() == 1
    commission = Commission.objects.get(pk=earned.share.id)
    assert (commission.revenue_micros, commission.commission_micros) == (10_000_000, 7_333_333)
    assert commission.journal.idem_key == f"accrue:{commission.event_id}"
    assert books() == {
        "bank": "1000.00",
        "advertiser_prepaid": "-990.00",
        "network_revenue": "-10.00",
        "commission_expense": "7.333333",
        "affiliate_held": "-7.333333",
    }


def test_what_was_taken_is_not_taken_again(shop, alice):
    earn(alice.affiliate, shop, "5")
    assert (commissions.accrue(), commissions.accrue()) == (1, 0)
    assert not Handoff.objects.filter(consumer="payouts").exists()


def test_a_batch_is_one_journal_with_one_entry_for_each_account(shop, alice, bob):
    for member in (alice, bob, alice):
        earn(member.affiliate, shop, "5")
    assert commissions.accrue() == 3
    journal = Journal.objects.get(kind="accrual")
    # prepaid, revenue, expense, and a held account for each affiliate
    assert journal.entries.count() == 5


def test_a_batch_takes_no_more_than_its_limit(shop, alice):
    for _ in range(5):
        earn(alice.affiliate, shop, "5")
    assert [commissions.accrue(2) for _ in range(4)] == [2, 2, 1, 0]


def test_a_share_of_nothing_is_a_commission_without_a_posting(shop, alice):
    earned = earn(alice.affiliate, shop, "0", revenue="0")
    book()
    assert Commission.objects.get(pk=earned.share.id).journal is None
    assert violations() == []


def test_a_batch_that_cancels_out_has_no_journal(shop, alice):
    earned = earn(alice.affiliate, shop, "5", held_for=timedelta(days=1))
    commissions.accrue()
    earn(alice.affiliate, shop, "5", held_for=timedelta(days=1))
    reverse(earned, "5")
    commissions.accrue()
    assert Journal.objects.filter(kind="accrual").count() == 1
    assert not Journal.objects.filter(kind="release").exists()
    assert violations() == []


def test_an_advertiser_without_cover_holds_nobody_else_up(shop, alice):
    bare = factories.make_advertiser()
    with connection.cursor() as cursor:
        funds.add(cursor, bare.pk, "EUR", 10_000_000)  # no deposit stands behind it
    for advertiser in (shop, bare, shop, shop):
        earn(alice.affiliate, advertiser, "5")
    assert commissions.accrue() == 3
    left = Handoff.objects.get(consumer="payouts")
    assert (left.attempts, left.error) == (1, "account_balance_above_floor")


def test_what_no_entry_can_hold_together_is_booked_apart(shop, alice, bob):
    """Each amount fits a bigint, their sum does not."""
    for _ in range(2):
        earn(alice.affiliate, shop, "5000000000000", revenue="1")
    earn(bob.affiliate, shop, "5")
    assert commissions.accrue() == 3
    assert not Handoff.objects.filter(consumer="payouts").exists()
    assert violations() == []


def test_a_crash_before_the_commit_leaves_the_hand_off_and_nothing_else(shop, alice):
    earn(alice.affiliate, shop, "5")
    with transaction.atomic():
        commissions.accrue()
        transaction.set_rollback(True)
    assert Handoff.objects.filter(consumer="payouts").count() == 1
    assert not Commission.objects.exists()
    assert commissions.accrue() == 1


def test_a_commission_is_held_until_its_day(shop, alice, clock):
    earn(alice.affiliate, shop, "5", held_for=timedelta(days=30))
    book()
    assert books()["affiliate_held"] == "-5.00"
    clock.forward(days=29)
    assert commissions.release() == 0
    clock.forward(days=1)
    assert commissions.release() == 1
    assert "affiliate_held" not in books()
    assert books()["affiliate_payable"] == "-5.00"
    assert not CommissionHold.objects.exists()


def test_releasing_again_changes_nothing(shop, alice):
    earn(alice.affiliate, shop, "5")
    book()
    assert commissions.release() == 0
    assert Journal.objects.filter(kind="release").count() == 1


def test_a_release_is_dated_by_the_instant_it_is_asked_for(shop, alice):
    earned = earn(alice.affiliate, shop, "5", held_for=timedelta(days=1))
    commissions.accrue()
    later = clock.now() + timedelta(days=2)
    assert commissions.release(now=later) == 1
    assert Commission.objects.get(pk=earned.share.id).release.released_at == later


def test_a_reversal_before_the_release_is_netted_in_what_is_held(shop, alice):
    earned = earn(alice.affiliate, shop, "5", held_for=timedelta(days=1))
    commissions.accrue()
    reverse(earned, "2")
    commissions.accrue()
    assert books()["affiliate_held"] == "-3.00"


def test_a_reversal_after_the_release_makes_payable_smaller(shop, alice):
    earned = earn(alice.affiliate, shop, "5")
    book()
    reverse(earned, "4")
    book()
    assert books()["affiliate_payable"] == "-1.00"
    reverse(earned, "1")
    book()
    assert "affiliate_payable" not in books()
    assert violations() == []


def test_the_state_of_a_commission_follows_from_rows(shop, alice, bob):
    earn(alice.affiliate, shop, "5", held_for=timedelta(days=1))
    earn(alice.affiliate, shop, "6")
    earn(bob.affiliate, shop, "6")
    book()
    states = commissions.with_state(commissions.visible(alice.actor))
    assert set(states.values_list("commission_micros", "state")) == {
        (5_000_000, "held"),
        (6_000_000, "payable"),
    }
