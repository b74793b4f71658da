"""The two sides of the network: advertisers who pay for results, affiliates who bring them."""

from django.db import models

from partners.models.people import Organisation


class Advertiser(models.Model):
    """Publishes offers, funds a balance, reports conversions by token or signed."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"
        CLOSED = "closed"

    class ReportAuth(models.TextChoices):
        """`hmac`: signed reports alone, for good. `token`: those with the token too."""

        TOKEN = "token"
        HMAC = "hmac"

    organisation = models.OneToOneField(Organisation, models.PROTECT, related_name="advertiser")
    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.ACTIVE)
    report_auth = models.CharField(max_length=8, choices=ReportAuth.choices)
    report_token_digest = models.CharField(max_length=64, blank=True)
    # Flipped by a sweeper when money runs out or returns, so that the balance itself, which moves
    # with every conversion, never touches the tracker's snapshot.
    funded = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "advertiser"
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(report_auth="token") | ~models.Q(report_token_digest=""),
                name="advertiser_token_present",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class ReportKey(models.Model):
    """A secret with which an advertiser signs reports; two may live at once, for rotation."""

    advertiser = models.ForeignKey(Advertiser, models.PROTECT, related_name="report_keys")
    key_id = models.CharField(max_length=40)
    sealed_secret = models.BinaryField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "report_key"
        constraints = [
            models.UniqueConstraint(fields=["advertiser", "key_id"], name="report_key_once"),
        ]

    def __str__(self) -> str:
        return self.key_id


class Affiliate(models.Model):
    """Takes links, sends people, earns commissions."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"
        CLOSED = "closed"

    organisation = models.OneToOneField(Organisation, models.PROTECT, related_name="affiliate")
    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.ACTIVE)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "affiliate"

    def __str__(self) -> str:
        return self.code
