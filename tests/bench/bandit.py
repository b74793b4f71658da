"""A smart link's month in a made-up market: what learning is worth, and what edits cost it.

The market knows each offer's true worth by country and device; approvals come days after clicks,
and most conversions of one offer are rejected. The offer that was best is left out for a day and
taken in again, a new one comes, and later the best of the largest group turns bad. Regret is what
was lost against sending each visitor to whatever was best for their like at that moment.
"""

import bisect
import heapq
import json
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from network.progress import say
from tracking.clicks.smart import choose
from tracking.insight import bandit
from tracking.insight.bandit import WHOLE, Cell, Seen, Tally
from tracking.insight.evidence import DELAYS_MIN, LATELY, LOOK_BACK_HALF_LIVES

HOURS = 24
FR_PHONE, FR_DESKTOP, PL_PHONE, PL_DESKTOP = CELLS = (
    ("FR", "phone"),
    ("FR", "desktop"),
    ("PL", "phone"),
    ("PL", "desktop"),
)
CROWD = (40, 30, 20, 10)
LEFT_OUT, TAKEN_IN, NEW, TURNED = 8, 9, 12, 18
DAYS = 30
EVENTS = {LEFT_OUT: "best left out", TAKEN_IN: "taken in again", NEW: "a new offer", TURNED: "turn"}
PHASES = ((0, LEFT_OUT), (LEFT_OUT, NEW), (NEW, TURNED), (TURNED, DAYS))
# As it is; forgetting at each edit; paid for conversions that nobody approved; without learning:
# what was best on the first day, and everything in turn.
POLICIES = ("learned", "forgets", "raw", "fixed", "even")
STRATEGIES = {"fixed": "priority", "even": "weight"}
RECOVERED = 0.8


@dataclass(frozen=True)
class Market:
    """An offer's truth: percent that convert by cell, commission, approved part, mean delay."""

    percent: tuple[float, float, float, float]
    commission: float
    approved: float
    delay_days: float

    def worth(self, cell: Cell) -> float:
        """Approved commission to be expected of a click."""
        rate = self.percent[CELLS.index(cell)] / 100
        return rate * self.approved * self.commission


# 1 is best for most, 2 in Poland, 4 on desktops in France, where it is approved late; of 3 most
# is rejected.
OFFERS = {
    1: Market((3.0, 2.0, 1.0, 1.2), commission=8, approved=0.9, delay_days=1),
    2: Market((2.0, 2.0, 3.5, 2.0), commission=5, approved=0.85, delay_days=0.3),
    3: Market((4.0, 4.0, 4.0, 4.0), commission=10, approved=0.25, delay_days=0.5),
    4: Market((0.6, 1.6, 0.3, 0.4), commission=20, approved=0.8, delay_days=3),
    5: Market((1.5, 1.5, 1.5, 4.0), commission=6, approved=0.9, delay_days=1),
}
TURN = {
    1: Market((0.8, 2.0, 1.0, 1.2), commission=8, approved=0.9, delay_days=1),
    2: Market((4.0, 2.0, 3.5, 2.0), commission=5, approved=0.85, delay_days=0.3),
}


def market(day: float) -> Mapping[int, Market]:
    """The offers of the link at this time, as they are then."""
    known = {id for id in OFFERS if id != 5 or day >= NEW}
    if LEFT_OUT <= day < TAKEN_IN:
        known.remove(1)
    return {id: (TURN if day >= TURNED else {}).get(id) or OFFERS[id] for id in sorted(known)}


def worths(day: float) -> dict[Cell, dict[int, float]]:
    """What a click is worth at this time, by cell and offer."""
    offers = market(day)
    return {cell: {id: truth.worth(cell) for id, truth in offers.items()} for cell in CELLS}


@dataclass(frozen=True)
class Numbered:
    id: int


@dataclass(frozen=True)
class Choice:
    offer: Numbered
    weight: int = 100


@dataclass
class Link:
    """What the tracker keeps in memory of the smart link."""

    strategy: str
    choices: Sequence[Choice]
    weights: dict[Cell, dict[int, int]] = field(default_factory=dict)


