"""Which share of visitors each offer of a smart link deserves: Thompson sampling, and pure.

The share is the probability that the offer is the best one, given what was seen: that of being
worth the most approved commission per click. So a clear winner gets nearly everybody, and what is
not known well is tried in proportion to what it may turn out to be.

Each offer's value per click is believed to follow a gamma distribution, whose shape is the number
of conversions behind it (of equal ones; a few large sales among small ones count for fewer). It is
built up from what is far to what is near, and what is farther counts only for so many conversions:
the link's average, the offer elsewhere, the offer in this country and on this device some time
ago, and the same lately. So little traffic is helped by what is known, and much finds out soon
when an offer has changed.

Nothing is thrown: quantiles of the normal distribution, dealt to each offer in an order of its
own, stand in for chance, so the same counts give the same shares.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from random import Random
from statistics import NormalDist
from typing import Final

from network.money import PPM

# (country, device); an empty one stands for all.
Cell = tuple[str, str]
WHOLE: Final[Cell] = ("", "")

# The part of the visitors that is shared out evenly, whatever was learned.
EXPLORE_PPM: Final = 50_000
# For how many conversions it counts at most: the link's average, an offer elsewhere, and earlier.
# With half or twice of any, the regret in tests/bench/bandit.py is a sixth higher at most.
_AVERAGE_MAX: Final = 1.0
_ELSEWHERE_MAX: Final = 2.0
_EARLIER_MAX: Final = 40.0
_DRAWS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Tally:
    """What was seen: clicks, the sum of approved commissions, and the sum of their squares.

    Each with the weight that its age leaves it, and clicks as far as they are mature.
    """

    clicks: float = 0.0
    value: float = 0.0
    squares: float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.clicks + other.clicks, self.value + other.value, self.squares + other.squares
        )

    def __sub__(self, other: "Tally") -> "Tally":
        """Never below nothing, which rounding could give."""
        return Tally(
            max(0.0, self.clicks - other.clicks),
            max(0.0, self.value - other.value),
            max(0.0, self.squares - other.squares),
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of an offer, earlier and lately; both together are all of it."""

    earlier: Tally = Tally()
    lately: Tally = Tally()

    @property
    def whole(self) -> Tally:
        """All of it."""
        return self.earlier + self.lately

    def __add__(self, other: "Seen") -> "Seen":
        return Seen(self.earlier + other.earlier, self.lately + other.lately)


@dataclass(frozen=True, slots=True)
class _Belief:
    """A value per click: its mean, and how many conversions of what size it rests on."""

    conversions: float
    unit: float
    mean: float

    def after(self, seen: Tally) -> "_Belief":
        """The belief with what was seen added to it."""
        value = self.conversions * self.unit
        mean = (value + seen.value) / (value / self.mean + seen.clicks)
        if not seen.squares:
            return _Belief(self.conversions, self.unit, mean)
        conversions = self.conversions + seen.value**2 / seen.squares
        return _Belief(conversions, (value + seen.value) / conversions, mean)

    def at_most(self, conversions: float) -> "_Belief":
        """The same, held less firmly."""
        return _Belief(min(self.conversions, conversions), self.unit, self.mean)


def cells_of(country: str, device: str) -> set[Cell]:
    """The cells that a visitor counts in."""
    return {(country, device), (country, ""), ("", device), WHOLE}


def shares(
    link: int, offers: Sequence[int], seen: Mapping[Cell, Mapping[int, Seen]]
) -> dict[Cell, dict[int, int]]:
    """Parts per million by cell and offer; those of a cell add up to a million.

    `seen` holds the cells to learn about, and WHOLE in any case. An offer without counts is new.
    """
    everywhere = {offer: seen[WHOLE].get(offer, Seen()).whole for offer in offers}
    everything = sum(everywhere.values(), Tally())
    if not everything.value or not everything.clicks:
        return {cell: _explored(offers, [_DRAWS // len(offers)] * len(offers)) for cell in seen}
    average = _Belief(
        _AVERAGE_MAX,
        unit=everything.squares / everything.value,
        mean=everything.value / everything.clicks,
    )
    found = {}
    for cell, of_cell in seen.items():
        draws = []
        for offer in offers:
            own = of_cell.get(offer, Seen())
            belief = average.after(everywhere[offer] - own.whole).at_most(_ELSEWHERE_MAX)
            belief = belief.after(own.earlier).at_most(_EARLIER_MAX).after(own.lately)
            draws.append(_sample(belief, _noise(link, offer)))
        found[cell] = _explored(offers, _wins(draws))
    return found


def _sample(belief: _Belief, noise: Iterable[float]) -> list[float]:
    """Values per click out of the gamma distribution, by the approximation of Wilson and Hilferty.

    Where it decides, in the upper half, it errs by two percent at most, with one conversion.
    """
    spread = 1 / (9 * belief.conversions)
    middle, step, mean = 1 - spread, spread**0.5, belief.mean
    return [mean * (middle + step * each) ** 3 for each in noise]


def _wins(draws: Sequence[Sequence[float]]) -> list[int]:
    """How often each is the best."""
    wins = [0] * len(draws)
    for drawn in zip(*draws, strict=True):
        wins[drawn.index(max(drawn))] += 1
    return wins


def _explored(offers: Sequence[int], wins: Sequence[int]) -> dict[int, int]:
    """Shares by wins, but for what is shared out evenly."""
    even = EXPLORE_PPM // len(offers)
    learned = PPM - even * len(offers)
    parts = [even + learned * won // _DRAWS for won in wins]
    # What rounding left goes to the first of the best.
    parts[parts.index(max(parts))] += PPM - sum(parts)
    return dict(zip(offers, parts, strict=True))


@lru_cache(maxsize=1_000)
def _noise(link: int, offer: int) -> tuple[float, ...]:
    """Standard normal numbers, the same for the same offer of the same link."""
    dealt = list(_normal_quantiles())
    Random(f"{link}/{offer}").shuffle(dealt)
    return tuple(dealt)


@cache
def _normal_quantiles() -> tuple[float, ...]:
    normal = NormalDist()
    return tuple(normal.inv_cdf((place + 0.5) / _DRAWS) for place in range(_DRAWS))
