"""Answers of the tracker in ASGI's words: a redirect, a page, JSON, text, bytes of any kind."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, Final

import orjson

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

# A stored answer would hide the next click from us.
NO_STORE: Final[Header] = (b"cache-control", b"no-store")


async def content(
    send: Send, status: int, headers: Iterable[Header] = (), body: bytes = b""
) -> None:
    """These bytes with these headers and their length."""
    length = (b"content-length", str(len(body)).encode())
    headers = (*headers, length, (b"x-content-type-options", b"nosniff"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def redirect(send: Send, url: str) -> None:
    """302 and never 301, which browsers remember, so that repeated clicks would not be seen."""
    headers = ((b"location", url.encode("ascii")), NO_STORE, (b"content-length", b"0"))
    await send({"type": "http.response.start", "status": 302, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def page(send: Send, status: int, html: bytes, headers: Iterable[Header] = ()) -> None:
    """An HTML page that runs nothing and loads nothing."""
    guard = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")
    await _send(send, status, b"text/html; charset=utf-8", html, (guard, *headers))


async def json(
    send: Send, status: int, body: Mapping[str, object], headers: Iterable[Header] = ()
) -> None:
    """A JSON object; a problem document (RFC 9457) from status 400 on."""
    fault = status >= HTTPStatus.BAD_REQUEST
    kind = b"application/problem+json" if fault else b"application/json"
    await _send(send, status, kind, orjson.dumps(body), headers)


async def text(send: Send, status: int, words: str, headers: Iterable[Header] = ()) -> None:
    """Plain text."""
    await _send(send, status, b"text/plain; charset=utf-8", words.encode(), headers)


async def _send(
    send: Send, status: int, kind: bytes, body: bytes, headers: Iterable[Header]
) -> None:
    await content(send, status, ((b"content-type", kind), NO_STORE, *headers), body)
