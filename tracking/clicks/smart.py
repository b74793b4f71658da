"""Which of a smart link's offers a visitor is sent to: plain arithmetic on what is in memory."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

# The reason of a click for which no offer is left.
SMART_NO_OFFER: Final = "smart_no_offer"

PRIORITY: Final = "priority"
LEARNED: Final = "learned"

_PPM: Final = 1_000_000
# The largest number below 1: a roll never reaches the end of what is drawn from.
_ROLL_MAX: Final = 1 - 2**-53
_NOTHING: Final[Mapping[int, int]] = {}


class Numbered(Protocol):
    """An offer, as far as choosing goes."""

    @property
    def id(self) -> int: ...


class Choice(Protocol):
    """An offer that may be chosen."""

    @property
    def offer(self) -> Numbered: ...
    @property
    def weight(self) -> int: ...


ChoiceT = TypeVar("ChoiceT", bound=Choice)
ChoiceT_co = TypeVar("ChoiceT_co", bound=Choice, covariant=True)


class SmartLink(Protocol[ChoiceT_co]):
    """Active choices in the order of priority; learned parts per million by (country, device)."""

    @property
    def strategy(self) -> str: ...
    @property
    def choices(self) -> Sequence[ChoiceT_co]: ...
    @property
    def weights(self) -> Mapping[tuple[str, str], Mapping[int, int]]: ...


def choose(
    smart: SmartLink[ChoiceT],
    passes: Callable[[ChoiceT], bool],
    *,
    country: str,
    device: str,
    roll: float,
) -> ChoiceT | None:
    """The choice for a visitor, None where none passes; `roll` is uniform in [0, 1).

    `passes` says whether this visitor may go there now. It is asked about one choice after another
    until one passes, never about all of them first.
    """
    choices = smart.choices
    if smart.strategy == PRIORITY:
        return next((choice for choice in choices if passes(choice)), None)
    if smart.strategy == LEARNED:
        learned = _learned(smart.weights, country, device)
        # An offer of which nothing is known yet gets its even share.
        even = _PPM // (len(choices) or 1)
        weights = [learned.get(choice.offer.id, even) for choice in choices]
    else:
        weights = [choice.weight for choice in choices]
    return _drawn(list(choices), weights, passes, roll)


def _learned(
    weights: Mapping[tuple[str, str], Mapping[int, int]], country: str, device: str
) -> Mapping[int, int]:
    """What is known of the visitor's like, from the nearest that anything is known of."""
    return (
        weights.get((country, device))
        or weights.get((country, ""))
        or weights.get(("", device))
        or weights.get(("", ""))
        or _NOTHING
    )


def _drawn(
    choices: list[ChoiceT], weights: list[int], passes: Callable[[ChoiceT], bool], roll: float
) -> ChoiceT | None:
    """Draw by weight; what does not pass is taken out, and the rest is drawn from again."""
    total = sum(weights)
    while total:
        at = roll * total
        place = 0
        while at >= weights[place]:
            at -= weights[place]
            place += 1
        choice, weight = choices.pop(place), weights.pop(place)
        if passes(choice):
            return choice
        total -= weight
        # Where in its share the roll lay is as random as the roll was.
        roll = min(at / weight, _ROLL_MAX)
    return None
