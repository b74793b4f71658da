"""Links: which affiliate sends people to which offer, where they land, and what signs the way."""

from django.db import models
from django.db.models import Q

from partners.models.offers import Offer
from partners.models.parties import Affiliate


class Link(models.Model):
    """A tracking link: a short code that stands for one affiliate and one offer."""

    code = models.CharField(max_length=24, unique=True)
    affiliate = models.ForeignKey(Affiliate, models.PROTECT, related_name="links")
    offer = models.ForeignKey(Offer, models.PROTECT, related_name="links")
    name = models.CharField(max_length=120, blank=True)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "link"
        constraints = [
            # Smart links have such codes.
            models.CheckConstraint(condition=~Q(code__startswith="s-"), name="link_code"),
        ]
        indexes = [models.Index(fields=["affiliate", "offer"], name="link_of_affiliate")]

    def __str__(self) -> str:
        return self.code


class LinkKey(models.Model):
    """A secret with which an affiliate signs its links; two may live at once, for rotation."""

    affiliate = models.ForeignKey(Affiliate, models.PROTECT, related_name="link_keys")
    key_id = models.CharField(max_length=40)
    sealed_secret = models.BinaryField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "link_key"
        constraints = [
            models.UniqueConstraint(fields=["affiliate", "key_id"], name="link_key_once"),
        ]

    def __str__(self) -> str:
        return self.key_id


class Landing(models.Model):
    """One of an offer's landing pages; visitors are shared out among the active ones by weight."""

    offer = models.ForeignKey(Offer, models.PROTECT, related_name="landings")
    name = models.CharField(max_length=120)
    url = models.CharField(max_length=2000)
    weight = models.PositiveIntegerField(default=100)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "landing"
        constraints = [
            models.CheckConstraint(
                condition=Q(weight__gte=0, weight__lte=1_000_000), name="landing_weight_sane"
            ),
        ]

    def __str__(self) -> str:
        return self.name