class Evidence:
    """Clicks and approvals by the hour of the click, weighed as the job weighs the rows."""

    def __init__(self, hours: int, *, half_life_days: float) -> None:
        self.half_life = half_life_days * HOURS
        self.look_back = int(LOOK_BACK_HALF_LIVES * self.half_life)
        self.begins = 0
        # (offer, cell) -> by hour.
        self.clicks, self.value, self.squares = (
            {(offer, cell): [0.0] * hours for offer in OFFERS for cell in CELLS} for _ in range(3)
        )
        self.delays: dict[int, list[float]] = {offer: [] for offer in OFFERS}

    def seen(self, now: int, offers: Iterable[int]) -> dict[Cell, dict[int, Seen]]:
        """What counts at this hour, by cell."""
        since = max(self.begins, now - self.look_back)
        ages = range(now - since, 0, -1)
        kept = [0.5 ** (age / self.half_life) for age in ages]
        lately = [0.5 ** (age / self.half_life * LATELY) for age in ages]
        earlier = list(map(operator.sub, kept, lately))
        found: dict[Cell, dict[int, Seen]] = {WHOLE: {}}
        for offer in offers:
            ripe = self._maturity(offer, ages)
            for cell in CELLS:
                seen = Seen(
                    self._tally((offer, cell), since, now, earlier, ripe),
                    self._tally((offer, cell), since, now, lately, ripe),
                )
                for each in bandit.cells_of(*cell):
                    before = found.setdefault(each, {}).get(offer, Seen())
                    found[each][offer] = before + seen
        return found

    def _tally(
        self,
        at: tuple[int, Cell],
        since: int,
        now: int,
        kept: Sequence[float],
        ripe: Sequence[float],
    ) -> Tally:
        clicks = map(operator.mul, kept, self.clicks[at][since:now])
        return Tally(
            sum(map(operator.mul, clicks, ripe)),
            sum(map(operator.mul, kept, self.value[at][since:now])),
            sum(map(operator.mul, kept, self.squares[at][since:now])),
        )

    def _maturity(self, offer: int, ages_hours: Iterable[int]) -> list[float]:
        """The part of approvals that comes within these times."""
        delays = self.delays[offer]
        if len(delays) < DELAYS_MIN:
            delays = [delay for each in self.delays.values() for delay in each]
        known = sorted(delays)
        if len(known) < DELAYS_MIN:
            return [1.0 for _ in ages_hours]
        return [bisect.bisect_right(known, age) / len(known) for age in ages_hours]

    def forget(self, now: int) -> None:
        """Begin anew."""
        self.begins = now


@dataclass
class Course:
    """What one policy did: per day the regret, and the share of the best offer by cell."""

    regret: list[float]
    best: dict[Cell, list[float]]

    def lost(self, since: int, until: int) -> float:
        """Regret of these days."""
        return sum(self.regret[since:until])

    def recovered(self, cell: Cell, day: int) -> int | None:
        """Days from `day` until the best offer has most of the cell; None for not at all."""
        later = self.best[cell][day:]
        return next((days for days, share in enumerate(later, 1) if share >= RECOVERED), None)


