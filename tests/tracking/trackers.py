"""Trackers for tests: the app on a loop of our own, or real server processes on a free port."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from tests.running import ROOT, eventually, free_ports
from tracking.asgi import Tracker

Told = TypeVar("Told")


@dataclass(frozen=True)
class Answer:
    """What a tracker answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


def tell(url: str, story: Callable[["Visitor"], Awaitable[Told]]) -> Told:
    """Run a tracker on this database for the length of a story; the story's result."""

    async def run() -> Told:
        tracker = Tracker(url)
        try:
            async with asyncio.timeout(30):
                while not (tracker.recorder.connected and tracker.watcher.snapshot):
                    await asyncio.sleep(0.005)
                return await story(Visitor(tracker))
        finally:
            await tracker.close()

    return asyncio.run(run())


@dataclass(frozen=True)
class Visitor:
    """Asks a tracker, as a browser or a shop does."""

    tracker: Tracker

    async def get(self, path: str, *, peer: str = "192.0.2.1", **headers: str | bytes) -> Answer:
        return await self.ask("GET", path, peer=peer, headers=headers)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        peer: str = "192.0.2.1",
        headers: Mapping[str, str | bytes] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """One request; header names are written with underscores."""
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        parts = urlsplit(path)
        scope = {
            "type": "http",
            "method": method,
            "path": parts.path,
            "query_string": parts.query.encode("latin-1"),
            "headers": [(_name(name), _bytes(value)) for name, value in (headers or {}).items()],
            "client": (peer, 50_000),
        }
        await self.tracker.handle(scope, receive, send)
        start, content = sent
        said = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], said, content["body"])


@dataclass(frozen=True)
class Server:
    """A tracker under granian."""

    port: int
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End it and its workers at once, wherever they are."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=20)


@contextmanager
def serve(environment: Mapping[str, str], *, log: Path) -> Iterator[Server]:
    """A tracker that is ready, for as long as this lasts."""
    (port,) = free_ports(1)
    command = [
        sys.executable, "-m", "granian", "--no-ws", "--interface", "asgi", "--host", "127.0.0.1",
        "--port", str(port), "tracking.asgi:app",
    ]  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            eventually(lambda: _is_ready(port), within_s=60, says="the tracker did not come up")
            yield Server(port, process)
        finally:
            process.terminate()
            process.wait(timeout=20)


def report_path(**params: str) -> str:
    """The path and query of an unsigned report."""
    return f"/postback?{urlencode(params)}"


def _is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _name(name: str) -> bytes:
    return name.replace("_", "-").encode()


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
