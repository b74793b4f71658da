"""The life of a conversion: the only hand that makes its moves, with all that follows from them.

Whoever decides locks the conversions first, looks, and calls `move` in the same transaction.
Locks are taken in one order everywhere: conversions, then funds.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from network import clock
from network.celery import nudge
from network.errors import BadInput, Conflict, CurrencyMismatch, IllegalMove, NotEnoughRoom
from network.ids import uuid7
from network.money import Money
from network.rows import columns
from partners import funds
from partners.actors import Actor
from tracking.conversions import events, locked, reasons, shares, standing
from tracking.conversions.events import NewEvent, NewShare
from tracking.conversions.locked import Row
from tracking.conversions.standing import Standing
from tracking.conversions.states import APPROVED, MOVES, PENDING, REJECTED, REVERSED

_UPDATE: Final = """
UPDATE conversion SET
    status = fresh.status, reason = fresh.reason, due_at = fresh.due_at, seq = fresh.seq + 1,
    reserved_micros = fresh.reserved_micros, revenue_micros = fresh.revenue_micros,
    commission_micros = fresh.commission_micros
FROM unnest(
    %s::uuid[], %s::text[], %s::int[], %s::text[], %s::text[], %s::timestamptz[], %s::bigint[],
    %s::bigint[], %s::bigint[]
) AS fresh (id, old, seq, status, reason, due_at, reserved_micros, revenue_micros,
    commission_micros)
WHERE conversion.id = fresh.id AND conversion.status = fresh.old AND conversion.seq = fresh.seq
"""


class ReversalTooLarge(Conflict):
    """More would be taken back than is left of the sale."""

    code = "reversal_too_large"


class PartialNotPossible(BadInput):
    """What this conversion pays does not depend on the sale: it is reversed whole or not at all."""

    code = "partial_not_possible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What shall happen to a locked conversion; without `to` it stays and only leaves an event.

    `due_at` is when the judge looks (again) at one that is pending afterwards; None waits for a
    person. `left_micros` is the sale that a partial reversal leaves.
    """

    row: Row
    to: str | None = None
    reason: str
    actor: str
    note: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    due_at: datetime | None = None
    left_micros: int | None = None

    @property
    def status(self) -> str:
        """Where the conversion will be."""
        return self.to or self.row.status


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """A move with its consequences in micros, ready to be stored."""

    move: Move
    shares: tuple[NewShare, ...]
    revenue_micros: int
    commission_micros: int
    reserved_micros: int

    @property
    def given_back_micros(self) -> int:
        """What returns to the advertiser's funds; negative where the move takes from them."""
        row = self.move.row
        before = _taken(row.status, row.reserved_micros, row.revenue_micros, row.is_test)
        return before - _taken(
            self.move.status, self.reserved_micros, self.revenue_micros, row.is_test
        )


def approve(conversion_id: UUID, *, actor: Actor, note: str = "") -> None:
    """Approve a pending or rejected conversion and freeze its amounts; the reason is the role.

    IllegalMove from any other state, NotEnoughRoom where a rejected one finds its money gone.
    """
    reason = reasons.acceptance(actor.role)
    _decide(conversion_id, APPROVED, reason=reason, actor=actor, note=note)


def reject(conversion_id: UUID, *, reason: str, actor: Actor, note: str = "") -> None:
    """Reject a conversion that is not approved, and free the money reserved for it.

    Raises ReasonOfAnother, IllegalMove.
    """
    reasons.check_refusal(reason, actor.role)
    _decide(conversion_id, REJECTED, reason=reason, actor=actor, note=note)


def reverse(
    conversion_id: UUID,
    *,
    reason: str,
    actor: Actor,
    note: str = "",
    refund: Money | None = None,
) -> None:
    """Take back an approved conversion, or what it paid for the refunded part of its sale.

    A refund of all that is left of the sale reverses the whole. Raises ReasonOfAnother,
    CurrencyMismatch, IllegalMove, ReversalTooLarge, PartialNotPossible.
    """
    reasons.check_refusal(reason, actor.role)
    with transaction.atomic(), connection.cursor() as cursor:
        row = locked.one(cursor, conversion_id)
        if refund is not None and refund.currency != row.currency:
            raise CurrencyMismatch(
                f"The conversion is in {row.currency}.", pointer="/amount/currency"
            )
        _check(row, REVERSED)
        left_micros = None
        if refund is not None:
            left_micros = _left_micros(standing.read(cursor, [row.id])[row.id], refund.micros)
        to = None if left_micros else REVERSED
        facts = {} if refund is None else {"refund_micros": refund.micros}
        turn = Move(
            row=row,
            to=to,
            reason=reason,
            actor=actor.label,
            note=note,
            facts=facts,
            left_micros=left_micros or None,
        )
        move(cursor, [turn], now=clock.now())


