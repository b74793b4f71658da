"""The kernel's tables: currencies, answers kept for Idempotency-Keys, the pulse of beat."""

from django.db import models


class Currency(models.Model):
    """A currency of ISO 4217; the rows are those of `network.currencies`, frozen by a migration."""

    code = models.CharField(max_length=3, primary_key=True)
    exponent = models.PositiveSmallIntegerField()
    active = models.BooleanField(default=True)

    class Meta:
        db_table = "currency"
        constraints = [
            models.CheckConstraint(condition=models.Q(exponent__lte=6), name="currency_fits_micros")
        ]

    def __str__(self) -> str:
        return self.code


class IdempotencyRequest(models.Model):
    """The answer to a request with an Idempotency-Key, stored in the transaction of its work."""

    id = models.UUIDField(primary_key=True)
    actor = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    # SHA-256 over method, path with query, and body.
    request_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField()
    # Sealed: an answer may show a secret once, such as a new API key.
    body_sealed = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "idempotency_request"
        constraints = [models.UniqueConstraint(fields=["actor", "key"], name="idempotency_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return f"{self.key} of {self.actor}"


class Heartbeat(models.Model):
    """When a part of the system last showed that it lives, in real time."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "heartbeat"

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%H:%M:%S}"
