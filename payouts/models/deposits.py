"""Money that advertisers sent to the network."""

from typing import Final

from django.db import models
from django.db.models.functions import Upper

from partners.models import Advertiser, User
from payouts.models.ledger import Journal

# A booking of the bank under a second spelling would be a second booking: the account without
# blanks and in capitals, the reference in what can be seen, with single spaces inside.
SPELT_ONE_WAY: Final = models.Q(
    account__regex=r"^[A-Z0-9]+$", bank_ref__regex=r"^[!-~]+( [!-~]+)*$"
)


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
            models.UniqueConstraint("account", Upper("bank_ref"), name="deposit_bank_ref_once"),
            models.CheckConstraint(condition=SPELT_ONE_WAY, name="deposit_spelt_one_way"),
            models.CheckConstraint(
                condition=models.Q(amount_micros__gt=0), name="deposit_above_zero"
            ),
        ]

    def __str__(self) -> str:
        return self.bank_ref
