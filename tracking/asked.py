"""One request as the tracker reads it, by whichever way it came in."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tracking.responses import Header, Scope

_FORWARDED = b"x-forwarded-for"


class Asked(NamedTuple):
    """A request's path, its raw query, its headers by their names in lower case, and its peer.

    `peer` is the address of who connected to us, empty for a local socket.
    """

    path: str
    query: bytes
    headers: Mapping[bytes, bytes]
    peer: str


def asked(scope: Scope) -> Asked:
    """The request that ASGI describes."""
    peer = (scope.get("client") or ("",))[0]
    return Asked(scope["path"], scope["query_string"], by_name(scope["headers"]), peer)


def by_name(pairs: Sequence[Header]) -> dict[bytes, bytes]:
    """Headers by name: of one that comes twice the last, but every hop of X-Forwarded-For."""
    headers = dict(pairs)
    if len(headers) != len(pairs) and _FORWARDED in headers:
        headers[_FORWARDED] = b",".join([value for name, value in pairs if name == _FORWARDED])
    return headers
