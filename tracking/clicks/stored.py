"""Clicks as they were stored, for those who report what came of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Cursor

from network.ids import uuid7_time
from tracking.clicks.evaluate import OK

# OFFSET 0 keeps the planner from joining whole tables: each id is one look into one partition.
_FIND: Final = """
SELECT found.*
FROM unnest(%s::uuid[], %s::timestamptz[]) AS wanted (id, ts)
CROSS JOIN LATERAL (
    SELECT id, ts, link_id, affiliate_id, offer_id, advertiser_id, reason, source, aff_click_id,
        subs
    FROM click WHERE click.id = wanted.id AND click.ts = wanted.ts
    OFFSET 0
) AS found
"""


@dataclass(frozen=True, slots=True)
class StoredClick:
    """What a conversion copies of its click."""

    id: UUID
    ts: datetime
    link_id: int
    affiliate_id: int
    offer_id: int
    advertiser_id: int
    reason: str
    source: str | None
    aff_click_id: str | None
    subs: list[str | None] | None

    @property
    def good(self) -> bool:
        """Whether the visitor was sent on to the offer."""
        return self.reason == OK


def find(cursor: Cursor[Any], ids: Iterable[UUID]) -> dict[UUID, StoredClick]:
    """The clicks among these ids that are stored."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    cursor.execute(_FIND, [wanted, [uuid7_time(id) for id in wanted]])
    return {row[0]: StoredClick(*row) for row in cursor.fetchall()}
