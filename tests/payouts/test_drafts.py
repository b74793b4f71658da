"""Drafts: a payee whole or not at all, everybody else with the reason."""

from datetime import timedelta

import pytest

from network import clock
from network.errors import CurrencyMismatch
from network.money import Money
from partners.models import Affiliate
from payouts import commissions, drafts, payments, rails, runs
from payouts.bank import DebtorNotSet
from payouts.models import PayoutCarry, PayoutLine, PayoutRun
from tests import factories
from tests.payouts.earning import (
    book,
    booking,
    earn,
    make_payee,
    payable,
    reverse,
    sent_run,
    violations,
)


def build(member, **how):
    return drafts.build(actor=member.actor, **({"currency": "EUR"} | how))


def skipped(run):
    return dict(run.skips.values_list("affiliate_id", "reason"))


def test_a_run_claims_all_that_is_payable(fred, alice, bob):
    payable(alice.affiliate, "12.34")
    payable(alice.affiliate, "0.66")
    payable(bob.affiliate, "5")
    run = build(fred)
    assert (run.state, run.payouts_count, run.lines_count) == ("draft", 2, 3)
    assert run.total_minor == 1_800
    assert violations() == []


def test_what_is_below_a_minor_unit_is_carried_over(fred, gina, alice):
    payable(alice.affiliate, "10.009999")
    first = sent_run(fred, gina)
    payable(alice.affiliate, "1.000001")
    second = build(fred).payouts.get()
    assert first.payouts.get().carry_out_micros == 9_999
    assert (second.carry_in_micros, second.net_minor, second.carry_out_micros) == (9_999, 101, 0)


def test_a_rest_is_carried_once(fred, gina, alice):
    payable(alice.affiliate, "10.009")
    sent_run(fred, gina)
    payable(alice.affiliate, "1")
    build(fred)
    payable(alice.affiliate, "1")
    assert build(fred).payouts.get().carry_in_micros == 0
    assert PayoutCarry.objects.count() == 1


def test_a_rest_of_a_run_that_may_still_be_cancelled_is_not_carried(fred, alice):
    payable(alice.affiliate, "10.009")
    runs.lock(run_id=build(fred).pk, actor=fred.actor)
    payable(alice.affiliate, "1")
    assert build(fred).payouts.get().carry_in_micros == 0


def test_reversals_are_netted_whatever_the_cutoff(fred, alice):
    earned = payable(alice.affiliate, "10")
    cutoff_at = clock.now()
    reverse(earned, "4")
    earn(alice.affiliate, earned.advertiser, "100")
    book()
    run = build(fred, cutoff_at=cutoff_at)
    assert (run.total_minor, run.lines_count) == (600, 2)


def test_each_reason_to_leave_somebody_out_is_listed(fred, gina, bob):
    people = {name: factories.make_affiliate(name) for name in "abcdefg"}
    earned = {name: payable(people[name], "1" if name == "a" else "10") for name in people}
    sent_run(fred, gina, minimum=Money.from_minor(1_000, "EUR"))
    reverse(earned["b"], "5")
    for name in "cdefg":
        payable(people[name], "10")
    people["c"].payee_methods.update(superseded_at=clock.now())
    later = clock.now() + timedelta(hours=1)
    people["d"].payee_methods.update(superseded_at=clock.now())
    make_payee(people["d"], usable_from=later)
    Affiliate.objects.filter(pk=people["e"].pk).update(status="paused")
    people["f"].payee_methods.update(superseded_at=clock.now())
    make_payee(people["f"], holder="Владимир")
    people["g"].payee_methods.update(superseded_at=clock.now())
    make_payee(people["g"], iban="UA213223130000026007233566001")
    payable(bob.affiliate, "10")
    run = build(fred, minimum=Money.from_minor(200, "EUR"))
    reasons = skipped(run)
    assert {name: reasons[people[name].pk] for name in "abcdefg"} == {
        "a": "below_minimum",
        "b": "negative",
        "c": "no_payee_method",
        "d": "payee_cool_off",
        "e": "affiliate_inactive",
        "f": "payee_unfit",
        "g": "payee_unfit",
    }
    assert run.payouts.get().affiliate == bob.affiliate


def test_a_minimum_counts_whole_minor_units_of_the_runs_own_currency(fred, alice):
    payable(alice.affiliate, "10")
    with pytest.raises(CurrencyMismatch):
        build(fred, minimum=Money.parse("5", "USD"))
    assert build(fred, minimum=Money(9_999_999, "EUR")).minimum_minor == 999


def test_an_affiliate_with_nothing_but_zeros_is_not_worth_a_line(fred, alice, bob):
    payable(bob.affiliate, "10")
    payable(alice.affiliate, "0")
    assert skipped(build(fred)) == {}


def test_with_nobody_to_pay_there_is_no_run(fred, alice):
    payable(alice.affiliate, "0.009")
    with pytest.raises(drafts.NothingToPay) as refusal:
        build(fred)
    assert refusal.value.members == {"skipped": {"below_minimum": 1}}
    assert not PayoutRun.objects.exists()


def test_a_second_build_finds_nothing_left(fred, alice):
    payable(alice.affiliate, "10")
    build(fred)
    with pytest.raises(drafts.NothingToPay):
        build(fred)


def test_what_is_still_held_is_not_paid(fred, alice):
    earned = payable(alice.affiliate, "10")
    earn(alice.affiliate, earned.advertiser, "90", held_for=timedelta(days=1))
    commissions.accrue()
    assert build(fred).total_minor == 1_000


def test_currencies_are_paid_apart(fred, alice, paper_rail):
    payable(alice.affiliate, "10")
    payable(alice.affiliate, "10", currency="JPY")
    assert build(fred, currency="JPY").payouts.get().net_minor == 10
    assert build(fred).payouts.get().net_minor == 1_000


def test_a_currency_without_a_rail_is_refused(fred):
    with pytest.raises(rails.NoRail):
        build(fred, currency="JPY")


def test_a_cutoff_to_come_is_refused(fred):
    with pytest.raises(drafts.CutoffInFuture):
        build(fred, cutoff_at=clock.now() + timedelta(seconds=5))


def test_without_our_own_account_nothing_is_built(fred, alice, settings):
    payable(alice.affiliate, "10")
    settings.DEBTOR_IBAN = "DE89370400440532013001"
    with pytest.raises(DebtorNotSet):
        build(fred)


def test_a_returned_payout_is_paid_by_a_later_run(fred, gina, alice):
    payable(alice.affiliate, "10.005")
    refused = sent_run(fred, gina).payouts.get()
    payments.reject(payout_id=refused.pk, evidence="AC04", actor=fred.actor)
    second = sent_run(fred, gina)
    paid = second.payouts.get()
    assert (paid.lines_micros, paid.carry_in_micros, paid.net_minor) == (0, 10_005_000, 1_000)
    run = payments.settle(run_id=second.pk, bookings=[booking(paid)], actor=fred.actor)
    assert run.state == "done"
    assert PayoutLine.objects.get().payout_id == refused.pk
    assert violations() == []


def test_lines_and_carries_of_a_cancelled_run_are_free_again(fred, gina, alice):
    payable(alice.affiliate, "10.009")
    sent_run(fred, gina)
    payable(alice.affiliate, "2.001")
    run = build(fred)
    runs.cancel(run_id=run.pk, actor=fred.actor)
    assert violations() == []
    again = build(fred).payouts.get()
    assert (again.carry_in_micros, again.lines_micros, again.net_minor) == (9_000, 2_001_000, 201)
    assert Money.from_minor(again.net_minor, "EUR").text() == "2.01"
