"""`/d/{code}`: a click without a redirect, told by the script on the landing page itself.

It is the same click as at `/c/{code}`: stored before the answer, with its reason. The page in which
the script runs is where the visitor was sent, so it is judged as a deep link: elsewhere than on the
offer's landing pages, its host must be one that the offer lists.
"""

from typing import Final
from urllib.parse import urlsplit

from network.errors import MethodNotAllowed, PeractionError
from partners.snapshot import Link
from tracking.asked import Asked, asked
from tracking.clicks import query
from tracking.clicks.edge import CODE_MAX, ClickEdge, Taken
from tracking.clicks.row import said
from tracking.responses import Scope, Send, json
from tracking.seen.events import ANYBODY, refuse

PREFIX: Final = "/d/"

# Where the page says that its visitor came from; the request itself comes from the page.
_REFERRER: Final = b"ref="
_OF_THE_FETCH: Final = (b"referer", b"sec-fetch-dest", b"sec-fetch-mode", b"sec-fetch-site")


class DirectClicks:
    """Answers `/d/{code}`."""

    def __init__(self, clicks: ClickEdge) -> None:
        self._clicks = clicks

    async def answer(self, scope: Scope, send: Send) -> None:
        """The click's id, null for one that is not good, and the reason; once it is stored."""
        try:
            if scope["method"] != "GET":
                raise MethodNotAllowed()
            taken = await self._take(scope)
        except PeractionError as error:
            await refuse(send, PREFIX, error)
            return
        click_id = taken.click_id if taken.good else ""
        await json(send, 200, {"click_id": click_id or None, "reason": taken.reason}, [ANYBODY])

    async def _take(self, scope: Scope) -> Taken:
        code = query.clean(scope["path"][len(PREFIX) :], CODE_MAX)
        raw_query: bytes = scope["query_string"]
        params = query.parse(raw_query)
        fetch = asked(scope)
        host = _page_host(fetch)
        link = await self._clicks.link(code)
        if link is not None and host is not None and _leads_to(link, host):
            params.pop("deep_link", None)
        else:
            # The port is the page's own business.
            params["deep_link"] = f"https://{host}/" if host else "null"
        click = _as_redirected(fetch, _referrer(raw_query))
        return await self._clicks.take(click, code, said(params), looked_up=True)


def _leads_to(link: Link, host: str) -> bool:
    """Whether this is a host to which the link's offer leads anyway."""
    pages = (link.offer.landing_url, *(landing.url for landing in link.offer.landings))
    return any(host == _host(page) for page in pages)


def _page_host(fetch: Asked) -> str | None:
    """The host of the page that asks, as its browser tells it; None for no page at all."""
    said = fetch.headers.get(b"origin") or fetch.headers.get(b"referer") or b""
    return _host(said.decode("utf-8", "replace"))


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _referrer(raw_query: bytes) -> bytes:
    for pair in raw_query.split(b"&"):
        if pair.startswith(_REFERRER):
            return query.decoded(pair[len(_REFERRER) :].decode("utf-8", "replace")).encode()
    return b""


def _as_redirected(fetch: Asked, referrer: bytes) -> Asked:
    """The request as if its visitor had followed a redirect, without what only a fetch tells."""
    headers = {name: value for name, value in fetch.headers.items() if name not in _OF_THE_FETCH}
    return fetch._replace(headers={**headers, b"referer": referrer} if referrer else headers)
