"""Many at once: one wins, the others are told so, and the books hold."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier

import psycopg
import pytest
from django.db import connections, transaction

from network import clock
from network.errors import IllegalMove, PeractionError
from network.money import Money
from partners import parties, payees
from partners.models import PayeeMethod
from partners.payees import Account
from payouts import commissions, deposits, drafts, payments, runs
from payouts.models import Commission, Deposit, PaymentFile, PayoutLine, PayoutRun
from payouts.refusals import (
    AffiliateInactive,
    ClawedBack,
    DepositExists,
    PayeeChanged,
    SelfApproval,
)
from tests import factories
from tests.environment import LONG
from tests.payouts.earning import (
    approved_run,
    book,
    booking,
    deposit,
    earn,
    make_payee,
    payable,
    reverse,
    sent_run,
    violations,
)
from tests.running import eventually

ROUNDS = range(50 if LONG else 5)


def at_once(*calls):
    """What each call returned or raised, all having started together."""
    start = Barrier(len(calls))

    def call(what):
        start.wait()
        try:
            return what()
        except PeractionError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(call, calls))


def kinds(answers):
    return Counter(type(answer).__name__ for answer in answers)


@pytest.fixture
def people(fresh_db):
    """Ten affiliates who are owed something."""
    affiliates = [factories.make_affiliate() for _ in range(10)]
    for number, affiliate in enumerate(affiliates, start=1):
        payable(affiliate, f"{number}.005")
    return affiliates


def test_one_of_eight_builds_pays_everybody(people, fred):
    answers = at_once(*[partial(drafts.build, currency="EUR", actor=fred.actor)] * 8)
    assert kinds(answers) == {"PayoutRun": 1, "NothingToPay": 7}
    assert PayoutLine.objects.count() == 10
    assert violations() == []


def test_one_of_twenty_approvals_counts(people, fred, gina, olga):
    run = drafts.build(currency="EUR", actor=fred.actor)
    run = runs.lock(run_id=run.pk, actor=fred.actor)
    actors = [fred.actor, gina.actor, olga.actor]
    answers = at_once(
        *(
            partial(
                runs.approve,
                run_id=run.pk,
                content_sha256=run.content_sha256,
                actor=actors[number % 3],
            )
            for number in range(20)
        )
    )
    found = kinds(answers)
    assert found["PayoutRun"] == 1
    assert found["IllegalMove"] + found[SelfApproval.__name__] == 19
    assert run.approvals.exclude(actor=fred.user).count() == 1


def test_a_run_is_cancelled_or_paid_and_never_both(fresh_db, fred, gina, alice):
    for _ in ROUNDS:
        payable(alice.affiliate, "10")
        run = approved_run(fred, gina)
        answers = at_once(
            partial(runs.cancel, run_id=run.pk, actor=gina.actor),
            partial(payments.render, run_id=run.pk, actor=fred.actor),
        )
        assert sum(isinstance(answer, IllegalMove) for answer in answers) == 1
        run.refresh_from_db()
        assert PaymentFile.objects.filter(run=run).exists() == (run.state == "dispatching")
        assert violations() == []


def test_a_reversal_comes_before_the_lock_or_after_it(fresh_db, fred, alice):
    for _ in ROUNDS:
        earned = payable(alice.affiliate, "10")
        run = drafts.build(currency="EUR", actor=fred.actor)
        reverse(earned, "4")
        locked, _ = at_once(partial(runs.lock, run_id=run.pk, actor=fred.actor), book)
        assert isinstance(locked, PayoutRun | ClawedBack)
        runs.cancel(run_id=run.pk, actor=fred.actor)
        assert violations() == []


def test_a_change_of_account_comes_before_the_lock_or_after_it(fresh_db, fred, alice):
    def move():
        alice.affiliate.payee_methods.filter(superseded_at=None).update(superseded_at=clock.now())

    for _ in ROUNDS:
        payable(alice.affiliate, "10")
        run = drafts.build(currency="EUR", actor=fred.actor)
        locked, _ = at_once(partial(runs.lock, run_id=run.pk, actor=fred.actor), move)
        assert isinstance(locked, PayoutRun | PayeeChanged)
        make_payee(alice.affiliate)
        runs.cancel(run_id=run.pk, actor=fred.actor)
        assert violations() == []


def test_a_change_of_account_comes_before_the_file_or_after_it(fresh_db, fred, gina, alice):
    account = Account(holder="Alice", iban="FR1420041010050500013M02606", country="FR")
    for _ in ROUNDS:
        payable(alice.affiliate, "10")
        run = approved_run(fred, gina)
        old = run.payouts.get().payee_method
        rendered, new = at_once(
            partial(payments.render, run_id=run.pk, actor=fred.actor),
            partial(payees.replace, alice.affiliate, account, actor=alice.actor),
        )
        old.refresh_from_db()
        if isinstance(rendered, PayeeChanged):
            runs.cancel(run_id=run.pk, actor=fred.actor)
        else:
            assert rendered.run_id == run.pk
        assert old.superseded_at == new.created_at
        PayeeMethod.objects.filter(superseded_at=None).update(superseded_at=clock.now())
        make_payee(alice.affiliate)
        assert violations() == []


@pytest.mark.parametrize("late", ["account", "pause"])
def test_who_writes_an_affiliate_is_waited_for_before_the_file(fresh_db, fred, gina, alice, late):
    payable(alice.affiliate, "10")
    run = approved_run(fred, gina)
    account = Account(holder="Alice", iban="FR1420041010050500013M02606", country="FR")
    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            if late == "account":
                payees.replace(alice.affiliate, account, actor=alice.actor)
            else:
                parties.change(alice.affiliate, status="paused")
            render = partial(payments.render, run_id=run.pk, actor=fred.actor)
            rendering = threads.submit(at_once, render)
            eventually(lambda: waits_for_a_row(fresh_db.owner_url))
        (answer,) = rendering.result()
    assert isinstance(answer, PayeeChanged if late == "account" else AffiliateInactive)
    assert not PaymentFile.objects.exists()


def waits_for_a_row(url):
    with psycopg.connect(url) as watching:
        return watching.execute(
            "SELECT FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"
        ).rowcount


def test_four_workers_take_every_hand_off_once(fresh_db, fred, alice, bob):
    shop = factories.make_advertiser()
    deposit(shop, "10000", fred.actor)
    earned = [earn(member.affiliate, shop, "1.5") for member in (alice, bob) for _ in range(50)]
    for each in earned[::3]:
        reverse(each, "0.5")

    def drain():
        taken = 0
        while now := commissions.accrue(7):
            taken += now
        return taken

    taken = at_once(*[drain] * 4)
    while now := commissions.accrue(7):  # what a worker saw locked by another and left
        taken.append(now)
    assert sum(taken) == Commission.objects.count() == 134
    assert violations() == []


def test_four_workers_release_every_commission_once(fresh_db, fred, alice, bob):
    shop = factories.make_advertiser()
    deposit(shop, "10000", fred.actor)
    for member in (alice, bob):
        for _ in range(50):
            earn(member.affiliate, shop, "1.5")
    commissions.accrue()
    released = at_once(*[lambda: sum(iter(lambda: commissions.release(7), 0))] * 4)
    assert sum(released) == 100
    assert violations() == []


def test_a_booking_is_one_deposit_however_often_it_is_typed(fresh_db, acme, fred):
    answers = at_once(
        *[
            partial(
                deposits.record,
                advertiser=acme.advertiser,
                amount=Money.parse("10", "EUR"),
                bank_ref="R1",
                booked_on=clock.now().date(),
                actor=fred.actor,
            )
        ]
        * 8
    )
    assert kinds(answers) == {"Deposit": 1, DepositExists.__name__: 7}
    assert Deposit.objects.count() == 1
    assert violations() == []


def test_a_file_is_written_once(people, fred, gina):
    run = approved_run(fred, gina)
    answers = at_once(*[partial(payments.render, run_id=run.pk, actor=fred.actor)] * 8)
    assert kinds(answers) == {"PaymentFile": 1, "IllegalMove": 7}


def test_a_file_is_the_same_for_all_who_take_it(people, fred, gina):
    run = approved_run(fred, gina)
    payments.render(run_id=run.pk, actor=fred.actor)
    answers = at_once(*[partial(payments.read_file, run_id=run.pk, actor=fred.actor)] * 8)
    assert len({content for _, content in answers}) == 1
    assert violations() == []


def test_a_payout_is_settled_once(people, fred, gina):
    run = sent_run(fred, gina)
    bookings = [booking(payout) for payout in run.payouts.all()]
    answers = at_once(
        *[partial(payments.settle, run_id=run.pk, bookings=bookings, actor=fred.actor)] * 4
    )
    assert kinds(answers) == {"PayoutRun": 1, "IllegalMove": 3}
    assert violations() == []


def test_a_payout_is_settled_or_rejected_and_never_both(fresh_db, fred, gina, alice):
    for _ in ROUNDS:
        payable(alice.affiliate, "10")
        run = sent_run(fred, gina)
        payout = run.payouts.get()
        answers = at_once(
            partial(payments.settle, run_id=run.pk, bookings=[booking(payout)], actor=fred.actor),
            partial(payments.reject, payout_id=payout.pk, evidence="AC04", actor=gina.actor),
        )
        assert sum(isinstance(answer, IllegalMove) for answer in answers) == 1
        assert violations() == []


def test_releases_and_locks_do_not_wait_for_each_other_in_a_circle(fresh_db, fred, people):
    shop = factories.make_advertiser()
    deposit(shop, "10000", fred.actor)
    for affiliate in people:
        earn(affiliate, shop, "1", held_for=timedelta(0))
    run = drafts.build(currency="EUR", actor=fred.actor)
    answers = at_once(partial(runs.lock, run_id=run.pk, actor=fred.actor), book, book, book)
    assert not any(isinstance(answer, Exception) for answer in answers)
    assert violations() == []
