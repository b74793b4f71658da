"""One request as the tracker reads it, by whichever way it came in."""

from collections.abc import Mapping
from typing import NamedTuple

from tracking.responses import Scope

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
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers[name] = once_more(name, headers[name], value) if name in headers else value
    return Asked(scope["path"], scope["query_string"], headers, peer)


def once_more(name: bytes, before: bytes, value: bytes) -> bytes:
    """What a header says that comes twice: the last, but every hop of X-Forwarded-For."""
    return before + b"," + value if name == _FORWARDED else value
