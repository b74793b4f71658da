"""Money, rates and codes on the wire: strings, exact, in a canonical form."""

from collections.abc import Mapping
from typing import Any, Final

from rest_framework import serializers

from network.api.serializers import unknown_fields
from network.errors import BadInput, MoneyNotString
from network.money import (
    MICROS,
    PPM_PER_PERCENT,
    Money,
    format_percent,
    money_object,
    parse_percent,
)

# A thousand million units: far above any payout, far below where sums of rows meet a bigint's end.
MOST_UNITS: Final = 1_000_000_000
CODE_MAX: Final = 40


class MoneyField(serializers.Field[Money, Any, dict[str, str], Any]):
    """`{"amount": "12.34", "currency": "EUR"}` and a Money.

    Input has at most the decimals of its currency, lies within `least` and `most` whole units, and
    is positive unless `least` says otherwise.
    """

    default_error_messages = {
        "invalid": 'Money is an object such as {{"amount": "12.34", "currency": "EUR"}}.',
        "amount_too_small": "The amount has to be at least {least}.",
        "amount_not_positive": "The amount has to be above 0.",
        "amount_too_large": "The amount has to be at most {most}.",
    }

    def __init__(self, *, least: int | None = None, most: int = MOST_UNITS, **kwargs: Any) -> None:
        self.least = least
        self.most = most
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Money:
        """The amount; each fault has the code of `network.errors`."""
        amount, currency = self._members(data)
        try:
            money = Money.parse(amount, currency)
        except BadInput as error:
            raise _invalid(error) from None
        if self.least is None and money.micros <= 0:
            self.fail("amount_not_positive")
        if self.least is not None and money.micros < self.least * MICROS:
            self.fail("amount_too_small", least=self.least)
        if money.micros > self.most * MICROS:
            self.fail("amount_too_large", most=self.most)
        return money

    def to_representation(self, value: Money) -> dict[str, str]:
        """The amount with the decimals of its currency, more only where it has them."""
        return money_object(value.micros, value.currency)

    def _members(self, data: Any) -> tuple[str, str]:
        if isinstance(data, int | float):
            raise _invalid(MoneyNotString())
        if not isinstance(data, Mapping) or not {"amount", "currency"} <= set(data):
            self.fail("invalid")
        if unknown := sorted(set(data) - {"amount", "currency"}):
            raise unknown_fields(unknown)
        return data["amount"], data["currency"]


class MoneyOf(serializers.Field[Any, Any, dict[str, str] | None, Any]):
    """Read only: a column of micros and the column of its currency, as money.

    `MoneyOf("commission_micros")`; both names may be dotted paths. None where the micros are.
    """

    def __init__(self, micros: str, *, currency: str = "currency", **kwargs: Any) -> None:
        self.micros = micros.split(".")
        self.currency = currency.split(".")
        super().__init__(read_only=True, source="*", **kwargs)

    def to_representation(self, value: Any) -> dict[str, str] | None:
        """The object of amount and currency."""
        micros = _along(value, self.micros)
        if micros is None:
            return None
        return money_object(micros, _along(value, self.currency))


class RateField(serializers.Field[int, Any, str, Any]):
    """A percentage as a string, `"7.3333"`, and parts per million, 73333."""

    default_error_messages = {
        "rate_too_large": "The rate has to be at most {most} percent.",
    }

    def __init__(self, *, most: int = 100, **kwargs: Any) -> None:
        self.most = most
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> int:
        """Parts per million; each fault has the code of `network.errors`."""
        try:
            ppm = parse_percent(data)
        except BadInput as error:
            raise _invalid(error) from None
        if ppm > self.most * PPM_PER_PERCENT:
            self.fail("rate_too_large", most=self.most)
        return ppm

    def to_representation(self, value: int) -> str:
        """The percentage without needless zeros."""
        return format_percent(value)


class CodeField(serializers.RegexField):
    """What people call a thing in addresses and reports: `summer-sale_2`, at most 40 characters."""

    default_error_messages = {
        "invalid": "A code is of lower-case letters, digits, - and _, the first no - or _.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"^[a-z0-9][a-z0-9_-]*$", max_length=CODE_MAX, **kwargs)


def _invalid(error: BadInput) -> serializers.ValidationError:
    return serializers.ValidationError(error.detail, code=error.code)


def _along(value: Any, path: list[str]) -> Any:
    for name in path:
        value = value[name] if isinstance(value, Mapping) else getattr(value, name)
    return value
