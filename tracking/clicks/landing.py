"""Where a click goes: one of the offer's pages, or deep inside its shop, with macros filled in.

What comes from a visitor is percent-encoded as a whole, so it adds no parameter and never touches
the host.
"""

import random
import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote, urlsplit

from network import clock
from partners.deep_links import PLAIN
from partners.vocabulary import MACROS, TOLD
from tracking.clicks.query import decoded


class Values(Protocol):
    """What macros stand for, by name; None for a name without a value."""

    def get(self, name: str, /) -> str | None: ...


# Parameters that an address gets unless it has them: their names with texts that may hold macros.
Utm = tuple[tuple[str, str], ...]
# Literal text at even places, the names of values at odd ones.
_Parts = tuple[str, ...]
_Page = TypeVar("_Page", bound=tuple[Any, ...])

_CLICK_ID: Final = "click_id"
# A link may as well say it in its deep link.
_LINKS_OWN: Final = frozenset(TOLD)
_RAND_MAX: Final = 10**9
_MACRO = re.compile(r"\{([A-Za-z0-9_]+)\}")
# Most values: `quote` would take four times as long to find that out.
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*", re.ASCII)


def choose(pages: Sequence[_Page], roll: float, wanted: str = "") -> _Page | None:
    """One of an offer's active landing pages, each a tuple that starts with its id and its weight.

    The page whose id the link asks for (`wanted`, as it stands there) wins, else chance does by
    weight: `roll` is from 0 up to 1. None where no page has any weight: the offer's own address.
    """
    total = 0
    for page in pages:
        if wanted and wanted == str(page[0]):
            return page
        total += page[1]
    left = roll * total
    for page in pages:
        left -= page[1]
        if left < 0:
            return page
    return None


def landing(url: str, values: Values, utm: Utm = (), *, at: datetime | None = None) -> str:
    """The landing page for a click of this instant, by default now.

    It gets the click id, as `click_id` where no macro asks for it, and the parameters of `utm` that
    it does not have. Who refuses consent is told apart by values without a click id: then none is
    added, and its macro stays empty, as that of every value that is not there.
    """
    return _filled(_compiled(url, utm, bool(values.get(_CLICK_ID))), values, at)


def deep_landing(
    url: str, page: str, values: Values, utm: Utm = (), *, at: datetime | None = None
) -> str:
    """The deep link `url`, as `deep_link` gave it, with what the shop expects to be told.

    That is what the offer's landing address `page` tells by macros in its query, the click id, and
    the parameters of `utm`. The link's own come first, but for those that tell what the link cannot
    know, such as the click id or the affiliate: nobody speaks for another.
    """
    base, mark, fragment = url.partition("#")
    base, _, query = base.partition("?")
    given = [(_names(pair), pair) for pair in query.split("&") if pair]
    added = _carried(page, utm, bool(values.get(_CLICK_ID)))
    reserved = {_CLICK_ID, *[_folded(name) for name, ours, _ in added if ours]}
    kept = [(names, pair) for names, pair in given if reserved.isdisjoint(names)]
    names = {names[0] for names, _ in kept}
    pairs = [pair for _, pair in kept]
    pairs += [_filled(parts, values, at) for name, _, parts in added if _folded(name) not in names]
    return base + ("?" + "&".join(pairs) if pairs else "") + mark + fragment


def _names(pair: str) -> list[str]:
    """What a parameter may be called by shops, some of which also divide at `;`."""
    return [_folded(decoded(part.partition("=")[0])) for part in pair.split(";")]


def _folded(name: str) -> str:
    """A parameter's name as the least careful of shops reads it."""
    return name.strip().casefold()


def fallback(url: str, values: Values, *, at: datetime | None = None) -> str:
    """The page for clicks that fail; only its own macros tell it anything."""
    return _filled(_compiled(url, (), False), values, at)


def _filled(parts: _Parts, values: Values, at: datetime | None) -> str:
    filled = list(parts)
    for place in range(1, len(parts), 2):
        value = values.get(parts[place])
        if value is None:
            value = _moment(parts[place], at)
        # A click id is made of nothing else. The next question is quicker and enough for most.
        elif parts[place] == _CLICK_ID or (value.isalnum() and value.isascii()):
            pass
        elif not _UNRESERVED.fullmatch(value):
            value = quote(value, safe="")
        filled[place] = value
    return "".join(filled)


def _moment(name: str, at: datetime | None) -> str:
    """What is made up for each click: seconds since 1970, the day in UTC, a number by chance."""
    match name:
        case "timestamp":
            return str(int((at or clock.now()).timestamp()))
        case "date":
            return (at or clock.now()).date().isoformat()
        case "rand":
            return str(random.randrange(_RAND_MAX))
        case _:
            return ""


@lru_cache(maxsize=100_000)
def _compiled(url: str, utm: Utm, adds_click_id: bool) -> _Parts:
    """The address taken apart at its macros, which never stand in the host."""
    parsed = urlsplit(url)
    host = f"{parsed.scheme}://{parsed.netloc}"
    path, query, fragment = parsed.path or "/", parsed.query, parsed.fragment
    names = {decoded(pair.partition("=")[0]) for pair in query.split("&")}
    added = _parameters((name, text) for name, text in utm if name not in names)
    # Quoted by then, all but the braces of its macros.
    rest = [quote(path, safe=PLAIN), "&".join(filter(None, (quote(query, safe=PLAIN), *added)))]
    rest.append(quote(fragment, safe=PLAIN))
    if adds_click_id and not any(_tells_click(text) for text in rest):
        rest[1] += f"{'&' if rest[1] else ''}{_CLICK_ID}={{{_CLICK_ID}}}"
    whole = rest[0] + (f"?{rest[1]}" if rest[1] else "") + (f"#{rest[2]}" if rest[2] else "")
    return _split(quote(host, safe=PLAIN), whole)


@lru_cache(maxsize=100_000)
def _carried(page: str, utm: Utm, adds_click_id: bool) -> tuple[tuple[str, bool, _Parts], ...]:
    """What deep links get: names of parameters, whether they tell what is ours, and their parts."""
    query = quote(urlsplit(page).query, safe=PLAIN)
    found = [pair for pair in query.split("&") if len(_split("", pair)) > 1]
    names = {decoded(pair.partition("=")[0]) for pair in found}
    found += _parameters((name, text) for name, text in utm if name not in names)
    if adds_click_id and not any(_tells_click(pair) for pair in found):
        found.append(f"{_CLICK_ID}={{{_CLICK_ID}}}")
    return tuple(
        (decoded(pair.partition("=")[0]), _tells_ours(pair), _split("", pair)) for pair in found
    )


def _parameters(utm: Any) -> list[str]:
    """The parameters with everything quoted but the braces of macros."""
    return [f"{quote(name, safe='')}={quote(text, safe='{}')}" for name, text in utm]


def _tells_click(text: str) -> bool:
    return _CLICK_ID in _split("", text)[1::2]


def _tells_ours(text: str) -> bool:
    """Whether a macro in it stands for anything but what a link says itself."""
    return not _LINKS_OWN.issuperset(_split("", text)[1::2])


def _split(start: str, text: str) -> _Parts:
    """The parts of a text, after a start in which nothing is filled in."""
    parts = [start]
    for place, found in enumerate(_MACRO.split(text)):
        if place % 2 == 0:
            parts[-1] += found
        elif value := MACROS.get(found.lower()):
            parts += [value, ""]
        else:
            parts[-1] += f"{{{found}}}"
    return tuple(parts)
