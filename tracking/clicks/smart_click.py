"""A smart link's click: the offer that it goes to, and the next one where a cap refuses it."""

from functools import partial
from typing import NamedTuple

from partners.places import Claim, Full, FullBesides
from partners.snapshot import SmartLink, Snapshot
from tracking.clicks import decide, entries
from tracking.clicks.decide import Decision
from tracking.clicks.kinds import Entry, Later
from tracking.clicks.smart import SMART_NO_OFFER
from tracking.clicks.visit import Visit


class SmartClick(NamedTuple):
    """What a smart link's visit is decided from, as often as that takes."""

    smart_link: SmartLink
    snapshot: Snapshot
    visit: Visit
    full: Full
    code: str
    salt: bytes | None

    def entry(self, refused: frozenset[Claim | None] = frozenset()) -> Entry:
        """The entry for the first offer that takes the visitor and is not among the refused.

        Where a cap refuses that, the next offer's takes its place, or is stored later if it claims
        places too. Each time one more window is known to be full, so it comes to an end.
        """
        closed = FullBesides(self.full, refused)
        decision = decide.of_smart_link(self.smart_link, self.snapshot, self.visit, closed)
        entry = entries.click(self.visit, decision, self.code, self.salt)
        if not decision.claims:
            return entry
        return entry._replace(otherwise=partial(self._next, decision, refused))

    def _next(
        self, decision: Decision, refused: frozenset[Claim | None], claim: Claim | None
    ) -> Entry:
        entry = self.entry(refused | {claim})
        if entry.claims:
            return Later.of(entry)
        if claim is None and entry.outcome == SMART_NO_OFFER:
            # Not for want of an offer.
            return entries.click(self.visit, decision.refused(None), self.code, self.salt)
        return entry
