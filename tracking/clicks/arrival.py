"""How a request came about, as its headers say: a person going to a page, a page loading something,
a browser reading ahead.

Scripts in a page cannot set these headers, programs outside a browser can: they show what is
wrong, never what is right, and older browsers say nothing.
"""

from collections.abc import Mapping
from typing import Final

_Headers = Mapping[bytes, bytes]

_AHEAD: Final = frozenset((b"sec-purpose", b"purpose", b"x-purpose", b"x-moz"))
_WORDS: Final = (b"prefetch", b"prerender", b"preview")


def is_prefetch(headers: _Headers) -> bool:
    """Whether the browser reads ahead, perhaps for nobody."""
    if _AHEAD.isdisjoint(headers):
        return False
    said = [headers[name].lower() for name in _AHEAD if name in headers]
    return any(word in value for word in _WORDS for value in said)


def is_embedded(headers: _Headers) -> bool:
    """Whether a page loads it as an image, a frame or anything else but a document to go to."""
    destination = headers.get(b"sec-fetch-dest")
    mode = headers.get(b"sec-fetch-mode")
    if not destination or not mode:
        return False
    return (mode, destination) != (b"navigate", b"document")
