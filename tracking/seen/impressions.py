"""`/i/{code}`: a picture of one pixel, answered when the impression that it tells is stored."""

from typing import Final

from django.conf import settings

from network import address
from network.errors import PeractionError
from network.ids import uuid7
from partners.snapshot import Link
from partners.watcher import Watcher
from tracking.clicks import query
from tracking.clicks.record import Recorder
from tracking.responses import NO_STORE, Header, Scope, Send, content
from tracking.seen import links, rows

PREFIX: Final = "/i/"

# Characters that are kept of what a browser sends.
USER_AGENT_MAX: Final = 1_000
REFERRER_MAX: Final = 2_000

# One transparent pixel, in the 43 bytes that a GIF needs for it.
GIF: Final = bytes.fromhex(
    "4749463839610100010080000000000000000021f90401000000002c00000000010001000002024401003b"
)
_PICTURE: Final[tuple[Header, ...]] = (
    (b"content-type", b"image/gif"),
    # Pages that isolate themselves would not show it otherwise.
    (b"cross-origin-resource-policy", b"cross-origin"),
    NO_STORE,
)
_METHODS: Final = ("GET", "HEAD")
_ALLOW: Final[Header] = (b"allow", b"GET, HEAD")
_RETRY: Final[Header] = (b"retry-after", b"1")


class Impressions:
    """Stores impressions of links that are in use; `unknown` counts the others, which are not."""

    def __init__(self, watcher: Watcher, recorder: Recorder) -> None:
        self.unknown = 0
        self._watcher = watcher
        self._recorder = recorder

    async def answer(self, scope: Scope, send: Send) -> None:
        """The picture in any case; 503 with it where the impression could not be stored."""
        status, headers = 200, _PICTURE
        if scope["method"] not in _METHODS:
            status, headers = 405, (*_PICTURE, _ALLOW)
        elif scope["method"] == "GET":
            # HEAD shows nobody anything.
            try:
                await self._see(scope)
            except PeractionError:
                status, headers = 503, (*_PICTURE, _RETRY)
        await content(send, status, headers, GIF)

    async def _see(self, scope: Scope) -> None:
        link = await links.find(self._watcher, scope["path"][len(PREFIX) :])
        if link is None or not _in_use(link):
            self.unknown += 1
            return
        params = query.parse(scope["query_string"])
        row = rows.entry(
            "impression",
            uuid7(),
            link.id,
            link.affiliate.id,
            link.offer.id,
            link.offer.advertiser.id,
            params.get("source", ""),
            rows.subs(params),
            *_viewer(scope),
        )
        await self._recorder.record(row)


def _in_use(link: Link) -> bool:
    """What can lead nowhere advertises nothing."""
    return link.active and link.affiliate.active and link.offer.status == "active"


def _viewer(scope: Scope) -> tuple[str, str, str]:
    """Address, user agent and referrer; nothing of who opts out, whose impression still counts."""
    headers = dict(scope["headers"])
    if headers.get(b"sec-gpc") == b"1":
        return "", "", ""
    return (
        _ip(scope) or "",
        _text(headers.get(b"user-agent", b""), USER_AGENT_MAX),
        _text(headers.get(b"referer", b""), REFERRER_MAX),
    )


def _ip(scope: Scope) -> str | None:
    peer = (scope.get("client") or ("",))[0]
    forwarded = []
    if settings.TRUSTED_PROXIES:
        forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return address.visitor(peer, forwarded)


def _text(raw: bytes, length_max: int) -> str:
    return query.clean(raw.decode("utf-8", "replace"), length_max)
