"""When a message is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from tracking.postbacks.schedule import WAITS_S, next_due

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def wait_s(attempts, **given):
    due = next_due(attempts, NOON, **{"jitter": 0.0} | given)
    return (due - NOON).total_seconds()


def test_waits_grow_from_seconds_to_a_day():
    assert [wait_s(attempt) for attempt in range(1, 10)] == list(WAITS_S)


@pytest.mark.parametrize(("jitter", "hours"), [(0.0, 44), (1.0, 48)])
def test_all_of_it_takes_about_two_days(jitter, hours):
    whole = sum(wait_s(attempt, jitter=jitter) for attempt in range(1, 10))
    assert timedelta(hours=hours) < timedelta(seconds=whole) < timedelta(hours=hours + 5)


def test_after_the_tenth_attempt_it_is_given_up():
    assert next_due(10, NOON, jitter=0.0) is None


@pytest.mark.parametrize(("asked_s", "given_s"), [(5, 10), (60, 60), (10**9, 86_400)])
def test_a_receiver_may_ask_for_a_longer_wait_up_to_a_day(asked_s, given_s):
    assert wait_s(1, retry_after_s=asked_s) == given_s
