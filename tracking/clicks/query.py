"""What an affiliate sends along with a click: ten sub ids, a source, its own click id.

Hostile input never breaks a redirect: what is too long is cut, bytes that are no text are replaced,
what PostgreSQL cannot store is left out, and names that nobody knows are ignored.
"""

from typing import Final
from urllib.parse import unquote_plus

SUBS: Final = tuple(f"sub{number}" for number in range(1, 11))
# Characters that are kept of a value.
TEXT_MAX: Final = 500
# NUL, which no column takes, and the mark for NULL on its way there; nobody means anything by them.
RESERVED: Final = ("\0", "\x01")
_NAMES: Final = frozenset((*SUBS, "source", "aff_click_id"))


def parse(raw: bytes) -> dict[str, str]:
    """The known parameters that have a value; of one that comes twice, the first.

    Not `parse_qsl`, which takes nine times as long: only what needs decoding is decoded.
    """
    text = raw.decode("utf-8", "replace")
    # A short query of plain characters, as most are, has nothing to decode, to drop or to cut.
    plain = not ("%" in text or "+" in text) and text.isprintable() and len(text) <= TEXT_MAX
    found: dict[str, str] = {}
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        if name in _NAMES and name not in found:
            value = value if plain else clean(decoded(value), TEXT_MAX)
            if value:
                found[name] = value
    return found


def decoded(text: str) -> str:
    """The text behind `%` and `+`; broken UTF-8 becomes U+FFFD."""
    return unquote_plus(text, errors="replace") if "%" in text or "+" in text else text


def clean(text: str, length_max: int) -> str:
    """The text without the characters that a click's row keeps for itself, no longer than this."""
    for mark in RESERVED:
        if mark in text:
            text = text.replace(mark, "")
    return text[:length_max]
