"""What other platforms called the things that have moved here, so that old links go on working."""

from django.db import models
from django.db.models import Q


class ExternalId(models.Model):
    """An id in another platform's links, and the id of the same thing here."""

    class Dialect(models.TextChoices):
        """Whose way of writing links it is."""

        TUNE = "tune"
        AFFISE = "affise"
        TRACKIER = "trackier"
        SCALEO = "scaleo"
        CAKE = "cake"

    class Kind(models.TextChoices):
        OFFER = "offer"
        AFFILIATE = "affiliate"
        LANDING = "landing"
        GOAL = "goal"

    dialect = models.CharField(max_length=12, choices=Dialect.choices)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    external_id = models.CharField(max_length=64)
    internal_id = models.BigIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "external_id"
        constraints = [
            models.UniqueConstraint(
                fields=["dialect", "kind", "external_id"], name="external_id_once"
            ),
            models.CheckConstraint(condition=~Q(external_id=""), name="external_id_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.dialect} {self.kind} {self.external_id}"
