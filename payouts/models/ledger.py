"""The double-entry ledger: accounts, journals, signed entries, and balances of two kinds."""

from django.db import models
from django.db.models import F, Q


class LedgerAccount(models.Model):
    """One account for a kind, an owner and a currency. Owner 0 is the network itself."""

    class Kind(models.TextChoices):
        BANK = "bank"
        PAYOUT_CLEARING = "payout_clearing"
        ADVERTISER_PREPAID = "advertiser_prepaid"
        AFFILIATE_HELD = "affiliate_held"
        AFFILIATE_PAYABLE = "affiliate_payable"
        AFFILIATE_IN_PAYOUT = "affiliate_in_payout"
        NETWORK_REVENUE = "network_revenue"
        COMMISSION_EXPENSE = "commission_expense"

    kind = models.CharField(max_length=24, choices=Kind.choices)
    owner_id = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)

    class Meta:
        db_table = "ledger_account"
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "owner_id", "currency"], name="ledger_account_once"
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=[
                        "bank",
                        "payout_clearing",
                        "advertiser_prepaid",
                        "affiliate_held",
                        "affiliate_payable",
                        "affiliate_in_payout",
                        "network_revenue",
                        "commission_expense",
                    ]
                ),
                name="ledger_account_kind_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.owner_id}:{self.currency}"


class Journal(models.Model):
    """One posting: why, when it took effect, by whom. Its entries sum to zero. Never updated.

    `idem_key` is made from what is posted (`run:7:lock`), so the same fact cannot be posted twice.
    """

    kind = models.CharField(max_length=24)
    idem_key = models.CharField(max_length=160, unique=True)
    effective_at = models.DateTimeField()
    posted_at = models.DateTimeField()
    actor = models.CharField(max_length=80)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        db_table = "journal"

    def __str__(self) -> str:
        return self.idem_key


class Entry(models.Model):
    """One account's part of a journal: debit is positive, credit negative. Never updated."""

    pk = models.CompositePrimaryKey("journal_id", "account_id")
    journal = models.ForeignKey(
        Journal, models.PROTECT, related_name="entries", db_constraint=False, db_index=False
    )
    account = models.ForeignKey(
        LedgerAccount, models.PROTECT, related_name="+", db_constraint=False
    )
    currency = models.CharField(max_length=3)
    amount_micros = models.BigIntegerField()

    class Meta:
        db_table = "entry"
        constraints = [
            models.CheckConstraint(condition=~Q(amount_micros=0), name="entry_not_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.journal_id}/{self.account_id} {self.amount_micros}"


class AccountBalance(models.Model):
    """The balance of an account that must not be passed, in its natural sign (credit is positive).

    Triggers on `ledger_account` and `entry` write it; the application has no grant to.
    """

    account = models.OneToOneField(
        LedgerAccount, models.PROTECT, primary_key=True, related_name="balance"
    )
    balance_micros = models.BigIntegerField()
    # Null: no floor. An affiliate's payable balance may go below zero by a clawback.
    floor_micros = models.BigIntegerField(null=True)
    version = models.BigIntegerField()

    class Meta:
        db_table = "account_balance"
        constraints = [
            models.CheckConstraint(
                condition=Q(floor_micros=None) | Q(balance_micros__gte=F("floor_micros")),
                name="account_balance_above_floor",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.balance_micros}"
