"""Visitors: who clicks on which link, and when; stored in bulk in the tracker's own form."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Final

from django.db import connection

from network.clock import EPOCH
from partners import caps, places
from partners.places import Full, Places, Windows
from partners.snapshot import Link, Snapshot
from partners.vocabulary import LINK_PATH
from payouts.demo.crowd import Crowd, Guest
from payouts.demo.network import LOST_CODE, Placement
from tracking.asked import Asked
from tracking.clicks import batch, decide, entries
from tracking.clicks.evaluate import LINK_UNKNOWN, OK
from tracking.clicks.kinds import COPIES, Entry
from tracking.clicks.row import said
from tracking.clicks.salts import SALT_BYTES
from tracking.clicks.visit import Visit

# Percent: who of a day comes in each three hours, and how the days of the week compare.
_THREE_HOURS: Final = (4, 4, 11, 16, 15, 16, 20, 14)
_WEEKDAYS: Final = (100, 94, 92, 97, 104, 122, 131)
# Each week brings a little more than the one before.
_GROWTH_PER_DAY: Final = 0.006
_MILLISECOND: Final = timedelta(milliseconds=1)

_PLACES: Final = ("top", "text", "sidebar", "newsletter", "footer")
# Of a hundred clicks: by a browser that fetches ahead what its owner may never look at.
_AHEAD: Final = 2

_COUNT: Final = """
INSERT INTO cap_window (cap_id, starts_at, key, ends_at, limit_count, used)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (cap_id, starts_at, key) DO UPDATE SET used = excluded.used
"""
# As `caps.alert` does, but for its word in the log: nobody need hear now of what is long ago.
_ALERT: Final = f"""
UPDATE cap_window SET alerted_at = %s FROM cap
WHERE cap.id = cap_id AND alerted_at IS NULL AND {caps.AT_THRESHOLD}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodClick:
    """A good click of a person: when it was, its id as the shop sees it, and through which link."""

    at: datetime
    click_id: str
    placement: Placement


class Visitors:
    """Makes clicks as chance, the hour, the weekday and the affiliate have it."""

    def __init__(self, random: Random, placements: Sequence[Placement], began: datetime) -> None:
        self._random = random
        self._placements = placements
        self._began = began
        self._crowd = Crowd(random)
        # Of the present day: the tracker's own are not for the past.
        self._salt = date.min, b""
        self._windows: Windows = {}

    def come(
        self, since: datetime, until: datetime, snapshot: Snapshot
    ) -> tuple[int, list[GoodClick]]:
        """Store the clicks of three hours at most; how many, and the good ones of people."""
        arrivals = [
            (at, place)
            for place, placement in enumerate(self._placements)
            for at in self._instants(_expected(placement, since, self._began), since, until)
        ]
        found: list[Entry] = []
        visits: list[GoodClick] = []
        # In the order of time, or the first link would get all places in a cap.
        for at, place in sorted(arrivals):
            placement = self._placements[place]
            code = placement.link.code
            guest = self._crowd.guest(placement.affiliate, code)
            ahead = self._random.randrange(100) < _AHEAD
            entry = self._click(at, code, placement, guest, snapshot, ahead=ahead)
            found.append(entry)
            if entry.outcome == OK and not (ahead or guest.program):
                visits.append(GoodClick(at=at, click_id=entry.click_id, placement=placement))
        for at in self._instants(0.15, since, until):
            anywhere = self._placements[0]
            guest = self._crowd.guest(anywhere.affiliate, LOST_CODE)
            entry = self._click(at, LOST_CODE, anywhere, guest, snapshot)
            found.append(entry)
        _store(found)
        self._count_places(until)
        return len(found), visits

    def _instants(
        self, expected_per_hour: float, since: datetime, until: datetime
    ) -> Iterator[datetime]:
        """Instants of a Poisson process."""
        at = since
        while True:
            at += timedelta(hours=self._random.expovariate(expected_per_hour))
            if at >= until:
                return
            yield at

    def _click(
        self,
        at: datetime,
        code: str,
        placement: Placement,
        guest: Guest,
        snapshot: Snapshot,
        *,
        ahead: bool = False,
    ) -> Entry:
        """The click as it is stored."""
        params = {
            "sub1": self._random.choice(_PLACES),
            "source": placement.affiliate.source,
            "cons": "1",
        }
        asked = _request(code, placement, guest, ahead=ahead)
        visit = Visit(asked, said(params), (at - EPOCH) // _MILLISECOND)
        visit.place = replace(visit.place, country=guest.country, datacentre=guest.hosted)
        if guest.hosted:
            visit.marks.append("datacentre")
        link = snapshot.links.get(code)
        if link is None:
            return entries.click(visit, decide.unknown(LINK_UNKNOWN), code, None)
        decision = decide.of_link(link, visit, Full())
        return self._let_in(entries.click(visit, decision, code, self._salt_of(at.date())), link)

    def _let_in(self, entry: Entry, link: Link) -> Entry:
        """The entry with its places in the caps taken, or the one that takes its place."""
        if entry.otherwise is None:
            return entry
        limits = {cap.id: cap.limit_count for cap in link.offer.caps}
        for claim in entry.claims:
            self._windows.setdefault(claim, Places(limit=limits[claim[0]], used=0))
        (full,) = places.reserve(self._windows, [entry.claims])
        return entry if full is None else entry.otherwise(full)

    def _count_places(self, at: datetime) -> None:
        """Write what is taken of the windows, and forget those that have ended."""
        rows = [
            (cap_id, starts_at, key, ends_at, window.limit, window.taken)
            for (cap_id, starts_at, key, ends_at), window in self._windows.items()
        ]
        with connection.cursor() as cursor:
            cursor.executemany(_COUNT, rows)
            cursor.execute(_ALERT, [at])
        self._windows = {
            claim: window
            for claim, window in self._windows.items()
            if claim[3] is None or claim[3] > at
        }

    def _salt_of(self, day: date) -> bytes:
        """What makes the visitors of a day comparable."""
        if self._salt[0] != day:
            self._salt = day, self._random.randbytes(SALT_BYTES)
        return self._salt[1]


def _request(code: str, placement: Placement, guest: Guest, *, ahead: bool) -> Asked:
    """The request of a browser, as the tracker gets it."""
    site = placement.affiliate.person.email.partition("@")[2]
    headers = {
        b"user-agent": guest.user_agent.encode(),
        b"referer": f"https://{site}/".encode(),
        b"accept-language": guest.language.encode(),
    }
    if ahead:
        headers[b"sec-purpose"] = b"prefetch"
    return Asked(f"{LINK_PATH}{code}", b"", headers, guest.address)


def make_partitions(since: datetime, until: datetime) -> None:
    """The click partitions of all days of the story and of the day after."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT make_partition('click', %s::date + day) FROM generate_series(0, %s) AS day",
            [since.date(), (until.date() - since.date()).days + 1],
        )


def _expected(placement: Placement, at: datetime, began: datetime) -> float:
    """How many people are to be expected in an hour at this time."""
    daily = placement.affiliate.daily / len(placement.affiliate.promotes)
    share = _THREE_HOURS[at.hour // 3] / 300
    growth = 1 + _GROWTH_PER_DAY * (at - began).days
    return daily * share * growth * _WEEKDAYS[at.weekday()] / 100


def _store(clicks: Sequence[Entry]) -> None:
    with connection.cursor() as cursor, cursor.copy(COPIES["click"]) as copy:
        copy.write(batch.copied(clicks))
