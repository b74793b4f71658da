"""Terms: whose row holds, and what it pays."""

from datetime import UTC, datetime, timedelta

import pytest

from network.errors import AmountTooLarge
from partners.terms import AmountRequired, Terms, amounts, choose

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def make_terms(id=1, *, affiliate_id=None, valid_from=BEGIN, valid_to=None, **rates):
    none = dict.fromkeys(
        ("revenue_fixed_micros", "revenue_ppm", "commission_fixed_micros", "commission_ppm"), 0
    )
    return Terms(
        id=id,
        goal_id=1,
        affiliate_id=affiliate_id,
        valid_from=valid_from,
        valid_to=valid_to,
        **(none | rates),
    )


def test_an_affiliates_own_row_goes_before_a_later_general_one():
    own = make_terms(1, affiliate_id=7)
    general = make_terms(2, valid_from=BEGIN + DAY)
    assert choose([general, own], 7, BEGIN + 2 * DAY) is own
    assert choose([general, own], 8, BEGIN + 2 * DAY) is general


def test_the_later_start_holds_and_among_equals_the_later_row():
    first, second, third = make_terms(1), make_terms(2, valid_from=BEGIN + DAY), make_terms(3)
    assert choose([second, first, third], 7, BEGIN + DAY) is second
    assert choose([third, first], 7, BEGIN) is third


def test_a_row_holds_from_its_start_to_just_before_its_end():
    row = make_terms(valid_to=BEGIN + DAY)
    moments = (BEGIN - timedelta(microseconds=1), BEGIN, BEGIN + DAY)
    assert [choose([row], 7, at) for at in moments] == [None, row, None]


def test_a_hybrid_pays_the_fixed_amount_and_the_share_rounded_once():
    terms = make_terms(revenue_fixed_micros=2, revenue_ppm=500_000, commission_ppm=73_333)
    assert amounts(terms, 29_330_000) == (14_665_002, 2_150_857)


@pytest.mark.parametrize(("sale_micros", "share"), [(1, 1), (3, 2), (5, 3), (0, 0)])
def test_half_a_micro_is_rounded_up(sale_micros, share):
    assert amounts(make_terms(revenue_ppm=500_000), sale_micros) == (share, 0)


def test_a_share_needs_a_sale_and_a_fixed_amount_does_not():
    with pytest.raises(AmountRequired):
        amounts(make_terms(commission_ppm=1), None)
    assert amounts(make_terms(revenue_fixed_micros=5), None) == (5, 0)


def test_an_amount_beyond_a_bigint_is_refused():
    with pytest.raises(AmountTooLarge):
        amounts(make_terms(revenue_ppm=2**31 - 1), 2**62)
