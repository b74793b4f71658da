"""Whether a click is good: ordered steps, of which the first that fails names the reason."""

from datetime import datetime
from typing import Final

from partners.snapshot import TARGETING_BROKEN, Link, Offer
from partners.targeting import TARGETING_REASONS
from tracking.clicks import signing
from tracking.clicks.visit import Visit

OK: Final = "ok"
LINK_UNKNOWN: Final = "link_unknown"
OFFER_UNKNOWN: Final = "offer_unknown"
AFFILIATE_UNKNOWN: Final = "affiliate_unknown"
LINK_INACTIVE: Final = "link_inactive"
AFFILIATE_INACTIVE: Final = "affiliate_inactive"
BAD_DEEPLINK: Final = "bad_deeplink"

REASONS: Final = (
    OK,
    LINK_UNKNOWN,
    OFFER_UNKNOWN,
    AFFILIATE_UNKNOWN,
    LINK_INACTIVE,
    AFFILIATE_INACTIVE,
    "offer_ended",
    "offer_inactive",
    "offer_not_started",
    "advertiser_inactive",
    "advertiser_unfunded",
    "not_approved",
    *signing.REASONS,
    *TARGETING_REASONS,
    TARGETING_BROKEN,
    BAD_DEEPLINK,
)


def evaluate(link: Link, visit: Visit) -> tuple[str, str]:
    """The reason with which this visit of the link is stored, as far as no cap has a say; its mark.

    Parties and dates come first, then the signature, then whom the offer wants. The mark says what
    is wrong with a signature that the offer only watches; it is empty for nothing.
    """
    reason = _standing(link, visit)
    if reason != OK:
        return reason, ""
    offer = link.offer
    fault = ""
    if offer.link_signing != "off":
        asked = visit.asked
        fault = signing.check(
            asked.path, asked.query, visit.params, link.affiliate.link_keys, visit.at
        )
        if fault and offer.link_signing == "enforced":
            return fault, ""
    if offer.targeting is not None:
        return offer.targeting(visit) or OK, fault
    return OK, fault


def _standing(link: Link, visit: Visit) -> str:
    """Whether the link leads anywhere at this instant, whoever comes."""
    if not link.active:
        return LINK_INACTIVE
    if not link.affiliate.active:
        return AFFILIATE_INACTIVE
    return _of_offer(link.offer, visit.at) or (OK if link.allowed else "not_approved")


def _of_offer(offer: Offer, at: datetime) -> str:
    """Why the offer takes nobody at this instant, empty where it does."""
    if offer.status != "active":
        return "offer_ended" if offer.status == "ended" else "offer_inactive"
    if offer.starts_at is not None and at < offer.starts_at:
        return "offer_not_started"
    if offer.ends_at is not None and at >= offer.ends_at:
        return "offer_ended"
    if not offer.advertiser.active:
        return "advertiser_inactive"
    return "" if offer.advertiser.funded else "advertiser_unfunded"
