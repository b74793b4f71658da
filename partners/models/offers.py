"""Offers: what an advertiser asks for, what it pays, who may send people, and whom."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from partners.models.parties import Advertiser, Affiliate
from partners.models.people import User


class Offer(models.Model):
    """An advertiser's deal: where people land, which goals count, when it runs, who sees it."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        ACTIVE = "active"
        PAUSED = "paused"
        ENDED = "ended"

    class Visibility(models.TextChoices):
        """Public: anyone may take a link. Approval: after applying. Private: by invitation."""

        PUBLIC = "public"
        APPROVAL = "approval"
        PRIVATE = "private"

    class LinkSigning(models.TextChoices):
        """Whether links must be signed by their affiliate: no; no, but say so; yes."""

        OFF = "off"
        REPORT_ONLY = "report_only"
        ENFORCED = "enforced"

    advertiser = models.ForeignKey(Advertiser, models.PROTECT, related_name="offers")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.DRAFT)
    visibility = models.CharField(max_length=12, choices=Visibility.choices)
    # One currency for revenue, commission and funds.
    currency = models.CharField(max_length=3)
    landing_url = models.CharField(max_length=2000)
    fallback_url = models.CharField(max_length=2000, blank=True)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    click_window_s = models.PositiveIntegerField(default=30 * 86_400)
    min_click_to_conversion_s = models.PositiveIntegerField(default=15)
    hold_days = models.PositiveSmallIntegerField(default=30)
    # Whose clicks are wanted: a tree of rules (`partners.targeting`), NULL for everybody's.
    targeting = models.JSONField(null=True)
    # Whose hours `local_time` in the targeting means.
    time_zone = models.CharField(max_length=64, default="UTC")
    # Hosts that links may lead to deep inside; nobody sends people anywhere else.
    deep_link_hosts = ArrayField(models.CharField(max_length=253), default=list)
    link_signing = models.CharField(
        max_length=12, choices=LinkSigning.choices, default=LinkSigning.OFF
    )
    # Parameters that every landing address gets unless it has them: name -> text with macros.
    utm = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "offer"
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="offer_dates_in_order",
            ),
            models.CheckConstraint(
                condition=Q(min_click_to_conversion_s__lte=F("click_window_s")),
                name="offer_window_not_empty",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Goal(models.Model):
    """A step that can be paid for: a lead, a sale, a deposit."""

    class Dedupe(models.TextChoices):
        """What makes two reports the same action: the click, the order, or only the event's id."""

        ONCE = "once"
        PER_ORDER = "per_order"
        EVERY = "every"

    offer = models.ForeignKey(Offer, models.PROTECT, related_name="goals")
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=120)
    dedupe = models.CharField(max_length=12, choices=Dedupe.choices)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "goal"
        constraints = [
            models.UniqueConstraint(fields=["offer", "code"], name="goal_code_once"),
            models.UniqueConstraint(
                fields=["offer"], condition=Q(is_default=True), name="goal_one_default"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Terms(models.Model):
    """What a goal pays, as an immutable dated row: fixed amount plus a share of the sale.

    CPA is a fixed amount alone, CPS a share alone, hybrid is both. A row for one affiliate goes
    before the row for all; among equals the later start holds.
    """

    goal = models.ForeignKey(Goal, models.PROTECT, related_name="terms")
    affiliate = models.ForeignKey(Affiliate, models.PROTECT, null=True, related_name="+")
    revenue_fixed_micros = models.BigIntegerField(default=0)
    revenue_ppm = models.IntegerField(default=0)
    commission_fixed_micros = models.BigIntegerField(default=0)
    commission_ppm = models.IntegerField(default=0)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=80)

    class Meta:
        db_table = "terms"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    revenue_fixed_micros__gte=0,
                    revenue_ppm__gte=0,
                    commission_fixed_micros__gte=0,
                    commission_ppm__gte=0,
                ),
                name="terms_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")),
                name="terms_dates_in_order",
            ),
            # Among equals the later start holds, so no two may start together.
            models.UniqueConstraint(
                fields=["goal", "affiliate", "valid_from"],
                name="terms_start_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"terms {self.pk}"


class Application(models.Model):
    """An affiliate's access to an offer: asked for, or given by invitation."""

    class Status(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"
        REVOKED = "revoked"

    offer = models.ForeignKey(Offer, models.PROTECT, related_name="applications")
    affiliate = models.ForeignKey(Affiliate, models.PROTECT, related_name="applications")
    status = models.CharField(max_length=12, choices=Status.choices)
    message = models.TextField(blank=True)
    reason = models.CharField(max_length=200, blank=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "application"
        constraints = [
            models.UniqueConstraint(fields=["offer", "affiliate"], name="application_once"),
        ]

    def __str__(self) -> str:
        return f"application {self.pk}"
