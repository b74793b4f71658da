"""Payments: one file, one attempt, and only evidence closes a payout."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from network.errors import IllegalMove, NotFound
from network.money import Money
from payouts import bank, payments
from payouts.models import BankBooking, PaymentAttempt, PaymentFile, Payout, PayoutRun
from payouts.refusals import BookingExists, BookingUnlike
from tests.payouts.earning import approved_run, booking, books, payable, sent_run, violations


@pytest.fixture
def approved(db, fred, gina, alice, bob):
    payable(alice.affiliate, "10.005")
    payable(bob.affiliate, "20")
    return approved_run(fred, gina)


@pytest.fixture
def sent(approved, fred):
    payments.render(run_id=approved.pk, actor=fred.actor)
    return approved


def test_the_file_is_written_once_and_read_the_same_each_time(approved, fred, gina):
    file = payments.render(run_id=approved.pk, actor=fred.actor)
    first = payments.read_file(run_id=approved.pk, actor=fred.actor)
    assert first == payments.read_file(run_id=approved.pk, actor=gina.actor)
    assert (file.count, file.total_minor, file.msg_id) == (2, 3_000, f"PA-RUN-{approved.pk}")
    with pytest.raises(IllegalMove):
        payments.render(run_id=approved.pk, actor=fred.actor)


def test_the_stored_file_is_sealed(approved, fred):
    payments.render(run_id=approved.pk, actor=fred.actor)
    stored = bytes(PaymentFile.objects.get().sealed)
    assert b"IBAN" not in stored
    assert b"DE8937" not in stored


def test_a_file_is_only_written_for_an_approved_run(fred, gina, alice):
    payable(alice.affiliate, "10")
    run = sent_run(fred, gina)
    with pytest.raises(IllegalMove):
        payments.render(run_id=run.pk, actor=fred.actor)
    with pytest.raises(NotFound):
        payments.render(run_id=999, actor=fred.actor)


def test_from_the_moment_that_there_is_a_file_only_the_bank_knows(approved, fred):
    payments.render(run_id=approved.pk, actor=fred.actor)
    assert set(PaymentAttempt.objects.values_list("state")) == {("unknown",)}
    assert set(Payout.objects.values_list("state")) == {("sent",)}
    assert PayoutRun.objects.get().state == "dispatching"


def test_reading_the_file_changes_nothing(approved, fred):
    with pytest.raises(NotFound):
        payments.read_file(run_id=approved.pk, actor=fred.actor)
    payments.render(run_id=approved.pk, actor=fred.actor)
    with CaptureQueriesContext(connection) as queries:
        payments.read_file(run_id=approved.pk, actor=fred.actor)
    assert [query["sql"][:6] for query in queries] == ["SELECT"]


def test_the_key_on_the_wire_follows_from_the_payout(sent):
    payouts = sent.payouts.values_list("pk", flat=True)
    keys = PaymentAttempt.objects.values_list("idem_key", flat=True)
    assert set(keys) == {f"PO{payout}A1" for payout in payouts}


def test_a_booking_settles_a_payout_and_the_last_one_closes_the_run(sent, fred):
    first, second = sent.payouts.order_by("pk")
    run = payments.settle(run_id=sent.pk, bookings=[booking(first)], actor=fred.actor)
    assert run.state == "dispatching"
    run = payments.settle(run_id=sent.pk, bookings=[booking(second)], actor=fred.actor)
    assert run.state == "done"
    assert "affiliate_in_payout" not in books()
    assert "payout_clearing" not in books()
    assert books()["bank"] == "1999970.00"
    assert violations() == []


def test_bookings_are_taken_all_or_none(sent, fred):
    first, second = sent.payouts.order_by("pk")
    wrong = booking(second, amount=Money.parse("0.01", "EUR"))
    with pytest.raises(BookingUnlike) as refusal:
        payments.settle(run_id=sent.pk, bookings=[booking(first), wrong], actor=fred.actor)
    assert refusal.value.errors[0].pointer == "/bookings/1/amount"
    assert not BankBooking.objects.exists()


def test_a_booking_settles_one_payout(sent, fred):
    first, second = sent.payouts.order_by("pk")
    payments.settle(run_id=sent.pk, bookings=[booking(first)], actor=fred.actor)
    again = booking(second, bank_ref=f"OUT{first.pk}")
    with pytest.raises(BookingExists):
        payments.settle(run_id=sent.pk, bookings=[again], actor=fred.actor)
    with pytest.raises(IllegalMove):
        payments.settle(run_id=sent.pk, bookings=[booking(first)], actor=fred.actor)


def test_a_debit_is_one_debit_in_any_spelling(sent, fred):
    first, second = sent.payouts.order_by("pk")
    twice = [booking(first, bank_ref="r1"), booking(second, bank_ref="R1")]
    with pytest.raises(BookingExists):
        payments.settle(run_id=sent.pk, bookings=twice, actor=fred.actor)
    unseen = booking(first, bank_ref="r1\u200b")
    with pytest.raises(bank.BankRefInvalid) as refusal:
        payments.settle(run_id=sent.pk, bookings=[unseen], actor=fred.actor)
    assert refusal.value.errors[0].pointer == "/bookings/0/bank_ref"
    with pytest.raises(bank.UnknownAccount):
        payments.settle(run_id=sent.pk, bookings=twice[:1], actor=fred.actor, account="x")
    assert not BankBooking.objects.exists()


def test_two_bookings_for_one_payout_are_refused(sent, fred):
    payout = sent.payouts.first()
    twice = [booking(payout), booking(payout, bank_ref="OTHER")]
    with pytest.raises(BookingExists):
        payments.settle(run_id=sent.pk, bookings=twice, actor=fred.actor)


def test_a_payout_of_another_run_is_unknown_here(sent, fred, gina, alice):
    payable(alice.affiliate, "5")
    other = sent_run(fred, gina).payouts.get()
    with pytest.raises(payments.UnknownPayout):
        payments.settle(run_id=sent.pk, bookings=[booking(other)], actor=fred.actor)


def test_a_booking_of_a_day_to_come_is_refused(sent, fred):
    payout = sent.payouts.first()
    tomorrow = bank.next_working_day(bank.today())
    with pytest.raises(bank.BookedInFuture):
        payments.settle(
            run_id=sent.pk, bookings=[booking(payout, booked_on=tomorrow)], actor=fred.actor
        )


def test_nothing_settles_before_the_file_is_written(approved, fred):
    with pytest.raises(IllegalMove):
        payments.settle(
            run_id=approved.pk, bookings=[booking(approved.payouts.first())], actor=fred.actor
        )


def test_a_rejected_payout_is_payable_again(sent, fred, alice):
    payout = sent.payouts.get(affiliate=alice.affiliate)
    rejected = payments.reject(payout_id=payout.pk, evidence="pain.002 AC04", actor=fred.actor)
    assert rejected.state == "rejected"
    assert rejected.attempts.get().evidence == "pain.002 AC04"
    assert (books()["affiliate_payable"], books()["affiliate_in_payout"]) == ("-10.005", "-20.00")
    assert violations() == []


def test_a_payout_has_one_answer(sent, fred):
    first, second = sent.payouts.order_by("pk")
    payments.settle(run_id=sent.pk, bookings=[booking(first)], actor=fred.actor)
    payments.reject(payout_id=second.pk, evidence="AC01", actor=fred.actor)
    assert PayoutRun.objects.get().state == "done"
    for payout in (first, second):
        with pytest.raises(IllegalMove):
            payments.reject(payout_id=payout.pk, evidence="AC01", actor=fred.actor)


def test_a_settled_payout_of_an_open_run_is_not_rejected(sent, fred):
    first, _ = sent.payouts.order_by("pk")
    payments.settle(run_id=sent.pk, bookings=[booking(first)], actor=fred.actor)
    with pytest.raises(IllegalMove):
        payments.reject(payout_id=first.pk, evidence="AC01", actor=fred.actor)
    assert Payout.objects.get(pk=first.pk).state == "settled"


def test_an_affiliate_sees_its_own_payouts_once_they_are_promised(approved, alice, acme, fred):
    payable(alice.affiliate, "7")
    seen = {
        "alice": payments.visible(alice.actor).count(),
        "acme": payments.visible(acme.actor).count(),
        "fred": payments.visible(fred.actor).count(),
    }
    assert seen == {"alice": 1, "acme": 0, "fred": 2}
