"""Where a visitor really comes from: headers are believed from our own proxies only."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from django.conf import settings

_Address = IPv4Address | IPv6Address
# Beyond this nobody forwards for an honest reason.
_HOPS_MAX: Final = 20
# An address of IPv6 with a zone, brackets, a port and blanks is well below this.
_TEXT_MAX: Final = 100


def visitor(peer: str, forwarded: list[bytes]) -> str | None:
    """The visitor's address: the rightmost one of X-Forwarded-For that is not a trusted proxy.

    `peer` is who connected to us. A peer that is not trusted is the visitor whatever it says, and
    an entry that is no address ends the search, since only a stranger can have written it.
    """
    if not forwarded or not settings.TRUSTED_PROXIES:
        return _spelled(peer)
    address = _parsed(peer)
    if address is None or _trusted(address):
        hops = b",".join(forwarded).decode("latin-1").rsplit(",", _HOPS_MAX)
        for hop in reversed(hops):
            said = _parsed(hop)
            if said is None:
                break
            address = said
            if not _trusted(said):
                break
    return None if address is None else str(address)


def is_proxy(peer: str) -> bool:
    """Whether a trusted proxy connected to us; a peer without an address is a local socket."""
    address = _parsed(peer)
    return address is None or _trusted(address)


@lru_cache(maxsize=10_000)
def _spelled(text: str) -> str | None:
    address = _parsed(text)
    return None if address is None else str(address)


@lru_cache(maxsize=10_000)
def _parsed(text: str) -> _Address | None:
    """An address with or without port, brackets or zone; IPv4 inside IPv6 comes out as IPv4."""
    if len(text) > _TEXT_MAX:
        return None
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _trusted(address: _Address) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)
