"""Payout runs: who is paid what, out of which commissions, and who approved it."""

from django.db import models
from django.db.models import F, Q

from network.money import minor_step
from partners.models import Affiliate, PayeeMethod, User
from payouts.models.commissions import Commission


class PayoutRun(models.Model):
    """One batch of payouts in one currency: made by one person, approved by another.

    The content hash covers every payout's payee and amount; a trigger recomputes it at the lock, so
    what was approved is what is paid.
    """

    class State(models.TextChoices):
        DRAFT = "draft"
        LOCKED = "locked"
        APPROVED = "approved"
        DISPATCHING = "dispatching"
        DONE = "done"
        CANCELLED = "cancelled"

    currency = models.CharField(max_length=3)
    cutoff_at = models.DateTimeField()
    minimum_minor = models.BigIntegerField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.DRAFT)
    maker = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    content_sha256 = models.CharField(max_length=64, null=True)
    payouts_count = models.BigIntegerField(default=0)
    lines_count = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField(default=0)
    locked_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    dispatched_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "payout_run"
        constraints = [
            # The target of the approval's foreign key: run, maker and content, or nothing.
            models.UniqueConstraint(
                fields=["id", "maker", "content_sha256"], name="payout_run_as_approved"
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk} ({self.state})"

    @property
    def total_micros(self) -> int:
        """What the run sends."""
        return self.total_minor * minor_step(self.currency)

    @property
    def minimum_micros(self) -> int:
        """The least that a payee is sent."""
        return self.minimum_minor * minor_step(self.currency)


class Approval(models.Model):
    """A second person's yes to exactly this content. Never updated.

    The foreign key (run, maker, content_sha256) is set in the migration, and the check makes the
    maker's own approval impossible, whichever key or session it comes through.
    """

    pk = models.CompositePrimaryKey("run_id", "actor_id")
    run = models.ForeignKey(PayoutRun, models.PROTECT, related_name="approvals", db_index=False)
    maker = models.ForeignKey(User, models.PROTECT, related_name="+")
    actor = models.ForeignKey(User, models.PROTECT, related_name="+")
    content_sha256 = models.CharField(max_length=64)
    via = models.CharField(max_length=80)
    at = models.DateTimeField()

    class Meta:
        db_table = "approval"
        constraints = [
            models.CheckConstraint(condition=~Q(actor=F("maker")), name="approval_by_another"),
        ]

    def __str__(self) -> str:
        return f"approval of run {self.run_id} by {self.actor_id}"


class Payout(models.Model):
    """What one affiliate is sent in one run: all its lines plus what the last payout carried over.

    lines + carry in = net in whole minor units + carry out; the check holds it to the micro.
    """

    class State(models.TextChoices):
        DRAFT = "draft"
        LOCKED = "locked"
        SENT = "sent"
        SETTLED = "settled"
        REJECTED = "rejected"
        CANCELLED = "cancelled"

    run = models.ForeignKey(PayoutRun, models.PROTECT, related_name="payouts", db_index=False)
    affiliate = models.ForeignKey(Affiliate, models.PROTECT, related_name="+")
    payee_method = models.ForeignKey(PayeeMethod, models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    # Micros in one minor unit: 10,000 for a currency with two decimals.
    minor_micros = models.BigIntegerField()
    lines_micros = models.BigIntegerField()
    carry_in_micros = models.BigIntegerField()
    net_minor = models.BigIntegerField()
    carry_out_micros = models.BigIntegerField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.DRAFT)

    class Meta:
        db_table = "payout"
        constraints = [
            models.UniqueConstraint(fields=["run", "affiliate"], name="payout_once_per_run"),
            models.CheckConstraint(condition=Q(net_minor__gt=0), name="payout_above_zero"),
            models.CheckConstraint(
                condition=Q(carry_out_micros__gte=0, carry_out_micros__lt=F("minor_micros")),
                name="payout_carries_less_than_a_minor_unit",
            ),
            models.CheckConstraint(
                condition=Q(
                    lines_micros=F("net_minor") * F("minor_micros")
                    + F("carry_out_micros")
                    - F("carry_in_micros")
                ),
                name="payout_adds_up",
            ),
        ]

    def __str__(self) -> str:
        return f"payout {self.pk}"

    @property
    def net_micros(self) -> int:
        """What is sent."""
        return self.net_minor * self.minor_micros


class PayoutLine(models.Model):
    """A commission in a payout; the primary key is the promise that it is paid at most once."""

    commission = models.OneToOneField(
        Commission, models.PROTECT, primary_key=True, related_name="line", db_constraint=False
    )
    payout = models.ForeignKey(Payout, models.PROTECT, related_name="lines", db_constraint=False)
    amount_micros = models.BigIntegerField()

    class Meta:
        db_table = "payout_line"

    def __str__(self) -> str:
        return str(self.commission_id)


class PayoutLineRelease(models.Model):
    """A line that a cancelled run let go, kept for the record. Never updated."""

    pk = models.CompositePrimaryKey("payout_id", "commission_id")
    payout = models.ForeignKey(Payout, models.PROTECT, related_name="+", db_index=False)
    commission_id = models.UUIDField()
    amount_micros = models.BigIntegerField()
    released_at = models.DateTimeField()

    class Meta:
        db_table = "payout_line_release"

    def __str__(self) -> str:
        return str(self.commission_id)


class PayoutCarry(models.Model):
    """Money of an earlier payout that enters a later one; each part is claimed once.

    `rest` is what was below one minor unit; `returned` is the net that the bank refused.
    Only payouts that were sent can be a source: a run that may still be cancelled carries nothing.
    """

    class Part(models.TextChoices):
        REST = "rest"
        RETURNED = "returned"

    pk = models.CompositePrimaryKey("source_id", "part")
    source = models.ForeignKey(Payout, models.PROTECT, related_name="carried_to", db_index=False)
    part = models.CharField(max_length=8, choices=Part.choices)
    payout = models.ForeignKey(Payout, models.PROTECT, related_name="carried_from")
    amount_micros = models.BigIntegerField()

    class Meta:
        db_table = "payout_carry"

    def __str__(self) -> str:
        return f"{self.source_id} to {self.payout_id}"


class PayoutSkip(models.Model):
    """An affiliate that a run looked at and left out, with the reason."""

    run = models.ForeignKey(PayoutRun, models.PROTECT, related_name="skips", db_index=False)
    affiliate = models.ForeignKey(Affiliate, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=40)
    amount_micros = models.BigIntegerField()

    class Meta:
        db_table = "payout_skip"
        constraints = [
            models.UniqueConstraint(fields=["run", "affiliate"], name="payout_skip_once"),
        ]

    def __str__(self) -> str:
        return f"{self.affiliate_id}: {self.reason}"
