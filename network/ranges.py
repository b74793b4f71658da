"""IP addresses as whole numbers, and sets of them as sorted ranges.

IPv4 and IPv6 share one line of numbers: IPv4 lies in ::ffff:0:0/96, where IPv6 keeps a place for
it. So one bisection finds either.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from socket import AF_INET, AF_INET6, inet_pton
from typing import Final

Network = IPv4Network | IPv6Network

# ::ffff:0:0 and the last address of its /96.
_IPV4_FIRST: Final = 0xFFFF_0000_0000
_IPV4_LAST: Final = 0xFFFF_FFFF_FFFF


def number(ip: str) -> int | None:
    """The number of an address as `network.address` spells it; None for what is none."""
    try:
        if ":" in ip:
            return int.from_bytes(inet_pton(AF_INET6, ip))
        return _IPV4_FIRST | int.from_bytes(inet_pton(AF_INET, ip))
    except (OSError, ValueError):
        return None


def network(text: str) -> Network:
    """A range such as 10.0.0.0/8 or 2001:db8::/32, or one address; ValueError for anything else."""
    if "%" in text:
        raise ValueError(f"{text!r} names an interface")
    return ip_network(text)


class Ranges:
    """A set of addresses that never changes: `number(ip) in ranges`."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, networks: Iterable[Network]) -> None:
        """Ranges that overlap or touch become one."""
        firsts: list[int] = []
        lasts: list[int] = []
        for first, last in sorted(span for each in networks for span in _spans(each)):
            if lasts and first <= lasts[-1] + 1:
                lasts[-1] = max(lasts[-1], last)
            else:
                firsts.append(first)
                lasts.append(last)
        self._firsts: Final = firsts
        self._lasts: Final = lasts

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._firsts, number) - 1
        return place >= 0 and number <= self._lasts[place]

    def __len__(self) -> int:
        return len(self._firsts)


def _spans(network: Network) -> Iterator[tuple[int, int]]:
    """First and last number. A range of IPv6 around the place of IPv4, as ::/0, leaves that out."""
    first, last = int(network.network_address), int(network.broadcast_address)
    if network.version == 4:  # noqa: PLR2004  (its own name says it)
        yield _IPV4_FIRST | first, _IPV4_FIRST | last
    elif first < _IPV4_FIRST and last >= _IPV4_LAST:
        yield first, _IPV4_FIRST - 1
        if last > _IPV4_LAST:
            yield _IPV4_LAST + 1, last
    else:
        yield first, last
