"""Payments of an approved run: its file, an attempt for each payout, the bank's answers."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import structlog
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet

from network import clock, crypto
from network.errors import BadInput, IllegalMove, NotFound
from network.money import Money
from partners import payees
from partners.actors import Actor
from payouts import bank, ledger, rails
from payouts.ledger import NETWORK, Account, Entry, Kind, NewJournal
from payouts.models import BankBooking, PaymentFile, Payout, PayoutRun
from payouts.rails.base import Order, Payment
from payouts.refusals import BookingUnlike, translated
from payouts.runs import State, close_if_answered, hold_payees, lock_row

log = structlog.get_logger(__name__)

# Unknown from the beginning: once there are bytes, they may be out, and only evidence says whether
# the bank has paid.
_ATTEMPT: Final = """
INSERT INTO payment_attempt (payout_id, n, idem_key, state, evidence, created_at, changed_at)
SELECT id, 1, 'PO' || id || 'A1', 'unknown', '', %(now)s, %(now)s
FROM payout WHERE run_id = %(run)s
"""

_DISPATCH: Final = """
UPDATE payout_run SET state = 'dispatching', dispatched_at = %s WHERE id = %s
"""

_SENT: Final = "UPDATE payout SET state = 'sent' WHERE run_id = %s AND state = 'locked'"

_SETTLE_ATTEMPTS: Final = """
UPDATE payment_attempt attempt SET state = 'settled', evidence = booking.bank_ref, changed_at = %s
FROM bank_booking booking
WHERE booking.payout_id = attempt.payout_id AND attempt.payout_id = ANY(%s)
    AND attempt.state <> 'rejected'
"""

_REJECT_ATTEMPT: Final = """
UPDATE payment_attempt SET state = 'rejected', evidence = %s, changed_at = %s
WHERE payout_id = %s AND state <> 'rejected'
"""

_REJECT: Final = """
UPDATE payout SET state = 'rejected' WHERE id = %s AND state = 'sent'
RETURNING affiliate_id, currency, net_minor * minor_micros
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """A debit on our bank account that paid one payout; `bank_ref` is the bank's name for it."""

    payout_id: int
    bank_ref: str
    booked_on: date
    amount: Money


class UnknownPayout(BadInput):
    """The run has no such payout."""

    code = "unknown_payout"


def visible(actor: Actor) -> QuerySet[Payout]:
    """All payouts for the network's people; an affiliate's own once they are promised."""
    if actor.sees_all:
        return Payout.objects.all()
    own = Payout.objects.filter(affiliate=actor.affiliate_id or 0)
    return own.exclude(state__in=[Payout.State.DRAFT, Payout.State.CANCELLED])


def render(*, run_id: int, actor: Actor) -> PaymentFile:
    """Write an approved run's payment file, once, and keep its bytes sealed; its payouts are sent.

    The attempts are stored in the same transaction, so from here on the run cannot be cancelled.
    Raises NotFound, IllegalMove, PersonRequired, DebtorNotSet, PayeeUnfit, and what `hold_payees`
    raises: this is the last look at an account before money leaves for it.
    """
    person = actor.person_id()
    with translated(), transaction.atomic(), connection.cursor() as cursor:
        run = lock_row(cursor, run_id, State.APPROVED)
        hold_payees(cursor, run_id)
        rail = rails.serving(run.currency)
        now = clock.now()
        cursor.execute(_ATTEMPT, {"run": run_id, "now": now})
        order = _order(run, now)
        content = rail.render(order)
        file = PaymentFile.objects.create(
            run_id=run_id,
            format=rail.format,
            msg_id=order.msg_id,
            sha256=hashlib.sha256(content).hexdigest(),
            total_minor=order.total_minor,
            count=len(order.payments),
            sealed=crypto.seal(content, aad=_place(run_id)),
            rendered_at=now,
            rendered_by_id=person,
        )
        cursor.execute(_DISPATCH, [now, run_id])
        cursor.execute(_SENT, [run_id])
    return file


def read_file(*, run_id: int, actor: Actor) -> tuple[PaymentFile, bytes]:
    """The file for the bank, the same bytes every time; the log says who took it.

    Raises NotFound where no file was rendered, and Unreadable where the stored bytes are not the
    ones that were.
    """
    file = PaymentFile.objects.select_related("run").filter(run=run_id).first()
    if file is None:
        raise NotFound()
    content = crypto.open_(file.sealed, aad=_place(run_id))
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise crypto.Unreadable()
    log.info("payment_file.read", run=run_id, sha256=file.sha256, actor=actor.label)
    return file, content


