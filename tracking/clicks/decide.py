"""What becomes of a visit: which offer and page, good or not and why, and where it is sent."""

from collections.abc import Callable, Mapping
from random import random
from typing import Final, NamedTuple

from django.conf import settings

from partners import places
from partners.deep_links import deep_link
from partners.places import Claim, Closed
from partners.snapshot import Landing, Link, SmartLink, Snapshot
from tracking.clicks import landing, smart
from tracking.clicks.evaluate import (
    AFFILIATE_INACTIVE,
    BAD_DEEPLINK,
    LINK_INACTIVE,
    OK,
    evaluate,
)
from tracking.clicks.evaluate import REASONS as EVALUATED
from tracking.clicks.smart import SMART_NO_OFFER
from tracking.clicks.visit import Visit

# No place can be taken while the counter is out of reach, and a guess would let a cap leak.
CAP_UNAVAILABLE: Final = "cap_unavailable"
CAP_REASONS: Final = (
    *(f"cap_{scope}" for scope in ("offer", "affiliate", "source", "country", "landing")),
    CAP_UNAVAILABLE,
)
REASONS: Final = (*EVALUATED, *CAP_REASONS, SMART_NO_OFFER)


class Decision(NamedTuple):
    """A visit as it was judged in memory; `claims` are the places in caps that it still needs.

    `mark` is what is odd about the visit of this very link, besides the visit's own marks.
    """

    link: Link | None
    affiliate_id: int
    reason: str
    smart_link_id: int = 0
    page: Landing | None = None
    deep: str = ""
    claims: tuple[Claim, ...] = ()
    mark: str = ""

    def refused(self, claim: Claim | None) -> "Decision":
        """The same visit without the place that it claimed; None where no counter was reached."""
        return self._replace(reason=_cap_reason(self.link, claim), claims=())


def unknown(reason: str) -> Decision:
    """A visit to what nobody has."""
    return Decision(None, 0, reason)


def of_link(link: Link, visit: Visit, closed: Closed, *, smart_link_id: int = 0) -> Decision:
    """The visit of one link; `closed` knows windows of caps without room."""
    affiliate_id = link.affiliate.id
    reason, mark = evaluate(link, visit)
    if reason != OK:
        return Decision(link, affiliate_id, reason, smart_link_id, mark=mark)
    offer, params = link.offer, visit.params
    page = deep = None
    if "deep_link" in params:
        deep = deep_link(params["deep_link"], offer.deep_link_hosts)
        if deep is None:
            return Decision(link, affiliate_id, BAD_DEEPLINK, smart_link_id, mark=mark)
    elif offer.landings:
        page = landing.choose(offer.landings, random(), params.get("landing", ""))
    claims: tuple[Claim, ...] = ()
    if offer.caps:
        claims = places.claims(
            offer.caps,
            affiliate_id=affiliate_id,
            source=params.get("source", ""),
            country=visit.country,
            landing_id=page.id if page else 0,
            at=visit.at,
        )
        full = closed.first(claims, offer.caps)
        if full is not None:
            reason, claims = _cap_reason(link, full), ()
    return Decision(link, affiliate_id, reason, smart_link_id, page, deep or "", claims, mark)


def of_smart_link(
    smart_link: SmartLink, snapshot: Snapshot, visit: Visit, closed: Closed
) -> Decision:
    """The visit of a smart link: the offer that it is sent to, or none."""
    affiliate = smart_link.affiliate
    if not (smart_link.active and affiliate.active):
        reason = AFFILIATE_INACTIVE if smart_link.active else LINK_INACTIVE
        return Decision(None, affiliate.id, reason, smart_link.id)
    decided: dict[int, Decision] = {}

    def passes(choice: smart.Choice) -> bool:
        link = snapshot.pair(choice.offer.id, affiliate.id)
        if link is None:
            return False
        decision = of_link(link, visit, closed, smart_link_id=smart_link.id)
        decided[choice.offer.id] = decision
        return decision.reason == OK

    chosen = smart.choose(
        smart_link,
        passes,
        country=visit.country,
        device=visit.device,
        roll=random(),
    )
    if chosen is None:
        return Decision(None, affiliate.id, SMART_NO_OFFER, smart_link.id)
    return decided[chosen.offer.id]


def destination(decision: Decision, visit: Visit, click_id: str) -> str:
    """Where the visitor is sent, empty for nowhere: the offer, its fallback, or the network's.

    `click_id` is empty for a visitor who refuses consent and is not to be told apart.
    """
    link = decision.link
    values = _Values(decision, visit, click_id)
    if link is None:
        fails_to = settings.NETWORK_FALLBACK_URL if decision.affiliate_id else ""
        return landing.fallback(fails_to, values, at=visit.at) if fails_to else ""
    offer = link.offer
    if decision.reason != OK:
        fails_to = offer.fallback_url or settings.NETWORK_FALLBACK_URL
        return landing.fallback(fails_to, values, at=visit.at) if fails_to else ""
    url = decision.page.url if decision.page else offer.landing_url
    if decision.deep:
        return landing.deep_landing(decision.deep, url, values, offer.utm, at=visit.at)
    return landing.landing(url, values, offer.utm, at=visit.at)


def parties(decision: Decision) -> tuple[int, int, int, int]:
    """Link, affiliate, offer and advertiser, 0 for unknown."""
    link = decision.link
    if link is None:
        return 0, decision.affiliate_id, 0, 0
    return link.id, decision.affiliate_id, link.offer.id, link.offer.advertiser.id


class _Values:
    """What macros stand for; looked up one by one, because most addresses ask for one or two."""

    __slots__ = ("click_id", "decision", "visit")

    def __init__(self, decision: Decision, visit: Visit, click_id: str) -> None:
        self.decision = decision
        self.visit = visit
        self.click_id = click_id

    def get(self, name: str) -> str | None:
        """The value of this name; None for one that the link did not bring along."""
        ours = _OURS.get(name)
        return ours(self) if ours else self.visit.params.get(name)


# What we know ourselves, whatever the link says.
_OURS: Final[Mapping[str, Callable[[_Values], str | None]]] = {
    "click_id": lambda of: of.click_id,
    "affiliate_id": lambda of: str(of.decision.affiliate_id),
    "country": lambda of: of.visit.country,
    "region": lambda of: of.visit.region,
    "device": lambda of: of.visit.device,
    "os": lambda of: of.visit.os,
    "browser": lambda of: of.visit.browser,
    "language": lambda of: of.visit.language_tag,
    "landing": lambda of: str(of.decision.page.id) if of.decision.page else "",
    "affiliate": lambda of: of.decision.link.affiliate.code if of.decision.link else None,
    "offer": lambda of: str(of.decision.link.offer.id) if of.decision.link else None,
    "link": lambda of: of.decision.link.code if of.decision.link else None,
}


def _cap_reason(link: Link | None, claim: Claim | None) -> str:
    if link is not None and claim is not None:
        for cap in link.offer.caps:
            if cap.id == claim[0]:
                return f"cap_{cap.scope}"
    return CAP_UNAVAILABLE
