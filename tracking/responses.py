"""Answers of the tracker in ASGI's words: a redirect, a page, JSON, text, bytes of any kind."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, Final

import orjson

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON: Final = b"application/json"
PROBLEM: Final = b"application/problem+json"
# An idle connection is closed after one to two times this, one whose request does not come to its
# end too. Longer than nginx keeps its own ends of idle connections.
IDLE_S: Final = 75.0
# A stored answer would hide the next click from us.
NO_STORE: Final[Header] = (b"cache-control", b"no-store")


async def content(
    send: Send, status: int, headers: Iterable[Header] = (), body: bytes = b""
) -> None:
    """These bytes with these headers and their length."""
    await _send(send, status, (*headers, *_measured(body)), body)


def redirect_headers(url: str) -> tuple[Header, ...]:
    """The headers of a redirect, which no one keeps: the next click is to be seen too."""
    return (b"location", url.encode("ascii")), NO_STORE, (b"content-length", b"0")


async def redirect(send: Send, url: str) -> None:
    """302 and never 301, which browsers remember, so that repeated clicks would not be seen."""
    await _send(send, 302, redirect_headers(url), b"")


def page_headers(html: bytes, headers: Iterable[Header] = ()) -> tuple[Header, ...]:
    """The headers of an HTML page that runs nothing and loads nothing, and that no one keeps."""
    guard = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")
    return _described(b"text/html; charset=utf-8", html, (guard, *headers))


async def page(send: Send, status: int, html: bytes, headers: Iterable[Header] = ()) -> None:
    """An HTML page that runs nothing and loads nothing."""
    await _send(send, status, page_headers(html, headers), html)


async def json(
    send: Send,
    status: int,
    body: Mapping[str, object],
    headers: Iterable[Header] = (),
    *,
    kind: bytes = b"",
) -> None:
    """A JSON object of this kind; without one, a problem document (RFC 9457) from status 400 on."""
    kind = kind or (PROBLEM if status >= HTTPStatus.BAD_REQUEST else JSON)
    content = orjson.dumps(body)
    await _send(send, status, _described(kind, content, headers), content)


def text_headers(content: bytes, headers: Iterable[Header] = ()) -> tuple[Header, ...]:
    """The headers of plain text."""
    return _described(b"text/plain; charset=utf-8", content, headers)


async def text(send: Send, status: int, words: str, headers: Iterable[Header] = ()) -> None:
    """Plain text."""
    content = words.encode()
    await _send(send, status, text_headers(content, headers), content)


def _described(kind: bytes, body: bytes, headers: Iterable[Header]) -> tuple[Header, ...]:
    return (b"content-type", kind), NO_STORE, *headers, *_measured(body)


def _measured(body: bytes) -> tuple[Header, ...]:
    length = str(len(body)).encode()
    return (b"content-length", length), (b"x-content-type-options", b"nosniff")


async def _send(send: Send, status: int, headers: tuple[Header, ...], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
