"""The double-entry ledger: the only writer of accounts, journals and entries.

Every verb takes the cursor of its caller, so that money is posted in the transaction of the rows
that it belongs to. Debit is positive, credit negative, in micros.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from network import clock
from network.rows import AnyCursor, columns
from payouts.models import LedgerAccount
from payouts.refusals import NothingToPost, Unbalanced

Bound = str | int | datetime | None
Kind = LedgerAccount.Kind

# The owner of the accounts that are the network's own.
NETWORK: Final = 0


class Account(NamedTuple):
    """An account by what it is, in the order in which accounts are made and locked."""

    kind: str
    owner_id: int
    currency: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One account's part of a journal: debit above zero, credit below."""

    account: Account
    micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJournal:
    """A posting about to be made; `idem_key` names the fact, so that it is posted once.

    `effective_at` is when the fact took effect; when it was posted is the clock's.
    """

    kind: str
    idem_key: str
    entries: Sequence[Entry]
    effective_at: datetime
    actor: str
    reason: str = ""


# Sorted, so that two transactions that open the same accounts do not wait for each other in turn.
_OPEN: Final = """
INSERT INTO ledger_account (kind, owner_id, currency)
SELECT kind, owner_id, currency
FROM unnest(%s::text[], %s::bigint[], %s::text[]) AS wanted (kind, owner_id, currency)
WHERE NOT EXISTS (
    SELECT FROM ledger_account account WHERE account.kind = wanted.kind
        AND account.owner_id = wanted.owner_id AND account.currency = wanted.currency)
ORDER BY kind, owner_id, currency
ON CONFLICT (kind, owner_id, currency) DO NOTHING
"""

_FIND: Final = """
SELECT account.kind, account.owner_id, account.currency, account.id
FROM unnest(%s::text[], %s::bigint[], %s::text[]) AS wanted (kind, owner_id, currency)
JOIN ledger_account account USING (kind, owner_id, currency)
"""

_JOURNALS: Final = """
INSERT INTO journal (kind, idem_key, effective_at, posted_at, actor, reason)
SELECT kind, idem_key, effective_at, %s, actor, reason
FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[])
    WITH ORDINALITY AS fresh (kind, idem_key, effective_at, actor, reason, place)
ORDER BY place
RETURNING idem_key, id
"""

# All in one statement: its trigger locks the balances once, in the order of accounts.
_ENTRIES: Final = """
INSERT INTO entry (journal_id, account_id, currency, amount_micros)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[])
"""

# The accounts of a query's parts, netted; what cancels out is no entry.
_NETTED: Final = """
SELECT kind, owner_id, currency, sum(micros)::bigint AS micros
FROM ({parts}) part (kind, owner_id, currency, micros)
GROUP BY kind, owner_id, currency HAVING sum(micros) <> 0
"""

_OPEN_FOR: Final = """
INSERT INTO ledger_account (kind, owner_id, currency)
SELECT kind, owner_id, currency FROM ({netted}) wanted
WHERE NOT EXISTS (
    SELECT FROM ledger_account account WHERE account.kind = wanted.kind
        AND account.owner_id = wanted.owner_id AND account.currency = wanted.currency)
ORDER BY kind, owner_id, currency
ON CONFLICT (kind, owner_id, currency) DO NOTHING
"""

_POST_FOR: Final = """
WITH netted AS MATERIALIZED ({netted}), fresh AS (
    INSERT INTO journal (kind, idem_key, effective_at, posted_at, actor, reason)
    SELECT %(journal)s, %(idem_key)s, %(effective_at)s, %(posted_at)s, %(actor)s, ''
    WHERE EXISTS (SELECT FROM netted)
    RETURNING id
), posted AS (
    INSERT INTO entry (journal_id, account_id, currency, amount_micros)
    SELECT fresh.id, account.id, netted.currency, netted.micros
    FROM fresh, netted JOIN ledger_account account USING (kind, owner_id, currency)
)
SELECT id FROM fresh
"""

_MIRROR: Final = """
SELECT account.kind, account.owner_id, account.currency, -entry.amount_micros
FROM entry
JOIN journal ON journal.id = entry.journal_id
JOIN ledger_account account ON account.id = entry.account_id
WHERE journal.idem_key = %(mirrored)s
"""

_BALANCE: Final = """
SELECT coalesce(sum(entry.amount_micros), 0)::bigint
FROM ledger_account account JOIN entry ON entry.account_id = account.id
WHERE account.kind = %s AND account.owner_id = %s AND account.currency = %s
"""


