"""From events to messages: one delivery for each event and each address that wants it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db.backends.utils import CursorWrapper

from network import clock
from network.ids import uuid7
from network.money import money_object
from tracking.clicks import ids
from tracking.conversions import handoffs
from tracking.conversions.handoffs import Claimed
from tracking.conversions.reasons import category

# Its name in settings.CONSUMERS.
CONSUMER: Final = "postbacks"
BATCH: Final = 500

# An address for the offer goes before one for all offers, whatever statuses it asks for. An event
# that changed neither state nor money (a hold, a review) is nobody's news.
_NEWS: Final = """
SELECT postback.id, event.id, event.conversion_id, event.seq, event.new, event.reason, event.at,
    coalesce(
        event.facts -> 'after' ->> 'commission_micros', event.facts ->> 'commission_micros'
    )::bigint,
    conversion.currency, conversion.click_id, conversion.aff_click_id, conversion.source,
    conversion.subs, offer.id, offer.name, goal.code
FROM conversion_event AS event
JOIN conversion ON conversion.id = event.conversion_id
JOIN offer ON offer.id = conversion.offer_id
JOIN goal ON goal.id = conversion.goal_id
JOIN postback ON postback.affiliate_id = conversion.affiliate_id AND postback.active
    AND event.new = ANY(postback.statuses)
    AND postback.offer_id IS NOT DISTINCT FROM (
        SELECT own.offer_id FROM postback AS own
        WHERE own.active AND own.affiliate_id = conversion.affiliate_id
            AND own.offer_id = conversion.offer_id
        LIMIT 1
    )
WHERE event.id = ANY(%s) AND (
    event.old <> event.new
    OR EXISTS (SELECT FROM conversion_share AS share WHERE share.event_id = event.id)
)
"""

_INSERT: Final = """
INSERT INTO delivery (id, postback_id, event_id, conversion_id, body, status, attempts, due_at,
    last_error, created_at)
SELECT id, postback_id, event_id, conversion_id, body, 'due', 0, %s, '', %s
FROM json_to_recordset(%s::json)
    AS fresh (id uuid, postback_id bigint, event_id uuid, conversion_id uuid, body jsonb)
ON CONFLICT (postback_id, event_id) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class News:
    """What an address is told about an event; money is the affiliate's own commission, in micros
    of `currency`."""

    postback_id: int
    event_id: UUID
    conversion_id: UUID
    seq: int
    status: str
    reason: str
    at: datetime
    commission_micros: int
    currency: str
    click_id: UUID
    aff_click_id: str | None
    source: str | None
    subs: Sequence[str | None] | None
    offer_id: int
    offer_name: str
    goal: str


def consume(limit: int = BATCH) -> int:
    """Turn up to `limit` waiting events into deliveries; returns how many events were taken."""
    return handoffs.consume(CONSUMER, _deliver, limit=limit)


def body(news: News) -> dict[str, Any]:
    """The message, in the shape that Standard Webhooks recommends: type, timestamp, data."""
    return {
        "type": f"conversion.{news.status}",
        "timestamp": news.at.isoformat(),
        "data": {
            "conversion": str(news.conversion_id),
            "seq": news.seq,
            "status": news.status,
            "reason": category(news.reason),
            "commission": money_object(news.commission_micros, news.currency),
            "offer": {"id": news.offer_id, "name": news.offer_name},
            "goal": news.goal,
            "click_id": ids.mint(news.click_id),
            "aff_click_id": news.aff_click_id,
            "source": news.source,
            "subs": {f"sub{number}": sub for number, sub in enumerate(news.subs or (), 1) if sub},
        },
    }


def _deliver(cursor: CursorWrapper, claimed: Sequence[Claimed]) -> None:
    cursor.execute(_NEWS, [[each.event_id for each in claimed]])
    rows = [
        {
            "id": uuid7(),
            "postback_id": news.postback_id,
            "event_id": news.event_id,
            "conversion_id": news.conversion_id,
            "body": body(news),
        }
        for news in (News(*found) for found in cursor.fetchall())
    ]
    if rows:
        now = clock.now()
        cursor.execute(_INSERT, [now, now, orjson.dumps(rows).decode()])
