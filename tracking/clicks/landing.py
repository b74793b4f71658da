"""Where a click goes: the offer's address with its macros filled in."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote, urlsplit

from tracking.clicks.query import SUBS

MACROS: Final = frozenset(
    ("click_id", *SUBS, "source", "aff_click_id", "affiliate", "offer", "link")
)
_MACRO = re.compile(r"\{([a-z_0-9]+)\}")
# Most values: `quote` would take four times as long to find that out.
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*", re.ASCII)
# What may stand in an address as it is; the rest, such as blanks and Cyrillic, is percent-encoded.
_PLAIN: Final = "!#$%&'()*+,/:;=?@[]~{}"


def landing(url: str, values: Mapping[str, str]) -> str:
    """The landing page. It always gets the click id: as `click_id` where no macro asks for it."""
    return _filled(_compiled(url, adds_click_id=True), values)


def fallback(url: str, values: Mapping[str, str]) -> str:
    """The page for clicks that fail; only its own macros tell it anything."""
    return _filled(_compiled(url, adds_click_id=False), values)


def _filled(parts: tuple[str, ...], values: Mapping[str, str]) -> str:
    """Literal text at even places, macros at odd ones; a macro without a value becomes empty."""
    filled = list(parts)
    for place in range(1, len(parts), 2):
        value = values.get(parts[place], "")
        filled[place] = value if _UNRESERVED.fullmatch(value) else quote(value, safe="")
    return "".join(filled)


@lru_cache(maxsize=100_000)
def _compiled(url: str, *, adds_click_id: bool) -> tuple[str, ...]:
    """The address taken apart at its macros, which never stand in the host."""
    parsed = urlsplit(url)
    host = f"{parsed.scheme}://{parsed.netloc}"
    path, query, fragment = parsed.path or "/", parsed.query, parsed.fragment
    if adds_click_id and "{click_id}" not in path + query + fragment:
        query = f"{query}&click_id={{click_id}}" if query else "click_id={click_id}"
    rest = path + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")
    parts = [quote(host, safe=_PLAIN)]
    for place, text in enumerate(_MACRO.split(quote(rest, safe=_PLAIN))):
        if place % 2 == 0:
            parts[-1] += text
        elif text in MACROS:
            parts += [text, ""]
        else:
            parts[-1] += f"{{{text}}}"
    return tuple(parts)
