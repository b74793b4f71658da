"""Shares by Thompson sampling: sums, winners, what is new, what is sparse, what has changed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.insight import bandit
from tracking.insight.bandit import WHOLE, Seen, Tally, shares

FR = ("FR", "mobile")
NONE = Tally()


def sold(clicks, conversions, price=10.0):
    """Clicks of which so many were approved at one price."""
    return Tally(clicks, conversions * price, conversions * price**2)


def percent(seen, cell=WHOLE, link=1):
    offers = sorted({offer for of_cell in seen.values() for offer in of_cell})
    return {offer: ppm / 10_000 for offer, ppm in shares(link, offers, seen)[cell].items()}


amount = st.floats(0, 1e6, allow_subnormal=False)
# What rows can give: no squares without a value, and neither without the other.
tally = st.builds(
    sold,
    amount,
    st.integers(0, 10_000),
    st.floats(1, 1e9),
)
seen = st.builds(Seen, tally, tally)


@given(
    whole=st.dictionaries(st.integers(1, 9), seen, min_size=1),
    part=st.dictionaries(st.integers(1, 9), seen),
)
def test_shares_add_up_and_nobody_is_left_without(whole, part):
    offers = sorted({*whole, *part})
    found = shares(7, offers, {WHOLE: whole, FR: part})
    assert set(found) == {WHOLE, FR}
    for parts in found.values():
        assert list(parts) == offers
        assert sum(parts.values()) == 1_000_000
        assert min(parts.values()) >= bandit.EXPLORE_PPM // len(offers)
    assert shares(7, offers, {WHOLE: whole, FR: part}) == found


def test_before_anything_is_approved_all_get_the_same():
    parts = percent({WHOLE: {1: Seen(sold(900, 0)), 2: Seen(), 3: Seen(sold(5, 0))}})
    assert max(parts.values()) - min(parts.values()) < 0.2


def test_a_clear_winner_gets_all_but_what_is_tried():
    parts = percent({WHOLE: {1: Seen(sold(1_000, 60)), 2: Seen(sold(1_000, 20))}})
    assert parts == {1: 97.5, 2: 2.5}


def test_what_counts_is_what_a_click_is_worth_not_how_many_convert():
    parts = percent({WHOLE: {1: Seen(sold(1_000, 90, 1.0)), 2: Seen(sold(1_000, 20, 30.0))}})
    assert parts[2] > 97


def test_equals_share_alike():
    parts = percent({WHOLE: {offer: Seen(sold(5_000, 100)) for offer in (1, 2, 3, 4)}})
    assert all(share == pytest.approx(25, abs=3) for share in parts.values())


def test_shares_are_the_chances_of_being_best():
    seen = {1: Seen(sold(1_000, 30)), 2: Seen(sold(1_000, 36)), 3: Seen(sold(100, 3))}
    dice = random.Random(5)
    everything = sum((each.whole for each in seen.values()), NONE)
    # The prior is one conversion of the average.
    prior_clicks = 10 / (everything.value / everything.clicks)
    wins = dict.fromkeys(seen, 0)
    for _ in range(20_000):
        drawn = {
            offer: dice.gammavariate(1 + each.whole.value / 10, 1)
            / (prior_clicks + each.whole.clicks)
            for offer, each in seen.items()
        }
        wins[max(drawn, key=drawn.get)] += 1
    # All of it lately, so that age has no say.
    parts = percent({WHOLE: {offer: Seen(NONE, each.whole) for offer, each in seen.items()}})
    for offer, won in wins.items():
        assert parts[offer] == pytest.approx(5 / 3 + 95 * won / 20_000, abs=2.5)


def test_a_new_offer_is_tried_and_given_up_when_it_does_not_sell():
    known = {1: Seen(sold(1_000, 30)), 2: Seen(sold(1_000, 20))}
    new = percent({WHOLE: known | {3: Seen()}})
    tried = percent({WHOLE: known | {3: Seen(NONE, sold(300, 0))}})
    assert new[3] > 20
    assert tried[3] < 3


def test_a_few_large_sales_are_trusted_less_than_many_equal_ones():
    steady = Seen(sold(1_000, 40, 10.0))
    lucky = Tally(1_000, 600.0, 2 * 300.0**2)
    assert percent({WHOLE: {1: steady, 2: Seen(lucky)}})[1] > 15
    assert percent({WHOLE: {1: steady, 2: Seen(sold(1_000, 60, 10.0))}})[1] < 9


def test_a_country_with_few_visitors_leans_on_the_others_and_with_many_stands_alone():
    elsewhere = {1: Seen(sold(5_000, 300)), 2: Seen(sold(5_000, 100))}

    def there(*own):
        of_cell = {offer: Seen(NONE, each) for offer, each in enumerate(own, 1)}
        whole = {offer: elsewhere[offer] + each for offer, each in of_cell.items()}
        return percent({WHOLE: whole, FR: of_cell}, FR)

    # A little luck of the worse one weighs less than all that is known, a lot of it more.
    assert there(sold(20, 1), sold(20, 1))[1] > 65
    assert there(sold(2_000, 40), sold(2_000, 120))[2] > 95


def test_much_traffic_finds_out_soon_that_an_offer_has_changed():
    rival = Seen(sold(1_000, 30), NONE)
    before = percent({WHOLE: {1: Seen(sold(40_000, 2_000), NONE), 2: rival}})
    after = percent({WHOLE: {1: Seen(sold(40_000, 2_000), sold(4_000, 40)), 2: rival}})
    assert before[1] > 95
    assert after[1] < 10


def test_two_offers_with_the_same_counts_are_not_dealt_the_same_luck():
    assert bandit._noise(1, 1) != bandit._noise(1, 2)
    assert sorted(bandit._noise(1, 1)) == sorted(bandit._noise(1, 2))
