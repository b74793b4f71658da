"""When a message is tried again, and when it is given up: pure."""

from datetime import datetime, timedelta
from typing import Final

# Ten attempts over about 45 hours; with jitter, not above 49.
WAITS_S: Final = (10, 30, 120, 600, 1_800, 7_200, 21_600, 43_200, 86_400)
JITTER: Final = 0.1
LONGEST_WAIT_S: Final = 86_400


def next_due(
    attempts: int, now: datetime, *, jitter: float, retry_after_s: int | None = None
) -> datetime | None:
    """When to try again after `attempts` failures; None after the last one.

    `jitter` from 0 to 1 spreads those that failed together. A receiver may ask for a longer wait,
    up to a day, never for a shorter one.
    """
    if attempts > len(WAITS_S):
        return None
    wait_s = WAITS_S[attempts - 1] * (1 + JITTER * jitter)
    return now + timedelta(seconds=max(wait_s, min(retry_after_s or 0, LONGEST_WAIT_S)))
