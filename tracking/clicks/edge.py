"""The redirect: a link's code in, a stored click, and only then an answer.

GET and HEAD alike are stored, since both are told where the link leads, and no redirect is answered
that is not a stored click, in PostgreSQL or in the spool; whatever else is 405.
"""

import re
from collections.abc import Mapping
from typing import Final

from django.conf import settings

from network import address
from network.errors import PeractionError, Unavailable
from network.ids import uuid7, uuid7_time
from partners.snapshot import Link
from partners.watcher import Watcher
from tracking.clicks import ids, pages, query, row
from tracking.clicks.evaluate import OK, evaluate
from tracking.clicks.kinds import Entry
from tracking.clicks.landing import fallback, landing
from tracking.clicks.record import Recorder
from tracking.responses import Header, Scope, Send, page, redirect

PREFIX: Final = "/c/"

# Characters that are kept of what a visitor sends.
CODE_MAX: Final = 64
USER_AGENT_MAX: Final = 1_000
REFERRER_MAX: Final = 2_000
LANGUAGE_MAX: Final = 35

_WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{1,24}", re.ASCII)
_METHODS: Final = ("GET", "HEAD")
_RETRY: Final[Header] = (b"retry-after", b"1")
_Headers = Mapping[bytes, bytes]


class ClickEdge:
    """Answers `/c/{code}`."""

    def __init__(self, watcher: Watcher, recorder: Recorder) -> None:
        self._watcher = watcher
        self._recorder = recorder

    async def answer(self, scope: Scope, send: Send) -> None:
        """Redirect when it is stored, or show a page: 404 nowhere to go, 503 nowhere to store."""
        if scope["method"] not in _METHODS:
            await page(send, 405, pages.NOT_THIS_WAY, [(b"allow", b"GET, HEAD")])
            return
        try:
            destination = await self._click(scope)
        except PeractionError:
            await page(send, 503, pages.LATER, [_RETRY])
            return
        if destination:
            await redirect(send, destination)
        else:
            await page(send, 404, pages.NOWHERE)

    async def _click(self, scope: Scope) -> str:
        """Evaluate and store one click; the address to go to, empty for nowhere."""
        code = query.clean(scope["path"][len(PREFIX) :], CODE_MAX)
        link = self._link(code)
        if link is None and _WELL_FORMED.fullmatch(code):
            # Perhaps it was made a moment ago.
            await self._watcher.version_check()
            link = self._link(code)
        id = uuid7()
        at = uuid7_time(id)
        reason = evaluate(link, at)
        params = query.parse(scope["query_string"])
        destination = ""
        if link is not None:
            destination = _destination(link, reason, ids.mint(id), params)
        headers = dict(scope["headers"])
        line = row.line(
            id,
            link=_parties(link),
            reason=reason,
            link_code=code,
            destination=destination,
            params=params,
            ip=_ip(scope),
            headers=(_user_agent(headers), _referrer(headers), _language(headers)),
        )
        await self._recorder.record(Entry("click", at.date(), line))
        return destination

    def _link(self, code: str) -> Link | None:
        snapshot = self._watcher.snapshot
        if snapshot is None:
            raise Unavailable("the configuration is not loaded yet")
        return snapshot.links.get(code)


def _destination(link: Link, reason: str, click_id: str, params: Mapping[str, str]) -> str:
    offer = link.offer
    values = {
        **params,
        "click_id": click_id,
        "affiliate": link.affiliate.code,
        "offer": str(offer.id),
        "link": link.code,
    }
    if reason == OK:
        return landing(offer.landing_url, values)
    return fallback(offer.fallback_url, values) if offer.fallback_url else ""


def _parties(link: Link | None) -> tuple[int, int, int, int]:
    if link is None:
        return 0, 0, 0, 0
    return link.id, link.affiliate.id, link.offer.id, link.offer.advertiser.id


def _ip(scope: Scope) -> str | None:
    peer = (scope.get("client") or ("",))[0]
    forwarded = []
    if settings.TRUSTED_PROXIES:
        forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return address.visitor(peer, forwarded)


def _user_agent(headers: _Headers) -> str:
    return _text(headers.get(b"user-agent", b""), USER_AGENT_MAX)


def _referrer(headers: _Headers) -> str:
    return _text(headers.get(b"referer", b""), REFERRER_MAX)


def _language(headers: _Headers) -> str:
    """The first, most wanted language of the browser."""
    wanted = headers.get(b"accept-language", b"").partition(b",")[0].partition(b";")[0]
    return _text(wanted.strip(), LANGUAGE_MAX)


def _text(raw: bytes, length_max: int) -> str:
    return query.clean(raw.decode("utf-8", "replace"), length_max) if raw else ""
