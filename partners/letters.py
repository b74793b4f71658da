"""The letters that every SEPA bank takes, and what others are written as."""

import re
import unicodedata
from types import MappingProxyType
from typing import Final

from network.errors import BadInput

# What a bank file has room for, in its own letters.
NAME_MAX: Final = 70
TOWN_MAX: Final = 35

_ALLOWED: Final = re.compile(r"[A-Za-z0-9/?:().,'+ -]*")

# Letters and marks that Unicode does not take apart into a plain letter and an accent.
_WRITTEN: Final = MappingProxyType(
    {
        **{
            ord(letter): plain
            for letter, plain in zip("ØøŁłĐđÐðŦŧĦħı", "OoLlDdDdTtHhi", strict=True)
        },
        **{ord(letter): "-" for letter in "‐‑‒–—_"},
        **{ord(letter): "'" for letter in '‘’`´"'},
        ord("ß"): "ss",
        ord("Æ"): "AE",
        ord("æ"): "ae",
        ord("Œ"): "OE",
        ord("œ"): "oe",
        ord("Þ"): "Th",
        ord("þ"): "th",
        ord("&"): "+",
        ord("\N{NO-BREAK SPACE}"): " ",
    }
)


class PayeeUnfit(BadInput):
    """No bank file can name this payee, or reach the account."""

    code = "payee_unfit"


def written(text: str, length_max: int, *, pointer: str = "") -> str:
    """The text in the letters that banks take; PayeeUnfit where it has others, or too many."""
    plain = latin(text)
    if not plain or len(plain) > length_max:
        raise PayeeUnfit(pointer=pointer)
    return plain


def latin(text: str) -> str | None:
    """The text in the letters that every SEPA bank takes, or None where that cannot be done.

    Accents are dropped, as banks do when they compare names; a text in another script is nobody's
    to guess: its owner writes it as the bank knows it. Nothing is ever cut.
    """
    plain = unicodedata.normalize("NFKD", text.translate(_WRITTEN))
    bare = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return " ".join(bare.split()) if _ALLOWED.fullmatch(bare) else None
