"""A smart link chooses by order or by weight among what passes, and asks no more than it must."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.clicks.smart import choose

ROLLS = [(number + 0.5) / 2_000 for number in range(2_000)]


@dataclass(frozen=True)
class Offer:
    id: int


@dataclass(frozen=True)
class Choice:
    offer: Offer
    weight: int = 100


@dataclass(frozen=True)
class Smart:
    strategy: str
    choices: tuple[Choice, ...]
    weights: dict = field(default_factory=dict)


def smart(strategy, *weights, learned=None):
    choices = tuple(Choice(Offer(id), weight) for id, weight in enumerate(weights, 1))
    return Smart(strategy, choices, learned or {})


def chosen(link, shut=(), *, country="FR", device="mobile", roll=0.5):
    found = choose(
        link,
        lambda choice: choice.offer.id not in shut,
        country=country,
        device=device,
        roll=roll,
    )
    return found and found.offer.id


def shares(link, shut=(), **visitor):
    """Percent of visitors by offer."""
    counts = Counter(chosen(link, shut, roll=roll, **visitor) for roll in ROLLS)
    return {id: round(100 * count / len(ROLLS)) for id, count in sorted(counts.items())}


def test_by_priority_the_first_that_passes_takes_everybody():
    link = smart("priority", 0, 100, 100)
    assert [chosen(link, shut) for shut in ((), {1}, {1, 2})] == [1, 2, 3]


@pytest.mark.parametrize("strategy", ["priority", "weight", "learned"])
def test_where_nothing_passes_nothing_is_chosen(strategy):
    assert chosen(smart(strategy, 100, 100), {1, 2}) is None
    assert chosen(smart(strategy)) is None


def test_by_weight_each_gets_its_share_and_weight_zero_nobody():
    assert shares(smart("weight", 50, 0, 150)) == {1: 25, 3: 75}
    assert chosen(smart("weight", 0, 0)) is None


def test_the_share_of_what_does_not_pass_goes_to_the_others_by_their_weights():
    assert shares(smart("weight", 50, 20, 30), shut={1}) == {2: 40, 3: 60}


@pytest.mark.parametrize(
    ("country", "device", "share"),
    [
        ("FR", "mobile", 90),
        ("FR", "tablet", 80),
        ("DE", "mobile", 70),
        ("DE", "", 60),
        ("", "", 60),
    ],
)
def test_what_was_learned_of_the_nearest_like_counts(country, device, share):
    cells = {("FR", "mobile"): 90, ("FR", ""): 80, ("", "mobile"): 70, ("", ""): 60}
    learned = {
        cell: {1: first * 10_000, 2: (100 - first) * 10_000} for cell, first in cells.items()
    }
    found = shares(smart("learned", 1, 1, learned=learned), country=country, device=device)
    assert found == {1: share, 2: 100 - share}


def test_while_nothing_was_learned_all_get_the_same():
    assert shares(smart("learned", 1, 2, 3, 4)) == {1: 25, 2: 25, 3: 25, 4: 25}


def test_an_offer_that_is_new_gets_its_even_share_until_something_is_learned():
    known = {("", ""): {1: 900_000, 2: 100_000}}
    assert shares(smart("learned", 1, 1, 1, learned=known)) == {1: 68, 2: 8, 3: 25}


def test_an_offer_that_was_left_out_takes_no_share():
    known = {("", ""): {1: 900_000, 2: 50_000, 3: 50_000, 9: 5_000_000}}
    assert shares(smart("learned", 1, 1, 1, learned=known)) == {1: 90, 2: 5, 3: 5}


@given(
    weights=st.lists(st.integers(0, 1_000_000), max_size=8),
    shut=st.sets(st.integers(1, 8)),
    roll=st.one_of(st.floats(0, 1, exclude_max=True), st.sampled_from([0.0, 1 - 2**-53, 5e-324])),
)
def test_nobody_is_asked_twice_and_the_first_that_passes_is_taken(weights, shut, roll):
    asked = []

    def passes(choice):
        asked.append(choice.offer.id)
        return choice.offer.id not in shut

    found = choose(smart("weight", *weights), passes, country="", device="", roll=roll)
    open_ = {id for id, weight in enumerate(weights, 1) if weight and id not in shut}
    assert len(asked) == len(set(asked))
    assert (found is not None) == bool(open_)
    if found:
        assert asked[-1] == found.offer.id
        assert set(asked[:-1]) <= shut
