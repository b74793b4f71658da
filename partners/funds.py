"""An advertiser's money that is free to promise: locked, taken, given back, added.

Each verb takes the cursor of its caller, so that the money moves in the transaction of what it is
for. Lock order: after conversions and cap windows, before ledger balances.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from network.errors import NotEnoughRoom
from network.rows import AnyCursor, columns

Pair = tuple[int, str]  # advertiser and currency

# ORDER BY comes before FOR UPDATE takes its locks, so everybody takes them in one order.
_LOCK: Final = """
SELECT advertiser_id, currency, available_micros + credit_limit_micros
FROM funds
WHERE (advertiser_id, currency) IN (SELECT * FROM unnest(%s::bigint[], %s::text[]))
ORDER BY advertiser_id, currency
FOR UPDATE
"""

_APPLY: Final = """
UPDATE funds SET available_micros = available_micros + moved.micros
FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) AS moved (advertiser_id, currency, micros)
WHERE funds.advertiser_id = moved.advertiser_id AND funds.currency = moved.currency
"""

# Not one upsert: PostgreSQL checks the row to insert, a negative one, before it sees the conflict.
_BEGIN: Final = """
INSERT INTO funds (advertiser_id, currency, available_micros, credit_limit_micros)
VALUES (%s, %s, 0, 0)
ON CONFLICT (advertiser_id, currency) DO NOTHING
"""

_ADD: Final = """
UPDATE funds SET available_micros = available_micros + %(micros)s
WHERE advertiser_id = %(advertiser_id)s AND currency = %(currency)s
    AND (%(micros)s >= 0 OR available_micros + credit_limit_micros + %(micros)s >= 0)
"""

_UNLIKE_FUNDS: Final = """
SELECT advertiser.id, NOT funded
FROM advertiser
WHERE funded IS DISTINCT FROM EXISTS (
    SELECT FROM funds
    JOIN offer ON offer.advertiser_id = funds.advertiser_id AND offer.currency = funds.currency
    WHERE funds.advertiser_id = advertiser.id AND offer.status = 'active'
        AND funds.available_micros + funds.credit_limit_micros > 0
)
ORDER BY advertiser.id
"""

# The value and not its negation: two sweeps at once would flip back what they flip.
_FLIP: Final = """
UPDATE advertiser SET funded = wanted.funded
FROM unnest(%s::bigint[], %s::boolean[]) AS wanted (id, funded)
WHERE advertiser.id = wanted.id
"""


def lock(cursor: AnyCursor, pairs: Iterable[Pair]) -> dict[Pair, int]:
    """Lock the funds of these advertisers and currencies; the room in micros of each.

    Room is what is available and the credit limit. Who never had funds is not in the answer.
    """
    wanted = sorted(set(pairs))
    cursor.execute(_LOCK, [[id for id, _ in wanted], [currency for _, currency in wanted]])
    return {(id, currency): room_micros for id, currency, room_micros in cursor.fetchall()}


def apply(cursor: AnyCursor, deltas: Mapping[Pair, int]) -> None:
    """Move funds that the caller has locked, by signed micros: negative takes, positive gives back.

    IntegrityError (`funds_never_passed`) where more is taken than the room; NotEnoughRoom where
    there are no such funds.
    """
    moved = sorted((id, currency, micros) for (id, currency), micros in deltas.items() if micros)
    if not moved:
        return
    cursor.execute(_APPLY, columns(moved, width=3))
    if cursor.rowcount != len(moved):
        raise NotEnoughRoom("there are no funds in this currency")


def add(cursor: AnyCursor, advertiser_id: int, currency: str, micros: int) -> None:
    """Add a deposit, or take a withdrawal (negative micros); the funds row is made if need be.

    NotEnoughRoom where a withdrawal takes more than the room.
    """
    cursor.execute(_BEGIN, [advertiser_id, currency])
    moved: dict[str, int | str] = {
        "advertiser_id": advertiser_id,
        "currency": currency,
        "micros": micros,
    }
    cursor.execute(_ADD, moved)
    if cursor.rowcount == 0:
        raise NotEnoughRoom("the funds do not cover this withdrawal")


def flip_funded(cursor: AnyCursor) -> list[int]:
    """Set `advertiser.funded` where it is not what the funds say; the advertisers that changed.

    Funded means room above zero in a currency of an active offer. Where nothing differs nothing is
    written: an advertiser that changes is built anew, with its offers and links, in every tracker.
    """
    cursor.execute(_UNLIKE_FUNDS)
    unlike = cursor.fetchall()
    if unlike:
        cursor.execute(_FLIP, columns(unlike, width=2))
    return [id for id, _ in unlike]
