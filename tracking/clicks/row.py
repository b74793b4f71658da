"""One click as a row of COPY's binary format."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple

from network import binary
from network.binary import NULL
from partners.vocabulary import SUBS
from tracking.clicks.query import parse

# What many clicks have in common stands together, so that it is put into bytes once: all that an
# address tells, all that a user agent tells, all that a link says.
COLUMNS: Final = (
    "id, ts, link_id, affiliate_id, offer_id, advertiser_id, smart_link_id, landing_id, visitor,"
    " reason, marks, ip, country, region, user_agent, device, os, browser, source, sub_source,"
    " aff_click_id, subs, link_code, destination, referrer, language"
)
_COLUMNS_COUNT: Final = COLUMNS.count(",") + 1
# The number of columns, then the id and seven numbers, each after its length.
_NUMBERS: Final = Struct(">h i16s iq iq iq iq iq iq iq")
# Hardly anybody uses more, so that hardly any click pays for looking.
_USUAL: Final = SUBS[:10]
# Bytes of a query: longer ones, which hardly anybody sends, are not worth their memory.
REMEMBERED_MAX: Final = 2_000
_RARE: Final = frozenset(SUBS[10:])


class Said(NamedTuple):
    """What a link says: its parameters, never changed, and the part of a row that tells them."""

    params: Mapping[str, str]
    fields: bytes


def click(  # noqa: PLR0913  (a row has as many fields)
    id: bytes,
    ms: int,
    *,
    link: tuple[int, int, int, int],
    smart_link_id: int,
    landing_id: int,
    reason: str,
    marks: Sequence[str],
    visitor: int | None,
    origin: bytes,
    agent: bytes,
    said: Said,
    link_code: str,
    destination: str,
    referrer: str,
    language: str,
) -> bytes:
    """The row of a click of these milliseconds since 1970, which its id carries too.

    `link` is link, affiliate, offer and advertiser, 0 for unknown. `origin`, `agent` and `said` are
    what the functions of their names give. Texts are empty for absent, and have gone through
    `query.clean`.
    """
    link_id, affiliate_id, offer_id, advertiser_id = link
    numbers = _NUMBERS.pack(
        _COLUMNS_COUNT, 16, id, 8, binary.instant(ms), 8, link_id, 8, affiliate_id, 8, offer_id,
        8, advertiser_id, 8, smart_link_id, 8, landing_id
    )  # fmt: skip
    return b"".join(
        (
            numbers,
            NULL if visitor is None else binary.number(visitor),
            _outcome(reason, tuple(marks)),
            origin,
            agent,
            said.fields,
            _common(link_code),
            binary.text(destination),
            binary.text(referrer) if referrer else NULL,
            _common(language) if language else NULL,
        )
    )


def origin(ip: str | None, country: str, region: str) -> bytes:
    """The part of a row that tells where the visitor came from."""
    fields = (binary.text_or_null(country), binary.text_or_null(region))
    return (binary.address(ip) if ip else NULL) + b"".join(fields)


def agent(user_agent: str, device: str, os: str, browser: str) -> bytes:
    """The part of a row that tells what the visitor came with."""
    return b"".join(map(binary.text_or_null, (user_agent, device, os, browser)))


def said(params: Mapping[str, str]) -> Said:
    """These parameters, with the part of a row that tells the sources and the sub ids."""
    sources = map(params.get, ("source", "sub_source", "aff_click_id"))
    return Said(params, b"".join(map(binary.text_or_null, sources)) + subs(params))


def said_by(query: bytes) -> Said:
    """What the raw query of one of our own links says."""
    return _remembered(query) if len(query) <= REMEMBERED_MAX else said(parse(query))


# Many people follow the same link, sub ids and all. Each kept one takes about 2 kB.
@lru_cache(maxsize=4_096)
def _remembered(query: bytes) -> Said:
    return said(parse(query))


def subs(params: Mapping[str, str]) -> bytes:
    """The field of the sub ids, without the NULLs at its end; NULL without any."""
    found = list(map(params.get, _USUAL if _RARE.isdisjoint(params) else SUBS))
    while found and found[-1] is None:
        found.pop()
    return binary.texts(found) if found else NULL


@lru_cache(maxsize=1_000)
def _outcome(reason: str, marks: tuple[str, ...]) -> bytes:
    return binary.text(reason) + (binary.texts(marks) if marks else NULL)


_common = lru_cache(maxsize=20_000)(binary.text)
