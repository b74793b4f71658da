"""Money on its way out: attempts, the file that carries them, and the bank's answer."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper

from partners.models import User
from payouts.models.deposits import SPELT_ONE_WAY
from payouts.models.runs import Payout, PayoutRun


class PaymentAttempt(models.Model):
    """One try to pay one payout, under a key made from the payout and the number of the try.

    `unknown`: the file is rendered, so it may be with the bank, and nobody has answered; only
    evidence moves it on. A next attempt exists only after the last was rejected.
    """

    class State(models.TextChoices):
        UNKNOWN = "unknown"
        ACCEPTED = "accepted"
        SETTLED = "settled"
        REJECTED = "rejected"

    payout = models.ForeignKey(Payout, models.PROTECT, related_name="attempts", db_index=False)
    n = models.PositiveSmallIntegerField()
    # The EndToEndId on the wire: PO{payout}A{n}, at most 35 characters, no underscore.
    idem_key = models.CharField(max_length=35, unique=True)
    state = models.CharField(max_length=12, choices=State.choices)
    evidence = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "payment_attempt"
        constraints = [
            models.UniqueConstraint(fields=["payout", "n"], name="payment_attempt_n_once"),
            models.UniqueConstraint(
                fields=["payout"],
                condition=~Q(state="rejected"),
                name="payment_attempt_one_alive",
            ),
        ]

    def __str__(self) -> str:
        return self.idem_key


class PaymentFile(models.Model):
    """A bank file, rendered once and kept as sealed bytes, so every download is the same."""

    run = models.OneToOneField(PayoutRun, models.PROTECT, related_name="file")
    format = models.CharField(max_length=24)
    msg_id = models.CharField(max_length=35, unique=True)
    sha256 = models.CharField(max_length=64)
    total_minor = models.BigIntegerField()
    count = models.BigIntegerField()
    sealed = models.BinaryField()
    rendered_at = models.DateTimeField()
    rendered_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    class Meta:
        db_table = "payment_file"

    def __str__(self) -> str:
        return self.msg_id


class BankBooking(models.Model):
    """A debit on the network's bank account that settles one payout. Never updated."""

    account = models.CharField(max_length=40)
    bank_ref = models.CharField(max_length=80)
    booked_on = models.DateField()
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    payout = models.OneToOneField(Payout, models.PROTECT, related_name="booking")
    entered_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "bank_booking"
        constraints = [
            models.UniqueConstraint("account", Upper("bank_ref"), name="bank_booking_ref_once"),
            models.CheckConstraint(condition=SPELT_ONE_WAY, name="bank_booking_spelt_one_way"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="bank_booking_above_zero"),
        ]

    def __str__(self) -> str:
        return self.bank_ref
