"""An offer's landing pages: added, weighed against each other, switched off and on."""

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from network import clock
from network.errors import BadInput, Conflict
from partners import offers
from partners.actors import Actor
from partners.destinations import check_url
from partners.models import Landing, Offer, Role
from partners.open_offers import lock_open

# What is switched off counts too: clicks keep its id.
LANDINGS_MAX: Final = 100
WEIGHT_MAX: Final = 1_000_000


class TooManyLandings(Conflict):
    """An offer has at most 100 landing pages."""

    code = "too_many_landings"


class UnknownLanding(BadInput):
    """The offer has no active landing page with this id."""

    code = "unknown_landing"


def visible(actor: Actor) -> QuerySet[Landing]:
    """The pages of the offers that the actor may know of; an affiliate knows those in use."""
    found = Landing.objects.filter(offer__in=offers.visible(actor))
    return found.filter(active=True) if actor.role == Role.AFFILIATE else found


def add(offer: Offer, *, name: str, url: str, weight: int = 100, active: bool = True) -> Landing:
    """One more page; of all active ones each gets visitors by its weight, with 0 none by chance.

    Raises UrlInvalid, TooManyLandings, OfferEnded.
    """
    check_url(url, pointer="/url")
    with transaction.atomic():
        # Locked, so that two simultaneous requests are counted one after the other.
        locked = lock_open(offer)
        if locked.landings.count() >= LANDINGS_MAX:
            raise TooManyLandings()
        return Landing.objects.create(
            offer=locked, name=name, url=url, weight=weight, active=active, created_at=clock.now()
        )


def change(landing: Landing, changes: Mapping[str, Any]) -> None:
    """Another name, address, weight, or state; UrlInvalid, OfferEnded."""
    for column, value in changes.items():
        setattr(landing, column, value)
    check_url(landing.url, pointer="/url")
    with transaction.atomic():
        lock_open(landing.offer)
        if changes:
            landing.save(update_fields=list(changes))
