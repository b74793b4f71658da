"""Where an affiliate's money goes, as versions that are never edited."""

import uuid

from django.db import models
from django.db.models import Q

from partners.models.parties import Affiliate
from partners.models.people import User


class PayeeMethod(models.Model):
    """One version of an affiliate's bank details; a change is a new row that supersedes this one.

    `sealed` holds the account number, encrypted and bound to this row's id, so that a copy into
    another row does not open. `blind_index` answers "the same account elsewhere?" without opening.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    affiliate = models.ForeignKey(Affiliate, models.PROTECT, related_name="payee_methods")
    holder = models.CharField(max_length=70)
    town = models.CharField(max_length=35, blank=True)
    country = models.CharField(max_length=2)
    sealed = models.BinaryField()
    last4 = models.CharField(max_length=4)
    blind_index = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    # A stolen session that changes the account right before a run is the classic theft: a new
    # version is not paid to before this instant.
    usable_from = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "payee_method"
        constraints = [
            models.UniqueConstraint(
                fields=["affiliate"], condition=Q(superseded_at=None), name="payee_method_one_live"
            ),
        ]
        indexes = [models.Index(fields=["blind_index"], name="payee_same_account")]

    def __str__(self) -> str:
        return f"payee method {self.id}"
