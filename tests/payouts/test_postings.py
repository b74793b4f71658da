"""The posting rules of the books, step by step, in currencies of none, two and three decimals."""

import pytest

from payouts import commissions, drafts, payments, runs
from tests import factories
from tests.payouts.earning import (
    booking,
    books,
    deposit,
    earn,
    make_payee,
    reverse,
    sent_run,
    violations,
)

EUR = {
    "deposit": {"bank": "100.00", "advertiser_prepaid": "-100.00"},
    "approved": {
        "bank": "100.00",
        "advertiser_prepaid": "-75.308642",
        "network_revenue": "-24.691358",
        "commission_expense": "12.345679",
        "affiliate_held": "-12.345679",
    },
    "released": {"affiliate_held": None, "affiliate_payable": "-12.345679"},
    "locked": {"affiliate_payable": "-0.005679", "affiliate_in_payout": "-12.34"},
    "settled": {"affiliate_in_payout": None, "bank": "87.66"},
    "clawed back": {
        "advertiser_prepaid": "-77.308642",
        "network_revenue": "-22.691358",
        "commission_expense": "11.345679",
        "affiliate_payable": "0.994321",
    },
}
JPY = {
    "deposit": {"bank": "100", "advertiser_prepaid": "-100"},
    "approved": EUR["approved"] | {"bank": "100"},
    "released": EUR["released"],
    "locked": {"affiliate_payable": "-0.345679", "affiliate_in_payout": "-12"},
    "settled": {"affiliate_in_payout": None, "bank": "88"},
    "clawed back": EUR["clawed back"] | {"affiliate_payable": "0.654321"},
}
KWD = {
    "deposit": {"bank": "100.000", "advertiser_prepaid": "-100.000"},
    "approved": EUR["approved"] | {"bank": "100.000"},
    "released": EUR["released"],
    "locked": {"affiliate_payable": "-0.000679", "affiliate_in_payout": "-12.345"},
    "settled": {"affiliate_in_payout": None, "bank": "87.655"},
    "clawed back": EUR["clawed back"] | {"affiliate_payable": "0.999321"},
}
GOLDEN = pytest.mark.parametrize(
    ("currency", "golden"), [("EUR", EUR), ("JPY", JPY), ("KWD", KWD)], ids=["EUR", "JPY", "KWD"]
)


class Ledger:
    """The balances that a step has to leave: those before, changed as the table says."""

    def __init__(self, currency, golden):
        self.currency, self.golden, self.expected = currency, golden, {}

    def check(self, step):
        """The books are as the table has them after this step, and hold every invariant."""
        self.expected |= self.golden[step]
        assert books(self.currency) == {
            kind: amount for kind, amount in self.expected.items() if amount is not None
        }
        assert violations() == []


@pytest.fixture
def shop(db, paper_rail):
    return factories.make_advertiser()


def earned_and_released(shop, alice, fred, currency):
    """Rules 1, 2 and 4."""
    make_payee(alice.affiliate)
    deposit(shop, "100", fred.actor, currency)
    earned = earn(alice.affiliate, shop, "12.345679", currency=currency)
    commissions.accrue()
    commissions.release()
    return earned


@GOLDEN
def test_rules_1_2_4_7_9_10_and_6(shop, alice, fred, gina, currency, golden):
    ledger = Ledger(currency, golden)
    make_payee(alice.affiliate)
    deposit(shop, "100", fred.actor, currency)
    ledger.check("deposit")
    earned = earn(alice.affiliate, shop, "12.345679", currency=currency)
    commissions.accrue()
    ledger.check("approved")
    commissions.release()
    ledger.check("released")
    run = sent_run(fred, gina, currency=currency)
    ledger.check("locked")
    bookings = [booking(run.payouts.get())]
    payments.settle(run_id=run.pk, bookings=bookings, actor=fred.actor)
    ledger.check("settled")
    reverse(earned, "1")
    commissions.accrue()
    commissions.release()
    ledger.check("clawed back")


@GOLDEN
def test_rule_5_a_reversal_before_payout_mirrors_the_approval(shop, alice, fred, currency, golden):
    earned = earned_and_released(shop, alice, fred, currency)
    reverse(earned, "12.345679")
    commissions.accrue()
    commissions.release()
    assert books(currency) == golden["deposit"]
    assert violations() == []


@GOLDEN
def test_rule_11_a_rejected_payout_mirrors_its_lock(shop, alice, fred, gina, currency, golden):
    earned_and_released(shop, alice, fred, currency)
    before = books(currency)
    run = sent_run(fred, gina, currency=currency)
    payments.reject(payout_id=run.payouts.get().pk, evidence="AC04", actor=fred.actor)
    assert books(currency) == before
    assert violations() == []


@GOLDEN
def test_rule_13_a_cancelled_run_mirrors_its_lock(shop, alice, fred, currency, golden):
    earned_and_released(shop, alice, fred, currency)
    before = books(currency)
    run = drafts.build(currency=currency, actor=fred.actor)
    runs.lock(run_id=run.pk, actor=fred.actor)
    assert books(currency) == before | golden["locked"]
    runs.cancel(run_id=run.pk, actor=fred.actor)
    assert books(currency) == before
    assert violations() == []
