"""Consent strings of the IAB's Transparency and Consent Framework, as far as one vendor needs them.

Reads versions 2.0 to 2.3 by the IAB's "Consent string and vendor list formats v2": the core segment
with the publisher's restrictions, and the segment of disclosed vendors, which says who was shown to
the person and which every string made since 1 March 2026 must have. What is not exactly of the form
is malformed, and malformed is no consent.
"""

import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

# A string of all vendors there are, as ranges, has about 3,000 characters.
LENGTH_MAX: Final = 8_000

_FORM: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,3}", re.ASCII)
_VERSION: Final = 2
_DISCLOSED: Final = 1
_NOT_ALLOWED: Final = 0
_DECISECONDS: Final = 10
_DISCLOSURE_SINCE_S: Final = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
# Widths of the core segment's fields that nobody here reads.
_CMP_TO_POLICY: Final = 12 + 12 + 6 + 12 + 12 + 6
_FLAGS_AND_FEATURES: Final = 1 + 1 + 12
_PURPOSES: Final = 24
_REST_OF_PURPOSES: Final = _PURPOSES - 1 + _PURPOSES + 1 + 12


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person answered: to storing anything at all, and to one vendor."""

    purpose_one: bool
    vendor: bool


class _Malformed(Exception):
    """The bits end too early, or say what cannot be."""


def read(text: str, vendor_id: int) -> Answer | None:
    """What a consent string says of purpose 1 and of a vendor (0: of none); None if malformed.

    A vendor has consent if it was consented to, if the publisher does not forbid it purpose 1, and
    if it was disclosed. Purpose 1 that was not asked for, as some countries allow, is not given.
    """
    if len(text) > LENGTH_MAX or not _FORM.fullmatch(text):
        return None
    try:
        core, *others = [_Bits(segment) for segment in text.split(".")]
        return _answer(core, others, vendor_id)
    except (_Malformed, ValueError):
        return None


def _answer(core: "_Bits", others: "list[_Bits]", vendor_id: int) -> Answer:
    if core.number(6) != _VERSION:
        raise _Malformed
    core.number(36)
    updated_s = core.number(36) / _DECISECONDS
    core.skip(_CMP_TO_POLICY + _FLAGS_AND_FEATURES)
    purpose_one = core.flag()
    core.skip(_REST_OF_PURPOSES)
    consented = core.vendors(vendor_id)
    core.vendors(vendor_id)
    forbidden = _forbidden(core, vendor_id)
    disclosed = [other.vendors(vendor_id) for other in others if other.number(3) == _DISCLOSED]
    if not disclosed and updated_s >= _DISCLOSURE_SINCE_S:
        raise _Malformed
    return Answer(purpose_one, consented and not forbidden and all(disclosed))


def _forbidden(core: "_Bits", vendor_id: int) -> bool:
    """Whether the publisher flatly forbids the vendor purpose 1."""
    forbidden = False
    for _ in range(core.number(12)):
        purpose, kind = core.number(6), core.number(2)
        named = core.ranges(vendor_id)
        forbidden |= named and purpose == 1 and kind == _NOT_ALLOWED
    return forbidden


class _Bits:
    """A segment, read from its beginning."""

    __slots__ = ("_bits", "_place")

    def __init__(self, segment: str) -> None:
        raw = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
        # A text of digits: each number is a slice, where shifts would copy the whole each time.
        self._bits = f"{int.from_bytes(raw):0{len(raw) * 8}b}"
        self._place = 0

    def skip(self, width: int) -> None:
        self._place += width
        if self._place > len(self._bits):
            raise _Malformed

    def number(self, width: int) -> int:
        begin = self._place
        self.skip(width)
        return int(self._bits[begin : self._place], 2)

    def flag(self) -> bool:
        return self.number(1) == 1

    def vendors(self, vendor_id: int) -> bool:
        """Whether the list of vendors that begins here has this one; a bit field, or ranges."""
        last = self.number(16)
        if self.flag():
            return self.ranges(vendor_id)
        begin = self._place
        self.skip(last)
        return 0 < vendor_id <= last and self._bits[begin + vendor_id - 1] == "1"

    def ranges(self, vendor_id: int) -> bool:
        """Whether one of the ranges that begin here has this vendor."""
        found = False
        count = self.number(12)
        bits, place = self._bits, self._place
        # A string may hold thousands, so each is one or two slices: a flag, the first, the last.
        for _ in range(count):
            first = last = int(bits[place + 1 : place + 17] or "0", 2)
            if bits[place : place + 1] == "1":
                place += 16
                last = int(bits[place + 1 : place + 17] or "0", 2)
            place += 17
            if not 0 < first <= last:
                raise _Malformed
            found |= first <= vendor_id <= last
        self.skip(place - self._place)
        return found
