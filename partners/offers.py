"""Offers: drafted by their advertiser, activated, paused, ended; and who gets to see them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from network import clock, zones
from network.errors import BadInput, IllegalMove
from network.zones import UnknownTimeZone
from partners import goals, targeting
from partners.actors import Actor
from partners.destinations import check_url, check_utm, checked_hosts
from partners.models import Advertiser, Application, Goal, Link, Offer, Role, SmartOffer, Terms
from partners.open_offers import OfferIncomplete, lock_open

Status = Offer.Status

# The move's name -> (from, to). An ended offer stays ended: its terms are closed business.
MOVES: Final[Mapping[str, tuple[frozenset[str], str]]] = {
    "activate": (frozenset({Status.DRAFT, Status.PAUSED}), Status.ACTIVE),
    "pause": (frozenset({Status.ACTIVE}), Status.PAUSED),
    "end": (frozenset({Status.DRAFT, Status.ACTIVE, Status.PAUSED}), Status.ENDED),
}


class OfferDatesInvalid(BadInput):
    """An offer ends after it starts."""

    code = "offer_dates_invalid"


class WindowEmpty(BadInput):
    """The minimum from click to conversion is not longer than the click window."""

    code = "window_empty"


def visible(actor: Actor) -> QuerySet[Offer]:
    """The offers that the actor may know of.

    An affiliate knows active ones that are public or take applications, and whatever it was let
    into or has a link for, smart or not, save drafts.
    """
    if actor.sees_all:
        return Offer.objects.all()
    if actor.role == Role.ADVERTISER:
        return Offer.objects.filter(advertiser=actor.advertiser_id)
    return (
        Offer.objects.exclude(status=Status.DRAFT)
        .annotate(has_access=has_access(actor.affiliate_id))
        .filter(
            Q(status=Status.ACTIVE, visibility__in=("public", "approval"))
            | Q(has_access=True)
            | Q(Exists(Link.objects.filter(offer=OuterRef("pk"), affiliate=actor.affiliate_id)))
            | Q(Exists(_smart_choices(actor.affiliate_id)))
        )
    )


def has_access(affiliate_id: int | None) -> Q:
    """Whether the affiliate may take links: the offer is public, or the affiliate was let in."""
    let_in = Application.objects.filter(
        offer=OuterRef("pk"), affiliate=affiliate_id, status=Application.Status.APPROVED
    )
    return Q(visibility=Offer.Visibility.PUBLIC) | Q(Exists(let_in))


def create(
    *,
    actor: Actor,
    advertiser: Advertiser,
    new_goals: Sequence[goals.NewGoal] = (),
    **fields: Any,
) -> Offer:
    """A draft with its goals and their terms, all or nothing.

    Raises UrlInvalid, OfferDatesInvalid, WindowEmpty, TargetingInvalid, UnknownTimeZone, what
    `destinations` raises for hosts and parameters, and what `goals.add_goal` raises.
    """
    offer = Offer(advertiser=advertiser, created_at=clock.now(), **fields)
    _check(offer)
    with transaction.atomic():
        offer.save(force_insert=True)
        for new in sorted(new_goals, key=lambda new: not new.is_default):
            goals.add_goal(offer, new, actor=actor)
    return offer


def change(offer: Offer, changes: Mapping[str, Any]) -> Offer:
    """The offer with other columns; the currency and the advertiser stay.

    Raises OfferEnded and what `create` raises of the offer itself.
    """
    with transaction.atomic():
        # Checked as a whole after locking: two half changes may not add up to a wrong one.
        locked = lock_open(offer)
        for column, value in changes.items():
            setattr(locked, column, value)
        _check(locked)
        if changes:
            locked.save(update_fields=list(changes))
    return locked


def move(offer: Offer, name: str) -> Offer:
    """Make one of the MOVES; IllegalMove from another state, OfferIncomplete on activation."""
    sources, target = MOVES[name]
    with transaction.atomic():
        # Locked before the look at its goals: none may come between that and the move.
        state = Offer.objects.select_for_update().get(pk=offer.pk).status
        if name == "activate":
            _check_complete(offer)
        if state not in sources:
            raise IllegalMove(f"An offer that is {state} cannot {name}.", members={"state": state})
        Offer.objects.filter(pk=offer.pk).update(status=target)
    offer.status = target
    return offer


def _smart_choices(affiliate_id: int | None) -> QuerySet[SmartOffer]:
    return SmartOffer.objects.filter(offer=OuterRef("pk"), smart_link__affiliate=affiliate_id)


def _check(offer: Offer) -> None:
    check_url(offer.landing_url, pointer="/landing_url")
    if offer.fallback_url:
        check_url(offer.fallback_url, pointer="/fallback_url")
    if offer.starts_at and offer.ends_at and offer.ends_at <= offer.starts_at:
        raise OfferDatesInvalid(pointer="/ends_at")
    if offer.min_click_to_conversion_s > offer.click_window_s:
        raise WindowEmpty(pointer="/min_click_to_conversion_s")
    if offer.targeting is not None:
        targeting.validate(offer.targeting, "/targeting")
    if offer.time_zone not in zones.names():
        raise UnknownTimeZone(pointer="/time_zone")
    offer.deep_link_hosts = checked_hosts(offer.deep_link_hosts, pointer="/deep_link_hosts")
    check_utm(offer.utm, pointer="/utm")


def _check_complete(offer: Offer) -> None:
    priced = Terms.objects.filter(goal=OuterRef("pk"), affiliate=None)
    its_goals = Goal.objects.filter(offer=offer)
    if not its_goals.filter(is_default=True).exists():
        raise OfferIncomplete(
            f"The offer has no goal: POST one to /api/v1/offers/{offer.pk}/goals."
        )
    if unpriced := its_goals.filter(~Exists(priced)).order_by("pk").first():
        raise OfferIncomplete(
            f"The goal {unpriced.code!r} has no terms for everybody: "
            f"POST them to /api/v1/goals/{unpriced.pk}/terms."
        )
