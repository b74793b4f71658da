"""What a report says happened, read with care: a fault in it is kept beside what could be read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from network.errors import AmountInvalid, AmountTooLarge, BadInput, Malformed, MoneyNotString
from network.money import MICROS, PLACES, parse_micros
from tracking.clicks import ids
from tracking.conversions.message import Fields
from tracking.conversions.refusals import CurrencyNotOffers, UnknownClick

REF_MAX: Final = 120
GOAL_MAX: Final = 40
CLICK_ID_MAX: Final = 64
# No basket is worth a thousand million; a larger amount is a mistake in units.
SALE_MICROS_MAX: Final = 10**9 * MICROS
_CURRENCY_LENGTH: Final = 3
# In any case. A word that nobody agreed on is refused: read as no, a trial would cost money.
TEST_WORDS: Final[Mapping[str, bool]] = {"0": False, "1": True, "false": False, "true": True}

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """An action as its advertiser tells it; `fault` is the first thing wrong with the telling.

    `sale_micros` has up to six decimals here: the currency that limits them is the offer's.
    `status` and `occurred_at` are kept in the raw report and decide nothing.
    """

    click_id: UUID | None
    goal_code: str
    order_ref: str | None
    event_ref: str | None
    sale_micros: int | None
    currency: str | None
    is_test: bool
    fault: BadInput | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticated:
    """A report whose sender is known, not yet stored; query and body without secrets."""

    id: UUID
    received_at: datetime
    advertiser_id: int
    auth: str
    nonce: str | None
    method: str
    query: str
    body: str
    evidence: Evidence


def read(fields: Fields) -> Evidence:
    """The evidence in the fields of a message; never raises."""
    faults: list[BadInput] = []

    def taken(parse: Callable[[Fields], _Value | None]) -> _Value | None:
        try:
            return parse(fields)
        except BadInput as fault:
            faults.append(fault)
            return None

    return Evidence(
        click_id=taken(_click_id),
        goal_code=taken(lambda all: _text(all, "goal", GOAL_MAX)) or "",
        order_ref=taken(lambda all: _text(all, "order_id", REF_MAX)),
        event_ref=taken(lambda all: _text(all, "event_id", REF_MAX)),
        sale_micros=taken(_sale_micros),
        currency=taken(_currency),
        is_test=taken(_test) or False,
        fault=faults[0] if faults else None,
    )


def _click_id(fields: Fields) -> UUID:
    text = _text(fields, "click_id", CLICK_ID_MAX)
    if not text:
        raise UnknownClick(
            "The click id is missing: send it as the landing page got it.", pointer="/click_id"
        )
    id = ids.read(text)
    if id is None:
        raise UnknownClick(pointer="/click_id")
    return id


def _sale_micros(fields: Fields) -> int | None:
    said = fields.get("amount")
    if said is None or said == "":
        return None
    if not isinstance(said, str):
        raise MoneyNotString(pointer="/amount")
    sale_micros = parse_micros(said.strip(), places=PLACES)
    if sale_micros < 0:
        raise AmountInvalid("A sale is not negative.", pointer="/amount")
    if sale_micros > SALE_MICROS_MAX:
        raise AmountTooLarge(pointer="/amount")
    return sale_micros


def _currency(fields: Fields) -> str | None:
    text = _text(fields, "currency", REF_MAX)
    if text is not None and len(text) != _CURRENCY_LENGTH:
        raise CurrencyNotOffers(pointer="/currency")
    return text and text.upper()


def _test(fields: Fields) -> bool | None:
    said = fields.get("test")
    if isinstance(said, bool):
        return said
    text = _text(fields, "test", REF_MAX)
    if text is None:
        return None
    if text.lower() not in TEST_WORDS:
        raise Malformed("`test` is 1 or true, 0 or false, or left out.", pointer="/test")
    return TEST_WORDS[text.lower()]


def _text(fields: Fields, name: str, length_max: int) -> str | None:
    """A field without the blanks around it; None for absent or empty. A whole number is its digits.

    Too long is an error and not cut: two orders must not become one.
    """
    said: Any = fields.get(name)
    if type(said) is int:
        said = str(said)
    if said is None:
        return None
    if not isinstance(said, str):
        raise Malformed(f"`{name}` is not a string.", pointer=f"/{name}")
    text = said.strip()
    if len(text) > length_max or "\0" in text:
        raise Malformed(
            f"`{name}` is longer than {length_max} characters, or not text.", pointer=f"/{name}"
        )
    return text or None
