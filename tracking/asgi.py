"""The tracker's ASGI app: links, reports, what is seen around them, its health and figures.

Django's request stack is not on the way; of Django there are only settings and the log's form.
"""

import asyncio
import gc
import os
import time
from typing import Final

import structlog
from django.conf import settings
from django.utils.log import configure_logging

from network.dsn import conninfo
from partners.vocabulary import LINK_PATH
from partners.watcher import Watcher
from tracking import metrics
from tracking.asked import asked
from tracking.clicks import place
from tracking.clicks.dialects import PATHS
from tracking.clicks.edge import ClickEdge
from tracking.clicks.pages import LATER, NOWHERE
from tracking.clicks.recorder import Recorder
from tracking.clicks.spool import Spool
from tracking.conversions.desk import COMMIT_MAX_S, Desk
from tracking.conversions.edge import DIALECTS, ReportEdge
from tracking.responses import Receive, Scope, Send, json, page, text
from tracking.seen.edge import SeenEdge, is_ours

log = structlog.get_logger(__name__)

DRAIN_MAX_S: Final = 10.0
GAUGE_EVERY_S: Final = 1.0
STOP_MAX_S: Final = 5.0
_COLLECTED_AFTER: Final = 50_000


class Tracker:
    """The three edges on one event loop.

    What is stored by COPY, reports and configuration have a connection each. What takes COPY longer
    than `click_max_s` goes to the spool; a report, which needs the database to be answered
    truthfully, waits for `report_max_s`.
    """

    def __init__(
        self,
        conninfo: str,
        spool: Spool,
        *,
        click_max_s: float,
        report_max_s: float = COMMIT_MAX_S,
    ) -> None:
        self.watcher = Watcher(conninfo)
        self.spool = spool
        self.recorder = Recorder(conninfo, spool, commit_max_s=click_max_s)
        self.desk = Desk(conninfo, commit_max_s=report_max_s)
        self.clicks = ClickEdge(self.watcher, self.recorder)
        self.reports = ReportEdge(self.watcher, self.desk)
        self.seen = SeenEdge(self.recorder, self.clicks)
        runs = (self.watcher.run(), self.recorder.run(), self.reports.run(), self._gauge())
        self._tasks = [asyncio.create_task(run) for run in runs]

    async def close(self) -> None:
        """Store what is queued, then let go of everything."""
        await self.recorder.drain(patience_s=DRAIN_MAX_S)
        await self.reports.drain(patience_s=DRAIN_MAX_S)
        for task in self._tasks:
            task.cancel()
        # Not for ever: before Python 3.12 wait_for forgets that it was cancelled, where what it
        # waits for comes at the same moment.
        await asyncio.wait(self._tasks, timeout=STOP_MAX_S)
        await asyncio.to_thread(self.desk.close)
        await asyncio.to_thread(self.spool.close)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        try:
            await self._answer(scope, receive, send)
        except Exception:
            log.exception("tracker.failed", path=scope["path"])
            await page(send, 500, LATER)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path.startswith(LINK_PATH) or path in PATHS:
            await self.clicks.answer(scope, send)
        elif path in DIALECTS:
            await self.reports.answer(scope, receive, send)
        elif is_ours(path):
            await self.seen.answer(scope, receive, send)
        elif path == "/healthz":
            await json(send, 200, self._health())
        elif path == "/readyz":
            ready = self._ready()
            told = self._health() | {"status": "ok" if ready else "unready"}
            await json(send, 200 if ready else 503, told)
        elif path == "/metrics":
            await self._tell_metrics(scope, send)
        else:
            await page(send, 404, NOWHERE)

    async def _tell_metrics(self, scope: Scope, send: Send) -> None:
        request = asked(scope)
        if not metrics.allowed(request.peer, request.headers.get(b"x-forwarded-for")):
            await page(send, 404, NOWHERE)
            return
        await text(send, 200, metrics.exposition())

    async def _gauge(self) -> None:
        """Say every second how this process stands, for whichever process is asked."""
        while True:
            metrics.SPOOL_BYTES.set(self.spool.bytes)
            metrics.SPOOL_FILES.set(self.spool.files)
            if self.watcher.snapshot is not None:
                metrics.CONFIG_CHECKED.set(time.time() - self.watcher.age_s)
            await asyncio.sleep(GAUGE_EVERY_S)

    def _ready(self) -> bool:
        return self.recorder.storing and self.watcher.snapshot is not None

    def _health(self) -> dict[str, object]:
        loaded = self.watcher.snapshot
        return {
            "status": "ok",
            "clicks": "spooling" if self.recorder.spooling else "connected",
            "spool": {
                "bytes": self.spool.bytes,
                "files": self.spool.files,
                "has_room": self.spool.has_room,
            },
            "configuration": loaded.stamp[0] if loaded else None,
            "reports_refused": dict(self.reports.refused),
            "seen_refused": dict(self.seen.refused),
        }


class App:
    """The ASGI callable: begins and ends a Tracker with the server's worker."""

    def __init__(self) -> None:
        self.tracker: Tracker | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the life of a worker."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and self.tracker is not None:
            await self.tracker.handle(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        # A file that cannot be read is told now, and not at the first click.
        place.atlas()
        metrics.begin()
        # A batch of clicks is more objects than Python waits for by itself; hardly any are garbage
        # that only its collector finds.
        gc.set_threshold(_COLLECTED_AFTER)
        # The database may be away: then clicks are answered 503 until a configuration is there.
        self.tracker = Tracker(
            conninfo(settings.DATABASES["default"]),
            Spool(settings.SPOOL_DIR, bytes_max=settings.SPOOL_BYTES_MAX),
            click_max_s=settings.COMMIT_MAX_MS / 1000,
        )
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.tracker.close()
        await send({"type": "lifespan.shutdown.complete"})


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "network.settings")
configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
app = App()
