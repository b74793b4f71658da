"""The job that teaches smart links: counts what came of their visitors, and writes the shares.

The rows are the memory. Nothing is kept from one run to the next but the shares themselves, so an
offer that was left out and taken in again is judged by all that was ever seen of it, and a run that
is repeated, or lost, changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction

from network import clock
from network.locks import turn
from network.rows import columns
from partners.models import SmartWeight
from tracking.insight import bandit, evidence
from tracking.insight.bandit import WHOLE, Cell
from tracking.insight.evidence import Evidence, Place

# A share that is off by less is left alone: each change makes every tracker read the link anew.
MOVED_PPM: Final = 10_000
# Clicks, as they count today, from which a country and device have shares of their own. What has
# them keeps them down to the half, so that no share comes and goes with every click.
CELL_CLICKS: Final = 200

_Counts = Mapping[Cell, Mapping[int, Evidence]]

_WEIGH: Final = """
INSERT INTO smart_weight (smart_link_id, offer_id, country, device, weight_ppm, learned_at)
SELECT fresh.*, %s
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bigint[]) AS fresh
ON CONFLICT (smart_link_id, offer_id, country, device)
DO UPDATE SET weight_ppm = excluded.weight_ppm, learned_at = excluded.learned_at
"""
_COUNT: Final = """
INSERT INTO smart_evidence (weight_id, clicks, conversions, commission_micros, counted_at)
SELECT smart_weight.id, fresh.clicks, fresh.conversions, fresh.commission_micros, %s
FROM unnest(
    %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[]
) AS fresh (smart_link_id, offer_id, country, device, clicks, conversions, commission_micros)
JOIN smart_weight USING (smart_link_id, offer_id, country, device)
ON CONFLICT (weight_id) DO UPDATE SET
    clicks = excluded.clicks,
    conversions = excluded.conversions,
    commission_micros = excluded.commission_micros,
    counted_at = excluded.counted_at
"""


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What was learned for one link: shares that moved, counts behind all, cells to forget."""

    moved: Sequence[tuple[int, int, str, str, int]]
    counted: Sequence[tuple[int, int, str, str, int, int, int]]
    outgrown: Sequence[int]


def learn() -> int:
    """Teach every active smart link that learns; how many shares were written or taken away."""
    with turn("learn_smart_links") as ours:
        return _learn(clock.now()) if ours else 0


def _learn(now: datetime) -> int:
    choices = evidence.offers()
    if not choices:
        return 0
    known = evidence.read(now, half_life=timedelta(days=settings.SMART_HALF_LIFE_DAYS))
    held = _held(known)
    lessons = [_lesson(link, choices[link], known[link], held[link]) for link in known]
    with transaction.atomic():
        return _write(lessons, now)


def _held(links: Iterable[int]) -> dict[int, dict[Place, SmartWeight]]:
    found: dict[int, dict[Place, SmartWeight]] = defaultdict(dict)
    for row in SmartWeight.objects.filter(smart_link__in=list(links)):
        found[row.smart_link_id][row.offer_id, row.country, row.device] = row
    return found


def _lesson(
    link: int,
    offers: Sequence[int],
    known: Mapping[Place, Evidence],
    held: Mapping[Place, SmartWeight],
) -> _Lesson:
    counts = _counts(known, {(country, device) for _, country, device in held})
    seen = {
        cell: {offer: found.seen for offer, found in of_cell.items()}
        for cell, of_cell in counts.items()
    }
    moved, counted = [], []
    for cell, parts in bandit.shares(link, offers, seen).items():
        for offer, ppm in parts.items():
            had = held.get((offer, *cell))
            if had is None or abs(had.weight_ppm - ppm) > MOVED_PPM:
                moved.append((link, offer, *cell, ppm))
            found = counts[cell].get(offer, Evidence())
            counted.append(
                (link, offer, *cell, found.clicks, found.conversions, found.commission_micros)
            )
    outgrown = [
        row.pk for (_, country, device), row in held.items() if (country, device) not in counts
    ]
    return _Lesson(moved, counted, outgrown)


def _counts(known: Mapping[Place, Evidence], had: set[Cell]) -> _Counts:
    """What is known by cell and offer, of cells that can stand alone, and of all together."""
    found: dict[Cell, dict[int, Evidence]] = defaultdict(lambda: defaultdict(Evidence))
    for (offer, country, device), each in known.items():
        for cell in bandit.cells_of(country, device):
            found[cell][offer] += each
    return {
        cell: of_cell
        for cell, of_cell in found.items()
        if cell == WHOLE or _clicks(of_cell.values()) >= CELL_CLICKS / (2 if cell in had else 1)
    }


def _clicks(of_cell: Iterable[Evidence]) -> float:
    return sum(each.seen.whole.clicks for each in of_cell)


def _write(lessons: Sequence[_Lesson], now: datetime) -> int:
    """Store what was learned. A statement that changes no share is not made: it would ring."""
    moved = [row for lesson in lessons for row in lesson.moved]
    counted = [row for lesson in lessons for row in lesson.counted]
    outgrown = [id for lesson in lessons for id in lesson.outgrown]
    with connection.cursor() as cursor:
        if moved:
            cursor.execute(_WEIGH, [now, *columns(moved, width=5)])
        cursor.execute(_COUNT, [now, *columns(counted, width=7)])
    if outgrown:
        SmartWeight.objects.filter(pk__in=outgrown).delete()
    return len(moved) + len(outgrown)
