"""Payday: one run that was paid and settled, and one that waits for its second person."""

from typing import Final

from network.money import Money
from payouts import bank, drafts, payments, runs
from payouts.demo.network import Network
from payouts.models import PayoutRun

CURRENCY: Final = "EUR"
MINIMUM: Final = Money.parse("25.00", CURRENCY)


def build(network: Network) -> PayoutRun:
    """The first finance person builds a run and locks it."""
    maker, _ = network.finance
    draft = drafts.build(currency=CURRENCY, actor=maker, minimum=MINIMUM)
    return runs.lock(run_id=draft.pk, actor=maker)


def pay(network: Network) -> None:
    """Build a run; the second finance person approves it and has the bank's file written."""
    run = build(network)
    _, checker = network.finance
    runs.approve(run_id=run.pk, content_sha256=run.content_sha256 or "", actor=checker)
    payments.render(run_id=run.pk, actor=checker)


def settle(network: Network) -> None:
    """Enter what the bank's statement says about the run that is out, one booking for a payout."""
    run = PayoutRun.objects.get(state=PayoutRun.State.DISPATCHING)
    bookings = [
        payments.Booking(
            payout_id=payout.pk,
            bank_ref=f"DEMO-OUT-{payout.pk:05d}",
            booked_on=bank.today(),
            amount=Money.from_minor(payout.net_minor, payout.currency),
        )
        for payout in run.payouts.order_by("pk")
    ]
    payments.settle(run_id=run.pk, bookings=bookings, actor=network.finance[1])
