"""What is seen around clicks, over HTTP: the picture, page events, direct clicks, the script."""

from collections import Counter
from typing import Final

from tracking.clicks.edge import ClickEdge
from tracking.clicks.recorder import Recorder
from tracking.responses import Receive, Scope, Send
from tracking.seen import direct, events, impressions, script
from tracking.seen.direct import DirectClicks
from tracking.seen.events import Events
from tracking.seen.impressions import Impressions

PREFIXES: Final = (impressions.PREFIX, direct.PREFIX, script.PREFIX)


def is_ours(path: str) -> bool:
    """Whether this is an address of the edge."""
    return path == events.PATH or path.startswith(PREFIXES)


class SeenEdge:
    """Answers `/i/{code}`, `/e`, `/d/{code}` and `/js/pa.js`."""

    def __init__(self, recorder: Recorder, clicks: ClickEdge) -> None:
        self._impressions = Impressions(recorder, clicks)
        self._events = Events(recorder)
        self._direct = DirectClicks(clicks)

    @property
    def refused(self) -> Counter[str]:
        """How many page events, by code, and impressions of unknown links were not stored."""
        return self._events.refused + Counter(impression_unknown=self._impressions.unknown)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for which `is_ours` holds, once what it tells is stored."""
        path = scope["path"]
        if path.startswith(impressions.PREFIX):
            await self._impressions.answer(scope, send)
        elif path == events.PATH:
            await self._events.answer(scope, receive, send)
        elif path.startswith(direct.PREFIX):
            await self._direct.answer(scope, send)
        else:
            await script.answer(scope, send)
