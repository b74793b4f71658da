"""One click as a line of PostgreSQL's COPY text format."""

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID

from tracking.clicks.query import RESERVED, SUBS

# What many clicks have in common stands together, so that it is put into words once: all that an
# address tells, all that a user agent tells.
COLUMNS: Final = (
    "id, ts, link_id, affiliate_id, offer_id, advertiser_id, smart_link_id, landing_id, reason,"
    " marks, visitor, ip, country, region, user_agent, device, os, browser, link_code,"
    " destination, source, sub_source, aff_click_id, subs, referrer, language"
)
# No text holds these: the one divides the fields until the tabs inside them are escaped, the other
# stands for NULL, because PostgreSQL's own mark would be escaped along with the line.
_DIVIDER, _NULL = RESERVED
_MS_PER_S: Final = 1000
# Hardly anybody uses more, so that hardly any click pays for looking.
_USUAL: Final = SUBS[:10]
_RARE: Final = frozenset(SUBS[10:])


class Row(NamedTuple):
    """What a click's row holds; `link` is link, affiliate, offer and advertiser, 0 for unknown.

    `origin` and `agent` are the parts made by the functions of their names. Texts are empty for
    absent, and have gone through `query.clean`.
    """

    id: UUID
    link: tuple[int, int, int, int]
    smart_link_id: int
    landing_id: int
    reason: str
    marks: Sequence[str]
    visitor: int | None
    origin: str
    agent: str
    link_code: str
    destination: str
    params: Mapping[str, str]
    referrer: str
    language: str


def line(row: Row) -> str:
    """The line of a click."""
    get = row.params.get
    texts = _DIVIDER.join(
        (
            row.link_code,
            row.destination,
            get("source", _NULL),
            get("sub_source", _NULL),
            get("aff_click_id", _NULL),
            subs(row.params),
            row.referrer or _NULL,
            row.language or _NULL,
        )
    )
    link_id, affiliate_id, offer_id, advertiser_id = row.link
    return (
        f"{row.id.hex}\t{_instant(row.id)}\t{link_id}\t{affiliate_id}\t{offer_id}\t{advertiser_id}\t"
        f"{row.smart_link_id}\t{row.landing_id}\t{row.reason}\t{_marks(row.marks)}\t"
        f"{_NULL if row.visitor is None else row.visitor}\t{row.origin}\t{row.agent}\t"
        f"{escaped(texts)}\n"
    )


def origin(ip: str | None, country: str, region: str) -> str:
    """The part of a line that tells where the visitor came from."""
    return f"{ip or _NULL}\t{country or _NULL}\t{escaped(region) if region else _NULL}"


def agent(user_agent: str, device: str, os: str, browser: str) -> str:
    """The part of a line that tells what the visitor came with."""
    return escaped(_DIVIDER.join([text or _NULL for text in (user_agent, device, os, browser)]))


def escaped(texts: str) -> str:
    """Fields joined by the divider, as COPY reads them: escaped, with tabs between."""
    # The fields together and by chained replaces: each field by itself takes five times as long,
    # and str.translate longer still.
    texts = texts.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return texts.replace("\t", "\\t").replace(_DIVIDER, "\t")


def _instant(id: UUID) -> str:
    """The time inside the id, in UTC, to the millisecond."""
    seconds, ms = divmod(id.int >> 80, _MS_PER_S)
    return f"{_second(seconds)}.{ms:03d}+00"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def _marks(marks: Sequence[str]) -> str:
    """An array literal of our own words, which need no quotes; NULL without any."""
    return "{" + ",".join(marks) + "}" if marks else _NULL


def subs(params: Mapping[str, str]) -> str:
    """An array literal without the NULLs at its end; NULL without any sub id."""
    names = _USUAL if _RARE.isdisjoint(params) else SUBS
    elements = [_element(params[name]) if name in params else "NULL" for name in names]
    while elements and elements[-1] == "NULL":
        elements.pop()
    return "{" + ",".join(elements) + "}" if elements else _NULL


def _element(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
