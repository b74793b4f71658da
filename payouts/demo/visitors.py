"""Visitors: who clicks on which link, and when; stored in bulk in the tracker's own form."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from django.db import connection

from network.clock import EPOCH
from partners.places import Full
from partners.snapshot import Snapshot
from payouts.demo.network import LOST_CODE, Placement
from tracking.asked import Asked
from tracking.clicks import decide, entries
from tracking.clicks.evaluate import LINK_UNKNOWN, OK
from tracking.clicks.kinds import COPIES
from tracking.clicks.row import said
from tracking.clicks.visit import Visit

# Percent: who of a day comes in each three hours, and how the days of the week compare.
_THREE_HOURS: Final = (4, 4, 11, 16, 15, 16, 20, 14)
_WEEKDAYS: Final = (100, 94, 92, 97, 104, 122, 131)
# Each week brings a little more than the one before.
_GROWTH_PER_DAY: Final = 0.006
_MILLISECOND: Final = timedelta(milliseconds=1)

_PLACES: Final = ("top", "text", "sidebar", "newsletter", "footer")
_LANGUAGES: Final = ("en-GB", "de-DE", "fr-FR", "it-IT", "es-ES", "nl-NL", "pl-PL", "fi-FI")
_BROWSERS: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodClick:
    """A good click: when it was, its id as the shop sees it, and through which link."""

    at: datetime
    click_id: str
    placement: Placement


class Visitors:
    """Makes clicks as chance, the hour, the weekday and the affiliate have it."""

    def __init__(self, random: Random, placements: Sequence[Placement], began: datetime) -> None:
        self._random = random
        self._placements = placements
        self._began = began

    def come(
        self, since: datetime, until: datetime, snapshot: Snapshot
    ) -> tuple[int, list[GoodClick]]:
        """Store the clicks of three hours at most; how many, and the good ones."""
        lines: list[str] = []
        visits: list[GoodClick] = []
        for placement in self._placements:
            expected = _expected(placement, since, self._began)
            for at in self._instants(expected, since, until):
                click_id, reason, line = self._click(at, placement.link.code, placement, snapshot)
                lines.append(line)
                if reason == OK:
                    visits.append(GoodClick(at=at, click_id=click_id, placement=placement))
        for at in self._instants(0.15, since, until):
            lines.append(self._click(at, LOST_CODE, self._placements[0], snapshot)[2])
        _store("".join(lines))
        return len(lines), visits

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
        self, at: datetime, code: str, placement: Placement, snapshot: Snapshot
    ) -> tuple[str, str, str]:
        """The click's id, the reason it is stored with, and its line for COPY."""
        params = {
            "sub1": self._random.choice(_PLACES),
            "source": placement.affiliate.source,
            "cons": "1",
        }
        visit = Visit(self._request(code, placement), said(params), (at - EPOCH) // _MILLISECOND)
        link = snapshot.links.get(code)
        decision = decide.of_link(link, visit, Full()) if link else decide.unknown(LINK_UNKNOWN)
        entry = entries.click(visit, decision, code, None)
        return entry.click_id, entry.outcome, entry.line

    def _request(self, code: str, placement: Placement) -> Asked:
        """The request of a browser, as the tracker gets it."""
        site = placement.affiliate.person.email.partition("@")[2]
        peer = self._address()
        headers = {
            b"user-agent": self._random.choice(_BROWSERS).encode(),
            b"referer": f"https://{site}/".encode(),
            b"accept-language": self._random.choice(_LANGUAGES).encode(),
        }
        return Asked(f"/c/{code}", b"", headers, peer)

    def _address(self) -> str:
        """An address of the ranges that are kept for documentation."""
        number = self._random.randrange(1, 255)
        kind = self._random.randrange(3)
        return (f"198.51.100.{number}", f"203.0.113.{number}", f"2001:db8::{number:x}")[kind]


def make_partitions(since: datetime, until: datetime) -> None:
    """The click partitions of all days of the story and of the day after."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT make_click_partition(%s::date + day) FROM generate_series(0, %s) AS day",
            [since.date(), (until.date() - since.date()).days + 1],
        )


def _expected(placement: Placement, at: datetime, began: datetime) -> float:
    """How many people are to be expected in an hour at this time."""
    daily = placement.affiliate.daily / len(placement.affiliate.promotes)
    share = _THREE_HOURS[at.hour // 3] / 300
    growth = 1 + _GROWTH_PER_DAY * (at - began).days
    return daily * share * growth * _WEEKDAYS[at.weekday()] / 100


def _store(lines: str) -> None:
    with connection.cursor() as cursor, cursor.copy(COPIES["click"]) as copy:
        copy.write(lines)
