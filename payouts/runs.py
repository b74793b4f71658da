"""Payout runs: locked with a hash of their content, approved by a second person, or cancelled."""

from collections.abc import Mapping, Sequence
from typing import Final

import structlog
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet

from network import clock
from network.errors import IllegalMove, NotFound
from partners.actors import Actor
from payouts import ledger
from payouts.models import PayoutRun
from payouts.refusals import (
    AffiliateInactive,
    ClawedBack,
    ContentChanged,
    PayeeChanged,
    translated,
)

log = structlog.get_logger(__name__)
State = PayoutRun.State

# What comes after each state, by which call.
_NEXT: Final[Mapping[str, str]] = {
    State.DRAFT: "Next is POST /api/v1/payout-runs/{id}/lock.",
    State.LOCKED: "Next is POST /api/v1/payout-runs/{id}/approve, by another person.",
    State.APPROVED: "Next is POST /api/v1/payout-runs/{id}/file.",
    State.DISPATCHING: "Next is POST /api/v1/payout-runs/{id}/settle.",
    State.DONE: "It is over: POST /api/v1/payout-runs builds another.",
    State.CANCELLED: "It is over: POST /api/v1/payout-runs builds another.",
}

# Everything that moves a run or its payouts locks its row first, and only then looks at it.
_LOCK_ROW: Final = """
SELECT state, currency, maker_id, content_sha256 FROM payout_run WHERE id = %s FOR NO KEY UPDATE
"""

# Who pauses an affiliate writes its row, and who changes an account locks it first: either comes
# before the look at the payees or after the commit. The order keeps two runs out of a circle with
# whoever writes more than one affiliate.
_HOLD_PAYEES: Final = """
SELECT FROM affiliate WHERE id IN (SELECT affiliate_id FROM payout WHERE run_id = %s)
ORDER BY id FOR SHARE
"""

# A statement of its own: it sees what those who held the rows have committed.
_UNPAYABLE: Final = """
SELECT payout.id, method.superseded_at IS NOT NULL FROM payout
JOIN payee_method method ON method.id = payout.payee_method_id
JOIN affiliate ON affiliate.id = payout.affiliate_id
WHERE payout.run_id = %s AND (method.superseded_at IS NOT NULL OR affiliate.status <> 'active')
ORDER BY payout.id
"""
# A refusal names this many payouts and counts the others.
_NAMED_MAX: Final = 100

# The hash is made where the trigger checks it, by the same function.
_LOCK: Final = """
UPDATE payout_run
SET state = 'locked', locked_at = %s, content_sha256 = payout_run_content(id)
WHERE id = %s AND state = 'draft'
"""

# Posting rule 7.
_SET_ASIDE: Final = """
SELECT 'affiliate_payable', affiliate_id, currency, net_minor * minor_micros
FROM payout WHERE run_id = %(run)s
UNION ALL
SELECT 'affiliate_in_payout', affiliate_id, currency, -net_minor * minor_micros
FROM payout WHERE run_id = %(run)s
"""

_BELOW_ZERO: Final = """
SELECT count(*) FROM payout
JOIN ledger_account account ON account.kind = 'affiliate_payable'
    AND account.owner_id = payout.affiliate_id AND account.currency = payout.currency
JOIN account_balance balance ON balance.account_id = account.id
WHERE payout.run_id = %s AND balance.balance_micros < 0
"""

_APPROVE: Final = """
INSERT INTO approval (run_id, maker_id, actor_id, content_sha256, via, at)
VALUES (%s, %s, %s, %s, %s, %s)
"""


def visible(actor: Actor) -> QuerySet[PayoutRun]:
    """All runs for the network's people, none for others."""
    return PayoutRun.objects.all() if actor.sees_all else PayoutRun.objects.none()


def lock_row(cursor: CursorWrapper, run_id: int, *states: str) -> PayoutRun:
    """Hold a run until the transaction ends, if it is in one of these states.

    NotFound, or IllegalMove that names the state it is in. One that holds the run sees the payouts
    and attempts of whoever held it before, so of two moves at once the second looks again.
    """
    cursor.execute(_LOCK_ROW, [run_id])
    row = cursor.fetchone()
    if row is None:
        raise NotFound()
    state, currency, maker_id, sha256 = row
    if state not in states:
        needed, then = " or ".join(states), _NEXT[state].format(id=run_id)
        raise IllegalMove(
            f"The run is {state}; this needs one that is {needed}. {then}",
            members={"state": state},
        )
    return PayoutRun(
        pk=run_id, state=state, currency=currency, maker_id=maker_id, content_sha256=sha256
    )


