"""Money that advertisers sent to the network."""

from django.db import models

from partners.models import Advertiser, User
from payouts.models.ledger import Journal


class Deposit(models.Model):
    """A credit on the network's bank account, booked to an advertiser. Never updated."""

    advertiser = models.ForeignKey(Advertiser, models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    amount_micros = models.BigIntegerField()
    account = models.CharField(max_length=40)
    bank_ref = models.CharField(max_length=80)
    booked_on = models.DateField()
    entered_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    journal = models.OneToOneField(Journal, models.PROTECT, related_name="+")

    class Meta:
        db_table = "deposit"
        constraints = [
            models.UniqueConstraint(fields=["account", "bank_ref"], name="deposit_bank_ref_once"),
            models.CheckConstraint(
                condition=models.Q(amount_micros__gt=0), name="deposit_above_zero"
            ),
        ]

    def __str__(self) -> str:
        return self.bank_ref
