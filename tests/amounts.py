"""Amounts as the API writes them."""

from collections.abc import Mapping
from fractions import Fraction


def eur(amount: str) -> dict[str, str]:
    """An amount in euros."""
    return {"amount": amount, "currency": "EUR"}


def micros(money: Mapping[str, str]) -> int:
    """The amount of a money object, exactly."""
    return int(Fraction(money["amount"]) * 1_000_000)
