"""The address of a link, smart or not: with parameters, signed, or drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from urllib.parse import quote, urlencode

import segno
from django.conf import settings

from network import clock
from network.errors import BadInput, FieldError, UnknownField, default_message
from partners import link_keys
from partners.deep_links import deep_link
from partners.landings import UnknownLanding
from partners.link_signature import signed_query
from partners.models import Landing, Link, Offer, SmartLink
from partners.vocabulary import LINK_PATH, PARAMETERS, TEXT_MAX, URL_MAX

AnyLink = Link | SmartLink


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


def url(link: AnyLink, params: Mapping[str, str] | None = None) -> str:
    """The address that the affiliate puts on its pages."""
    query = urlencode(params or {}, quote_via=quote)
    return f"{settings.TRACKER_URL}{_path(link)}" + (f"?{query}" if query else "")


def sign(link: AnyLink, params: Mapping[str, str], *, expires_in_s: int) -> SignedLink:
    """The link with these parameters, signed with the affiliate's newest key that lasts as long.

    Raises what `check_params` and `link_keys.signing_key` raise.
    """
    check_params(link, params, pointer="/params/")
    expires = int(clock.now().timestamp()) + expires_in_s
    until = datetime.fromtimestamp(expires, UTC)
    key_id, secret = link_keys.signing_key(link.affiliate, until + timedelta(seconds=1))
    query = signed_query(secret, _path(link), params, key_id=key_id, expires=expires)
    return SignedLink(url=f"{url(link)}?{query}", key_id=key_id, expires_at=until)


def qr(link: AnyLink, params: Mapping[str, str], *, kind: str, scale: int) -> bytes:
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


def check_params(link: AnyLink, params: Mapping[str, str], *, pointer: str) -> None:
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
            case "deep_link" if not _is_listed(link, value):
                raise BadDeepLink(pointer=pointer + name)
            case "landing" if not _has_landing(link, value):
                raise UnknownLanding(pointer=pointer + name)


def _is_listed(link: AnyLink, url: str) -> bool:
    return any(deep_link(url, offer.deep_link_hosts) is not None for offer in _offers(link))


def _has_landing(link: AnyLink, id: str) -> bool:
    pages = Landing.objects.filter(offer__in=_offers(link), active=True)
    return id in map(str, pages.values_list("pk", flat=True))


def _offers(link: AnyLink) -> list[Offer]:
    """Where it may lead; a smart link passes over offers that do not suit what it says."""
    if isinstance(link, Link):
        return [link.offer]
    return list(Offer.objects.filter(pk__in=link.choices.values("offer")))


def _path(link: AnyLink) -> str:
    return f"{LINK_PATH}{link.code}"