def move(cursor: CursorWrapper, moves: Sequence[Move], *, now: datetime) -> None:
    """Make the moves of locked conversions, all or none: state, funds, events, shares, hand-offs.

    Raises IllegalMove, and NotEnoughRoom where funds do not cover what the moves take.
    """
    if not moves:
        return
    for each in moves:
        if each.to is not None:
            _check(each.row, each.to)
    paid = standing.read(cursor, [each.row.id for each in moves if each.row.status == APPROVED])
    outcomes = [_outcome(each, paid.get(each.row.id, [])) for each in moves]
    _settle(cursor, outcomes)
    _store(cursor, outcomes)
    events.write(cursor, [_event(outcome, now) for outcome in outcomes])
    nudge(*(consumer.task for consumer in settings.CONSUMERS.values()))


def _decide(conversion_id: UUID, to: str, *, reason: str, actor: Actor, note: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        row = locked.one(cursor, conversion_id)
        turn = Move(row=row, to=to, reason=reason, actor=actor.label, note=note)
        move(cursor, [turn], now=clock.now())


def _check(row: Row, to: str) -> None:
    if to not in MOVES[row.status]:
        raise IllegalMove(
            f"a conversion that is {row.status} cannot become {to}", members={"state": row.status}
        )


def _left_micros(standings: Sequence[Standing], refund_micros: int) -> int:
    """What a refund leaves of the sale, in micros."""
    if not any(each.rates.depends_on_sale for each in standings):
        raise PartialNotPossible()
    sale_micros = max(each.sale_micros for each in standings)
    if refund_micros > sale_micros:
        raise ReversalTooLarge()
    return sale_micros - refund_micros


def _outcome(turn: Move, paid: Sequence[Standing]) -> _Outcome:
    row = turn.row
    moved = _shares(turn, paid)
    delta = moved if row.status == APPROVED else ()
    reserved_micros = 0
    if turn.status == PENDING and not row.is_test:
        reserved_micros = row.revenue_micros
    return _Outcome(
        move=turn,
        shares=moved,
        revenue_micros=row.revenue_micros + sum(share.revenue_micros for share in delta),
        commission_micros=row.commission_micros + sum(share.commission_micros for share in delta),
        reserved_micros=reserved_micros,
    )


def _shares(turn: Move, paid: Sequence[Standing]) -> tuple[NewShare, ...]:
    row = turn.row
    if row.is_test:
        return ()
    if turn.to == APPROVED:
        zone = ZoneInfo(settings.NETWORK_TIME_ZONE)
        return (shares.approval(row, zone),)
    if turn.to == REVERSED or turn.left_micros is not None:
        return tuple(shares.reversal(each, sale_micros=turn.left_micros) for each in paid)
    return ()


def _taken(status: str, reserved_micros: int, revenue_micros: int, is_test: bool) -> int:
    """What a conversion in this state holds of the advertiser's funds."""
    if is_test or status not in (PENDING, APPROVED):
        return 0
    return reserved_micros if status == PENDING else revenue_micros


def _settle(cursor: CursorWrapper, outcomes: Sequence[_Outcome]) -> None:
    """Give back to the funds what the moves free, and take what they need."""
    deltas: Counter[tuple[int, str]] = Counter()
    for outcome in outcomes:
        row = outcome.move.row
        deltas[row.advertiser_id, row.currency] += outcome.given_back_micros
    changed = {pair: micros for pair, micros in deltas.items() if micros}
    if not changed:
        return
    room = funds.lock(cursor, sorted(changed))
    if any(room.get(pair, 0) + micros < 0 for pair, micros in changed.items()):
        raise NotEnoughRoom("the advertiser's funds do not cover this")
    funds.apply(cursor, changed)


def _store(cursor: CursorWrapper, outcomes: Sequence[_Outcome]) -> None:
    """Change the conversions, each only if it is still as it was when it was looked at."""
    rows = [
        (
            outcome.move.row.id,
            outcome.move.row.status,
            outcome.move.row.seq,
            outcome.move.status,
            outcome.move.reason,
            outcome.move.due_at,
            outcome.reserved_micros,
            outcome.revenue_micros,
            outcome.commission_micros,
        )
        for outcome in outcomes
    ]
    cursor.execute(_UPDATE, columns(rows, width=9))
    if cursor.rowcount != len(rows):
        raise IllegalMove("somebody else was first")


def _event(outcome: _Outcome, now: datetime) -> NewEvent:
    turn, row = outcome.move, outcome.move.row
    return NewEvent(
        id=uuid7(),
        conversion_id=row.id,
        seq=row.seq + 1,
        old=row.status,
        new=turn.status,
        reason=turn.reason,
        note=turn.note,
        actor=turn.actor,
        facts={**turn.facts, "before": _amounts(row), "after": _amounts(outcome)},
        at=now,
        shares=outcome.shares,
        is_test=row.is_test,
    )


def _amounts(of: Row | _Outcome) -> dict[str, int]:
    return {
        "revenue_micros": of.revenue_micros,
        "commission_micros": of.commission_micros,
        "reserved_micros": of.reserved_micros,
    }