def settle(
    *, run_id: int, bookings: Sequence[Booking], actor: Actor, account: str = ""
) -> PayoutRun:
    """Close payouts by the bank's own bookings, all of these or none; the last closes the run.

    `account` is ours, by default the one that payouts leave from. Raises NotFound, IllegalMove,
    UnknownPayout, UnknownAccount, BankRefInvalid, BookingUnlike, BookingExists, BookedInFuture,
    DayOutOfRange, DebtorNotSet, PersonRequired.
    """
    person, ours = actor.person_id(), bank.own_account(account)
    with translated(), transaction.atomic(), connection.cursor() as cursor:
        lock_row(cursor, run_id, State.DISPATCHING)
        paid = {booking.payout_id: booking for booking in bookings}
        payouts = Payout.objects.filter(run=run_id).in_bulk(list(paid))
        for index, booking in enumerate(bookings):
            _check(booking, payouts, pointer=f"/bookings/{index}")
        now = clock.now()
        BankBooking.objects.bulk_create(
            BankBooking(
                account=ours,
                bank_ref=booking.bank_ref,
                booked_on=booking.booked_on,
                currency=booking.amount.currency,
                amount_minor=payouts[booking.payout_id].net_minor,
                payout_id=booking.payout_id,
                entered_by_id=person,
                created_at=now,
            )
            for booking in bookings
        )
        cursor.execute(_SETTLE_ATTEMPTS, [now, list(paid)])
        cursor.execute("UPDATE payout SET state = 'settled' WHERE id = ANY(%s)", [list(paid)])
        _post_settled(cursor, [(payouts[id], booking) for id, booking in paid.items()], actor)
        close_if_answered(cursor, run_id)
    return PayoutRun.objects.get(pk=run_id)


def reject(*, payout_id: int, evidence: str, actor: Actor) -> Payout:
    """The bank refused or returned a payout: its money is payable again, in a later run.

    `evidence` is the bank's own word, such as a message id with a reason code. Raises NotFound,
    and IllegalMove unless the payout was sent and has no answer yet.
    """
    actor.person_id()
    run_id = Payout.objects.filter(pk=payout_id).values_list("run_id", flat=True).first()
    if run_id is None:
        raise NotFound()
    with translated(), transaction.atomic(), connection.cursor() as cursor:
        lock_row(cursor, run_id, State.DISPATCHING)
        cursor.execute(_REJECT_ATTEMPT, [evidence, clock.now(), payout_id])
        cursor.execute(_REJECT, [payout_id])
        refused = cursor.fetchone()
        if refused is None:
            raise IllegalMove("only a payout that was sent is rejected")
        _post_rejected(cursor, payout_id, Money(refused[2], refused[1]), refused[0], actor)
        close_if_answered(cursor, run_id)
    return Payout.objects.get(pk=payout_id)


def _order(run: PayoutRun, now: datetime) -> Order:
    payouts = Payout.objects.filter(run=run.pk).select_related("payee_method").order_by("pk")
    return Order(
        msg_id=f"PA-RUN-{run.pk}",
        currency=run.currency,
        created_at=now,
        execute_on=bank.next_working_day(bank.today()),
        payments=[
            Payment(
                end_to_end_id=f"PO{payout.pk}A1",
                amount_minor=payout.net_minor,
                holder=payout.payee_method.holder,
                iban=payees.open_account(payout.payee_method),
                country=payout.payee_method.country,
                town=payout.payee_method.town,
                remittance=f"Payout {payout.pk} of run {run.pk}",
            )
            for payout in payouts
        ],
    )


def _check(booking: Booking, payouts: Mapping[int, Payout], *, pointer: str) -> None:
    payout = payouts.get(booking.payout_id)
    if payout is None:
        raise UnknownPayout(pointer=f"{pointer}/payout")
    if payout.state != Payout.State.SENT:
        raise IllegalMove(
            f"payout {payout.pk} is {payout.state}",
            pointer=f"{pointer}/payout",
            members={"state": payout.state},
        )
    if booking.amount != Money.from_minor(payout.net_minor, payout.currency):
        raise BookingUnlike(pointer=f"{pointer}/amount")
    bank.check_ref(booking.bank_ref, pointer=f"{pointer}/bank_ref")
    bank.check_booked_on(booking.booked_on, pointer=f"{pointer}/booked_on")


def _post_settled(
    cursor: CursorWrapper, paid: Iterable[tuple[Payout, Booking]], actor: Actor
) -> None:
    """Posting rules 9 and 10 for each payout: a booking says that the bank took it, and paid it."""
    journals = []
    for payout, booking in paid:
        micros = booking.amount.micros
        in_payout = Account(Kind.AFFILIATE_IN_PAYOUT, payout.affiliate_id, payout.currency)
        clearing = Account(Kind.PAYOUT_CLEARING, NETWORK, payout.currency)
        ours = Account(Kind.BANK, NETWORK, payout.currency)
        steps = (
            ("payout_accept", f"payout:{payout.pk}:accept", in_payout, clearing),
            ("payout_settle", f"payout:{payout.pk}:settle:{booking.bank_ref}", clearing, ours),
        )
        journals += [
            NewJournal(
                kind=kind,
                idem_key=idem_key,
                entries=[Entry(debit, micros), Entry(credit, -micros)],
                effective_at=bank.start_of(booking.booked_on),
                actor=actor.label,
            )
            for kind, idem_key, debit, credit in steps
        ]
    ledger.post_all(cursor, journals)


def _post_rejected(
    cursor: CursorWrapper, payout_id: int, amount: Money, affiliate_id: int, actor: Actor
) -> None:
    """Posting rule 11: the mirror of what the lock set aside for this payout."""
    currency, micros = amount.currency, amount.micros
    ledger.post(
        cursor,
        kind="payout_reject",
        idem_key=f"payout:{payout_id}:reject",
        entries=[
            Entry(Account(Kind.AFFILIATE_IN_PAYOUT, affiliate_id, currency), micros),
            Entry(Account(Kind.AFFILIATE_PAYABLE, affiliate_id, currency), -micros),
        ],
        effective_at=clock.now(),
        actor=actor.label,
    )


def _place(run_id: int) -> str:
    return f"payment_file/sealed/{run_id}"
