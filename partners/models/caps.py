"""Caps: how many clicks an offer takes in a window of time, and how many it has taken."""

from django.db import models
from django.db.models import F, Q

from partners.models.offers import Offer


class Cap(models.Model):
    """At most `limit_count` good clicks of an offer in each window.

    `scope` says what is counted apart: the offer as a whole, each affiliate, source, country or
    landing page; `value` names the only one that is meant, empty means each of them for itself.
    """

    class Scope(models.TextChoices):
        OFFER = "offer"
        AFFILIATE = "affiliate"
        SOURCE = "source"
        COUNTRY = "country"
        LANDING = "landing"

    class Period(models.TextChoices):
        """A whole hour, day, week (from Monday), month of the cap's time zone; or all time."""

        HOUR = "hour"
        DAY = "day"
        WEEK = "week"
        MONTH = "month"
        TOTAL = "total"

    offer = models.ForeignKey(Offer, models.PROTECT, related_name="caps")
    scope = models.CharField(max_length=12, choices=Scope.choices)
    value = models.CharField(max_length=500, blank=True)
    period = models.CharField(max_length=8, choices=Period.choices)
    time_zone = models.CharField(max_length=64, default="UTC")
    limit_count = models.BigIntegerField()
    # From this share of the limit on somebody is told.
    alert_percent = models.PositiveSmallIntegerField(default=90)
    active = models.BooleanField(default=True)
    # The change, by a UUIDv7, that perhaps not all open windows have yet.
    windows_due = models.UUIDField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "cap"
        constraints = [
            models.CheckConstraint(condition=Q(limit_count__gte=0), name="cap_limit_not_negative"),
            models.CheckConstraint(
                condition=Q(alert_percent__gte=1, alert_percent__lte=100), name="cap_alert_sane"
            ),
            models.CheckConstraint(
                condition=~Q(scope="offer") | Q(value=""), name="cap_offer_is_whole"
            ),
        ]
        indexes = [models.Index(fields=["offer"], name="cap_of_offer")]

    def __str__(self) -> str:
        return f"{self.limit_count} a {self.period}"


class CapWindow(models.Model):
    """The counter of a cap for one window and one of what it counts apart.

    The check is the promise: whatever runs at once, no more places are taken than there are. The
    limit is a copy, so that the check can see it.
    """

    # The unique key begins with it, and is always the better index.
    cap = models.ForeignKey(Cap, models.PROTECT, related_name="windows", db_index=False)
    key = models.CharField(max_length=500)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    limit_count = models.BigIntegerField()
    used = models.BigIntegerField(default=0)
    alerted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "cap_window"
        constraints = [
            models.UniqueConstraint(fields=["cap", "starts_at", "key"], name="cap_window_once"),
            models.CheckConstraint(
                condition=Q(used__gte=0, used__lte=F("limit_count")), name="cap_never_passed"
            ),
        ]
        # Which are open, and which are old. None on `used`: each click would have to write it.
        indexes = [models.Index(fields=["ends_at"], name="cap_window_by_end")]

    def __str__(self) -> str:
        return f"{self.used} of {self.limit_count}"
