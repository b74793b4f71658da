"""An advertiser's money that is free to promise."""

from django.db import models
from django.db.models import F, Q

from partners.models.parties import Advertiser


class Funds(models.Model):
    """What may still be reserved, one row for an advertiser and a currency.

    Tracking takes from it when it stores a conversion and gives back when one is rejected; payouts
    adds deposits. The check is the promise: no concurrency can take more than there is.
    """

    advertiser = models.ForeignKey(Advertiser, models.PROTECT, related_name="funds")
    currency = models.CharField(max_length=3)
    available_micros = models.BigIntegerField(default=0)
    credit_limit_micros = models.BigIntegerField(default=0)

    class Meta:
        db_table = "funds"
        constraints = [
            models.UniqueConstraint(fields=["advertiser", "currency"], name="funds_once"),
            models.CheckConstraint(
                condition=Q(available_micros__gte=-F("credit_limit_micros")),
                name="funds_never_passed",
            ),
            models.CheckConstraint(
                condition=Q(credit_limit_micros__gte=0), name="funds_limit_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"funds of {self.advertiser_id} in {self.currency}"
