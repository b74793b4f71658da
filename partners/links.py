"""Tracking links: a short random code for an affiliate and an offer that it has access to."""

import secrets
import string
from collections.abc import Callable
from typing import Final, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from network import clock
from network.errors import Forbidden, Unavailable
from partners import offers
from partners.actors import Actor
from partners.applications import check_open
from partners.models import Affiliate, Link, Offer

Coded = TypeVar("Coded")

ALPHABET: Final = string.digits + string.ascii_letters
# 62 ** 10 codes: nobody finds another's link by guessing, and a clash is a curiosity.
CODE_LENGTH: Final = 10
TRIES: Final = 5


class NotApproved(Forbidden):
    """This offer gives links to whom it let in: apply by POST /api/v1/offers/{id}/applications."""

    code = "not_approved"


def visible(actor: Actor) -> QuerySet[Link]:
    """The affiliate's own links, or all."""
    if actor.sees_all:
        return Link.objects.all()
    return Link.objects.filter(affiliate=actor.affiliate_id)


def create(*, offer: Offer, affiliate: Affiliate, name: str = "") -> Link:
    """A new active link; NotApproved, OfferNotOpen or AffiliateNotActive without access."""
    check_access(offer, affiliate)
    return coded(
        lambda code: Link.objects.create(
            code=code, offer=offer, affiliate=affiliate, name=name, created_at=clock.now()
        )
    )


def check_access(offer: Offer, affiliate: Affiliate, *, pointer: str = "") -> None:
    """NotApproved, OfferNotOpen or AffiliateNotActive; `pointer` is where the offer was named."""
    check_open(offer, affiliate, pointer=pointer)
    if not Offer.objects.filter(offers.has_access(affiliate.pk), pk=offer.pk).exists():
        raise NotApproved(pointer=pointer)


def coded(make: Callable[[str], Coded]) -> Coded:
    """What `make` makes of a random code that nobody has; Unavailable where none was found."""
    for _ in range(TRIES):
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        try:
            with transaction.atomic():
                return make(code)
        except IntegrityError:
            continue  # somebody has this code
    raise Unavailable("No free link code was found; try again.")


def change(link: Link, **changes: object) -> None:
    """Rename a link, or switch it off and on (`name`, `active`)."""
    for column, value in changes.items():
        setattr(link, column, value)
    if changes:
        link.save(update_fields=list(changes))
