"""Places in caps for a batch of clicks: claimed in memory, taken in the commit that stores them.

    wanted = places.wanted(claims)                       # how many, in the order of locks
    statement = places.taking(connection, wanted)        # before the clicks' COPY, in one message
    windows = places.taken(answer, wanted)               # when the message has come to COPY
    refused = places.reserve(windows, claims_of_each)    # in the order of receipt
    places.suits(windows, wanted)                        # else all is taken back
    full.learn(windows)

`taking` takes as many places as the batch claims, or as there are, by the SQL function
`take_places_together` (migration 0010). Rarely that will not do: a window is new, so
that `taken` knows none, or a click that one cap refuses leaves places unused that it claimed in
another. Then the batch goes the long way, with `begin` and `commit` around `reserve` and the COPY.

Windows are locked in one order, by (cap, start, key), so no two batches wait for each other; the
check on the counter stands should all this be wrong.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Protocol

from psycopg import AsyncConnection, AsyncCursor
from psycopg.sql import Literal

from network.arrays import array
from partners.windows import window

# The cap, the start of the window, what is counted there (the affiliate's id, the source, the
# country, the landing page's id; empty for the whole offer), and the end of the window.
Claim = tuple[int, datetime, str, datetime | None]

KEY_MAX: Final = 500
FULL_MAX: Final = 20_000


class Cap(Protocol):
    """What is read of a cap; any object with these will do."""

    @property
    def id(self) -> int: ...
    @property
    def scope(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def period(self) -> str: ...
    @property
    def time_zone(self) -> str: ...
    @property
    def limit_count(self) -> int: ...


@dataclass(slots=True)
class Places:
    """A window's counter: the limit, what was used of it before, and what this batch takes."""

    limit: int
    used: int
    taken: int = 0

    @property
    def full(self) -> bool:
        """Whether nobody else gets in."""
        return self.used + self.taken >= self.limit


Windows = dict[Claim, Places]
Wanted = Mapping[Claim, int]


class Closed(Protocol):
    """Knows windows that are closed for sure."""

    def first(self, claims: Collection[Claim], caps: Iterable[Cap]) -> Claim | None:
        """The first claim that certainly finds no room; None if the database has to say."""
        ...


class Full:
    """Windows that are known to be full, so that the clicks after that need no database.

    What is used of a window never becomes less. So a window in which N places are used is full for
    every limit up to N, whatever the limit was meanwhile; a higher one asks the database again.
    """

    def __init__(self, size_max: int = FULL_MAX) -> None:
        self._size_max: Final = size_max
        self._used: dict[Claim, int] = {}

    def learn(self, windows: Mapping[Claim, Places]) -> None:
        """Keep those of a committed batch that are full; the longest known make room."""
        for claim, places in windows.items():
            if places.full:
                self._used.pop(claim, None)
                self._used[claim] = places.used + places.taken
        while len(self._used) > self._size_max:
            del self._used[next(iter(self._used))]

    def knows(self, claim: Claim, limit: int) -> bool:
        """Whether there is certainly no room under this limit, the cap's own in the snapshot."""
        return self._used.get(claim, -1) >= limit

    def first(self, claims: Collection[Claim], caps: Iterable[Cap]) -> Claim | None:
        """The first claim that is known to find no room; None if the database has to say."""
        if not self._used:
            return None
        limits = {cap.id: cap.limit_count for cap in caps}
        return next((claim for claim in claims if self.knows(claim, limits[claim[0]])), None)


class FullBesides:
    """What is known to be full, and what has refused this click; with None among that, all is."""

    def __init__(self, full: Full, refused: frozenset[Claim | None]) -> None:
        self._full = full
        self._refused = refused

    def first(self, claims: Collection[Claim], caps: Iterable[Cap]) -> Claim | None:
        """The first claim that certainly finds no room; None if the database has to say."""
        for claim in claims:
            if claim in self._refused or None in self._refused:
                return claim
        return self._full.first(claims, caps)


def claims(
    caps: Iterable[Cap],
    *,
    affiliate_id: int,
    source: str,
    country: str,
    landing_id: int,
    at: datetime,
) -> tuple[Claim, ...]:
    """What a click of this instant needs a place in; a cap on another's value is none of its.

    A visitor without a source, of no known country, or without a landing page (0) is counted among
    its likes, under an empty key or "0".
    """
    found: list[Claim] = []
    for cap in caps:
        scope = cap.scope
        if scope == "offer":
            key = ""
        elif scope == "affiliate":
            key = str(affiliate_id)
        elif scope == "source":
            key = source[:KEY_MAX]
        elif scope == "country":
            key = country
        else:
            key = str(landing_id)
        if cap.value and cap.value != key:
            continue
        starts_at, ends_at = window(cap.period, cap.time_zone, at)
        found.append((cap.id, starts_at, key, ends_at))
    return tuple(found)


# --- in one message (nearly always)


def wanted(claims: Iterable[Claim]) -> Wanted:
    """How many places a batch claims in each window, in the order in which windows are locked."""
    counted = Counter(claims)
    return {claim: counted[claim] for claim in sorted(counted)}


def taking(connection: AsyncConnection[Any], wanted: Wanted) -> str:
    """The statement that takes so many places in these windows, or what is left there."""
    caps = ",".join([str(claim[0]) for claim in wanted])
    starts = ",".join([_instant(claim[1]) for claim in wanted])
    keys = Literal(array([_storable(claim[2]) for claim in wanted]))
    places = ",".join(map(str, wanted.values()))
    return (
        f"SELECT take_places_together('{{{caps}}}', '{{{starts}}}', {keys.as_string(connection)},"
        f" '{{{places}}}')"
    )


