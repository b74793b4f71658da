"""The secrets with which an affiliate signs its links: two at a time, each shown once, then ended.

No link outlives its key: a key signs nothing that would run longer than itself. Whoever changes to
another key adds that one first and ends the old one when its last link has run out; ending it
sooner ends those links too, which is what a secret that leaked asks for.
"""

import secrets
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from network import clock, crypto
from network.errors import BadInput, Conflict, IllegalMove
from partners.actors import Actor
from partners.models import Affiliate, LinkKey
from partners.snapshot import link_key_aad

LIVE_KEYS: Final = 2


class LinkKeyTaken(BadInput):
    """The affiliate had a link key with this id."""

    code = "link_key_taken"


class TooManyLinkKeys(Conflict):
    """Two live link keys are there already, enough for a rotation: end one first."""

    code = "too_many_link_keys"


class LinkKeyMissing(Conflict):
    """Signing a link needs a live link key first: POST /api/v1/link-keys."""

    code = "link_key_missing"


class LinkKeyEndInvalid(BadInput):
    """A link key ends after now; to end it at once, delete it."""

    code = "link_key_end_invalid"


class LinkOutlivesKey(BadInput):
    """No live key of the affiliate lasts as long as this link should run."""

    code = "link_outlives_key"


def visible(actor: Actor) -> QuerySet[LinkKey]:
    """The affiliate's own keys, or all."""
    if actor.sees_all:
        return LinkKey.objects.all()
    return LinkKey.objects.filter(affiliate=actor.affiliate_id)


def add(
    *, affiliate: Affiliate, key_id: str = "", expires_at: datetime | None = None
) -> tuple[LinkKey, str]:
    """A new key and its secret, shown once; the HMAC key is the secret's text as bytes.

    Raises TooManyLinkKeys, LinkKeyTaken, LinkKeyEndInvalid.
    """
    now = clock.now()
    _check_end(expires_at, now)
    key_id = key_id or f"l_{secrets.token_hex(6)}"
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        # The lock makes two simultaneous requests count one after the other.
        Affiliate.objects.select_for_update().get(pk=affiliate.pk)
        if _live(affiliate, now).count() >= LIVE_KEYS:
            raise TooManyLinkKeys()
        try:
            with transaction.atomic():
                key = LinkKey.objects.create(
                    affiliate=affiliate,
                    key_id=key_id,
                    sealed_secret=crypto.seal(
                        secret.encode(), aad=link_key_aad(affiliate.pk, key_id)
                    ),
                    created_at=now,
                    expires_at=expires_at,
                )
        except IntegrityError as error:
            raise LinkKeyTaken(pointer="/key_id") from error
    return key, secret


def end(key: LinkKey, at: datetime | None = None) -> None:
    """End a key at once, or at a later instant: so long the links that it signed go on.

    None means at once. Raises LinkKeyEndInvalid, and IllegalMove for a key that has ended.
    """
    now = clock.now()
    _check_end(at, now)
    # Compare and set: what has ended stays so.
    if not _live(key.affiliate, now).filter(pk=key.pk).update(expires_at=at or now):
        raise IllegalMove("The link key has ended already.")
    key.expires_at = at or now


def signing_key(affiliate: Affiliate, until: datetime) -> tuple[str, bytes]:
    """The id and the secret of the affiliate's newest key that lives until that instant.

    Raises LinkKeyMissing, LinkOutlivesKey.
    """
    keys = list(_live(affiliate, clock.now()).order_by("-created_at", "-pk"))
    if not keys:
        raise LinkKeyMissing()
    for key in keys:
        # A key's last instant is already none of its own.
        if key.expires_at is None or until < key.expires_at:
            aad = link_key_aad(affiliate.pk, key.key_id)
            return key.key_id, crypto.open_(key.sealed_secret, aad=aad)
    longest = max(key.expires_at for key in keys if key.expires_at)
    ends = longest.isoformat().replace("+00:00", "Z")
    raise LinkOutlivesKey(pointer="/expires_in_s", members={"keys_end_at": ends})


def _live(affiliate: Affiliate, now: datetime) -> QuerySet[LinkKey]:
    return affiliate.link_keys.filter(Q(expires_at=None) | Q(expires_at__gt=now))


def _check_end(at: datetime | None, now: datetime) -> None:
    if at is not None and at <= now:
        raise LinkKeyEndInvalid(pointer="/expires_at")
