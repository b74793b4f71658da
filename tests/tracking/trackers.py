"""The tracker's app on a loop of our own, asked without a socket."""

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from tracking.asgi import Tracker
from tracking.clicks.spool import Spool
from tracking.conversions.desk import COMMIT_MAX_S

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


def tell(
    url: str,
    story: Callable[["Visitor"], Awaitable[Told]],
    *,
    commit_max_s: float = COMMIT_MAX_S,
    spool_dir: Path | None = None,
    spool_bytes_max: int = 2**20,
) -> Told:
    """Run a tracker on this database for the length of a story; the story's result.

    What it spools is forgotten, unless there is a directory for it.
    """

    async def run(directory: Path) -> Told:
        spool = Spool(directory, bytes_max=spool_bytes_max)
        tracker = Tracker(url, spool, click_max_s=commit_max_s, report_max_s=commit_max_s)
        try:
            async with asyncio.timeout(30):
                while tracker.recorder.spooling or not tracker.watcher.snapshot:
                    await asyncio.sleep(0.005)
                return await story(Visitor(tracker))
        finally:
            await tracker.close()

    with tempfile.TemporaryDirectory() as forgotten:
        return asyncio.run(run(spool_dir or Path(forgotten)))


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


def report_path(**params: str) -> str:
    """The path and query of an unsigned report."""
    return f"/postback?{urlencode(params)}"


def _name(name: str) -> bytes:
    return name.replace("_", "-").encode()


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
