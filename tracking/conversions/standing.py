"""What has been approved of a conversion and taken back so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db.backends.utils import CursorWrapper

from partners.terms import Rates

_STANDINGS: Final = """
SELECT share.conversion_id, share.advertiser_id, share.offer_id, share.affiliate_id, share.role,
    share.currency, sum(share.revenue_micros)::bigint, sum(share.commission_micros)::bigint,
    min(share.release_at), (array_agg(share.terms ORDER BY event.seq DESC))[1]::text
FROM conversion_share AS share JOIN conversion_event AS event ON event.id = share.event_id
WHERE share.conversion_id = ANY(%s)
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 1, 4, 5
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the shares of one conversion add up to so far for one affiliate in one role.

    `terms` is the snapshot of the latest share: rates, and the sale that is still paid for.
    """

    advertiser_id: int
    offer_id: int
    affiliate_id: int
    role: str
    currency: str
    revenue_micros: int
    commission_micros: int
    release_at: datetime
    terms: Mapping[str, Any]

    @property
    def sale_micros(self) -> int:
        """The part of the sale that has not been taken back; 0 where nothing was sold."""
        return self.terms["sale_micros"] or 0

    @property
    def rates(self) -> Rates:
        """The rates of the snapshot."""
        return Rates(**{each.name: self.terms[each.name] for each in fields(Rates)})


def read(cursor: CursorWrapper, conversion_ids: Sequence[UUID]) -> dict[UUID, list[Standing]]:
    """What has been approved and taken back so far, for each conversion."""
    found: dict[UUID, list[Standing]] = {id: [] for id in conversion_ids}
    if not found:
        return found
    cursor.execute(_STANDINGS, [list(found)])
    for conversion_id, *values in cursor.fetchall():
        columns = dict(zip(Standing.__slots__, values, strict=True))
        standing = Standing(**columns | {"terms": orjson.loads(columns["terms"])})
        found[conversion_id].append(standing)
    return found
