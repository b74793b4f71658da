"""One connection of the tracker's: how long it lasts, and how much may wait on it."""

import asyncio
import socket
import time

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from tests.tracking.trackers import tell
from tests.tracking.wire import LONG, SHORT, get, make_links, no_commits
from tracking import protocol
from tracking.asgi import App
from tracking.models import Click
from tracking.protocol import Protocol


@pytest.fixture
def link(fresh_db):
    return make_links()


class Loop:
    """The protocol on a loop of our own, on which time and sockets are as a test wants them."""

    def __init__(self, tracker):
        app = App()
        app.tracker = tracker
        self._config = Config(
            app, interface="asgi3", lifespan="off", ws="none", log_config=None, access_log=False,
            proxy_headers=False, timeout_keep_alive=60,
        )  # fmt: skip
        self._state = ServerState()
        self.made = []

    def __call__(self):
        self.made.append(Protocol(self._config, self._state, {}))
        return self.made[-1]


def on_a_loop(fresh_db, story):
    """What `story(port, loop)` gives of a tracker in this process."""

    async def listen(visitor):
        loop = Loop(visitor.tracker)
        listening = socket.create_server(("127.0.0.1", 0))
        # What is written waits here, and not in the kernel.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        server = await asyncio.get_running_loop().create_server(loop, sock=listening)
        try:
            return await story(listening.getsockname()[1], loop)
        finally:
            server.close()
            for each in loop.made:
                each.transport.abort()

    return tell(fresh_db.url, listen)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET /c/abc",
        b"POST /e HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc",
        b"GET /c/abc123 HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc",
        get(SHORT),
        get(LONG),
    ],
    ids=["nothing", "half a head", "half a body", "half a click's body", "a click", "another"],
)
def test_a_connection_on_which_nothing_comes_is_closed(fresh_db, link, monkeypatch, said):
    monkeypatch.setattr(protocol, "IDLE_S", 0.2)

    async def story(port, loop):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began_s = time.monotonic()
        writer.write(said)
        async with asyncio.timeout(5):
            read = await reader.read()
        writer.close()
        return read[:12], time.monotonic() - began_s

    read, lasted_s = on_a_loop(fresh_db, story)
    assert read == (b"HTTP/1.1 302" if said.startswith(b"GET") and said.endswith(b"\r\n") else b"")
    assert lasted_s > 0.15


def test_a_connection_with_a_click_now_and_then_stays(fresh_db, link, monkeypatch):
    monkeypatch.setattr(protocol, "IDLE_S", 0.2)

    async def story(port, loop):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(10):
            await asyncio.sleep(0.1)
            writer.write(get((SHORT, LONG)[number % 2]))
            await reader.readuntil(b"\r\n\r\n")
        writer.close()

    on_a_loop(fresh_db, story)
    assert Click.objects.count() == 10


def test_a_click_that_waits_for_its_commit_is_not_idle(fresh_db, link, monkeypatch):
    monkeypatch.setattr(protocol, "IDLE_S", 0.1)

    async def story(port, loop):
        wires = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        with no_commits(fresh_db):
            for (_, writer), path in zip(wires, (SHORT, LONG), strict=True):
                writer.write(get(path))
            await asyncio.sleep(0.6)
        lines = [await reader.readline() for reader, _ in wires]
        for _, writer in wires:
            writer.close()
        return lines

    assert on_a_loop(fresh_db, story) == [b"HTTP/1.1 302 Found\r\n"] * 2


@pytest.mark.parametrize("path", [SHORT, "/c/ended1", LONG])
def test_who_reads_no_answers_gets_no_more_of_them(fresh_db, link, monkeypatch, path):
    monkeypatch.setattr(protocol, "IDLE_S", 1.5)

    async def story(port, loop):
        visitor = socket.socket()
        visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        visitor.connect(("127.0.0.1", port))
        visitor.setblocking(False)
        asked = waits = answered = 0
        with visitor:
            await asyncio.sleep(0.01)
            (made,) = loop.made
            while asked < 1_500 and answered == asked:
                await asyncio.get_running_loop().sock_sendall(visitor, get(path))
                asked += 1
                deadline_s = time.monotonic() + 0.5
                while made._answered < asked and time.monotonic() < deadline_s:
                    await asyncio.sleep(0)
                answered = made._answered
                waits = max(waits, made.transport.get_write_buffer_size())
            # And is not waited for, for ever.
            async with asyncio.timeout(10):
                while made in loop._state.connections:
                    await asyncio.sleep(0.05)
        return asked - answered, waits

    unanswered, waits = on_a_loop(fresh_db, story)
    assert unanswered == 1
    assert waits < 2 * 65_536


def test_of_too_many_requests_ahead_of_their_answers_the_first_are_answered(fresh_db, link):
    async def story(port, loop):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(get("/healthz") * 300)
        async with asyncio.timeout(5):
            said = await reader.read()
        writer.close()
        return said

    said = on_a_loop(fresh_db, story)
    # And that of the one that was being answered; then the connection was closed.
    assert said.count(b"HTTP/1.1 200 OK\r\n") == protocol.AHEAD_MAX + 1
    assert said.count(b"HTTP/1.1 ") == protocol.AHEAD_MAX + 1


@pytest.mark.parametrize("path", [SHORT, LONG])
@pytest.mark.parametrize(
    "nonsense",
    [b"\0\r\n", b"GET / HTTP/1.1\r\nA: " + b"x" * 70_000],
    ids=["no HTTP", "too large"],
)
def test_nonsense_behind_a_click_that_waits_does_not_take_its_answer(
    fresh_db, link, path, nonsense
):
    async def story(port, loop):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with no_commits(fresh_db):
            writer.write(get(path))
            await asyncio.sleep(0.2)
            for part in (nonsense, b"more of it"):
                writer.write(part)
                await asyncio.sleep(0.2)
        async with asyncio.timeout(5):
            said = await reader.read()
        writer.close()
        return said

    said = on_a_loop(fresh_db, story).lower()
    assert said.startswith(b"http/1.1 302 ")
    assert said.count(b"http/1.1 ") == 1
    assert b"\r\nconnection: close\r\n" in said
    assert Click.objects.count() == 1
