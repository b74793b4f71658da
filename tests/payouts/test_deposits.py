"""Deposits and credit limits: the books and the funds move together, once for a booking."""

from datetime import timedelta

import pytest

from network import clock
from network.money import Money
from partners.models import Funds
from payouts import bank, commissions, deposits
from payouts.models import Deposit, Journal
from payouts.refusals import DepositExists, LimitInUse
from tests.payouts.earning import books, deposit, earn, violations


def record(advertiser, actor, **given):
    values = {
        "amount": Money.parse("100", "EUR"),
        "bank_ref": "R1",
        "booked_on": clock.now().date(),
    }
    return deposits.record(advertiser=advertiser, actor=actor, **(values | given))


def test_a_deposit_is_in_the_books_and_free_to_promise(acme, fred):
    record(acme.advertiser, fred.actor)
    assert books() == {"bank": "100.00", "advertiser_prepaid": "-100.00"}
    assert Funds.objects.get().available_micros == 100_000_000
    assert violations() == []


def test_a_booking_is_one_deposit(acme, rival, fred):
    record(acme.advertiser, fred.actor)
    with pytest.raises(DepositExists):
        record(rival.advertiser, fred.actor)
    assert (Deposit.objects.count(), Journal.objects.count(), Funds.objects.count()) == (1, 1, 1)


@pytest.mark.parametrize("account", ["DE89 3704 0044 0532 0130 00", "de89370400440532013000"])
def test_our_account_is_one_account_in_any_spelling(acme, fred, account):
    assert record(acme.advertiser, fred.actor).account == "DE89370400440532013000"
    with pytest.raises(DepositExists):
        record(acme.advertiser, fred.actor, account=account)
    assert Deposit.objects.count() == 1


@pytest.mark.parametrize(
    "account", ["x", "FR1420041010050500013M02606", "DE89370400440532013000\u200b"]
)
def test_an_account_that_is_not_ours_is_refused(acme, fred, account):
    with pytest.raises(bank.UnknownAccount):
        record(acme.advertiser, fred.actor, account=account)
    assert not Journal.objects.exists()


def test_without_an_account_of_ours_nothing_is_booked(acme, fred, settings):
    settings.DEBTOR_IBAN = ""
    with pytest.raises(bank.DebtorNotSet):
        record(acme.advertiser, fred.actor)


def test_a_reference_is_one_reference_in_any_case(acme, fred):
    record(acme.advertiser, fred.actor, bank_ref="nb 1:a")
    with pytest.raises(DepositExists):
        record(acme.advertiser, fred.actor, bank_ref="NB 1:A")
    assert (Deposit.objects.count(), Journal.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    "ref", ["", " R1", "R1 ", "R  1", "R1\u200b", "R1\n", "Ｒ1", "R\xa01", "Ré"]
)
def test_a_reference_that_could_be_another_spelling_is_refused(acme, fred, ref):
    with pytest.raises(bank.BankRefInvalid):
        record(acme.advertiser, fred.actor, bank_ref=ref)
    assert not Journal.objects.exists()


def test_a_booking_of_tomorrow_is_refused(acme, fred):
    with pytest.raises(bank.BookedInFuture):
        record(acme.advertiser, fred.actor, booked_on=bank.today() + timedelta(days=1))
    assert not Deposit.objects.exists()


def test_a_credit_limit_lets_funds_and_books_go_below_zero(acme, alice, fred):
    limit = Money.parse("50", "EUR")
    deposits.set_credit_limit(advertiser=acme.advertiser, limit=limit, actor=fred.actor)
    earn(alice.affiliate, acme.advertiser, "20", revenue="50")
    commissions.accrue()
    assert Funds.objects.get().available_micros == -50_000_000
    assert books()["advertiser_prepaid"] == "50.00"
    assert violations() == []


def test_a_limit_below_what_is_promised_is_refused(acme, alice, fred):
    deposit(acme.advertiser, "10", fred.actor)
    for limit in ("50", "40"):
        deposits.set_credit_limit(
            advertiser=acme.advertiser, limit=Money.parse(limit, "EUR"), actor=fred.actor
        )
    earn(alice.affiliate, acme.advertiser, "20", revenue="45")
    with pytest.raises(LimitInUse):
        deposits.set_credit_limit(
            advertiser=acme.advertiser, limit=Money.parse("34.99", "EUR"), actor=fred.actor
        )
    assert Funds.objects.get().credit_limit_micros == 40_000_000


def test_everybody_sees_their_own_deposits(acme, rival, alice, fred):
    record(acme.advertiser, fred.actor)
    seen = {
        who: deposits.visible(member.actor).count()
        for who, member in {"acme": acme, "rival": rival, "alice": alice, "fred": fred}.items()
    }
    assert seen == {"acme": 1, "rival": 0, "alice": 0, "fred": 1}
