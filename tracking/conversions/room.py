"""Room that came back is given to conversions that wait for it, the oldest receipt first."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction

from network import clock
from partners import funds
from tracking.conversions import lifecycle, locked
from tracking.conversions.lifecycle import Move
from tracking.conversions.locked import Row
from tracking.conversions.states import PENDING

ACTOR: Final = "job:room"

_PAIRS: Final = """
SELECT DISTINCT conversion.advertiser_id, conversion.currency
FROM conversion JOIN funds USING (advertiser_id, currency)
WHERE conversion.status = 'unfunded'
    AND conversion.revenue_micros <= funds.available_micros + funds.credit_limit_micros
"""

# What does not fit alone is left out here, so that large ones never block the view of small ones.
_OLDEST: Final = """
SELECT conversion.* FROM conversion JOIN funds USING (advertiser_id, currency)
WHERE conversion.status = 'unfunded' AND conversion.advertiser_id = %s AND conversion.currency = %s
    AND conversion.revenue_micros <= funds.available_micros + funds.credit_limit_micros
ORDER BY conversion.received_at, conversion.id
LIMIT %s
FOR UPDATE OF conversion SKIP LOCKED
"""


def waiting_pairs() -> list[tuple[int, str]]:
    """Advertisers and currencies whose funds cover at least one conversion that waits."""
    with connection.cursor() as cursor:
        cursor.execute(_PAIRS)
        return [(advertiser_id, currency) for advertiser_id, currency in cursor.fetchall()]


def give(advertiser_id: int, currency: str, *, limit: int = 500) -> int:
    """Make pending what the funds cover, oldest receipt first, skipping what does not fit.

    Returns how many; 0 means that nothing more fits. A fresh report may take room meanwhile.
    """
    pair = (advertiser_id, currency)
    now = clock.now()
    with transaction.atomic(), connection.cursor() as cursor:
        rows = locked.pick(cursor, _OLDEST, [*pair, limit])
        if not rows:
            return 0
        room_micros = funds.lock(cursor, [pair]).get(pair, 0)
        fitting = _fitting(sorted(rows, key=lambda row: (row.received_at, row.id)), room_micros)
        lifecycle.move(cursor, [_move(row, now) for row in fitting], now=now)
        return len(fitting)


def _fitting(rows: Iterable[Row], room_micros: int) -> list[Row]:
    fitting = []
    for row in rows:
        if row.revenue_micros <= room_micros:
            room_micros -= row.revenue_micros
            fitting.append(row)
    return fitting


def _move(row: Row, now: datetime) -> Move:
    """Back to where it would have begun; evidence has its time to settle as ever."""
    settles_at = row.received_at + timedelta(seconds=settings.SETTLE_SECONDS)
    return Move(row=row, to=PENDING, reason="room_given", actor=ACTOR, due_at=max(now, settles_at))
