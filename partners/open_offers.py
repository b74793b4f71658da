"""Offers that still change: what belongs to one is changed under its lock, until it has ended."""

from network.errors import Conflict
from partners.models import Offer


class OfferEnded(Conflict):
    """An ended offer does not change any more."""

    code = "offer_ended"


class OfferIncomplete(Conflict):
    """An active offer has a default goal, and each of its goals has terms for everybody."""

    code = "offer_incomplete"


def lock_open(offer: Offer) -> Offer:
    """The offer's row, locked for a change of what belongs to it; OfferEnded."""
    locked = Offer.objects.select_for_update().get(pk=offer.pk)
    if locked.status == Offer.Status.ENDED:
        raise OfferEnded()
    return locked
