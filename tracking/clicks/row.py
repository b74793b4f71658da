"""One click as a line of PostgreSQL's COPY text format."""

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from network.arrays import array
from tracking.clicks.query import DIVIDER, NULL, SUBS, parse

# What many clicks have in common stands together, so that it is put into words once: all that an
# address tells, all that a user agent tells, all that a link says.
COLUMNS: Final = (
    "id, ts, link_id, affiliate_id, offer_id, advertiser_id, smart_link_id, landing_id, reason,"
    " marks, visitor, ip, country, region, user_agent, device, os, browser, source, sub_source,"
    " aff_click_id, subs, link_code, destination, referrer, language"
)
_MS_PER_S: Final = 1000
# Hardly anybody uses more, so that hardly any click pays for looking.
_USUAL: Final = SUBS[:10]
# Bytes of a query: longer ones, which hardly anybody sends, are not worth their memory.
REMEMBERED_MAX: Final = 2_000
_RARE: Final = frozenset(SUBS[10:])


class Said(NamedTuple):
    """What a link says: its parameters, never changed, and the part of a line that tells them."""

    params: Mapping[str, str]
    line: str


def line(  # noqa: PLR0913  (a row has as many fields)
    id: bytes,
    ms: int,
    *,
    link: tuple[int, int, int, int],
    smart_link_id: int,
    landing_id: int,
    reason: str,
    marks: Sequence[str],
    visitor: int | None,
    origin: str,
    agent: str,
    said: str,
    link_code: str,
    destination: str,
    referrer: str,
    language: str,
) -> str:
    """The line of a click of these milliseconds since 1970, which its id carries too.

    `link` is link, affiliate, offer and advertiser, 0 for unknown. `origin`, `agent` and `said` are
    the parts made by the functions of their names. Texts are empty for absent, and have gone
    through `query.clean`.
    """
    texts = DIVIDER.join((link_code, destination, referrer or NULL, language or NULL))
    link_id, affiliate_id, offer_id, advertiser_id = link
    return (
        f"{id.hex()}\t{_instant(ms)}\t{link_id}\t{affiliate_id}\t{offer_id}\t{advertiser_id}\t"
        f"{smart_link_id}\t{landing_id}\t{reason}\t{_marks(marks)}\t"
        f"{NULL if visitor is None else visitor}\t{origin}\t{agent}\t{said}\t"
        f"{escaped(texts)}\n"
    )


def origin(ip: str | None, country: str, region: str) -> str:
    """The part of a line that tells where the visitor came from."""
    return f"{ip or NULL}\t{country or NULL}\t{escaped(region) if region else NULL}"


def agent(user_agent: str, device: str, os: str, browser: str) -> str:
    """The part of a line that tells what the visitor came with."""
    return escaped(DIVIDER.join([text or NULL for text in (user_agent, device, os, browser)]))


def said(params: Mapping[str, str]) -> Said:
    """These parameters, with the part of a line that tells the sources and the sub ids."""
    get = params.get
    texts = (
        get("source", NULL),
        get("sub_source", NULL),
        get("aff_click_id", NULL),
        subs(params),
    )
    return Said(params, escaped(DIVIDER.join(texts)))


def said_by(query: bytes) -> Said:
    """What the raw query of one of our own links says."""
    return _remembered(query) if len(query) <= REMEMBERED_MAX else said(parse(query))


# Many people follow the same link, sub ids and all. Each kept one takes about 2 kB.
@lru_cache(maxsize=4_096)
def _remembered(query: bytes) -> Said:
    return said(parse(query))


def escaped(texts: str) -> str:
    """Fields joined by the divider, as COPY reads them: escaped, with tabs between."""
    # The fields together and by chained replaces: each field by itself takes five times as long,
    # and str.translate longer still.
    texts = texts.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return texts.replace("\t", "\\t").replace(DIVIDER, "\t")


def _instant(ms: int) -> str:
    """The time in UTC, to the millisecond."""
    seconds, rest = divmod(ms, _MS_PER_S)
    return f"{_second(seconds)}.{rest:03d}+00"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def _marks(marks: Sequence[str]) -> str:
    """An array literal of our own words, which need no quotes; NULL without any."""
    return "{" + ",".join(marks) + "}" if marks else NULL


def subs(params: Mapping[str, str]) -> str:
    """An array literal without the NULLs at its end; NULL without any sub id."""
    found = list(map(params.get, _USUAL if _RARE.isdisjoint(params) else SUBS))
    while found and found[-1] is None:
        found.pop()
    return array(found) if found else NULL
