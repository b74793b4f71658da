"""The redirect: a link's code in, a stored click, and only then an answer.

GET and HEAD alike are stored, since both are told where the link leads, and no redirect is answered
that is not a stored click, in PostgreSQL or in the spool; whatever else is 405.
"""

import re
from typing import Final, NamedTuple

from network import clock
from network.errors import PeractionError, Unavailable
from partners.snapshot import Link, Snapshot
from partners.vocabulary import LINK_PATH
from partners.watcher import Watcher
from tracking import metrics
from tracking.asked import Asked, asked
from tracking.batches import Tell
from tracking.clicks import decide, dialects, entries, pages, query
from tracking.clicks.decide import Decision
from tracking.clicks.dialects import Foreign
from tracking.clicks.evaluate import AFFILIATE_UNKNOWN, LINK_UNKNOWN, OFFER_UNKNOWN, OK
from tracking.clicks.kinds import Entry
from tracking.clicks.recorder import Recorder
from tracking.clicks.row import Said, said, said_by
from tracking.clicks.smart_click import SmartClick
from tracking.clicks.visit import Visit
from tracking.responses import Header, Scope, Send, page, redirect

_PREFIX_BYTES: Final = LINK_PATH.encode()

# Characters that are kept of a link's code.
CODE_MAX: Final = 64

_WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{1,24}", re.ASCII)
_METHODS: Final = ("GET", "HEAD")
RETRY: Final[Header] = (b"retry-after", b"1")


class Taken(NamedTuple):
    """A click that is stored: its id as the world sees it, what became of it, where it leads."""

    click_id: str
    reason: str
    destination: str

    @property
    def good(self) -> bool:
        """Whether it led to the offer."""
        return self.reason == OK


class ClickEdge:
    """Answers `/c/{code}`, and the links of other platforms."""

    def __init__(self, watcher: Watcher, recorder: Recorder) -> None:
        self._watcher = watcher
        self._recorder = recorder

    async def answer(self, scope: Scope, send: Send) -> None:
        """Redirect when it is stored, or show a page: 404 nowhere to go, 503 nowhere to store."""
        if scope["method"] not in _METHODS:
            await page(send, 405, pages.NOT_THIS_WAY, [(b"allow", b"GET, HEAD")])
            return
        try:
            destination = await self._destination(scope)
        except PeractionError as error:
            metrics.REFUSED.labels("click", error.code).inc()
            await page(send, 503, pages.LATER, [RETRY])
            return
        if destination:
            await redirect(send, destination)
        else:
            await page(send, 404, pages.NOWHERE)

    def known(self, path: bytes) -> Link | None:
        """The link of `/c/{code}`, if the configuration has it as it stands there."""
        snapshot = self._watcher.snapshot
        if snapshot is None or not path.startswith(_PREFIX_BYTES):
            return None
        return snapshot.links.get(path[len(_PREFIX_BYTES) :].decode("latin-1"))

    def give(self, link: Link, asked: Asked, tell: Tell[Entry]) -> None:
        """Queue the click of a known link; what was stored of it is told by a call.

        Unavailable where it cannot be queued. What `answer` does for any link, without a task and a
        future for each click.
        """
        visit = Visit(asked, said_by(asked.query), clock.now_ms())
        decision = decide.of_link(link, visit, self._recorder.full)
        self._recorder.give(self._entry(visit, decision, link.code), tell)

    async def link(self, code: str) -> Link | None:
        """The link of a code, also one made a moment ago; None for a code that no plain link has.

        Unavailable before there is a configuration.
        """
        return (await self._snapshot_with(code)).links.get(code)

    async def take(self, asked: Asked, code: str, said: Said, *, looked_up: bool = False) -> Taken:
        """Store the click of a link's code that says this; Unavailable where it cannot be.

        A code that was `looked_up` by `link` a moment ago is not waited for again.
        """
        code = query.clean(code, CODE_MAX)
        snapshot = self._snapshot() if looked_up else await self._snapshot_with(code)
        visit = Visit(asked, said, clock.now_ms())
        full = self._recorder.full
        if (link := snapshot.links.get(code)) is not None:
            decision = decide.of_link(link, visit, full)
        elif (smart_link := snapshot.smart_links.get(code)) is not None:
            salt = self._recorder.salts.get(visit.at.date())
            smart_click = SmartClick(smart_link, snapshot, visit, full, code, salt)
            return await self._store(smart_click.entry())
        else:
            decision = decide.unknown(LINK_UNKNOWN)
        return await self._store(self._entry(visit, decision, code))

    async def _destination(self, scope: Scope) -> str:
        """The address to go to, empty for nowhere, once the click is stored."""
        path, raw = scope["path"], scope["query_string"]
        if path.startswith(LINK_PATH):
            taken = await self.take(asked(scope), path[len(LINK_PATH) :], said_by(raw))
        elif (foreign := dialects.read(path, raw)) is not None:
            taken = await self._take_foreign(asked(scope), foreign)
        else:
            return ""
        return taken.destination

    async def _take_foreign(self, asked: Asked, foreign: Foreign) -> Taken:
        """The click of a link as another platform writes it."""
        snapshot = self._snapshot()
        offer_id, affiliate_id, landing_id = (
            snapshot.external.get((foreign.dialect, kind, id), 0)
            for kind, id in (
                ("offer", foreign.offer),
                ("affiliate", foreign.affiliate),
                ("landing", foreign.landing),
            )
        )
        params = {**foreign.params, "landing": str(landing_id)} if landing_id else foreign.params
        visit = Visit(asked, said(params), clock.now_ms())
        link = snapshot.pair(offer_id, affiliate_id)
        if link is not None:
            decision = decide.of_link(link, visit, self._recorder.full)
        else:
            missing = AFFILIATE_UNKNOWN if offer_id in snapshot.offers else OFFER_UNKNOWN
            decision = decide.unknown(missing)
        code = f"{foreign.dialect}:{foreign.offer}:{foreign.affiliate}"
        return await self._store(self._entry(visit, decision, query.clean(code, CODE_MAX)))

    def _entry(self, visit: Visit, decision: Decision, code: str) -> Entry:
        salt = self._recorder.salts.get(visit.at.date())
        return entries.click(visit, decision, code, salt)

    async def _store(self, entry: Entry) -> Taken:
        stored = await self._recorder.record(entry)
        return Taken(stored.click_id, stored.outcome, stored.destination)

    async def _snapshot_with(self, code: str) -> Snapshot:
        """The configuration, looked at once more for a code that it does not know.

        Perhaps it was made a moment ago.
        """
        snapshot = self._snapshot()
        if code in snapshot.links or code in snapshot.smart_links:
            return snapshot
        if not self._recorder.spooling and _WELL_FORMED.fullmatch(code):
            await self._watcher.version_check()
        return self._snapshot()

    def _snapshot(self) -> Snapshot:
        snapshot = self._watcher.snapshot
        if snapshot is None:
            raise Unavailable("the configuration is not loaded yet")
        return snapshot
