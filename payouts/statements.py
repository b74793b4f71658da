"""Statements: what an affiliate was owed, what changed it day by day, and what it is owed now.

They are read from the ledger's entries by the time of posting, so a statement of a past period
never changes, and opening plus lines is closing by construction.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final

from django.conf import settings
from django.db import connection

_CHANGES: Final = """
SELECT entry.currency, account.kind, journal.kind AS what,
    CASE WHEN posted_at >= %(since)s THEN (posted_at AT TIME ZONE %(zone)s)::date END AS day,
    -sum(amount_micros)::bigint
FROM ledger_account account
JOIN entry ON entry.account_id = account.id
JOIN journal ON journal.id = entry.journal_id
WHERE account.owner_id = %(affiliate)s AND posted_at < %(until)s
    AND account.kind IN ('affiliate_held', 'affiliate_payable', 'affiliate_in_payout')
GROUP BY 1, 2, 3, 4
ORDER BY entry.currency, day, min(journal.id)
"""

# What a posting means to the affiliate.
WHAT: Final = MappingProxyType(
    {
        "accrual": "earned",
        "release": "released",
        "run_lock": "set_aside",
        "run_cancel": "given_back",
        "payout_accept": "paid",
        "payout_reject": "returned",
    }
)


@dataclass(frozen=True, slots=True)
class Owed:
    """What is owed by state, in micros, or how that changed."""

    held_micros: int = 0
    payable_micros: int = 0
    in_payout_micros: int = 0

    @property
    def total_micros(self) -> int:
        """All states together; being paid makes it less, being released does not change it."""
        return self.held_micros + self.payable_micros + self.in_payout_micros

    def plus(self, kind: str, micros: int) -> "Owed":
        """With this much more in the state that a kind of account stands for."""
        return Owed(
            self.held_micros + micros * (kind == "affiliate_held"),
            self.payable_micros + micros * (kind == "affiliate_payable"),
            self.in_payout_micros + micros * (kind == "affiliate_in_payout"),
        )


@dataclass(frozen=True, slots=True)
class Line:
    """All changes of one sort on one day."""

    day: date
    what: str
    change: Owed


@dataclass(frozen=True, slots=True)
class Statement:
    """One currency of an affiliate's statement."""

    currency: str
    opening: Owed
    lines: list[Line]
    closing: Owed


def of_affiliate(affiliate_id: int, *, since: datetime, until: datetime) -> list[Statement]:
    """A statement for each currency that the affiliate ever had, from `since` up to `until`."""
    with connection.cursor() as cursor:
        cursor.execute(
            _CHANGES,
            {
                "affiliate": affiliate_id,
                "since": since,
                "until": until,
                "zone": settings.NETWORK_TIME_ZONE,
            },
        )
        rows = cursor.fetchall()
    by_currency: defaultdict[str, list[Any]] = defaultdict(list)
    for currency, *change in rows:
        by_currency[currency].append(change)
    return [_statement(currency, changes) for currency, changes in sorted(by_currency.items())]


def _statement(currency: str, changes: Iterable[tuple[str, str, date | None, int]]) -> Statement:
    opening = closing = Owed()
    by_line: dict[tuple[date, str], Owed] = {}
    for kind, journal_kind, day, micros in changes:
        closing = closing.plus(kind, micros)
        if day is None:
            opening = opening.plus(kind, micros)
        else:
            line = (day, WHAT[journal_kind])
            by_line[line] = by_line.get(line, Owed()).plus(kind, micros)
    lines = [Line(day, what, change) for (day, what), change in by_line.items()]
    return Statement(currency, opening, lines, closing)
