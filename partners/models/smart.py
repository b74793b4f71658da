"""Smart links: one link over several offers, and the weights that were learned for them."""

from django.db import models
from django.db.models import Q

from partners.models.offers import Offer
from partners.models.parties import Affiliate


class SmartLink(models.Model):
    """A link of an affiliate that chooses among offers for each visitor."""

    class Strategy(models.TextChoices):
        """The first that takes the visitor; by set weights; by what was learned."""

        PRIORITY = "priority"
        WEIGHT = "weight"
        LEARNED = "learned"

    # It begins with "s-", and no link's does: one address never leads by two.
    code = models.CharField(max_length=24, unique=True)
    affiliate = models.ForeignKey(Affiliate, models.PROTECT, related_name="smart_links")
    name = models.CharField(max_length=120, blank=True)
    strategy = models.CharField(max_length=12, choices=Strategy.choices)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "smart_link"
        constraints = [
            models.CheckConstraint(condition=Q(code__startswith="s-"), name="smart_link_code"),
        ]
        indexes = [models.Index(fields=["affiliate"], name="smart_link_of_affiliate")]

    def __str__(self) -> str:
        return self.code


class SmartOffer(models.Model):
    """An offer that a smart link may choose; lower `priority` is asked first."""

    smart_link = models.ForeignKey(SmartLink, models.PROTECT, related_name="choices")
    offer = models.ForeignKey(Offer, models.PROTECT, related_name="+")
    priority = models.PositiveSmallIntegerField(default=0)
    weight = models.PositiveIntegerField(default=100)
    active = models.BooleanField(default=True)

    class Meta:
        db_table = "smart_offer"
        constraints = [
            models.UniqueConstraint(fields=["smart_link", "offer"], name="smart_offer_once"),
            models.CheckConstraint(condition=Q(weight__lte=1_000_000), name="smart_offer_weight"),
        ]

    def __str__(self) -> str:
        return f"{self.smart_link_id} -> {self.offer_id}"


class SmartWeight(models.Model):
    """What a job has learned: the share of visitors of one country and device for an offer.

    It hangs on the smart link and the offer, not on the choice, so that leaving an offer out and
    taking it in again forgets nothing. Empty country and device stand for all others.
    """

    smart_link = models.ForeignKey(SmartLink, models.PROTECT, related_name="weights")
    offer = models.ForeignKey(Offer, models.PROTECT, related_name="+")
    country = models.CharField(max_length=2, blank=True)
    device = models.CharField(max_length=12, blank=True)
    weight_ppm = models.PositiveIntegerField()
    learned_at = models.DateTimeField()

    class Meta:
        db_table = "smart_weight"
        constraints = [
            models.UniqueConstraint(
                fields=["smart_link", "offer", "country", "device"], name="smart_weight_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.weight_ppm} ppm"


class SmartEvidence(models.Model):
    """The counts behind a weight: good clicks, and what of them was approved until `counted_at`.

    Not in the weight's own row: the counts change all day, and trackers read each change of those.
    """

    weight = models.OneToOneField(
        SmartWeight, models.CASCADE, primary_key=True, related_name="evidence"
    )
    clicks = models.BigIntegerField()
    conversions = models.BigIntegerField()
    commission_micros = models.BigIntegerField()
    counted_at = models.DateTimeField()

    class Meta:
        db_table = "smart_evidence"

    def __str__(self) -> str:
        return f"{self.conversions} of {self.clicks}"
