"""A tracker whose recorder and click edge already do what the edge of what is seen asks of them.

Goes when they do it themselves; as an ASGI app it is `tests.tracking.interim_app:app`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from psycopg import AsyncConnection

from network.ids import uuid7_time
from tests.tracking.trackers import tell
from tracking import asgi
from tracking.clicks import ids, query
from tracking.clicks.edge import ClickEdge
from tracking.clicks.evaluate import evaluate
from tracking.clicks.query import RESERVED
from tracking.seen.edge import SeenEdge
from tracking.seen.rows import COLUMNS, Entry


@dataclass(frozen=True)
class CopyRecorder:
    """Stores each row by itself."""

    conninfo: str

    async def record(self, entry: Entry) -> None:
        copy = f"COPY {entry.kind} ({COLUMNS[entry.kind]}) FROM STDIN (NULL '{RESERVED[1]}')"
        async with (
            await AsyncConnection.connect(self.conninfo, autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            await cursor.execute(f"SELECT make_{entry.kind}_partition(%s)", [entry.day])
            async with cursor.copy(copy) as rows:
                await rows.write(entry.line)


@dataclass(frozen=True)
class Taken:
    click_id: str
    reason: str


@dataclass(frozen=True)
class Clicks:
    """Takes clicks by the redirect's edge; an offer lists no hosts for deep links."""

    edge: ClickEdge

    async def take(self, scope: Any, code: str, params: Mapping[str, str]) -> Taken:
        if "deep_link" in params:
            return Taken("", "bad_deeplink")
        asked = {**scope, "path": f"/c/{code}", "query_string": urlencode(params).encode()}
        destination = await self.edge._click(asked)
        click_id = destination.partition("click_id=")[2][:32]
        id = ids.read(click_id)
        if id is None:
            return Taken("", "link_unknown" if self.edge._link(code) is None else "failed")
        return Taken(click_id, evaluate(self.edge._link(query.clean(code, 64)), uuid7_time(id)))


class Tracker(asgi.Tracker):
    def __init__(self, conninfo: str, **how: Any) -> None:
        super().__init__(conninfo, **how)
        complete(self, conninfo)


def complete(tracker: asgi.Tracker, conninfo: str) -> None:
    tracker.seen = SeenEdge(tracker.watcher, CopyRecorder(conninfo), Clicks(tracker.clicks))


def tell_seen(url: str, story: Any) -> Any:
    """As `tell`."""

    async def whole(visitor: Any) -> Any:
        complete(visitor.tracker, url)
        return await story(visitor)

    return tell(url, whole)
