"""Whether a click is good: ordered steps, of which the first that fails names the reason."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from partners.snapshot import Link

OK: Final = "ok"
LINK_UNKNOWN: Final = "link_unknown"

_Fails = Callable[[Link, datetime], bool]

_STEPS: Final[tuple[tuple[str, _Fails], ...]] = (
    ("link_inactive", lambda link, at: not link.active),
    ("affiliate_inactive", lambda link, at: not link.affiliate.active),
    ("offer_ended", lambda link, at: link.offer.status == "ended"),
    ("offer_inactive", lambda link, at: link.offer.status != "active"),
    ("offer_not_started", lambda link, at: _is_before(at, link.offer.starts_at)),
    ("offer_ended", lambda link, at: _is_over(at, link.offer.ends_at)),
    ("advertiser_inactive", lambda link, at: not link.offer.advertiser.active),
    ("advertiser_unfunded", lambda link, at: not link.offer.advertiser.funded),
    ("not_approved", lambda link, at: not link.allowed),
)
REASONS: Final = (OK, LINK_UNKNOWN, *dict.fromkeys(reason for reason, _ in _STEPS))


def evaluate(link: Link | None, at: datetime) -> str:
    """The reason with which a click of this instant is stored; "ok" is a good one."""
    if link is None:
        return LINK_UNKNOWN
    for reason, fails in _STEPS:
        if fails(link, at):
            return reason
    return OK


def _is_before(at: datetime, start: datetime | None) -> bool:
    return start is not None and at < start


def _is_over(at: datetime, end: datetime | None) -> bool:
    return end is not None and at >= end
