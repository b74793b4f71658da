"""Days begin where the clocks of their zone say so."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from network.zones import midnight


@pytest.mark.parametrize(
    ("day", "zone", "first"),
    [
        (date(2026, 7, 1), "Europe/Berlin", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        # Clocks go from 0:00 to 1:00: the day begins at 1:00.
        (date(2018, 11, 4), "America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
        # Clocks go from 1:00 back to 0:00: the day begins at the first midnight.
        (date(2020, 11, 1), "America/Havana", datetime(2020, 11, 1, 4, tzinfo=UTC)),
    ],
)
def test_a_day_begins_at_its_first_instant(day, zone, first):
    assert midnight(day, ZoneInfo(zone)).astimezone(UTC) == first
    assert first.astimezone(ZoneInfo(zone)).date() == day
