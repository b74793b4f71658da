"""The ledger: what may be posted, once, and what an account then holds."""

import pytest
from django.db import IntegrityError, connection, transaction

from network import clock
from payouts import ledger
from payouts.ledger import Account, Entry
from payouts.models import AccountBalance, Journal, LedgerAccount
from payouts.refusals import AlreadyPosted, NothingToPost, Unbalanced, translated

BANK = Account("bank", 0, "EUR")
PREPAID = Account("advertiser_prepaid", 7, "EUR")
PAYABLE = Account("affiliate_payable", 9, "EUR")


@pytest.fixture
def cursor(db):
    with connection.cursor() as cursor:
        yield cursor


def post(cursor, *entries, key="test:1"):
    return ledger.post(
        cursor,
        kind="test",
        idem_key=key,
        entries=[Entry(account, micros) for account, micros in entries],
        effective_at=clock.now(),
        actor="test",
    )


def test_a_journal_moves_money_between_accounts_that_are_opened_as_needed(cursor):
    journal = post(cursor, (BANK, 500), (PREPAID, -500))
    assert ledger.balance(cursor, *BANK) == 500
    assert ledger.balance(cursor, *PREPAID) == -500
    assert Journal.objects.get(pk=journal).entries.count() == 2


def test_an_account_that_was_never_used_holds_nothing(cursor):
    assert ledger.balance(cursor, *PREPAID) == 0


def test_an_account_is_opened_once(cursor):
    first = ledger.account(cursor, *BANK)
    assert ledger.account(cursor, *BANK) == first
    assert LedgerAccount.objects.count() == 1


def test_an_unbalanced_journal_is_refused_before_the_database_is_asked(cursor):
    with pytest.raises(Unbalanced):
        post(cursor, (BANK, 500), (PREPAID, -499))
    assert not Journal.objects.exists()


def test_two_currencies_do_not_balance_each_other(cursor):
    with pytest.raises(Unbalanced):
        post(cursor, (BANK, 500), (PREPAID._replace(currency="USD"), -500))


def test_entries_that_cancel_out_are_no_journal(cursor):
    with pytest.raises(NothingToPost):
        post(cursor, (BANK, 500), (BANK, -500))


def test_entries_of_one_account_become_one(cursor):
    journal = post(cursor, (BANK, 300), (BANK, 200), (PREPAID, -500))
    assert sorted(Journal.objects.get(pk=journal).entries.values_list("amount_micros")) == [
        (-500,),
        (500,),
    ]


def test_the_same_fact_is_not_posted_twice(cursor):
    post(cursor, (BANK, 500), (PREPAID, -500))
    with pytest.raises(AlreadyPosted), translated(), transaction.atomic():
        post(cursor, (BANK, 500), (PREPAID, -500))
    assert ledger.balance(cursor, *BANK) == 500


def test_a_mirror_takes_a_journal_back_and_leaves_it_there(cursor):
    post(cursor, (BANK, 500), (PREPAID, -500))
    ledger.mirror(
        cursor,
        "test:1",
        kind="test",
        idem_key="test:2",
        effective_at=clock.now(),
        actor="test",
    )
    assert ledger.balance(cursor, *BANK) == 0
    assert Journal.objects.count() == 2


def test_many_journals_are_posted_in_their_order(cursor):
    journals = [
        ledger.NewJournal(
            kind="test",
            idem_key=f"test:{number}",
            entries=[Entry(BANK, number), Entry(PREPAID, -number)],
            effective_at=clock.now(),
            actor="test",
        )
        for number in range(1, 50)
    ]
    ids = ledger.post_all(cursor, journals)
    keys = dict(Journal.objects.values_list("pk", "idem_key"))
    assert [keys[id] for id in ids] == [f"test:{number}" for number in range(1, 50)]


def test_the_balance_of_a_guarded_account_is_kept_in_its_natural_sign(cursor):
    post(cursor, (BANK, 500), (PREPAID, -500))
    post(cursor, (PREPAID, 200), (PAYABLE, -200), key="test:2")
    kept = dict(AccountBalance.objects.values_list("account__kind", "balance_micros"))
    assert kept == {"advertiser_prepaid": 300, "affiliate_payable": 200}


def test_prepaid_money_does_not_fall_below_zero(cursor):
    post(cursor, (BANK, 500), (PREPAID, -500))
    with pytest.raises(IntegrityError, match="account_balance_above_floor"), transaction.atomic():
        post(cursor, (PREPAID, 501), (PAYABLE, -501), key="test:2")


def test_what_an_affiliate_is_owed_may_fall_below_zero(cursor):
    post(cursor, (PAYABLE, 5), (BANK, -5))
    assert AccountBalance.objects.get().balance_micros == -5
