"""The nightly look at the books: clean books are clean, and each planted fault is found."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connections, transaction
from django.db.models import F

from payouts import payments
from payouts.verify import CHECKS, verify
from tests import factories
from tests.payouts.earning import booking, deposit, earn, payable, reverse, sent_run, violations
from tests.tracking.rows import OPERATOR, make_conversion
from tracking.conversions import lifecycle
from tracking.conversions.models import Conversion

NOT_APPLICABLE = {"J8", "J9", "J11"}


@pytest.fixture
def lived_in(fresh_db, fred, gina, alice, bob):
    """Books with something of everything: paid, rejected, carried, reversed, held and waiting."""
    earned = payable(alice.affiliate, "10.005")
    payable(bob.affiliate, "20")
    run = sent_run(fred, gina)
    paid, refused = run.payouts.order_by("pk")
    payments.settle(run_id=run.pk, bookings=[booking(paid)], actor=fred.actor)
    payments.reject(payout_id=refused.pk, evidence="AC04", actor=fred.actor)
    reverse(earned, "1")
    payable(alice.affiliate, "5")
    sent_run(fred, gina)
    earn(bob.affiliate, earned.advertiser, "2")
    return earned


def plant(statement):
    """Change history as the owner of the tables, triggers off: what no application can do."""
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        for table in ("entry", "commission", "commission_release", "journal", "deposit"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement)


def test_books_that_were_kept_by_the_verbs_are_clean(lived_in):
    assert violations() == []
    assert {each.check.code for each in verify() if each.status == "not applicable"} == (
        NOT_APPLICABLE
    )
    assert {check.code for check in CHECKS} == {f"J{number}" for number in range(1, 13)}


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE entry SET amount_micros = amount_micros + 1 WHERE amount_micros > 0", "J1"),
        ("DELETE FROM entry WHERE amount_micros < 0", "J1"),
        ("UPDATE commission SET commission_micros = commission_micros + 1", "J2"),
        ("DELETE FROM commission_release", "J2"),
        ("DELETE FROM deposit", "J2"),
        ("UPDATE account_balance SET balance_micros = balance_micros + 1", "J3"),
        ("DELETE FROM account_balance", "J3"),
        ("DELETE FROM payout_line", "J4"),
        ("DELETE FROM payout_carry", "J4"),
        ("UPDATE payout_line SET amount_micros = amount_micros + 1", "J4"),
        (
            "ALTER TABLE payout_run DISABLE TRIGGER USER; UPDATE payout_run SET total_minor = 1",
            "J5",
        ),
        (
            "ALTER TABLE payout DISABLE TRIGGER USER; UPDATE payout SET payee_method_id = "
            "(SELECT id FROM payee_method ORDER BY id LIMIT 1)",
            "J5",
        ),
        ("ALTER TABLE payment_file DISABLE TRIGGER USER; UPDATE payment_file SET count = 9", "J5"),
        ("ALTER TABLE bank_booking DISABLE TRIGGER USER; DELETE FROM bank_booking", "J6"),
        ("UPDATE journal SET idem_key = 'payout:0:x' WHERE kind = 'payout_settle'", "J6"),
        ("DELETE FROM commission_hold; DELETE FROM handoff", "J7"),
        (
            "INSERT INTO commission_payable SELECT commission_id, now() FROM payout_line LIMIT 1",
            "J7",
        ),
        ("DELETE FROM commission WHERE commission_micros = 20000000", "J7"),
        (
            "ALTER TABLE payment_attempt DISABLE TRIGGER USER; UPDATE payment_attempt "
            "SET changed_at = changed_at - interval '2 days'",
            "J10",
        ),
        ("UPDATE funds SET available_micros = available_micros + 1", "J12"),
    ],
)
def test_a_planted_fault_is_found(lived_in, statement, found):
    plant(statement)
    assert found in {each.check.code for each in verify() if each.status == "violated"}


@pytest.mark.parametrize("column", ["revenue_micros", "commission_micros"])
@pytest.mark.parametrize("status", ["approved", "reversed"])
def test_a_conversion_that_says_other_than_its_shares_is_found(db, fred, status, column):
    link = factories.make_link()
    deposit(link.offer.advertiser, "1000", fred.actor)
    conversion = make_conversion(link)
    lifecycle.approve(conversion.pk, actor=OPERATOR)
    if status == "reversed":
        lifecycle.reverse(conversion.pk, reason="returned", actor=OPERATOR)
    assert violations() == []
    Conversion.objects.update(**{column: F(column) + 1})
    (found,) = violations()
    assert found.startswith("J7: [{'fault': 'conversion unlike its shares'")


def test_money_that_no_bank_can_book_is_found(db, fred):
    advertiser = factories.make_advertiser()
    deposit(advertiser, "205.99", fred.actor, "USD")
    deposit(advertiser, "205", fred.actor, "JPY")
    assert violations() == []
    deposit(advertiser, "205.996", fred.actor, "USD")
    (found,) = violations()
    assert found.startswith("J2: [{'journal_id': ")
    assert "'currency': 'USD', 'micros': 205996000" in found


def test_the_command_prints_a_table_and_ends_well(lived_in):
    out = StringIO()
    call_command("verify_ledger", stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[0].split()[:2] == ["J1", "clean"]
    assert lines[-1] == "11 clean, 3 not applicable"
    assert len(lines) == len(CHECKS) + 1


def test_the_command_ends_with_1_for_a_violation(lived_in):
    plant("UPDATE funds SET available_micros = available_micros + 1")
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("verify_ledger", stdout=out)
    assert end.value.code == 1
    assert "J12  violated" in out.getvalue()
    assert out.getvalue().splitlines()[-1] == "1 violated, 10 clean, 3 not applicable"


def test_the_command_speaks_json(lived_in):
    out = StringIO()
    call_command("verify_ledger", "--json", stdout=out)
    found = json.loads(out.getvalue())
    assert found["clean"] is True
    assert {check["status"] for check in found["checks"]} == {"clean", "not applicable"}
