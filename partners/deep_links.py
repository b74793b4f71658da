"""Deep links: where inside a shop an affiliate sends people, and which hosts an offer allows. Pure.

Whatever comes out of here leads to a listed host in every browser, however the address was dressed
up: it is not repaired as browsers do, but taken apart strictly and put together anew.
"""

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import quote

from partners.vocabulary import URL_MAX

# What may stand in an address as it is; the rest, such as blanks and Cyrillic, is percent-encoded.
PLAIN: Final = "!#$%&'()*+,/:;=?@[]~{}"
_SCHEMES: Final = ("https", "http")
_PORTS: Final = ("", ":80", ":443")
_HOST_MAX: Final = 253
_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
# Two labels at least, and no number at the end, which would be an address of the internet protocol.
_HOST = re.compile(rf"(?:{_LABEL}\.)+(?=[a-z0-9-]*[a-z]){_LABEL}", re.ASCII)
# Names with these are looked up in two ways, by the old rules and by the new; whoever means one of
# them writes it in ASCII.
_AMBIGUOUS: Final = frozenset("\u00df\u1e9e\u03c2\u200c\u200d")
_END_OF_HOST = re.compile(r"[/?#]")


def deep_link(url: str, hosts: Collection[str]) -> str | None:
    """The address in ASCII, if its host is one of `hosts` or below a `*.` among them; else None.

    Only http and https on their own ports, without a user name. `hosts` are as `listed_host` writes
    them; a set is quicker than a list.
    """
    scheme, divider, rest = url.partition("://")
    scheme = scheme.lower()
    # Everything that is not printable could end a header, or be dropped by a browser.
    if not divider or scheme not in _SCHEMES or len(url) > URL_MAX:
        return None
    if "\\" in rest or not rest.isprintable():
        return None
    end = _END_OF_HOST.search(rest)
    authority, tail = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    name, colon, number = authority.partition(":")
    host = ascii_host(name)
    if host is None or colon + number not in _PORTS or not _listed(host, hosts):
        return None
    path = tail if tail.startswith("/") else f"/{tail}"
    return f"{scheme}://{host}{colon}{number}{quote(path, safe=PLAIN)}"


def ascii_host(name: str) -> str | None:
    """The host in lower case and ASCII, as it is looked up; None for what is no name of a host.

    Letters that only look alike differ here, and what a browser would turn into a slash or a dot is
    turned before it is looked at.
    """
    if not name.isascii():
        if len(name) > _HOST_MAX or not _AMBIGUOUS.isdisjoint(name):
            return None
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    name = name.lower()
    return name if len(name) <= _HOST_MAX and _HOST.fullmatch(name) else None


def listed_host(text: str) -> str | None:
    """An entry of an offer's list as it is kept: a host, or `*.` and a host for all below it."""
    star = "*." if text.startswith("*.") else ""
    host = ascii_host(text.removeprefix("*."))
    return star + host if host else None


def _listed(host: str, hosts: Collection[str]) -> bool:
    if host in hosts:
        return True
    above = host
    while "." in above:
        above = above.partition(".")[2]
        if f"*.{above}" in hosts:
            return True
    return False
