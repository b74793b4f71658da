"""What came of the visitors of smart links that learn, counted from the rows.

A click's approval takes time, and another time for each offer. So a young click counts only for the
part of it that could be approved by now: of an offer of which half the approvals come within a
day, a click of yesterday is half a click. Without that, what is approved late would look bad for as
long as its traffic is young. How long approvals take is seen from the offer's first conversions of
the period, by whomever they came, since the latest ones are those that were approved quickly.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from tracking.insight.bandit import Seen, Tally

# After so many half-lives a click counts for a sixteenth, and is left out from then on.
LOOK_BACK_HALF_LIVES: Final = 4
# What was seen lately fades so much faster than the rest.
LATELY: Final = 4
# Approvals that it takes to tell how long they take.
DELAYS_MIN: Final = 20
DELAYS_MAX: Final = 1_000
_DELAY_STEPS: Final = tuple(step / 20 for step in range(1, 21))

# Active choices of active links. `ARRAY[...]` of delays are the twentieths of the approvals; a
# click that is older than half of them is worth eleven twentieths, give or take half a step.
_CHOICES: Final = """
WITH choice AS (
    SELECT smart_link.id AS smart_link_id, smart_link.affiliate_id, smart_offer.offer_id
    FROM smart_link
    JOIN smart_offer ON smart_offer.smart_link_id = smart_link.id AND smart_offer.active
    WHERE smart_link.active AND smart_link.strategy = 'learned'
)
"""
_OFFERS: Final = f"{_CHOICES} SELECT smart_link_id, offer_id FROM choice ORDER BY 1, 2"

# In floating point: numeric, which extract gives, takes twenty times as long.
_AGE_S: Final = "extract(epoch FROM %(now)s - {at})::float8"
_WEIGHTS: Final = f"""
    0.5::float8 ^ ({_AGE_S} / %(half_life_s)s) AS kept,
    0.5::float8 ^ ({_AGE_S} / %(half_life_s)s * %(lately)s) AS kept_lately
"""
_CELL: Final = """
    CASE WHEN length({row}.country) = 2 THEN {row}.country ELSE '' END,
    coalesce(left({row}.device, 12), '')
"""

_CLICKS: Final = f"""
{_CHOICES}, delay AS MATERIALIZED (
    SELECT wanted.offer_id,
        extract(epoch FROM conversion_event.at - first.click_at)::float8 AS delay_s
    FROM (SELECT DISTINCT offer_id FROM choice) AS wanted
    CROSS JOIN LATERAL (
        SELECT id, click_at FROM conversion
        WHERE conversion.offer_id = wanted.offer_id AND received_at >= %(since)s
            AND status IN ('approved', 'reversed') AND NOT is_test
        ORDER BY received_at LIMIT %(delays_max)s
    ) AS first
    JOIN conversion_event ON conversion_event.conversion_id = first.id
        AND conversion_event.new = 'approved' AND conversion_event.old <> 'approved'
), usual AS (
    SELECT percentile_disc(%(steps)s::float8[]) WITHIN GROUP (ORDER BY delay_s) AS steps
    FROM delay HAVING count(*) >= %(delays_min)s
), its AS (
    SELECT offer_id, percentile_disc(%(steps)s::float8[]) WITHIN GROUP (ORDER BY delay_s) AS steps
    FROM delay GROUP BY offer_id HAVING count(*) >= %(delays_min)s
)
SELECT smart_link_id, offer_id, {_CELL.format(row="weighed")}, count(*),
    sum((kept - kept_lately) * mature), sum(kept_lately * mature)
