"""Entries that are stored together: by kind, with the places in caps that they get."""

from collections.abc import Sequence
from typing import Final

from psycopg.pq.abc import PGresult

from network.binary import BEGIN, END
from partners import places
from partners.places import Wanted, Windows
from tracking.clicks.kinds import COPIES, KINDS, Entry


class Batch:
    """Entries on their way into one commit, decided when PostgreSQL says what places there are."""

    def __init__(self, entries: Sequence[Entry], wanted: Wanted) -> None:
        self.entries = entries
        self.windows: Windows = {}
        self._wanted: Final = wanted
        # What takes the place of an entry is of its kind.
        self._kinds: Final = list(by_kind(entries))
        self._given = 0

    @property
    def copies(self) -> list[str]:
        """The statements that take the rows, one for each kind."""
        return [COPIES[kind] for kind in self._kinds]

    def rows(self, results: Sequence[PGresult]) -> bytes | None:
        """All that the next kind's COPY is given; None where the places taken do not suit."""
        if self._wanted and not self._given and not self._decide(results[0].get_value(0, 0)):
            return None
        kind = self._kinds[self._given]
        self._given += 1
        return copied(by_kind(self.entries)[kind])

    def _decide(self, answer: bytes | None) -> bool:
        windows = places.taken(answer, self._wanted)
        if windows is None:
            return False
        self.entries, self.windows = decided(self.entries, windows), windows
        return places.suits(windows, self._wanted)


def decided(entries: Sequence[Entry], windows: Windows) -> Sequence[Entry]:
    """The entries with places for all that they claim, or what takes the place of those without."""
    refused = places.reserve(windows, [entry.claims for entry in entries])
    if not any(refused):
        return entries
    return [
        entry if claim is None or entry.otherwise is None else entry.otherwise(claim)
        for entry, claim in zip(entries, refused, strict=True)
    ]


def by_kind(entries: Sequence[Entry]) -> dict[str, Sequence[Entry]]:
    """The entries of each kind, in the order of KINDS, which every transaction keeps."""
    kinds = {entry.kind for entry in entries}
    if len(kinds) == 1:
        return {kinds.pop(): entries}
    return {kind: [e for e in entries if e.kind == kind] for kind in KINDS if kind in kinds}


def copied(entries: Sequence[Entry]) -> bytes:
    """The rows of entries of one kind, all that COPY is given."""
    return b"".join([BEGIN, *[entry.row for entry in entries], END])
