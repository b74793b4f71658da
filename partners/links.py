"""Tracking links: a short random code for an affiliate and an offer that it has access to."""

import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

import segno
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from network import clock
from network.errors import (
    BadInput,
    FieldError,
    Forbidden,
    Unavailable,
    UnknownField,
    default_message,
)
from partners import link_keys, offers
from partners.actors import Actor
from partners.applications import check_open
from partners.deep_links import deep_link
from partners.landings import UnknownLanding
from partners.link_signature import signed_query
from partners.models import Affiliate, Landing, Link, Offer
from partners.vocabulary import LINK_PATH, PARAMETERS, TEXT_MAX, URL_MAX

Coded = TypeVar("Coded")

ALPHABET: Final = string.digits + string.ascii_letters
# 62 ** 10 codes: nobody finds another's link by guessing, and a clash is a curiosity.
CODE_LENGTH: Final = 10
TRIES: Final = 5


class NotApproved(Forbidden):
    """This offer gives links to whom it let in: apply by POST /api/v1/offers/{id}/applications."""

    code = "not_approved"


class ParameterInvalid(BadInput):
    """A parameter of a link has 1 to 500 printable characters, an address up to 2000."""

    code = "parameter_invalid"


class BadDeepLink(BadInput):
    """A deep link leads to one of the hosts that the offer lists, by http or https."""

    code = "bad_deeplink"


class QrTooLong(BadInput):
    """The address with these parameters is longer than a QR code holds."""

    code = "qr_too_long"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedLink:
    """A link's address that nobody can change, the key it is signed with, and when it ends."""

    url: str
    key_id: str
    expires_at: datetime


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


def url(link: Link, params: Mapping[str, str] | None = None) -> str:
    """The address that the affiliate puts on its pages."""
    query = urlencode(params or {}, quote_via=quote)
    return f"{settings.TRACKER_URL}{_path(link)}" + (f"?{query}" if query else "")


def sign(link: Link, params: Mapping[str, str], *, expires_in_s: int) -> SignedLink:
    """The link with these parameters, signed with the affiliate's newest key that lasts as long.

    Raises what `check_params` and `link_keys.signing_key` raise.
    """
    check_params(link, params, pointer="/params/")
    expires = int(clock.now().timestamp()) + expires_in_s
    until = datetime.fromtimestamp(expires, UTC)
    key_id, secret = link_keys.signing_key(link.affiliate, until + timedelta(seconds=1))
    query = signed_query(secret, _path(link), params, key_id=key_id, expires=expires)
    return SignedLink(url=f"{url(link)}?{query}", key_id=key_id, expires_at=until)


def qr(link: Link, params: Mapping[str, str], *, kind: str, scale: int) -> bytes:
    """The QR code of the link with these parameters, as `svg` or `png`, `scale` pixels a dot.

    Raises what `check_params` raises, and QrTooLong.
    """
    check_params(link, params, pointer="?")
    image = BytesIO()
    try:
        code = segno.make_qr(url(link, params), error="m")
    except segno.DataOverflowError:
        raise QrTooLong() from None
    # White behind it: on a dark page a transparent one cannot be read.
    code.save(image, kind=kind, scale=scale, light="#fff")
    return image.getvalue()


def check_params(link: Link, params: Mapping[str, str], *, pointer: str) -> None:
    """What a click would ignore, cut, or fail for, is refused while somebody can put it right.

    `pointer` goes before the name. Raises UnknownField, ParameterInvalid, BadDeepLink,
    UnknownLanding.
    """
    if unknown := [name for name in params if name not in PARAMETERS]:
        detail = default_message(UnknownField)
        raise UnknownField(
            errors=[FieldError(pointer + name, UnknownField.code, detail) for name in unknown]
        )
    for name, value in params.items():
        longest = URL_MAX if PARAMETERS[name] == "deep_link" else TEXT_MAX
        if not 0 < len(value) <= longest or not value.isprintable():
            raise ParameterInvalid(pointer=pointer + name)
        match PARAMETERS[name]:
            case "deep_link" if deep_link(value, link.offer.deep_link_hosts) is None:
                raise BadDeepLink(pointer=pointer + name)
            case "landing" if not _has_landing(link.offer, value):
                raise UnknownLanding(pointer=pointer + name)


def _has_landing(offer: Offer, id: str) -> bool:
    pages = Landing.objects.filter(offer=offer, active=True).values_list("pk", flat=True)
    return id in map(str, pages)


def _path(link: Link) -> str:
    return f"{LINK_PATH}{link.code}"
