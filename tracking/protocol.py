"""HTTP for the tracker: uvicorn's, with a short way for the clicks of known links.

A click needs no task, no future and no ASGI messages: its request is judged as soon as it is read,
queued, and answered by the call that tells of its commit. Whatever is unusual (another method, a
smart link, another platform's link, a code that nobody knows, a request behind another one) goes
uvicorn's way to the ASGI app, which answers everything, links too.
"""

import asyncio
import resource
from collections.abc import Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote_from_bytes

import structlog
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from network.errors import PeractionError
from partners.snapshot import Link
from tracking import metrics
from tracking.asked import Asked, once_more
from tracking.clicks import pages
from tracking.clicks.edge import RETRY, ClickEdge
from tracking.clicks.kinds import Entry
from tracking.responses import (
    IDLE_S,
    Header,
    Receive,
    Scope,
    Send,
    page_headers,
    redirect_headers,
    text,
    text_headers,
)

log = structlog.get_logger(__name__)

# Of a request that is not read to the end yet: its line and its headers.
HEAD_MAX: Final = 65_536
# Requests that one connection may have sent ahead of its answers: a packet holds thousands.
AHEAD_MAX: Final = 100
# File descriptors that connections leave to the database, the spool and the log.
KEPT_FREE: Final = 100
_ASCII: Final = bytes(range(128))
_CLOSE: Final[Header] = (b"connection", b"close")
_TOO_LARGE: Final = "the request's headers are too large\n"
_NO_HTTP: Final = "the request is no HTTP, or there are too many ahead of their answers\n"


class _TooLarge(Exception):
    """More than HEAD_MAX of a request's head came in one packet."""