def taken(answer: bytes | None, wanted: Wanted) -> Windows | None:
    """The windows as they were before `taking`, from its answer; None where one is new."""
    if answer is None:
        return None
    numbers = list(map(int, answer[1:-1].split(b",")))
    used, limits = numbers[: len(wanted)], numbers[len(wanted) :]
    return dict(zip(wanted, map(Places, limits, used), strict=True))


def reserve(windows: Windows, clicks: Iterable[Sequence[Claim]]) -> list[Claim | None]:
    """Give each click a place in all that it claims or in none, in this order.

    For each click the claim that found no room, None for one that got in. `windows` count along.
    """
    refused: list[Claim | None] = []
    for claims in clicks:
        full = next((claim for claim in claims if windows[claim].full), None)
        if full is None:
            for claim in claims:
                windows[claim].taken += 1
        refused.append(full)
    return refused


def suits(windows: Windows, wanted: Wanted) -> bool:
    """Whether what the clicks use, after `reserve`, is what `taking` took."""
    return all(
        places.taken == min(wanted[claim], places.limit - places.used)
        for claim, places in windows.items()
    )


@lru_cache(maxsize=1_000)
def _instant(at: datetime) -> str:
    return at.isoformat()


# --- in turn (a new window, a click that one cap refuses)

_Key = tuple[int, datetime, str]

# Each takes rows of literals, so that a message can hold several statements: parameters allow one,
# and planning them as arrays takes three times as long.
# ORDER BY comes before FOR UPDATE takes its locks, so everybody takes them in one order.
_LOCK: Final = """
SELECT cap_window.cap_id, cap_window.starts_at, cap_window.key, limit_count, used
FROM (VALUES {}) AS wanted (cap_id, starts_at, key)
JOIN cap_window ON cap_window.cap_id = wanted.cap_id
    AND cap_window.starts_at = wanted.starts_at AND cap_window.key = wanted.key
ORDER BY cap_window.cap_id, cap_window.starts_at, cap_window.key COLLATE "C"
FOR UPDATE OF cap_window
"""

# The limit is the database's and not the snapshot's, which may be older; FOR SHARE, because one
# that is being changed would be copied as it was into a window that the change does not see.
_MAKE: Final = """
INSERT INTO cap_window (cap_id, starts_at, key, ends_at, limit_count, used)
SELECT cap.id, wanted.starts_at, wanted.key, wanted.ends_at::timestamptz, cap.limit_count, 0
FROM (VALUES {}) AS wanted (cap_id, starts_at, key, ends_at)
JOIN cap ON cap.id = wanted.cap_id
ORDER BY cap.id, wanted.starts_at, wanted.key COLLATE "C"
FOR SHARE OF cap
ON CONFLICT (cap_id, starts_at, key) DO NOTHING
"""

_TAKE: Final = """
UPDATE cap_window SET used = used + taken.places
FROM (VALUES {}) AS taken (cap_id, starts_at, key, places)
WHERE cap_window.cap_id = taken.cap_id
    AND cap_window.starts_at = taken.starts_at AND cap_window.key = taken.key
"""


async def begin(connection: AsyncConnection[Any], wanted: Iterable[Claim]) -> Windows:
    """Begin a transaction and lock all these windows, making those that are new; one message.

    Two messages where a window is new: all locks are let go before it is made, since whoever made
    it at the same moment may be waiting for one of them. The connection is in autocommit, outside a
    transaction; after an exception the caller rolls back. A window of a cap that is gone is full.
    """
    claims = {claim[:3]: claim for claim in wanted}
    lock = _LOCK.format(_rows(claims, connection))
    found = await _locked(connection, f"BEGIN; {lock}")
    if new := [claim for key, claim in claims.items() if key not in found]:
        make = _MAKE.format(_rows(new, connection))
        found = await _locked(connection, f"ROLLBACK; BEGIN; {make}; {lock}")
    return {claim: Places(*found.get(key, (0, 0))) for key, claim in claims.items()}


async def commit(connection: AsyncConnection[Any], windows: Windows) -> None:
    """Count what was taken and commit, in one message; after an exception the caller rolls back.

    CheckViolation (`cap_never_passed`) cannot be, as the windows are locked since `begin`.
    """
    taken = [(*claim[:3], places.taken) for claim, places in windows.items() if places.taken]
    take = f"{_TAKE.format(_rows(taken, connection))}; " if taken else ""
    await _run(connection, f"{take}COMMIT")


async def _locked(connection: AsyncConnection[Any], statements: str) -> dict[_Key, tuple[int, int]]:
    """Run the statements, of which the last is the lock; limit and use by window."""
    cursor = await _run(connection, statements)
    while cursor.nextset():
        pass
    rows = await cursor.fetchall()
    return {(cap, start, key): (limit, used) for cap, start, key, limit, used in rows}


async def _run(connection: AsyncConnection[Any], statements: str) -> AsyncCursor[Any]:
    # The driver would prepare what comes often, and a prepared statement holds one command.
    return await connection.execute(statements.encode(), prepare=False)


def _rows(rows: Iterable[tuple[Any, ...]], connection: AsyncConnection[Any]) -> str:
    """Rows for VALUES; each value is quoted by the driver."""
    quoted = [[Literal(_storable(value)).as_string(connection) for value in row] for row in rows]
    return ", ".join(f"({', '.join(row)})" for row in quoted)


def _storable(value: Any) -> Any:
    """A text without what PostgreSQL takes none of, which would refuse the others of the batch."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    return value
