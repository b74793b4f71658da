"""Commissions: one immutable row for each share of a conversion, its hold, and its release."""

from django.db import models

from payouts.models.ledger import Journal


class Commission(models.Model):
    """What one affiliate earned by one share; negative for a reversal. Never updated.

    The id is the share's id: a share can be taken into the books once. Held, payable, in a payout
    and paid are not stored here: they follow from `CommissionRelease`, `PayoutLine` and the payout.
    """

    id = models.UUIDField(primary_key=True)
    conversion_id = models.UUIDField()
    event_id = models.UUIDField()
    role = models.CharField(max_length=12)
    affiliate_id = models.BigIntegerField()
    advertiser_id = models.BigIntegerField()
    offer_id = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    revenue_micros = models.BigIntegerField()
    commission_micros = models.BigIntegerField()
    release_at = models.DateTimeField()
    accrued_at = models.DateTimeField()
    # Null where the batch came to nothing: zero shares, or amounts that cancel out to the micro.
    journal = models.ForeignKey(
        Journal, models.PROTECT, null=True, related_name="+", db_constraint=False
    )

    class Meta:
        db_table = "commission"
        indexes = [
            models.Index(fields=["affiliate_id", "id"], name="commission_of_affiliate"),
            models.Index(fields=["conversion_id"], name="commission_of_conversion"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class CommissionHold(models.Model):
    """A commission whose hold is not over; deleted in the transaction that releases it.

    A queue, not the truth: it saves the sweeper from looking through every commission ever made.
    """

    commission = models.OneToOneField(
        Commission, models.PROTECT, primary_key=True, related_name="hold", db_constraint=False
    )
    release_at = models.DateTimeField()

    class Meta:
        db_table = "commission_hold"
        indexes = [models.Index(fields=["release_at"], name="commission_hold_due")]

    def __str__(self) -> str:
        return str(self.commission_id)


class CommissionPayable(models.Model):
    """A released commission that is in no payout; deleted in the transaction that claims it.

    A queue too: it saves a run from looking through every commission ever paid. What keeps one from
    being paid twice is the key of `PayoutLine`.
    """

    commission = models.OneToOneField(
        Commission, models.PROTECT, primary_key=True, related_name="+", db_constraint=False
    )
    released_at = models.DateTimeField()

    class Meta:
        db_table = "commission_payable"

    def __str__(self) -> str:
        return str(self.commission_id)


class CommissionRelease(models.Model):
    """A commission's hold is over: held became payable. Never updated."""

    commission = models.OneToOneField(
        Commission, models.PROTECT, primary_key=True, related_name="release", db_constraint=False
    )
    released_at = models.DateTimeField()
    # Null where the batch came to nothing, as above.
    journal = models.ForeignKey(
        Journal, models.PROTECT, null=True, related_name="+", db_constraint=False
    )

    class Meta:
        db_table = "commission_release"

    def __str__(self) -> str:
        return str(self.commission_id)
