"""The tables of conversions: what was reported, what it became, and who must still hear of it."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from partners.models import Advertiser, Affiliate, Goal, Link, Offer
from tracking.conversions import states


def _key(to: type[models.Model]) -> "models.ForeignKey[Any, Any]":
    """A key into partners on a hot table: joined by the ORM, not checked and not indexed alone."""
    return models.ForeignKey(
        to, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )


class Report(models.Model):
    """One authenticated report as it came, with its first verdict. Never updated.

    `verdict` is accepted, duplicate, waiting or refused; `code` gives the reason. What a waiting
    report became later is its `ReportOutcome`.
    """

    id = models.UUIDField(primary_key=True)
    received_at = models.DateTimeField()
    advertiser = _key(Advertiser)
    auth = models.CharField(max_length=60)
    method = models.CharField(max_length=8)
    query = models.TextField()
    body = models.TextField()
    click_id = models.UUIDField(null=True)
    goal_code = models.CharField(max_length=40)
    order_ref = models.CharField(max_length=120, null=True)
    event_ref = models.CharField(max_length=120, null=True)
    sale_micros = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, null=True)
    is_test = models.BooleanField(default=False)
    verdict = models.CharField(max_length=12)
    code = models.CharField(max_length=40)
    conversion_id = models.UUIDField(null=True)

    class Meta:
        db_table = "report"
        indexes = [
            models.Index(fields=["advertiser", "received_at"], name="report_of_advertiser"),
            models.Index(
                fields=["conversion_id"], condition=~Q(conversion_id=None), name="report_evidence"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ReportWait(models.Model):
    """A report whose click is not stored yet; the row goes when the report finds its end."""

    report = models.OneToOneField(Report, models.PROTECT, primary_key=True, related_name="+")
    click_id = models.UUIDField()
    click_at = models.DateTimeField()
    received_at = models.DateTimeField()
    until = models.DateTimeField()

    class Meta:
        db_table = "report_wait"
        indexes = [models.Index(fields=["received_at"], name="report_wait_oldest")]

    def __str__(self) -> str:
        return str(self.report_id)


class ReportOutcome(models.Model):
    """What became of a report that waited. Never updated."""

    report = models.OneToOneField(Report, models.PROTECT, primary_key=True, related_name="outcome")
    at = models.DateTimeField()
    verdict = models.CharField(max_length=12)
    code = models.CharField(max_length=40)
    conversion_id = models.UUIDField(null=True)

    class Meta:
        db_table = "report_outcome"
        indexes = [
            models.Index(
                fields=["conversion_id"],
                condition=~Q(conversion_id=None),
                name="report_outcome_evidence",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.report_id}: {self.verdict}"


class ReportNonce(models.Model):
    """A nonce that was used, kept for as long as its timestamp would still be taken."""

    pk = models.CompositePrimaryKey("advertiser_id", "nonce")
    advertiser_id = models.BigIntegerField()
    nonce = models.CharField(max_length=80)
    report_id = models.UUIDField()
    used_at = models.DateTimeField()

    class Meta:
        db_table = "report_nonce"
        indexes = [models.Index(fields=["used_at"], name="report_nonce_age")]

    def __str__(self) -> str:
        return self.nonce


class ConversionKey(models.Model):
    """The lock that makes one action one conversion: order, event or click, each within a goal."""

    class Kind(models.TextChoices):
        ORDER = "order"
        EVENT = "event"
        ONCE = "once"

    pk = models.CompositePrimaryKey("kind", "scope", "key")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    scope = models.BigIntegerField()
    key = models.CharField(max_length=120)
    conversion_id = models.UUIDField()

    class Meta:
        db_table = "conversion_key"

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class Conversion(models.Model):
    """An action that an advertiser reported and that a click explains.

    The amounts are what the terms promise until approval and what was approved from then on, less
    reversals; the rows that carry money are the shares. Only `lifecycle.move` writes `status`.
    """

    class Status(models.TextChoices):
        PENDING = states.PENDING
        OVER_CAP = states.OVER_CAP
        UNFUNDED = states.UNFUNDED
        APPROVED = states.APPROVED
        REJECTED = states.REJECTED
        REVERSED = states.REVERSED

    id = models.UUIDField(primary_key=True)
    received_at = models.DateTimeField()
    # No constraints and no index of each key's own: this is the hottest insert. The snapshot knows
    # only rows that are there, none is ever removed, and the lists read by the indexes below.
    advertiser = _key(Advertiser)
    offer = _key(Offer)
    goal = _key(Goal)
    affiliate = _key(Affiliate)
    link = _key(Link)
    click_id = models.UUIDField()
    click_at = models.DateTimeField()
    report_id = models.UUIDField()
    order_ref = models.CharField(max_length=120, null=True)
    event_ref = models.CharField(max_length=120, null=True)
    source = models.TextField(null=True)
    aff_click_id = models.TextField(null=True)
    subs = ArrayField(models.TextField(null=True), null=True)
    currency = models.CharField(max_length=3)
    sale_micros = models.BigIntegerField(null=True)
    revenue_micros = models.BigIntegerField()
    commission_micros = models.BigIntegerField()
    # What of the advertiser's funds is promised to this conversion and not yet approved.
    reserved_micros = models.BigIntegerField()
    terms_id = models.BigIntegerField()
    is_test = models.BooleanField(default=False)
    status = models.CharField(max_length=12, choices=Status.choices)
    reason = models.CharField(max_length=40)
    # When the judge looks next; null once decided or while a person must look ("review").
    due_at = models.DateTimeField(null=True)
    # The number of the last event, so that consumers can keep the order.
    seq = models.PositiveIntegerField(default=1)

    class Meta:
        db_table = "conversion"
        constraints = [
            models.CheckConstraint(
                condition=Q(reserved_micros__gte=0)
                & (Q(reserved_micros=0) | Q(status="pending", reserved_micros=F("revenue_micros"))),
                name="conversion_reserves_while_pending",
            ),
            models.CheckConstraint(
                condition=Q(revenue_micros__gte=0, commission_micros__gte=0),
                name="conversion_not_negative",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status="pending"), name="conversion_due"),
            models.Index(
                fields=["advertiser", "received_at"],
                condition=Q(status__in=["over_cap", "unfunded"]),
                name="conversion_without_room",
            ),
            models.Index(fields=["advertiser", "order_ref"], name="conversion_of_order"),
            models.Index(fields=["advertiser", "received_at"], name="conversion_of_advertiser"),
            models.Index(fields=["affiliate", "received_at"], name="conversion_of_affiliate"),
            models.Index(fields=["offer", "received_at"], name="conversion_of_offer"),
            models.Index(fields=["received_at"], name="conversion_received"),
            models.Index(fields=["click_id"], name="conversion_of_click"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Event(models.Model):
    """One move of a conversion: from, to, why, by whom, on which facts. Never updated."""

    id = models.UUIDField(primary_key=True)
    conversion = models.ForeignKey(
        Conversion, models.PROTECT, related_name="events", db_constraint=False, db_index=False
    )
    seq = models.PositiveIntegerField()
    # Empty for the event with which a conversion begins.
    old = models.CharField(max_length=12, blank=True)
    new = models.CharField(max_length=12)
    reason = models.CharField(max_length=40)
    note = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=80)
    facts = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        db_table = "conversion_event"
        constraints = [
            models.UniqueConstraint(fields=["conversion", "seq"], name="event_seq_once"),
        ]

    def __str__(self) -> str:
        return f"{self.conversion_id} #{self.seq} {self.new}"


class Share(models.Model):
    """What an event is worth to one affiliate, signed. Never updated; payouts adds these up."""

    class Role(models.TextChoices):
        BASE = "base"
        REFERRAL = "referral"

    id = models.UUIDField(primary_key=True)
    event = models.ForeignKey(
        Event, models.PROTECT, related_name="shares", db_constraint=False, db_index=False
    )
    conversion_id = models.UUIDField()
    advertiser_id = models.BigIntegerField()
    offer_id = models.BigIntegerField()
    affiliate_id = models.BigIntegerField()
    role = models.CharField(max_length=12, choices=Role.choices)
    currency = models.CharField(max_length=3)
    revenue_micros = models.BigIntegerField()
    commission_micros = models.BigIntegerField()
    release_at = models.DateTimeField()
    # The rates and the sale from which the amounts come, so that anybody can compute them again.
    terms = models.JSONField()

    class Meta:
        db_table = "conversion_share"
        constraints = [
            models.UniqueConstraint(
                fields=["event", "affiliate_id", "role"], name="share_once_per_event"
            ),
        ]
        indexes = [models.Index(fields=["conversion_id"], name="share_of_conversion")]

    def __str__(self) -> str:
        return str(self.id)


class Handoff(models.Model):
    """An event that a consumer has not taken yet; deleted in the consumer's own transaction."""

    pk = models.CompositePrimaryKey("event_id", "consumer")
    event_id = models.UUIDField()
    consumer = models.CharField(max_length=20)
    conversion_id = models.UUIDField()
    seq = models.PositiveIntegerField()
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        db_table = "handoff"
        indexes = [
            models.Index(fields=["consumer", "due_at"], name="handoff_due"),
            models.Index(fields=["consumer", "conversion_id", "seq"], name="handoff_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} for {self.consumer}"
