"""Statements and balances: read from the books, so they cannot say anything else."""

from datetime import timedelta

from network import clock as network_clock
from payouts import balances, bank, payments, statements
from tests.payouts.earning import book, booking, earn, payable, reverse, sent_run


def of(affiliate, *, since=-1, until=1):
    """The statement in euro, from so many days before today up to so many after."""
    today = bank.today()
    (statement,) = statements.of_affiliate(
        affiliate.pk,
        since=bank.start_of(today + timedelta(days=since)),
        until=bank.start_of(today + timedelta(days=until)),
    )
    return statement


def test_a_statement_says_what_was_earned_released_and_paid(fred, gina, alice):
    earned = payable(alice.affiliate, "10.005")
    run = sent_run(fred, gina)
    bookings = [booking(run.payouts.get())]
    payments.settle(run_id=run.pk, bookings=bookings, actor=fred.actor)
    reverse(earned, "1")
    book()
    statement = of(alice.affiliate)
    assert {line.what: line.change.total_micros for line in statement.lines} == {
        "earned": 9_005_000,
        "released": 0,
        "set_aside": 0,
        "paid": -10_000_000,
    }
    assert statement.opening.total_micros == 0
    assert statement.closing.payable_micros == -995_000


def test_opening_and_lines_are_closing_and_the_next_opening(fred, alice, clock):
    earned = payable(alice.affiliate, "10")
    clock.forward(days=1)
    earn(alice.affiliate, earned.advertiser, "3", held_for=timedelta(days=9))
    book()
    first, second = of(alice.affiliate, until=0), of(alice.affiliate, since=0)
    assert first.closing == second.opening
    total = second.opening.total_micros + sum(line.change.total_micros for line in second.lines)
    assert total == second.closing.total_micros == 13_000_000
    assert second.closing.held_micros == 3_000_000


def test_a_statement_of_the_past_does_not_change(fred, alice, clock):
    earned = payable(alice.affiliate, "10")
    now = network_clock.now()
    before = statements.of_affiliate(alice.affiliate.pk, since=now - timedelta(days=1), until=now)
    clock.forward(days=3)
    reverse(earned, "10")
    book()
    assert before == statements.of_affiliate(
        alice.affiliate.pk, since=now - timedelta(days=1), until=now
    )


def test_who_never_earned_has_an_empty_statement(alice):
    now = network_clock.now()
    assert statements.of_affiliate(alice.affiliate.pk, since=now, until=now) == []


def test_balances_say_how_far_the_money_is(fred, gina, alice, bob):
    earned = payable(alice.affiliate, "10.005")
    run = sent_run(fred, gina)
    earn(alice.affiliate, earned.advertiser, "3", held_for=timedelta(days=9))
    book()
    payable(bob.affiliate, "4")
    (balance,) = balances.of_affiliates(alice.affiliate.pk)
    assert (balance.held_micros, balance.payable_micros, balance.in_payout_micros) == (
        3_000_000,
        5_000,
        10_000_000,
    )
    bookings = [booking(run.payouts.get())]
    payments.settle(run_id=run.pk, bookings=bookings, actor=fred.actor)
    (balance,) = balances.of_affiliates(alice.affiliate.pk)
    assert (balance.in_payout_micros, balance.paid_micros) == (0, 10_000_000)
    assert {each.affiliate for each in balances.of_affiliates()} == {
        alice.affiliate.pk,
        bob.affiliate.pk,
    }


def test_reserved_is_what_is_paid_in_and_not_free(fred, alice):
    earned = payable(alice.affiliate, "10")
    earn(alice.affiliate, earned.advertiser, "3")  # approved, and not in the books yet
    (balance,) = balances.of_advertisers(earned.advertiser.pk)
    assert (balance.prepaid_micros, balance.reserved_micros) == (999_980_000_000, 6_000_000)
    assert balance.available_micros == 999_974_000_000


def test_the_network_sees_a_trial_balance(fred, alice):
    payable(alice.affiliate, "10")
    found = {each.kind: each.balance_micros for each in balances.of_network()}
    assert found["bank"] + found["commission_expense"] == (
        found["advertiser_prepaid"] + found["network_revenue"] + found["affiliate_payable"]
    )
