"""One request as the tracker reads it, by whichever way it came in."""

from collections.abc import Mapping
from typing import NamedTuple

from network.errors import Malformed, TooLarge
from tracking.responses import Receive, Scope

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


async def read_body(receive: Receive, bytes_max: int, too_large: type[TooLarge]) -> bytes:
    """The whole body.

    Raises `too_large` as soon as it is longer than `bytes_max`, whatever its declared length, and
    Malformed where its sender leaves before the end.
    """
    body, more = b"", True
    while more:
        part = await receive()
        if part["type"] == "http.disconnect":
            raise Malformed("The body ended early.")
        body += part.get("body", b"")
        if len(body) > bytes_max:
            raise too_large()
        more = part.get("more_body", False)
    return body
