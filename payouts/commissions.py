"""Commissions: taken into the books from hand-offs, and released when their hold ends."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from django.db import DataError, IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Case, Q, QuerySet, Value, When

from network import clock, constraints
from partners.actors import Actor
from payouts import ledger
from payouts.ledger import Bound
from payouts.models import Commission, Payout
from tracking.conversions import handoffs
from tracking.conversions.handoffs import Claimed

CONSUMER: Final = "payouts"
ACCRUING: Final = "job:accrue"
RELEASING: Final = "job:release"
# Enough to make a batch cheap, little enough to keep a crash and a lock short.
BATCH: Final = 20_000

_LINED: Final = Q(line__isnull=False)
# In this order: the first that fits is the state.
STATES: Final = MappingProxyType(
    {
        "held": Q(release__isnull=True),
        "payable": Q(release__isnull=False, line__isnull=True),
        "paid": _LINED & Q(line__payout__state=Payout.State.SETTLED),
        "returned": _LINED & Q(line__payout__state=Payout.State.REJECTED),
        "in_payout": _LINED
        & Q(line__payout__state__in=[Payout.State.DRAFT, Payout.State.LOCKED, Payout.State.SENT]),
    }
)

# Posting rules 2, 3, 5 and 6, net for each account: what an advertiser owes for shares becomes
# revenue, what affiliates earn becomes expense. Two groupings instead of four entries for a share.
_ACCRUED: Final = """
WITH batch AS MATERIALIZED (
    SELECT advertiser_id, affiliate_id, currency, revenue_micros, commission_micros
    FROM conversion_share WHERE event_id = ANY(%(ids)s::uuid[])
), owed AS (
    SELECT advertiser_id, currency, sum(revenue_micros) AS micros
    FROM batch GROUP BY advertiser_id, currency
), earned AS (
    SELECT affiliate_id, currency, sum(commission_micros) AS micros
    FROM batch GROUP BY affiliate_id, currency
)
SELECT 'advertiser_prepaid', advertiser_id, currency, micros FROM owed
UNION ALL
SELECT 'network_revenue', 0, currency, -micros FROM owed
UNION ALL
SELECT 'commission_expense', 0, currency, micros FROM earned
UNION ALL
SELECT 'affiliate_held', affiliate_id, currency, -micros FROM earned
"""

_STORE: Final = """
WITH fresh AS (
    INSERT INTO commission (id, conversion_id, event_id, role, affiliate_id, advertiser_id,
        offer_id, currency, revenue_micros, commission_micros, release_at, accrued_at, journal_id)
    SELECT id, conversion_id, event_id, role, affiliate_id, advertiser_id,
        offer_id, currency, revenue_micros, commission_micros, release_at, %(now)s, %(journal)s
    FROM conversion_share WHERE event_id = ANY(%(ids)s::uuid[])
    RETURNING id, release_at
)
INSERT INTO commission_hold (commission_id, release_at) SELECT id, release_at FROM fresh
"""

_TAKE_DUE: Final = """
DELETE FROM commission_hold WHERE commission_id IN (
    SELECT commission_id FROM commission_hold WHERE release_at <= %s
    ORDER BY release_at LIMIT %s FOR UPDATE SKIP LOCKED
)
RETURNING commission_id
"""

# Posting rule 4.
_RELEASED: Final = """
WITH freed AS (
    SELECT affiliate_id, currency, sum(commission_micros) AS micros
    FROM commission WHERE id = ANY(%(ids)s::uuid[]) GROUP BY affiliate_id, currency
)
SELECT 'affiliate_held', affiliate_id, currency, micros FROM freed
UNION ALL
SELECT 'affiliate_payable', affiliate_id, currency, -micros FROM freed
"""

_STORE_RELEASES: Final = """
WITH freed AS (
    INSERT INTO commission_release (commission_id, released_at, journal_id)
    SELECT unnest(%(ids)s::uuid[]), %(now)s, %(journal)s
    RETURNING commission_id, released_at
)
INSERT INTO commission_payable (commission_id, released_at)
SELECT commission_id, released_at FROM freed
"""


def visible(actor: Actor) -> QuerySet[Commission]:
    """The affiliate's own commissions, or all."""
    if actor.sees_all:
        return Commission.objects.all()
    return Commission.objects.filter(affiliate_id=actor.affiliate_id or 0)


def with_state(rows: QuerySet[Commission]) -> QuerySet[Commission]:
    """Each with its `state`, which follows from rows and is stored nowhere.

    `returned` is a commission whose payout the bank refused: the money goes on with a later one.
    """
    state = Case(*(When(which, then=Value(state)) for state, which in STATES.items()))
    return rows.annotate(state=state).select_related("line")


def accrue(limit: int = BATCH) -> int:
    """Take up to `limit` hand-offs into the books; how many were taken.

    Two workers share the queue: a claimed hand-off is locked, and skipped by the other. Postings
    and the end of their hand-offs are one transaction, so a crash leaves one or the other. What
    the database refuses is put off alone: one advertiser without cover holds nobody else up.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        claimed = handoffs.claim(cursor, CONSUMER, limit)
        return _take_or_split(cursor, sorted(claimed, key=_by_event)) if claimed else 0


def release(limit: int = BATCH, *, now: datetime | None = None) -> int:
    """Make up to `limit` commissions payable whose hold is over at `now`; how many.

    Two workers share the queue of holds as they share the hand-offs.
    """
    at = now or clock.now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TAKE_DUE, [at, limit])
        ids = sorted(id for (id,) in cursor.fetchall())
        if ids:
            # Zero commissions, and a batch that cancels out, come to nothing: no journal then.
            values: dict[str, Bound] = {"ids": _array(ids), "now": at}
            values["journal"] = ledger.post_parts(
                cursor,
                _RELEASED,
                values,
                kind="release",
                idem_key=f"release:{ids[0]}",
                effective_at=at,
                actor=RELEASING,
            )
            cursor.execute(_STORE_RELEASES, values)
    return len(ids)


def _take_or_split(cursor: CursorWrapper, claimed: Sequence[Claimed]) -> int:
    """Take what the database accepts, halving what it refuses down to the events at fault."""
    try:
        with transaction.atomic():
            _take(cursor, claimed)
    except (IntegrityError, DataError) as error:
        if len(claimed) == 1:
            handoffs.put_off(cursor, claimed, constraints.broken(error) or str(error))
            return 0
        half = len(claimed) // 2
        return sum(_take_or_split(cursor, part) for part in (claimed[:half], claimed[half:]))
    return len(claimed)


def _take(cursor: CursorWrapper, claimed: Sequence[Claimed]) -> None:
    """Commissions of these events and the journal behind them; the hand-offs are done.

    A share that is a commission already is refused by its key, and the whole batch with it.
    """
    now = clock.now()
    events = [each.event_id for each in claimed]
    values: dict[str, Bound] = {"ids": _array(events), "now": now}
    # Amounts may cancel out to the micro, and zero shares come to nothing: no journal then.
    values["journal"] = ledger.post_parts(
        cursor,
        _ACCRUED,
        values,
        kind="accrual",
        idem_key=f"accrue:{events[0]}",
        effective_at=now,
        actor=ACCRUING,
    )
    cursor.execute(_STORE, values)
    handoffs.finish(cursor, claimed)


def _by_event(claimed: Claimed) -> UUID:
    return claimed.event_id


def _array(ids: Iterable[UUID]) -> str:
    """Ids as PostgreSQL writes an array: the driver would take ten times as long over a list."""
    return "{" + ",".join(map(str, ids)) + "}"