FROM (
    SELECT choice.smart_link_id, choice.offer_id, click.country, click.device,
        CASE WHEN its.steps IS NULL AND usual.steps IS NULL THEN 1.0::float8
        ELSE least(1.0::float8, (0.5::float8 + width_bucket(
            {_AGE_S.format(at="click.ts")}, coalesce(its.steps, usual.steps)
        )) / 20) END AS mature,
        {_WEIGHTS.format(at="click.ts")}
    FROM choice
    JOIN click ON click.smart_link_id = choice.smart_link_id AND click.offer_id = choice.offer_id
        AND click.smart_link_id > 0 AND click.reason = 'ok'
        AND click.ts >= %(since)s AND click.ts < %(now)s
    LEFT JOIN its ON its.offer_id = choice.offer_id
    LEFT JOIN usual ON true
) AS weighed
GROUP BY 1, 2, 3, 4
"""

# OFFSET 0: each click is one look into one partition. The column holds what was approved, less
# reversals; a conversion that was reversed whole is in another state.
_APPROVED: Final = f"""
{_CHOICES}
SELECT smart_link_id, offer_id, {_CELL.format(row="weighed")},
    count(*), sum(commission_micros),
    sum((kept - kept_lately) * commission_micros),
    sum((kept - kept_lately) * commission_micros::float8 ^ 2),
    sum(kept_lately * commission_micros),
    sum(kept_lately * commission_micros::float8 ^ 2)
FROM (
    SELECT choice.smart_link_id, choice.offer_id, click.country, click.device,
        conversion.commission_micros, {_WEIGHTS.format(at="conversion.click_at")}
    FROM conversion
    CROSS JOIN LATERAL (
        SELECT smart_link_id, country, device FROM click
        WHERE click.id = conversion.click_id AND click.ts = conversion.click_at
        OFFSET 0
    ) AS click
    JOIN choice ON choice.smart_link_id = click.smart_link_id
        AND choice.offer_id = conversion.offer_id
    WHERE conversion.affiliate_id IN (SELECT affiliate_id FROM choice)
        AND conversion.received_at >= %(since)s AND conversion.click_at >= %(since)s
        AND conversion.status = 'approved' AND NOT conversion.is_test
) AS weighed
GROUP BY 1, 2, 3, 4
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of an offer in some place: plain counts, and what they weigh today."""

    clicks: int = 0
    conversions: int = 0
    commission_micros: int = 0
    seen: Seen = Seen()

    def __add__(self, other: "Evidence") -> "Evidence":
        return Evidence(
            self.clicks + other.clicks,
            self.conversions + other.conversions,
            self.commission_micros + other.commission_micros,
            self.seen + other.seen,
        )


# (offer, country, device)
Place = tuple[int, str, str]


def offers() -> dict[int, list[int]]:
    """The offers among which each smart link learns to choose, by the link's id."""
    found: dict[int, list[int]] = defaultdict(list)
    for smart_link_id, offer_id in _rows(_OFFERS):
        found[smart_link_id].append(offer_id)
    return found


def read(now: datetime, *, half_life: timedelta) -> dict[int, dict[Place, Evidence]]:
    """What is known by smart link and place, of the offers that are its choices now."""
    params = {
        "now": now,
        "since": now - LOOK_BACK_HALF_LIVES * half_life,
        "half_life_s": half_life.total_seconds(),
        "lately": LATELY,
        "delays_min": DELAYS_MIN,
        "delays_max": DELAYS_MAX,
        "steps": list(_DELAY_STEPS),
    }
    found: dict[int, dict[Place, Evidence]] = defaultdict(lambda: defaultdict(Evidence))
    for row in _rows(_CLICKS, params):
        link, *place, clicks, earlier, lately = row
        seen = Seen(Tally(clicks=float(earlier)), Tally(clicks=float(lately)))
        found[link][_place(place)] += Evidence(clicks=clicks, seen=seen)
    for row in _rows(_APPROVED, params):
        link, *place, conversions, micros, value, squares, value_lately, squares_lately = row
        seen = Seen(
            Tally(value=float(value), squares=float(squares)),
            Tally(value=float(value_lately), squares=float(squares_lately)),
        )
        found[link][_place(place)] += Evidence(
            conversions=conversions, commission_micros=int(micros), seen=seen
        )
    return found


def _place(place: Sequence[Any]) -> Place:
    offer_id, country, device = place
    return offer_id, country, device


def _rows(statement: str, params: Mapping[str, Any] | None = None) -> Iterator[Sequence[Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        yield from cursor.fetchall()
