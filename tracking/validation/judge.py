"""Facts in, rules, a move out: pending conversions that are due, decided in batches."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from network import clock
from tracking.conversions import lifecycle, locked, states
from tracking.conversions.lifecycle import Move
from tracking.conversions.locked import Row
from tracking.validation import rules
from tracking.validation.rules import Facts, Finding, OrderTwin, Verdict

ACTOR: Final = "job:judge"
BATCH: Final = 500

_DUE: Final = """
SELECT * FROM conversion WHERE status = 'pending' AND due_at <= %s
ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
"""

_ORDER_LOCKS: Final = """
SELECT pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT hashtextextended(advertiser_id || ':' || order_ref, 0) AS key
    FROM unnest(%s::bigint[], %s::text[]) AS asked (advertiser_id, order_ref) ORDER BY key
) AS sorted
"""

_TWINS: Final = """
SELECT own.id, twin.id, twin.status, twin.received_at
FROM conversion AS own JOIN conversion AS twin USING (advertiser_id, order_ref)
WHERE own.id = ANY(%s)
    AND (twin.offer_id, twin.affiliate_id) <> (own.offer_id, own.affiliate_id)
    AND twin.status NOT IN ('rejected', 'reversed') AND NOT twin.is_test
ORDER BY twin.received_at, twin.id
"""

# The windows are those that the offer had at receipt: nobody shortens them for what is done.
_CONDITIONS: Final = """
SELECT conversion.id,
    coalesce((event.facts ->> 'click_window_s')::bigint, offer.click_window_s),
    coalesce(
        (event.facts ->> 'min_click_to_conversion_s')::bigint, offer.min_click_to_conversion_s
    ),
    affiliate.status, advertiser.status
FROM conversion
JOIN conversion_event AS event ON event.conversion_id = conversion.id AND event.seq = 1
JOIN offer ON offer.id = conversion.offer_id
JOIN affiliate ON affiliate.id = conversion.affiliate_id
JOIN advertiser ON advertiser.id = conversion.advertiser_id
WHERE conversion.id = ANY(%s)
"""


def judge_due(limit: int = BATCH) -> int:
    """Decide up to `limit` due conversions in one transaction; returns how many it looked at.

    Those that another judge or a person holds are left to them.
    """
    now = clock.now()
    with transaction.atomic(), connection.cursor() as cursor:
        rows = locked.pick(cursor, _DUE, [now, limit])
        moves = [_move(row, rules.examine(facts)) for row, facts in _facts(cursor, rows, now)]
        lifecycle.move(cursor, moves, now=now)
    return len(rows)


def _facts(cursor: CursorWrapper, rows: Sequence[Row], now: datetime) -> list[tuple[Row, Facts]]:
    if not rows:
        return []
    cursor.execute(_CONDITIONS, [[row.id for row in rows]])
    known = {id: values for id, *values in cursor.fetchall()}
    twins = _order_twins(cursor, [row for row in rows if row.order_ref])
    return [(row, _facts_of(row, known[row.id], twins[row.id], now)) for row in rows]


def _facts_of(row: Row, known: Sequence[Any], twins: Sequence[OrderTwin], now: datetime) -> Facts:
    click_window_s, min_click_to_conversion_s, affiliate_status, advertiser_status = known
    return Facts(
        now=now,
        conversion_id=row.id,
        received_at=row.received_at,
        click_at=row.click_at,
        settle_s=settings.SETTLE_SECONDS,
        click_window_s=click_window_s,
        min_click_to_conversion_s=min_click_to_conversion_s,
        affiliate_status=affiliate_status,
        advertiser_status=advertiser_status,
        order_ref=row.order_ref,
        order_twins=twins,
    )


def _order_twins(cursor: CursorWrapper, rows: Sequence[Row]) -> dict[UUID, list[OrderTwin]]:
    """The other live conversions of the same orders.

    Two conversions of one order may be judged at the same moment by two judges. Each would see the
    other still pending, and a pair of which one was stored late (its report had waited for the
    click) could find each reason to go ahead. So judges of one order take turns: the second reads,
    in a statement of its own, what the first has committed. The locks are taken after the
    conversions and before the funds, by every judge in the same order.
    """
    twins: dict[UUID, list[OrderTwin]] = defaultdict(list)
    if not rows:
        return twins
    cursor.execute(
        _ORDER_LOCKS, [[row.advertiser_id for row in rows], [row.order_ref for row in rows]]
    )
    cursor.execute(_TWINS, [[row.id for row in rows]])
    for own_id, id, status, received_at in cursor.fetchall():
        twins[own_id].append(OrderTwin(conversion_id=id, status=status, received_at=received_at))
    return twins


def _move(row: Row, findings: Sequence[Finding]) -> Move:
    word = rules.verdict(findings)
    return Move(
        row=row,
        to=_state(word),
        reason=word.code,
        actor=ACTOR,
        facts={"rules": [_fact(finding) for finding in findings]},
        due_at=word.until if isinstance(word, rules.Hold) else None,
    )


def _state(word: Verdict) -> str | None:
    """Where a verdict leads; None leaves it pending: until a time, or until a person looked."""
    match word:
        case rules.Approve():
            return states.APPROVED
        case rules.Reject():
            return states.REJECTED
        case _:
            return None


def _fact(finding: Finding) -> dict[str, Any]:
    return {"rule": finding.code, "outcome": finding.outcome, "saw": finding.saw}
