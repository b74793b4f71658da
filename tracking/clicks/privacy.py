"""How much of a visitor is kept: the consent that a click comes with, and what follows from it.

The strictest word counts. A link may say `cons=1` or `cons=0`, or bring a consent string of the
IAB's framework in `gdpr_consent`; the browser may send Sec-GPC: 1; and where nothing is said, the
setting CONSENT_ABSENT and the visitor's country decide.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from socket import AF_INET6, inet_ntop, inet_pton
from typing import Final

from django.conf import settings

from network.countries import EEA
from network.settled import settled
from tracking.clicks import tcf


class Consent(StrEnum):
    """What a click may keep of its visitor.

    FULL: the address as CLICK_IP says, and a visitor key. MINIMAL: the address cut at least, and no
    visitor key. REFUSED: as MINIMAL, and neither a cookie nor a click id for the landing page.
    """

    FULL = "full"
    MINIMAL = "minimal"
    REFUSED = "refused"


# An address is cut to a site's /48, or to 256 visitors of IPv4.
_SITE_BYTES: Final = 6
_IPV6_BYTES: Final = 16
_KEY_BYTES: Final = 8
# A unique local address (RFC 4193) of 15 random bytes belongs to nobody.
_UNIQUE_LOCAL: Final = b"\xfd"
_SAYS_YES: Final = "1"
_SAYS_NO: Final = "0"


def consent(
    said: str, country: str, *, gpc: bool, gdpr: str = "", gdpr_consent: str = ""
) -> Consent:
    """The consent of one click; `said` is `cons`, and "" stands for a parameter that is absent.

    A country that is not known may be inside the EEA and counts as such.
    """
    by_string = _by_string(gdpr, gdpr_consent) if gdpr or gdpr_consent else None
    if said == _SAYS_NO or by_string is Consent.REFUSED:
        return Consent.REFUSED
    if gpc:
        return Consent.MINIMAL
    if said == _SAYS_YES:
        return Consent.FULL
    return by_string or _by_setting(country)


def opts_out(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the browser sends the Global Privacy Control."""
    return headers.get(b"sec-gpc") == b"1"


def stored_ip(ip: str | None, consent: Consent, salt: bytes | None = None) -> str | None:
    """What the click's row keeps of an address that `network.address` spelt.

    By CLICK_IP: `full`, the address; `cut`, its network of /24 or /48; `hashed`, an address that
    belongs to nobody, the same for one visitor until the day's salt is another, and nothing where
    there is no salt; `none`, nothing. Without full consent `full` is `cut`, and `hashed`, which
    tells visitors apart, is `none`.
    """
    policy = _click_ip()
    if ip is None or policy == "none":
        return None
    if policy == "hashed":
        return _hashed(ip, salt) if salt and consent is Consent.FULL else None
    if policy == "full" and consent is Consent.FULL:
        return ip
    return _cut(ip)


def visitor_key(
    salt: bytes | None, ip: str | None, user_agent: str, offer_id: int, affiliate_id: int
) -> int | None:
    """One visitor of one affiliate's offer for as long as the salt lasts: a signed 64-bit number.

    `salt` has at most 64 bytes. None without a salt or an address. When the salt is forgotten,
    nobody can find out any more whose key it was.
    """
    if not salt or ip is None:
        return None
    # No user agent holds NUL, so no two visitors spell the same message.
    message = f"{ip}\0{offer_id}\0{affiliate_id}\0{user_agent}".encode("utf-8", "replace")
    state = _salted(salt).copy()
    state.update(message)
    return int.from_bytes(state.digest(), signed=True)


@lru_cache(maxsize=8)
def _salted(salt: bytes) -> blake2b:
    """The state after the salt, which is the same for all visitors of a day."""
    return blake2b(key=salt, digest_size=_KEY_BYTES)


def _by_string(gdpr: str, text: str) -> Consent | None:
    """What a consent string decides; None where there is none, or none is needed (`gdpr=0`).

    Until the network is a vendor of the framework itself (TCF_VENDOR_ID), a string can refuse in
    its name, but not agree.
    """
    if gdpr == _SAYS_NO or not (text or gdpr == _SAYS_YES):
        return None
    vendor_id = settings.TCF_VENDOR_ID
    answer = tcf.read(text, vendor_id)
    if answer is None or not answer.purpose_one:
        return Consent.REFUSED
    if not vendor_id:
        return None
    return Consent.FULL if answer.vendor else Consent.REFUSED


@settled(1)
def _click_ip() -> str:
    policy: str = settings.CLICK_IP
    return policy


@settled(300)
def _by_setting(country: str) -> Consent:
    absent = settings.CONSENT_ABSENT
    if absent == "minimal_in_eea":
        absent = Consent.MINIMAL if not country or country in EEA else Consent.FULL
    return Consent(absent)


def _cut(ip: str) -> str:
    if ":" not in ip:
        return f"{ip.rpartition('.')[0]}.0"
    site = inet_pton(AF_INET6, ip)[:_SITE_BYTES]
    return inet_ntop(AF_INET6, site.ljust(_IPV6_BYTES, b"\0"))


def _hashed(ip: str, salt: bytes) -> str:
    digest = blake2b(ip.encode(), key=salt, digest_size=_IPV6_BYTES - 1).digest()
    return inet_ntop(AF_INET6, _UNIQUE_LOCAL + digest)
