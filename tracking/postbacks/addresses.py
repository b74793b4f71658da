"""Affiliates' addresses for news: added, changed, removed, each with a secret of its own."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet

from network import clock
from network.crypto import open_, seal
from network.webhooks import new_webhook_secret
from partners.actors import Actor
from partners.destinations import check_url
from partners.models import Affiliate, Offer
from tracking.postbacks.models import Delivery, Postback


def visible(actor: Actor) -> QuerySet[Postback]:
    """The affiliate's own, or all."""
    if actor.sees_all:
        return Postback.objects.all()
    return Postback.objects.filter(affiliate=actor.affiliate_id)


def visible_deliveries(actor: Actor) -> QuerySet[Delivery]:
    """The messages to the addresses that the actor may see."""
    return Delivery.objects.filter(postback__in=visible(actor))


def add(
    *, affiliate: Affiliate, url: str, statuses: Sequence[str], offer: Offer | None = None
) -> tuple[Postback, str]:
    """A new address, for one offer or for all, and its secret, which is shown this once.

    UrlInvalid where nothing could be sent.
    """
    check_url(url, pointer="/url")
    secret = new_webhook_secret()
    with transaction.atomic():
        postback = Postback.objects.create(
            affiliate=affiliate,
            offer=offer,
            url=url,
            statuses=sorted(set(statuses)),
            sealed_secret=b"",
            created_at=clock.now(),
        )
        # Sealed for its place, so the row comes first.
        postback.sealed_secret = seal(secret.encode(), aad=_place(postback.pk))
        postback.save(update_fields=["sealed_secret"])
    return postback, secret


def change(postback: Postback, **changes: object) -> None:
    """Set url, statuses or active; UrlInvalid. A paused address gets what waits when it is back."""
    for name, value in changes.items():
        setattr(postback, name, value)
    check_url(postback.url, pointer="/url")
    postback.save(update_fields=list(changes))


def remove(postback: Postback) -> None:
    """Forget an address and the log of its messages; the events themselves stay."""
    with transaction.atomic():
        # The row first: whoever makes deliveries for it waits, and then finds it gone.
        Postback.objects.select_for_update().get(pk=postback.pk)
        Delivery.objects.filter(postback=postback).delete()
        postback.delete()


def secret_of(postback_id: int, sealed: bytes) -> str:
    """The secret with which messages to an address are signed."""
    return open_(sealed, aad=_place(postback_id)).decode()


def _place(postback_id: int) -> str:
    return f"postback/sealed_secret/{postback_id}"
