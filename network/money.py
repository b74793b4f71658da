"""Exact amounts: whole micros of one currency, or an error.

One unit of a currency is 1,000,000 micros, so each of its minor units is a whole number of micros.
Rates are parts per million. The plain functions serve the hot paths; `Money` serves the rest.
"""

import re
from dataclasses import dataclass
from typing import Final, Self

from network.currencies import exponent
from network.errors import (
    AmountInvalid,
    AmountTooFine,
    AmountTooLarge,
    CurrencyMismatch,
    Inexact,
    MoneyNotString,
    RateInvalid,
    RateNotString,
    RateTooFine,
)

MICROS: Final = 1_000_000
PPM: Final = 1_000_000
PLACES: Final = 6
LIMIT_MICROS: Final = 2**63
PPM_PER_PERCENT: Final = PPM // 100
PERCENT_PLACES: Final = 4
_AMOUNT = re.compile(r"(-?)([0-9]{1,20})(?:\.([0-9]{1,20}))?", re.ASCII)
_PERCENT = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,20}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in whole micros of one currency.

    Amounts of two currencies are never equal; to add or order them is a CurrencyMismatch.
    """

    micros: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.micros) is not int:  # float, Decimal and bool alike
            raise Inexact(f"{self.micros!r} is not a whole number of micros")
        _check_bounds(self.micros)
        exponent(self.currency)

    @classmethod
    def parse(cls, text: str, currency: str, *, places: int | None = None) -> Self:
        """The amount that `text` says, exactly, by default to the currency's own decimals.

        Raises what `parse_micros` raises, and UnknownCurrency.
        """
        allowed = exponent(currency) if places is None else places
        return cls(parse_micros(text, places=allowed), currency)

    @classmethod
    def from_minor(cls, minor: int, currency: str) -> Self:
        """The amount of whole minor units, such as cents."""
        if type(minor) is not int:
            raise Inexact(f"{minor!r} is not a whole number of minor units")
        return cls(minor * minor_step(currency), currency)

    def text(self, *, places: int | None = None) -> str:
        """The amount as a decimal string; see `format_micros`."""
        return format_micros(self.micros, self.currency, places=places)

    def share(self, ppm: int) -> Self:
        """A share in parts per million, rounded half up to micros."""
        return type(self)(share_micros(self.micros, ppm), self.currency)

    def to_minor_floor(self) -> tuple[int, Self]:
        """Whole minor units for a rail, rounded down, and the rest, which is never negative."""
        minor, rest_micros = floor_minor(self.micros, self.currency)
        return minor, type(self)(rest_micros, self.currency)

    def __add__(self, other: Self) -> Self:
        self._check_currency(other)
        return type(self)(self.micros + other.micros, self.currency)

    def __sub__(self, other: Self) -> Self:
        self._check_currency(other)
        return type(self)(self.micros - other.micros, self.currency)

    def __neg__(self) -> Self:
        return type(self)(-self.micros, self.currency)

    def __lt__(self, other: Self) -> bool:
        self._check_currency(other)
        return self.micros < other.micros

    def __le__(self, other: Self) -> bool:
        self._check_currency(other)
        return self.micros <= other.micros

    def __str__(self) -> str:
        return f"{self.text()} {self.currency}"

    def _check_currency(self, other: Self) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} never meet")


def parse_micros(text: str, *, places: int) -> int:
    """The micros that a decimal string says, exactly; which currency's, its caller knows.

    At most `places` decimals; zeros at the end do not count. Raises MoneyNotString, AmountInvalid,
    AmountTooFine or AmountTooLarge.
    """
    if not isinstance(text, str):
        raise MoneyNotString()
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise AmountInvalid()
    sign, whole, fraction = match[1], match[2], (match[3] or "").rstrip("0")
    if len(fraction) > places:
        raise AmountTooFine(f"This amount has at most {places} decimals.")
    micros = int(whole) * MICROS + int(fraction.ljust(PLACES, "0"))
    _check_bounds(micros)
    return -micros if sign else micros


def format_micros(micros: int, currency: str, *, places: int | None = None) -> str:
    """A decimal string: the decimals of the currency, and more only where the amount has them.

    `places` fixes their number instead; Inexact where that would drop a digit.
    """
    whole, fraction = divmod(abs(micros), MICROS)
    digits = f"{fraction:06d}"
    shown = exponent(currency) if places is None else places
    needed = len(digits.rstrip("0"))
    if places is not None and needed > places:
        raise Inexact(f"{micros} micros do not fit {places} decimals")
    decimals = digits[: max(shown, needed)]
    sign = "-" if micros < 0 else ""
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"


def money_object(micros: int, currency: str) -> dict[str, str]:
    """Money as it goes over the wire: `{"amount": "12.34", "currency": "EUR"}`."""
    return {"amount": format_micros(micros, currency), "currency": currency}


def parse_percent(text: str) -> int:
    """The parts per million of a percentage such as "7.3333", exactly.

    Zeros at the end do not count. Raises RateNotString, RateInvalid or RateTooFine.
    """
    if not isinstance(text, str):
        raise RateNotString()
    match = _PERCENT.fullmatch(text)
    if match is None:
        raise RateInvalid()
    fraction = (match[2] or "").rstrip("0")
    if len(fraction) > PERCENT_PLACES:
        raise RateTooFine()
    return int(match[1]) * PPM_PER_PERCENT + int(fraction.ljust(PERCENT_PLACES, "0"))


def format_percent(ppm: int) -> str:
    """The percentage without needless zeros."""
    whole, fraction = divmod(ppm, PPM_PER_PERCENT)
    digits = f"{fraction:0{PERCENT_PLACES}d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def share_micros(micros: int, ppm: int) -> int:
    """A share in parts per million, half up to micros: half a micro goes away from zero."""
    product = micros * ppm
    magnitude = (2 * abs(product) + PPM) // (2 * PPM)
    return -magnitude if product < 0 else magnitude


def minor_step(currency: str) -> int:
    """The micros in one minor unit: 10,000 for EUR, 1,000,000 for JPY."""
    return int(MICROS // 10 ** exponent(currency))


def floor_minor(micros: int, currency: str) -> tuple[int, int]:
    """Whole minor units, rounded down, and the micros that are left, from 0 up."""
    return divmod(micros, minor_step(currency))


def _check_bounds(micros: int) -> None:
    if not -LIMIT_MICROS < micros < LIMIT_MICROS:
        raise AmountTooLarge()