def accounts(cursor: AnyCursor, wanted: Iterable[Account]) -> dict[Account, int]:
    """The ids of these accounts; those that are not there yet are opened."""
    keys = columns(sorted(set(wanted)), width=3)
    cursor.execute(_OPEN, keys)
    cursor.execute(_FIND, keys)
    return {Account(*key): id for *key, id in cursor.fetchall()}


def account(cursor: AnyCursor, kind: str, owner_id: int, currency: str) -> int:
    """The id of one account, opened if need be."""
    wanted = Account(kind, owner_id, currency)
    return accounts(cursor, [wanted])[wanted]


def net(entries: Iterable[Entry]) -> list[Entry]:
    """One entry for each account, without those that come to nothing."""
    sums: defaultdict[Account, int] = defaultdict(int)
    for entry in entries:
        sums[entry.account] += entry.micros
    return [Entry(account, micros) for account, micros in sorted(sums.items()) if micros]


def post(
    cursor: AnyCursor,
    *,
    kind: str,
    idem_key: str,
    entries: Iterable[Entry],
    effective_at: datetime,
    actor: str,
    reason: str = "",
) -> int:
    """Post one journal and return its id; see `post_all` for what it raises."""
    journal = NewJournal(
        kind=kind,
        idem_key=idem_key,
        entries=list(entries),
        effective_at=effective_at,
        actor=actor,
        reason=reason,
    )
    return post_all(cursor, [journal])[0]


def post_all(cursor: AnyCursor, journals: Sequence[NewJournal]) -> list[int]:
    """Post these journals, three statements in all, and return their ids in the same order.

    Unbalanced or NothingToPost before the database is asked. A fact that is in the books already
    is an IntegrityError (`already_posted`) and never a quiet yes: the caller's other rows would be
    written a second time; rolling back is the answer that is always right. IntegrityError
    (`no_cover`) where an advertiser's prepaid money would fall below its floor.
    """
    netted = [_balanced(journal) for journal in journals]
    ids = accounts(cursor, (entry.account for entries in netted for entry in entries))
    cursor.execute(
        _JOURNALS,
        [
            clock.now(),
            [journal.kind for journal in journals],
            [journal.idem_key for journal in journals],
            [journal.effective_at for journal in journals],
            [journal.actor for journal in journals],
            [journal.reason for journal in journals],
        ],
    )
    by_key = dict(cursor.fetchall())
    posted = [int(by_key[journal.idem_key]) for journal in journals]
    rows = [
        (journal_id, ids[entry.account], entry.account.currency, entry.micros)
        for journal_id, entries in zip(posted, netted, strict=True)
        for entry in entries
    ]
    cursor.execute(_ENTRIES, columns(rows, width=4))
    return posted


def post_parts(
    cursor: AnyCursor,
    parts: str,
    values: Mapping[str, Bound],
    *,
    kind: str,
    idem_key: str,
    effective_at: datetime,
    actor: str,
) -> int | None:
    """Post one journal whose entries a query gives, without a row passing through Python.

    `parts` selects kind, owner, currency and micros, several for an account if it likes; it is
    read twice, so it reads what the transaction has locked or what never changes. The id of the
    journal, or None where everything cancels out. Raises what `post_all` raises, by the database.
    """
    netted = _NETTED.format(parts=parts)
    cursor.execute(_OPEN_FOR.format(netted=netted), values)
    journal: dict[str, Bound] = {
        "journal": kind,
        "idem_key": idem_key,
        "effective_at": effective_at,
        "posted_at": clock.now(),
        "actor": actor,
    }
    cursor.execute(_POST_FOR.format(netted=netted), {**values, **journal})
    row = cursor.fetchone()
    return int(row[0]) if row else None


def mirror(
    cursor: AnyCursor,
    mirrored: str,
    *,
    kind: str,
    idem_key: str,
    effective_at: datetime,
    actor: str,
) -> int | None:
    """Post what undoes the journal `mirrored`, which stays as it is."""
    return post_parts(
        cursor,
        _MIRROR,
        {"mirrored": mirrored},
        kind=kind,
        idem_key=idem_key,
        effective_at=effective_at,
        actor=actor,
    )


def balance(cursor: AnyCursor, kind: str, owner_id: int, currency: str) -> int:
    """The sum of an account's entries in micros, debit positive; 0 for one never used."""
    cursor.execute(_BALANCE, [kind, owner_id, currency])
    ((micros,),) = cursor.fetchall()
    return int(micros)


def _balanced(journal: NewJournal) -> list[Entry]:
    entries = net(journal.entries)
    if not entries:
        raise NothingToPost(journal.idem_key)
    sums: defaultdict[str, int] = defaultdict(int)
    for entry in entries:
        sums[entry.account.currency] += entry.micros
    if any(sums.values()):
        raise Unbalanced(journal.idem_key)
    return entries
