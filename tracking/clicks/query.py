"""What comes along with a click: sub ids, a source, where to land, consent, a signature.

Hostile input never breaks a redirect: what is too long is cut, bytes that are no text are replaced,
what PostgreSQL cannot store is left out, and names that nobody knows are ignored.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_plus

from partners.vocabulary import PARAMETERS, SIGNATURE, TEXT_MAX, URL_MAX

# What PostgreSQL stores in no text; nobody means anything by it.
NUL: Final = "\0"
# Where more than TEXT_MAX characters are kept. Half an address would lead elsewhere: one that is
# too long keeps the character by which it is found out.
_LENGTHS: Final = {"deep_link": URL_MAX + 1, "gdpr_consent": 4_000}
_NAMES: Final = {**PARAMETERS, **{name: name for name in SIGNATURE}}


def parse(raw: bytes) -> dict[str, str]:
    """The parameters of our own links that have a value, by the names of their values."""
    return pairs(raw, _NAMES)


def pairs(raw: bytes, names: Mapping[str, str]) -> dict[str, str]:
    """The parameters among `names` that have a value, each under the name that `names` gives it.

    Of one that comes twice, or under two names, the first. Not `parse_qsl`, which takes nine times
    as long: only what needs decoding is decoded.
    """
    text = raw.decode("utf-8", "replace")
    # A short query of plain characters, as most are, has nothing to decode, to drop or to cut.
    plain = not ("%" in text or "+" in text) and text.isprintable() and len(text) <= TEXT_MAX
    found: dict[str, str] = {}
    for pair in text.split("&"):
        said, _, value = pair.partition("=")
        if said in names and (name := names[said]) not in found:
            value = value if plain else clean(decoded(value), _LENGTHS.get(name, TEXT_MAX))
            if value:
                found[name] = value
    return found


def decoded(text: str) -> str:
    """The text behind `%` and `+`; broken UTF-8 becomes U+FFFD."""
    return unquote_plus(text, errors="replace") if "%" in text or "+" in text else text


def clean(text: str, length_max: int) -> str:
    """The text without NUL, no longer than this."""
    return text.replace(NUL, "")[:length_max]