def hold_payees(cursor: CursorWrapper, run_id: int) -> None:
    """Keep the payees of a run that we hold as they are until the transaction ends.

    Raises PayeeChanged where one has another account than the run was built with, and
    AffiliateInactive where one is paused or closed; both name the payouts. A build leaves such
    affiliates out, so the way on is to cancel the run and build another.
    """
    cursor.execute(_HOLD_PAYEES, [run_id])
    cursor.execute(_UNPAYABLE, [run_id])
    found = cursor.fetchall()
    changed = [payout_id for payout_id, is_changed in found if is_changed]
    if changed:
        raise PayeeChanged(members=_named(changed))
    if found:
        raise AffiliateInactive(members=_named([payout_id for payout_id, _ in found]))


def lock(*, run_id: int, actor: Actor) -> PayoutRun:
    """Fix a draft's content under its hash and set the money aside.

    Raises NotFound, IllegalMove, what `hold_payees` raises, and ClawedBack where a payee is owed
    less by now than the run pays.
    """
    with translated(), transaction.atomic(), connection.cursor() as cursor:
        lock_row(cursor, run_id, State.DRAFT)
        hold_payees(cursor, run_id)
        cursor.execute("UPDATE payout SET state = 'locked' WHERE run_id = %s", [run_id])
        cursor.execute(_LOCK, [clock.now(), run_id])
        ledger.post_parts(
            cursor,
            _SET_ASIDE,
            {"run": run_id},
            kind="run_lock",
            idem_key=f"run:{run_id}:lock",
            effective_at=clock.now(),
            actor=actor.label,
        )
        # Looked at after the posting, which holds the balances: no reversal can come between.
        if below := _count(cursor, _BELOW_ZERO, run_id):
            raise ClawedBack(members={"payees": below})
    return PayoutRun.objects.get(pk=run_id)


def approve(*, run_id: int, content_sha256: str, actor: Actor) -> PayoutRun:
    """A second person's yes to exactly this content; the first yes counts, later ones are late.

    Raises NotFound, IllegalMove, ContentChanged, PersonRequired, what `hold_payees` raises; and
    SelfApproval for the maker or PayeeEditorApproval for who entered an account that is paid, both
    held by the database.
    """
    person = actor.person_id()
    with translated(), transaction.atomic(), connection.cursor() as cursor:
        run = lock_row(cursor, run_id, State.LOCKED)
        if content_sha256 != run.content_sha256:
            raise ContentChanged()
        hold_payees(cursor, run_id)
        now = clock.now()
        cursor.execute(_APPROVE, [run_id, run.maker_id, person, content_sha256, actor.label, now])
        _move(cursor, run_id, old=State.LOCKED, new=State.APPROVED, stamp="approved_at")
    return PayoutRun.objects.get(pk=run_id)


def cancel(*, run_id: int, actor: Actor) -> PayoutRun:
    """Let a run go: its commissions and carries are free, and the money is payable again.

    Raises NotFound, IllegalMove, and PaymentAttempted once a payment was attempted.
    """
    with translated(), transaction.atomic(), connection.cursor() as cursor:
        run = lock_row(cursor, run_id, State.DRAFT, State.LOCKED, State.APPROVED)
        _move(cursor, run_id, old=run.state, new=State.CANCELLED, stamp="closed_at")
        cursor.execute("UPDATE payout SET state = 'cancelled' WHERE run_id = %s", [run_id])
        if run.state != State.DRAFT:
            # Posting rule 13.
            ledger.mirror(
                cursor,
                f"run:{run_id}:lock",
                kind="run_cancel",
                idem_key=f"run:{run_id}:cancel",
                effective_at=clock.now(),
                actor=actor.label,
            )
        # The application has no right to delete a line; this function has a check of its own.
        cursor.execute("SELECT release_run_lines(%s, %s)", [run_id, clock.now()])
    log.info("run.cancelled", run=run_id, actor=actor.label)
    return PayoutRun.objects.get(pk=run_id)


def close_if_answered(cursor: CursorWrapper, run_id: int) -> None:
    """The run is done once each of its payouts is settled or rejected."""
    cursor.execute(
        "UPDATE payout_run SET state = 'done', closed_at = %s WHERE id = %s "
        "AND NOT EXISTS "
        "(SELECT FROM payout WHERE run_id = %s AND state NOT IN ('settled', 'rejected'))",
        [clock.now(), run_id, run_id],
    )


def _move(cursor: CursorWrapper, run_id: int, *, old: str, new: str, stamp: str) -> None:
    cursor.execute(
        f"UPDATE payout_run SET state = %s, {stamp} = %s WHERE id = %s AND state = %s",
        [new, clock.now(), run_id, old],
    )


def _named(payout_ids: Sequence[int]) -> dict[str, object]:
    return {"payees": len(payout_ids), "payouts": list(payout_ids[:_NAMED_MAX])}


def _count(cursor: CursorWrapper, query: str, run_id: int) -> int:
    cursor.execute(query, [run_id])
    ((count,),) = cursor.fetchall()
    return int(count)
