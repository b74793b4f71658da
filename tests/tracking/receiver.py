"""A web server that takes postbacks, answers what it is told to, and remembers what it got."""

import json
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Receiver:
    """`answers` are given one after the other, then 200; `before` runs before each answer."""

    url: str = ""
    answers: deque[tuple[int, dict[str, str]]] = field(default_factory=deque)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    before: Any = None

    def answer(self, status: int, **headers: str) -> None:
        """Give this answer to the next call that has none yet."""
        self.answers.append(
            (status, {name.replace("_", "-"): text for name, text in headers.items()})
        )

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What was posted."""
        return [json.loads(body) for body in self.bodies]

    @property
    def ids(self) -> list[str]:
        """The message ids in the order in which they came."""
        return [headers["webhook-id"] for headers in self.headers]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            state.headers.append({name.lower(): text for name, text in self.headers.items()})
            if state.before:
                state.before()
            status, headers = state.answers.popleft() if state.answers else (200, {})
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/in?key=1"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()
