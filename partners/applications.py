"""Applications: an affiliate asks for an offer or is invited; the answer can be taken back."""

from collections.abc import Mapping
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from network import clock
from network.errors import BadInput, Conflict, IllegalMove
from partners.actors import Actor
from partners.models import Affiliate, Application, Offer, Role

Status = Application.Status

# The move's name -> (from, to).
MOVES: Final[Mapping[str, tuple[frozenset[str], str]]] = {
    "approve": (frozenset({Status.PENDING, Status.REJECTED, Status.REVOKED}), Status.APPROVED),
    "reject": (frozenset({Status.PENDING}), Status.REJECTED),
    "revoke": (frozenset({Status.APPROVED}), Status.REVOKED),
}


class ApplicationNotNeeded(Conflict):
    """The offer is public: take a link."""

    code = "application_not_needed"


class AlreadyApplied(Conflict):
    """The affiliate has applied for this offer before."""

    code = "already_applied"


class UnknownAffiliate(BadInput):
    """No affiliate has this code."""

    code = "unknown_affiliate"


class OfferNotOpen(Conflict):
    """The offer takes no new affiliates: it is not active."""

    code = "offer_not_open"


class AffiliateNotActive(Conflict):
    """The affiliate is paused or closed."""

    code = "affiliate_not_active"


def visible(actor: Actor) -> QuerySet[Application]:
    """The affiliate's own, those to the advertiser's offers, or all."""
    if actor.sees_all:
        return Application.objects.all()
    if actor.role == Role.ADVERTISER:
        return Application.objects.filter(offer__advertiser=actor.advertiser_id)
    return Application.objects.filter(affiliate=actor.affiliate_id)


def apply(*, offer: Offer, affiliate: Affiliate, message: str = "") -> Application:
    """Ask to be let into an offer.

    Raises ApplicationNotNeeded, AlreadyApplied (also after a rejection: then only the offer's side
    can think again), OfferNotOpen, AffiliateNotActive.
    """
    check_open(offer, affiliate)
    if offer.visibility == Offer.Visibility.PUBLIC:
        raise ApplicationNotNeeded()
    try:
        with transaction.atomic():
            return Application.objects.create(
                offer=offer,
                affiliate=affiliate,
                status=Status.PENDING,
                message=message,
                created_at=clock.now(),
            )
    except IntegrityError as error:
        raise AlreadyApplied() from error


def invite(*, offer: Offer, affiliate_code: str, actor: Actor) -> Application:
    """Let an affiliate in unasked, or after all; inviting twice changes nothing. UnknownAffiliate.

    By code, which affiliates give to their partners: an advertiser has no list of the others.
    """
    affiliate = Affiliate.objects.filter(code=affiliate_code).first()
    if affiliate is None:
        raise UnknownAffiliate(pointer="/affiliate_code")
    now = clock.now()
    with transaction.atomic():
        application, created = Application.objects.select_for_update().get_or_create(
            offer=offer,
            affiliate=affiliate,
            defaults={
                "status": Status.APPROVED,
                "decided_by_id": actor.user_id,
                "decided_at": now,
                "created_at": now,
            },
        )
        if not created and application.status != Status.APPROVED:
            decide(application, "approve", actor=actor)
    return application


def decide(application: Application, move: str, *, actor: Actor, reason: str = "") -> None:
    """Make one of the MOVES, with a reason that the affiliate will read; IllegalMove otherwise."""
    sources, target = MOVES[move]
    decision = {
        "status": target,
        "reason": reason,
        "decided_by_id": actor.user_id,
        "decided_at": clock.now(),
    }
    # Compare and set: of two opposite answers at once, one is told that it came too late.
    current = Application.objects.filter(pk=application.pk, status__in=sources)
    if not current.update(**decision):
        raise IllegalMove(
            f"An application that is {application.status} cannot {move}.",
            members={"state": application.status},
        )
    for column, value in decision.items():
        setattr(application, column, value)


def check_open(offer: Offer, affiliate: Affiliate, *, pointer: str = "") -> None:
    """OfferNotOpen (at `pointer`) or AffiliateNotActive where nothing new can begin there."""
    ended = offer.ends_at is not None and offer.ends_at <= clock.now()
    if offer.status != Offer.Status.ACTIVE or ended:
        raise OfferNotOpen(pointer=pointer)
    if affiliate.status != Affiliate.Status.ACTIVE:
        raise AffiliateNotActive()
