"""The web server's entry: a request gets a thread of Django once its whole body is there.

A thread that waits for a body is lost as long as the sender likes, and a handful of senders would
stop the server. Here waiting costs a coroutine, and ends at a deadline; so does waiting for a
reader who does not take his answer.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

import orjson
from asgiref.sync import ThreadSensitiveContext
from asgiref.wsgi import WsgiToAsgi
from django.conf import settings

from network.errors import PeractionError, TooLarge, Unavailable, document
from network.wsgi import application as django

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODY_WITHIN_S: Final = 10.0
ANSWER_WITHIN_S: Final = 30.0
# All bodies that are held at a time; a body of the largest size is a fraction of it.
HELD_BYTES_MAX: Final = 256 * 1024 * 1024
# As many as the default pool has connections: nobody with a thread waits for one.
THREADS: Final = 8
# What says where a body ends, which is known once it is here.
_FRAMING: Final = (b"content-length", b"transfer-encoding")


class BodyTooSlow(PeractionError):
    """The request body did not arrive in time."""

    code = "body_too_slow"
    status = HTTPStatus.REQUEST_TIMEOUT


class SenderGone(Exception):
    """The sender hung up before the end of the body."""


class BodyFirst:
    """A WSGI application behind a reader of bodies.

    A body has `body_within_s` to arrive, each part of an answer `answer_within_s` to be taken.
    """

    def __init__(
        self,
        application: Any,
        *,
        body_within_s: float = BODY_WITHIN_S,
        answer_within_s: float = ANSWER_WITHIN_S,
        held_bytes_max: int = HELD_BYTES_MAX,
    ) -> None:
        # asgiref has types, but not here.
        self._application = WsgiToAsgi(_closing(application))  # type: ignore[no-untyped-call]
        self._body_within_s = body_within_s
        self._answer_within_s = answer_within_s
        self._held_bytes_max = held_bytes_max
        self._held_bytes = 0
        self._threads = asyncio.Semaphore(THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, then let the application answer; refuse a slow or a large body."""
        if scope["type"] != "http":
            return
        body = bytearray()
        try:
            await self._fill(body, scope, receive)
            async with self._threads, ThreadSensitiveContext():
                whole = bytes(body)
                await self._application(_sized(scope, whole), _given(whole), self._impatient(send))
        except PeractionError as error:
            await _refuse(scope, send, error)
        except SenderGone:
            return
        finally:
            self._held_bytes -= len(body)

    async def _fill(self, body: bytearray, scope: Scope, receive: Receive) -> None:
        """Read the whole body; what is in `body` is counted as held, whatever happens."""
        limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if _announced(scope) > limit:
            raise TooLarge()
        try:
            async with asyncio.timeout(self._body_within_s):
                async for part in _parts(receive):
                    body += part
                    self._held_bytes += len(part)
                    if len(body) > limit:
                        raise TooLarge()
                    if self._held_bytes > self._held_bytes_max:
                        raise Unavailable()
        except TimeoutError:
            raise BodyTooSlow() from None

    def _impatient(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            async with asyncio.timeout(self._answer_within_s):
                await send(message)

        return sent


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise SenderGone
        yield message.get("body", b"")
        more = message.get("more_body", False)


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)  # the server has refused what is no number
    return 0


def _sized(scope: Scope, body: bytes) -> Scope:
    """The request with the length that its body has.

    A body that comes in chunks announces none, and Django reads no further than is announced.
    """
    others = [pair for pair in scope["headers"] if pair[0] not in _FRAMING]
    return {**scope, "headers": [*others, (b"content-length", str(len(body)).encode())]}


def _given(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _refuse(scope: Scope, send: Send, error: PeractionError) -> None:
    id = uuid4().hex
    text = orjson.dumps(document(error, instance=scope["path"], request_id=id))
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(text)).encode()),
        (b"x-request-id", id.encode()),
    ]
    if scope["http_version"].startswith("1"):
        # The rest of the body would be taken for the next request.
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": int(error.status), "headers": headers})
    await send({"type": "http.response.body", "body": text})


def _closing(application: Any) -> Callable[..., Iterable[bytes]]:
    """The application with its answers closed, which gives Django's connection back."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        chunks = application(environ, start_response)
        try:
            yield from chunks
        finally:
            if hasattr(chunks, "close"):
                chunks.close()

    return answer


application = BodyFirst(django)
