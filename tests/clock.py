"""The business time of this process, or of a whole network: whoever shares the CLOCK_FILE."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path


@dataclass
class Clock:
    """Moves the time; from there on it goes its way."""

    path: Path
    offset_s: Decimal = Decimal(0)

    def set(self, instant: datetime) -> None:
        """Make it `instant` now."""
        self._move_to(_seconds(instant - datetime.now(UTC)))

    def forward(self, **distance: float) -> None:
        """Move on by `days=1`, `seconds=90` or what else timedelta takes."""
        self._move_to(self.offset_s + _seconds(timedelta(**distance)))

    def time(self) -> float:
        """Seconds since 1970 in business time."""
        return time.time() + float(self.offset_s)

    def _move_to(self, offset_s: Decimal) -> None:
        self.offset_s = offset_s
        # Renamed into place: a reader sees the old time or the new one, never half a number.
        fresh = self.path.with_suffix(".new")
        fresh.write_text(f"{offset_s:f}")
        fresh.replace(self.path)


def _seconds(distance: timedelta) -> Decimal:
    return Decimal(distance // timedelta(microseconds=1)) / 10**6
