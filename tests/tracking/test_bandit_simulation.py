"""A month of a smart link in a made-up market: learning pays, and edits forget nothing.

`python -m tests.bench.bandit` prints it all.
"""

from functools import cache

from tests.bench.bandit import DAYS, FR_PHONE, NEW, PHASES, TAKEN_IN, TURNED, Month, mean
from tests.environment import LONG

SEEDS = range(5) if LONG else range(2)


@cache
def course(policy):
    daily, every_hours = (4_800, 3) if LONG else (2_400, 6)
    months = [Month(policy, seed, daily=daily, every_hours=every_hours) for seed in SEEDS]
    return mean([month.live() for month in months])


def lost(policy, since=0, until=DAYS):
    return course(policy).lost(since, until)


def test_learning_loses_far_less_than_showing_all_in_turn():
    assert lost("learned") < (0.5 if LONG else 0.7) * lost("even")


def test_after_the_first_days_it_beats_the_best_offer_of_the_first_day():
    assert lost("learned", *PHASES[2]) < (0.6 if LONG else 0.9) * lost("fixed", *PHASES[2])


def test_an_offer_that_was_left_out_for_a_day_gets_its_visitors_back_at_once():
    assert course("learned").best[FR_PHONE][TAKEN_IN] > 0.8
    assert course("forgets").best[FR_PHONE][TAKEN_IN] < 0.5
    assert lost("learned", TAKEN_IN, NEW) < 0.6 * lost("forgets", TAKEN_IN, NEW)


def test_a_new_offer_costs_less_than_forgetting_costs():
    assert lost("learned", NEW, TURNED) < 0.8 * lost("forgets", NEW, TURNED)


def test_what_turned_bad_is_left_and_the_new_best_is_found():
    best = course("learned").best[FR_PHONE]
    assert best[TURNED] < 0.1
    assert sum(best[-3:]) / 3 > (0.75 if LONG else 0.4)
    assert lost("learned", TURNED, DAYS) < 0.8 * lost("even", TURNED, DAYS)


def test_learning_from_what_nobody_approves_falls_for_it():
    assert lost("raw") > 1.5 * lost("learned")