class Month:
    """The life of one link under a policy, hour by hour; the job runs each `every_hours`."""

    def __init__(
        self, policy: str, seed: int, *, daily: int, every_hours: int = 1, half_life_days: float = 7
    ) -> None:
        self._policy = policy
        self._dice = Random(seed)
        self._hourly = daily // HOURS
        self._every_hours = every_hours
        self._evidence = Evidence(DAYS * HOURS, half_life_days=half_life_days)
        self._link = Link(STRATEGIES.get(policy, "learned"), ())
        # Approvals to come: when, hour of the click, cell, offer, commission.
        self._coming: list[tuple[float, int, Cell, int, float]] = []
        self._regret = [0.0] * DAYS
        self._visits, self._hits = ({cell: [0] * DAYS for cell in CELLS} for _ in range(2))

    def live(self) -> Course:
        """All of it."""
        for hour in range(DAYS * HOURS):
            self._edit(hour)
            self._approve(hour)
            if self._link.strategy == "learned" and hour % self._every_hours == 0:
                offers = [choice.offer.id for choice in self._link.choices]
                self._link.weights = bandit.shares(1, offers, self._evidence.seen(hour, offers))
            worth = worths(hour / HOURS)
            for _ in range(self._hourly):
                self._visit(hour, worth)
        best = {
            cell: list(map(operator.truediv, self._hits[cell], self._visits[cell]))
            for cell in CELLS
        }
        return Course(self._regret, best)

    def _edit(self, hour: int) -> None:
        choices = [Choice(Numbered(id)) for id in market(hour / HOURS)]
        if self._policy == "forgets" and choices != self._link.choices:
            self._evidence.forget(hour)
        self._link.choices = choices

    def _approve(self, hour: int) -> None:
        while self._coming and self._coming[0][0] <= hour:
            at, clicked, cell, offer, commission = heapq.heappop(self._coming)
            self._evidence.delays[offer].append(at - clicked)
            self._evidence.value[offer, cell][clicked] += commission
            self._evidence.squares[offer, cell][clicked] += commission**2

    def _visit(self, hour: int, worth: Mapping[Cell, Mapping[int, float]]) -> None:
        dice, day = self._dice, hour // HOURS
        (cell,) = dice.choices(CELLS, CROWD)
        roll = dice.random()
        chosen = choose(self._link, lambda _: True, country=cell[0], device=cell[1], roll=roll)
        assert chosen is not None
        id, best = chosen.offer.id, max(worth[cell].values())
        self._regret[day] += best - worth[cell][id]
        self._visits[cell][day] += 1
        self._hits[cell][day] += worth[cell][id] == best
        self._evidence.clicks[id, cell][hour] += 1
        truth = market(hour / HOURS)[id]
        if dice.random() >= truth.percent[CELLS.index(cell)] / 100:
            return
        if self._policy == "raw" or dice.random() < truth.approved:
            after = 1 if self._policy == "raw" else dice.expovariate(1 / truth.delay_days) * HOURS
            heapq.heappush(self._coming, (hour + after, hour, cell, id, truth.commission))


def mean(courses: Sequence[Course]) -> Course:
    """The average of several months."""
    return Course(
        _average([course.regret for course in courses]),
        {cell: _average([course.best[cell] for course in courses]) for cell in CELLS},
    )


def _average(rows: Sequence[Sequence[float]]) -> list[float]:
    return [sum(each) / len(rows) for each in zip(*rows, strict=True)]


def main(seeds: int = 5, daily: int = 4_800, every_hours: int = 3) -> None:
    """Print the months of all policies; the last line is JSON."""
    found = {
        policy: mean(
            [
                Month(policy, seed, daily=daily, every_hours=every_hours).live()
                for seed in range(seeds)
            ]
        )
        for policy in POLICIES
    }
    say(f"{daily:,} clicks a day, the average of {seeds} months")
    say("\nregret, in commission")
    _table("days", [(f"{since} to {until}", "") for since, until in (*PHASES, (0, DAYS))], [
        [found[policy].lost(*phase) for policy in POLICIES] for phase in (*PHASES, (0, DAYS))
    ])  # fmt: skip
    say("\npercent of FR phone that goes to its best offer")
    _table("day", [(str(day), EVENTS.get(day, "")) for day in range(DAYS)], [
        [100 * found[policy].best[FR_PHONE][day] for policy in POLICIES] for day in range(DAYS)
    ])  # fmt: skip
    total = {policy: course.lost(0, DAYS) for policy, course in found.items()}
    figures: dict[str, Any] = {f"{policy}_regret": round(lost) for policy, lost in total.items()}
    for policy in ("learned", "forgets"):
        course = found[policy]
        figures |= {
            f"{policy}_edit_regret": round(course.lost(TAKEN_IN, NEW)),
            f"{policy}_days_after_edit": course.recovered(FR_PHONE, TAKEN_IN),
            f"{policy}_days_after_turn": course.recovered(FR_PHONE, TURNED),
        }
    figures["ratio"] = round(total["learned"] / total["even"], 3)
    exact = total["learned"] == min(total.values())
    say(json.dumps({"bench": "bandit", "exact": exact, **figures}))


def _table(head: str, lines: Sequence[tuple[str, str]], cells: Sequence[Sequence[float]]) -> None:
    say(f"{head:<10}" + "".join(f"{policy:>10}" for policy in POLICIES))
    for (name, note), numbers in zip(lines, cells, strict=True):
        say(f"{name:<10}" + "".join(f"{number:>10,.0f}" for number in numbers) + f"  {note}")


if __name__ == "__main__":
    main()
