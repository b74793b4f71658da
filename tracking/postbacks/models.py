"""Where affiliates want to be told, and each message on its way there."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from partners.models import Affiliate, Offer


class Postback(models.Model):
    """An affiliate's address for news of conversions: for one offer, or for all of them."""

    affiliate = models.ForeignKey(Affiliate, models.PROTECT, related_name="+")
    offer = models.ForeignKey(Offer, models.PROTECT, null=True, related_name="+")
    url = models.CharField(max_length=2000)
    statuses = ArrayField(models.CharField(max_length=12))
    sealed_secret = models.BinaryField()
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "postback"

    def __str__(self) -> str:
        return f"postback {self.pk}"


class Delivery(models.Model):
    """One message to one address about one event, retried until it is taken or given up.

    Its id is the message id that the receiver dedupes on, the same on every attempt.
    """

    class Status(models.TextChoices):
        DUE = "due"
        DELIVERED = "delivered"
        DEAD = "dead"

    id = models.UUIDField(primary_key=True)
    postback = models.ForeignKey(
        Postback, models.PROTECT, related_name="deliveries", db_index=False
    )
    event_id = models.UUIDField()
    conversion_id = models.UUIDField()
    body = models.JSONField()
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.DUE)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "delivery"
        constraints = [
            models.UniqueConstraint(fields=["postback", "event_id"], name="delivery_once"),
        ]
        indexes = [
            models.Index(fields=["conversion_id"], name="delivery_of_conversion"),
            models.Index(fields=["due_at"], condition=models.Q(status="due"), name="delivery_due"),
        ]

    def __str__(self) -> str:
        return str(self.id)
