"""The rails, and which of them carries a currency."""

from typing import Final

from network.errors import BadInput
from payouts.rails.base import Rail
from payouts.rails.sepa import SepaCreditTransfer

RAILS: Final[list[Rail]] = [SepaCreditTransfer()]


class NoRail(BadInput):
    """No rail carries this currency."""

    code = "no_rail"


def carries(currency: str) -> bool:
    """Whether money in this currency can be paid out."""
    return any(currency in rail.currencies for rail in RAILS)


def serving(currency: str) -> Rail:
    """The first rail that carries the currency; NoRail where there is none."""
    for rail in RAILS:
        if currency in rail.currencies:
            return rail
    raise NoRail(f"no rail carries {currency}", pointer="/currency")