class _Pending:
    """A click that waits for its commit, as uvicorn sees the requests of a connection."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "response_complete")

    # Nobody waits for more of a click.
    more_body = False

    def __init__(self) -> None:
        self.disconnected = False
        self.keep_alive = True
        self.message_event = asyncio.Event()
        self.response_complete = True


class Protocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._click = _Pending()
        self._link: Link | None = None
        # The headers that come in, by their names in lower case, and those that have come in whole.
        self._coming: dict[bytes, bytes] = {}
        self._said: Mapping[bytes, bytes] = {}
        self._asked_bytes = 0
        # Whether what comes next is a request's line.
        self._between = True
        self._refused = False
        # The head of a request that is read once more.
        self._again = b""
        self._answered = 0
        self._answered_before = -1
        self._idle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to read, and to look whether anybody is there."""
        super().connection_made(transport)
        if self.client is None and self.server is not None and self.server[1] is not None:
            # Over TCP only who has hung up has no address. What came before that would be taken
            # for a local proxy's, and its X-Forwarded-For believed.
            transport.abort()
            return
        if len(self.connections) > _connections_max():
            # Without a descriptor left neither the database nor the spool could be reached, and
            # those who are being served would lose their clicks for those who come on top.
            transport.abort()
            return
        self._peer = self.client[0] if self.client else ""
        self._idle = self.loop.call_later(IDLE_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; a click that is queued is stored all the same."""
        if self._idle is not None:
            self._idle.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a head without an end would fill the memory."""
        if self._refused:
            return
        in_line = False
        if self._between:
            # Never in a body, which would become longer than its head says.
            in_line = b"\n" not in data
            if not data.isascii():
                data = _ascii_line(data)
        self._asked_bytes += len(data)
        if self._asked_bytes > HEAD_MAX and self._asked_bytes > len(data):
            self._refuse(431, _TOO_LARGE)
            return
        self._unset_keepalive_if_required()
        while data:
            try:
                self.parser.feed_data(data)
            except HttpParserUpgrade as upgrade:
                data, self._again = self._again + data[upgrade.args[0] :], b""
                # The old one reads no more where the request asks to close.
                self.parser = HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            except HttpParserError as error:
                if isinstance(error.__context__, _TooLarge):
                    self._refuse(431, _TOO_LARGE)
                else:
                    self._refuse(400, _NO_HTTP)
                return
            else:
                # A long line comes in several packets.
                self._between = self._between or in_line
                return

    def on_message_begin(self) -> None:
        """Begin with what both ways need."""
        self._between = False
        self.url = b""
        self._coming = {}
        self._link = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; what some mean is looked at on uvicorn's way alone."""
        name = name.lower()
        if name in self._coming:
            value = once_more(name, self._coming[name], value)
        self._coming[name] = value

    def on_headers_complete(self) -> None:
        """Choose the way."""
        if self._asked_bytes > HEAD_MAX and self._head_bytes() > HEAD_MAX:
            raise _TooLarge()
        self._asked_bytes = 0
        # What comes behind a body by the same callback, a trailer, is no header.
        said, self._coming = self._coming, {}
        if self.parser.should_upgrade():
            self._again = self._without_upgrade(said)
            return
        path = self.url.partition(b"?")[0]
        if (
            (self.cycle is None or self.cycle.response_complete)
            and self.parser.get_method() == b"GET"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            # Who reads no answers waits for them, or they would pile up here.
            and not self.flow.write_paused
            and b"#" not in self.url
            and b"expect" not in said
            and (link := self._clicks().known(path)) is not None
        ):
            self._link, self._said = link, said
            return
        if len(self.pipeline) >= AHEAD_MAX:
            raise ValueError("too many requests ahead of their answers")
        url = self.url
        super().on_message_begin()
        self.url = url
        for name, value in said.items():
            super().on_header(name, value)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A click needs none."""
        self._asked_bytes = 0
        if self._link is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Judge a click and queue it, now that it is read."""
        self._between = True
        self._asked_bytes = 0
        if self._again:
            return
        link, self._link = self._link, None
        if link is None:
            super().on_message_complete()
            return
        self._click.response_complete = False
        self.cycle = self._click  # type: ignore[assignment]
        path, _, query = self.url.partition(b"?")
        asked = Asked(path.decode("latin-1"), query, self._said, self._peer)
        try:
            self._clicks().give(link, asked, self._told)
        except Exception as error:
            self._told(error)

    def on_response_complete(self) -> None:
        """Go on with the next request of the connection, if it has come already."""
        self._answered += 1
        super().on_response_complete()

    def _without_upgrade(self, said: Mapping[bytes, bytes]) -> bytes:
        """The head of the request without a wish that nobody here fulfils, which HTTP leaves out.

        It is read once more: the parser takes whatever stands behind an upgrade, a body too, for
        another protocol, and what comes in a body must never be read as a request.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise ValueError("this is no proxy")
        line = b"%b %b HTTP/%b" % (method, self.url, self.parser.get_http_version().encode())
        kept = [b"%b: %b" % header for header in said.items() if header[0] != b"upgrade"]
        return b"\r\n".join([line, *kept, b"", b""])

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self._coming.items())

    def _clicks(self) -> ClickEdge:
        clicks: ClickEdge = self.app.tracker.clicks
        return clicks

    def _told(self, stored: Entry | Exception) -> None:
        """Answer a click."""
        self._click.response_complete = True
        if self.transport.is_closing():
            return
        if isinstance(stored, Entry):
            if stored.destination:
                location, *others = redirect_headers(stored.destination)
                self._write(302, others, own=b"%b: %b\r\n" % location)
            else:
                self._write(404, page_headers(pages.NOWHERE), pages.NOWHERE)
        elif isinstance(stored, PeractionError):
            metrics.REFUSED.labels("click", stored.code).inc()
            self._write(503, page_headers(pages.LATER, [RETRY]), pages.LATER)
        else:
            log.error("tracker.failed", exc_info=stored)
            self._write(500, page_headers(pages.LATER), pages.LATER)
        self._answered += 1
        if not self._click.keep_alive:
            self.transport.close()
        elif self.pipeline:
            super().on_response_complete()

    def _refuse(self, status: int, words: str) -> None:
        """Read no more: say so, unless an answer is still due, which is the last one then."""
        self._refused = True
        cycle = self.cycle
        broke_off = cycle is not None and not cycle.response_complete and cycle.more_body
        if cycle is None or cycle.response_complete or (broke_off and not self.pipeline):
            self._write(status, text_headers(words.encode(), [_CLOSE]), words.encode())
            self.transport.close()
            return
        cycle.keep_alive = False
        if broke_off:
            # It waits behind others, and would then wait for the rest of its body.
            async def refusal(_scope: Scope, _receive: Receive, send: Send) -> None:
                await text(send, status, words, [_CLOSE])

            self.pipeline[0] = cycle, refusal  # type: ignore[assignment]

    def _write(
        self, status: int, headers: Iterable[Header], body: bytes = b"", *, own: bytes = b""
    ) -> None:
        # `own` are header lines of this answer alone; the rest is the same for many.
        closing = () if self._click.keep_alive else (_CLOSE,)
        head = _head(status, (*headers, *self.server_state.default_headers, *closing))
        self.transport.write(b"%b%b\r\n%b" % (head, own, body))

    def _look(self) -> None:
        """Close a connection on which nothing was answered since the last look, nor is being."""
        waits = self.cycle is not None and not self.cycle.response_complete
        busy = waits and not self.cycle.more_body and not self.flow.write_paused
        if self._answered == self._answered_before and not busy:
            # Not `close`, which waits until the last answer is read.
            self.transport.abort()
            return
        self._answered_before = self._answered
        self._idle = self.loop.call_later(IDLE_S, self._look)


_STATUS_LINES: Final = {
    status: f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
    for status in (302, 400, 404, 431, 500, 503)
}


# Of a redirect's head only the date changes, once a second.
@lru_cache(maxsize=64)
def _head(status: int, headers: tuple[Header, ...]) -> bytes:
    lines = [name + b": " + value + b"\r\n" for name, value in headers]
    return b"".join([_STATUS_LINES[status], *lines])


@lru_cache(maxsize=1)
def _connections_max() -> int:
    """As many as this process may have files open, but for those that are kept free."""
    may_open, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(KEPT_FREE, may_open - KEPT_FREE)


def _ascii_line(data: bytes) -> bytes:
    """A request whose line is percent-encoded where programs, unlike browsers, leave that out."""
    line, end, rest = data.partition(b"\n")
    if line.isascii():
        return data
    return quote_from_bytes(line, safe=_ASCII).encode() + end + rest
