"""Balances: what an advertiser has, what an affiliate is owed, how the network stands."""

from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from payouts import rails

# Finance sees the largest first, and any other partner by asking for it.
OWNERS_MAX: Final = 200

# Reserved is everything between what is paid in and what is free: open conversions, and approved
# ones that are not in the books yet.
_ADVERTISERS: Final = """
SELECT funds.advertiser_id, funds.currency, available_micros, credit_limit_micros,
    coalesce(balance_micros, 0) - available_micros, coalesce(balance_micros, 0),
    EXISTS (SELECT FROM offer WHERE offer.advertiser_id = funds.advertiser_id
        AND offer.currency = funds.currency AND offer.status = 'active')
FROM funds
LEFT JOIN ledger_account account ON account.kind = 'advertiser_prepaid'
    AND account.owner_id = funds.advertiser_id AND account.currency = funds.currency
LEFT JOIN account_balance ON account_balance.account_id = account.id
WHERE %(id)s::bigint IS NULL OR funds.advertiser_id = %(id)s
ORDER BY coalesce(balance_micros, 0) DESC, funds.advertiser_id, funds.currency
LIMIT %(most)s
"""

_AFFILIATES: Final = """
SELECT owed.owner_id, owed.currency, owed.held, owed.payable, owed.in_payout,
    coalesce(paid.micros, 0)::bigint
FROM (
    SELECT owner_id, account.currency,
        coalesce(-sum(amount_micros) FILTER (WHERE kind = 'affiliate_held'), 0)::bigint AS held,
        coalesce(-sum(amount_micros) FILTER (WHERE kind = 'affiliate_payable'), 0)::bigint
            AS payable,
        coalesce(-sum(amount_micros) FILTER (WHERE kind = 'affiliate_in_payout'), 0)::bigint
            AS in_payout
    FROM ledger_account account JOIN entry ON entry.account_id = account.id
    WHERE kind IN ('affiliate_held', 'affiliate_payable', 'affiliate_in_payout')
        AND (%(id)s::bigint IS NULL OR owner_id = %(id)s)
    GROUP BY owner_id, account.currency
) owed
LEFT JOIN LATERAL (
    SELECT sum(net_minor * minor_micros) AS micros FROM payout
    WHERE affiliate_id = owed.owner_id AND currency = owed.currency AND state = 'settled'
) paid ON true
ORDER BY held + payable + in_payout DESC, owner_id, owed.currency
LIMIT %(most)s
"""

# In the natural sign of each kind: what we have and spend is debit, what we owe and earn credit.
_NETWORK: Final = """
SELECT kind, account.currency, (sum(amount_micros) * CASE
    WHEN kind IN ('bank', 'payout_clearing', 'commission_expense') THEN 1 ELSE -1 END)::bigint
FROM ledger_account account JOIN entry ON entry.account_id = account.id
GROUP BY kind, account.currency ORDER BY account.currency, kind
"""


@dataclass(frozen=True, slots=True)
class AdvertiserBalance:
    """An advertiser's money in one currency, in micros; without an active offer there it waits."""

    advertiser: int
    currency: str
    available_micros: int
    credit_limit_micros: int
    reserved_micros: int
    prepaid_micros: int
    has_offer: bool


@dataclass(frozen=True, slots=True)
class AffiliateBalance:
    """What an affiliate is owed and has been paid in one currency, in micros."""

    affiliate: int
    currency: str
    held_micros: int
    payable_micros: int
    in_payout_micros: int
    paid_micros: int

    @property
    def has_rail(self) -> bool:
        """Whether any way to pay carries the currency; without one it is in no run."""
        return rails.carries(self.currency)


@dataclass(frozen=True, slots=True)
class NetworkBalance:
    """All accounts of one kind together, in micros and in the natural sign of the kind."""

    kind: str
    currency: str
    balance_micros: int

    @property
    def has_rail(self) -> bool:
        """As of an affiliate's balance."""
        return rails.carries(self.currency)


def of_advertisers(advertiser_id: int | None = None) -> list[AdvertiserBalance]:
    """One advertiser's balances, or the OWNERS_MAX largest of all."""
    return [AdvertiserBalance(*row) for row in _rows(_ADVERTISERS, advertiser_id)]


def of_affiliates(affiliate_id: int | None = None) -> list[AffiliateBalance]:
    """One affiliate's balances, or the OWNERS_MAX largest of all."""
    return [AffiliateBalance(*row) for row in _rows(_AFFILIATES, affiliate_id)]


def of_network() -> list[NetworkBalance]:
    """The trial balance by kind of account."""
    return [NetworkBalance(*row) for row in _rows(_NETWORK, None)]


def _rows(query: str, id: int | None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"id": id, "most": OWNERS_MAX})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
