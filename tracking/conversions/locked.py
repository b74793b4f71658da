"""Conversions under lock: what whoever decides about them may rely on until the commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import orjson
from django.db.backends.utils import CursorWrapper

from network.errors import NotFound

# The hold is the one that the offer had at receipt: nobody moves what an affiliate waits for. What
# was stored before the first event told it has the offer's.
_ROWS: Final = """
SELECT picked.id, picked.status, picked.seq, picked.received_at, picked.click_at,
    picked.advertiser_id, picked.offer_id, picked.affiliate_id, picked.order_ref, picked.currency,
    picked.revenue_micros, picked.commission_micros, picked.reserved_micros, picked.is_test,
    coalesce((event.facts ->> 'hold_days')::int, offer.hold_days),
    jsonb_build_object(
        'terms_id', terms.id, 'sale_micros', picked.sale_micros,
        'revenue_fixed_micros', terms.revenue_fixed_micros, 'revenue_ppm', terms.revenue_ppm,
        'commission_fixed_micros', terms.commission_fixed_micros,
        'commission_ppm', terms.commission_ppm)::text
FROM ({statement}) AS picked
JOIN offer ON offer.id = picked.offer_id
JOIN terms ON terms.id = picked.terms_id
LEFT JOIN conversion_event AS event ON event.conversion_id = picked.id AND event.seq = 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A conversion as it is while we hold its lock; amounts in micros of `currency`."""

    id: UUID
    status: str
    seq: int
    received_at: datetime
    click_at: datetime
    advertiser_id: int
    offer_id: int
    affiliate_id: int
    order_ref: str | None
    currency: str
    revenue_micros: int
    commission_micros: int
    reserved_micros: int
    is_test: bool
    hold_days: int
    # The rates that held at receipt and the sale as reported.
    terms: Mapping[str, Any]


def pick(cursor: CursorWrapper, statement: LiteralString, params: Sequence[Any] = ()) -> list[Row]:
    """The conversions that the statement selects whole and locks, in the order of ids.

    A statement that waits for locks must take them in that order too; `SKIP LOCKED` need not.
    """
    cursor.execute(_ROWS.format(statement=statement), params)
    rows = [_row(found) for found in cursor.fetchall()]
    return sorted(rows, key=lambda row: row.id)


def one(cursor: CursorWrapper, conversion_id: UUID) -> Row:
    """Lock one conversion, waiting for whoever holds it; NotFound where there is none."""
    rows = pick(cursor, "SELECT * FROM conversion WHERE id = %s FOR UPDATE", [conversion_id])
    if not rows:
        raise NotFound()
    return rows[0]


def _row(found: Sequence[Any]) -> Row:
    columns = dict(zip(Row.__slots__, found, strict=True))
    return Row(**columns | {"terms": orjson.loads(columns["terms"])})
