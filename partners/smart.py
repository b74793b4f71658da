"""Smart links: one link over several offers, chosen for each visitor by order, weight or learning.

Learning compares what the affiliate itself earns, approved commission, because the link is the
affiliate's and the choice is made in its name; the network's margin has no part in it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.models import Prefetch, QuerySet

from network import clock
from network.errors import BadInput, CurrencyMismatch
from partners import links
from partners.actors import Actor
from partners.models import Affiliate, Offer, SmartLink, SmartOffer, SmartWeight

CODE_BEGINS: Final = "s-"
CHOICES_MAX: Final = 50

Strategy = SmartLink.Strategy


class OfferTwice(BadInput):
    """A smart link names each offer once."""

    code = "offer_twice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An offer as asked for. Lower `priority` is asked first; weight 0 gets nobody."""

    offer: Offer
    priority: int
    weight: int = 100
    active: bool = True


def visible(actor: Actor) -> QuerySet[SmartLink]:
    """The affiliate's own smart links, or all, with their choices in the order of priority."""
    found = SmartLink.objects.all() if actor.sees_all else _own(actor)
    return found.prefetch_related(
        Prefetch("choices", SmartOffer.objects.order_by("priority", "pk"))
    )


def weights(smart: SmartLink) -> QuerySet[SmartWeight]:
    """What was learned for the link, of offers that were left out since, too."""
    return smart.weights.select_related("offer", "evidence")


def create(
    *, affiliate: Affiliate, strategy: str, choices: Sequence[Choice], name: str = ""
) -> SmartLink:
    """A new active smart link.

    Raises OfferTwice; CurrencyMismatch where it learns from offers in two currencies; for each
    offer what `links.check_access` raises.
    """
    _check(strategy, choices, pointer="/choices")
    with transaction.atomic():
        smart = links.coded(
            lambda code: SmartLink.objects.create(
                code=CODE_BEGINS + code,
                affiliate=affiliate,
                name=name,
                strategy=strategy,
                created_at=clock.now(),
            )
        )
        _store(smart, choices)
    return smart


def change(
    smart: SmartLink, *, choices: Sequence[Choice] | None = None, **changes: object
) -> SmartLink:
    """The link with another `name`, `strategy`, `active`, or other choices in place of all it had.

    Access is asked for offers that are new to the link. What was learned stays, also about an
    offer that is left out. Raises what `create` raises.
    """
    with transaction.atomic():
        # Two changes at once are made one after the other, or the choices of both would mix.
        locked = SmartLink.objects.select_for_update().get(pk=smart.pk)
        for column, value in changes.items():
            setattr(locked, column, value)
        if choices is None:
            _check(locked.strategy, _current(locked), pointer="/strategy")
        else:
            _check(locked.strategy, choices, pointer="/choices")
            _store(locked, choices)
        if changes:
            locked.save(update_fields=list(changes))
    return locked


def _own(actor: Actor) -> QuerySet[SmartLink]:
    return SmartLink.objects.filter(affiliate=actor.affiliate_id)


def _current(smart: SmartLink) -> list[Choice]:
    rows = smart.choices.select_related("offer")
    return [Choice(offer=row.offer, priority=row.priority) for row in rows]


def _check(strategy: str, choices: Sequence[Choice], *, pointer: str) -> None:
    named = set()
    for place, choice in enumerate(choices):
        if choice.offer.pk in named:
            raise OfferTwice(pointer=f"/choices/{place}/offer")
        named.add(choice.offer.pk)
    if strategy == Strategy.LEARNED and len({choice.offer.currency for choice in choices}) > 1:
        detail = "A smart link that learns compares commissions: its offers have one currency."
        raise CurrencyMismatch(detail, pointer=pointer)


def _store(smart: SmartLink, choices: Sequence[Choice]) -> None:
    """Make these the link's choices; each that is new to it needs access."""
    had = set(smart.choices.values_list("offer_id", flat=True))
    for place, choice in enumerate(choices):
        if choice.offer.pk not in had:
            pointer = f"/choices/{place}/offer"
            links.check_access(choice.offer, smart.affiliate, pointer=pointer)
    smart.choices.exclude(offer__in=_ids(choices)).delete()
    SmartOffer.objects.bulk_create(
        [
            SmartOffer(
                smart_link=smart,
                offer=choice.offer,
                priority=choice.priority,
                weight=choice.weight,
                active=choice.active,
            )
            for choice in choices
        ],
        update_conflicts=True,
        unique_fields=["smart_link", "offer"],
        update_fields=["priority", "weight", "active"],
    )


def _ids(choices: Iterable[Choice]) -> list[int]:
    return [choice.offer.pk for choice in choices]
