"""What a move of a conversion is worth to its affiliate, and when that is released.

Arithmetic on what the caller has read; the shares get their ids here.
"""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from network.ids import uuid7
from network.zones import midnight
from partners.terms import amounts
from tracking.conversions.events import NewShare
from tracking.conversions.locked import Row
from tracking.conversions.standing import Standing

BASE: Final = "base"


def release_at(received_at: datetime, hold_days: int, zone: ZoneInfo) -> datetime:
    """The first instant after the conversion's day and `hold_days` more, in the network's zone.

    Days are those of the calendar, so that a change to summer time moves nobody's money.
    """
    day = received_at.astimezone(zone).date() + timedelta(days=hold_days + 1)
    return midnight(day, zone)


def approval(row: Row, zone: ZoneInfo) -> NewShare:
    """The share of an approval: the amounts as promised at receipt, with the terms they follow."""
    return NewShare(
        id=uuid7(),
        advertiser_id=row.advertiser_id,
        offer_id=row.offer_id,
        affiliate_id=row.affiliate_id,
        role=BASE,
        currency=row.currency,
        revenue_micros=row.revenue_micros,
        commission_micros=row.commission_micros,
        release_at=release_at(row.received_at, row.hold_days, zone),
        terms=row.terms,
    )


def reversal(standing: Standing, *, sale_micros: int | None) -> NewShare:
    """The negative share that leaves what a sale of `sale_micros` pays; None leaves nothing.

    A signed difference of totals, so that any number of partial reversals ends where one would.
    """
    revenue_micros, commission_micros = 0, 0
    if sale_micros is not None:
        revenue_micros, commission_micros = amounts(standing.rates, sale_micros)
    return NewShare(
        id=uuid7(),
        advertiser_id=standing.advertiser_id,
        offer_id=standing.offer_id,
        affiliate_id=standing.affiliate_id,
        role=standing.role,
        currency=standing.currency,
        revenue_micros=revenue_micros - standing.revenue_micros,
        commission_micros=commission_micros - standing.commission_micros,
        release_at=standing.release_at,
        terms={**standing.terms, "sale_micros": sale_micros or 0, "whole": sale_micros is None},
    )
