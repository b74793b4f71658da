"""`/i/{code}`: a picture of one pixel, answered when the impression that it tells is stored."""

from typing import Final

from network import binary, clock
from network.binary import NULL
from network.errors import PeractionError
from network.ids import uuid7_at
from partners.snapshot import Link
from tracking.asked import asked
from tracking.clicks import privacy, row
from tracking.clicks.edge import RETRY, ClickEdge
from tracking.clicks.privacy import Consent
from tracking.clicks.recorder import Recorder
from tracking.clicks.visit import Visit
from tracking.responses import NO_STORE, Header, Scope, Send, content
from tracking.seen import rows

PREFIX: Final = "/i/"

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


class Impressions:
    """Stores impressions of links that are in use; `unknown` counts the others, which are not."""

    def __init__(self, recorder: Recorder, clicks: ClickEdge) -> None:
        self.unknown = 0
        self._recorder = recorder
        self._clicks = clicks

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
                status, headers = 503, (*_PICTURE, RETRY)
        await content(send, status, headers, GIF)

    async def _see(self, scope: Scope) -> None:
        link = await self._clicks.link(scope["path"][len(PREFIX) :])
        if link is None or not _in_use(link):
            self.unknown += 1
            return
        said = row.said_by(scope["query_string"])
        params = said.params
        visit = Visit(asked(scope), said, clock.now_ms())
        salt = self._recorder.salts.get(visit.at.date())
        seen = rows.entry(
            "impression",
            uuid7_at(visit.ms),
            binary.number(link.id),
            binary.number(link.affiliate.id),
            binary.number(link.offer.id),
            binary.number(link.offer.advertiser.id),
            binary.text_or_null(params.get("source")),
            row.subs(params),
            *_viewer(visit, salt),
        )
        await self._recorder.record(seen)


def _in_use(link: Link) -> bool:
    """What can lead nowhere advertises nothing."""
    return link.active and link.affiliate.active and link.offer.status == "active"


def _viewer(visit: Visit, salt: bytes | None) -> tuple[bytes, bytes, bytes]:
    """Address, user agent and referrer, as of a click; of who opts out or refuses, nothing.

    The impression counts all the same.
    """
    if visit.consent == Consent.REFUSED or "gpc" in visit.marks:
        return NULL, NULL, NULL
    ip = privacy.stored_ip(visit.ip, visit.consent, salt)
    return (
        binary.address(ip) if ip else NULL,
        binary.text_or_null(visit.user_agent),
        binary.text_or_null(visit.referrer),
    )
