"""Which terms hold for a conversion and what they pay: pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from network.errors import AmountTooLarge, MoneyError
from network.money import LIMIT_MICROS, share_micros


class AmountRequired(MoneyError):
    """These terms pay a share of the sale, so the report must say its amount."""

    code = "amount_required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What is paid for one action: fixed amounts, and parts per million of the sale."""

    revenue_fixed_micros: int
    revenue_ppm: int
    commission_fixed_micros: int
    commission_ppm: int

    @property
    def depends_on_sale(self) -> bool:
        """Whether the amounts cannot be computed without a sale."""
        return bool(self.revenue_ppm or self.commission_ppm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms(Rates):
    """One dated row of what a goal pays; without `affiliate_id` it holds for everybody."""

    id: int
    goal_id: int
    affiliate_id: int | None
    valid_from: datetime
    valid_to: datetime | None

    def holds(self, affiliate_id: int, at: datetime) -> bool:
        """Whether the row is for this affiliate and valid at this instant; the end is excluded."""
        if self.affiliate_id not in (None, affiliate_id):
            return False
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)


def choose(terms: Iterable[Terms], affiliate_id: int, at: datetime) -> Terms | None:
    """The row that holds for an affiliate at an instant, or None.

    The affiliate's own row goes before the general one, then the later start, then the later row.
    """
    fitting = (row for row in terms if row.holds(affiliate_id, at))
    return max(fitting, key=_precedence, default=None)


def amounts(rates: Rates, sale_micros: int | None) -> tuple[int, int]:
    """Revenue and commission in micros, each rounded once, half up.

    AmountRequired where a share of an unknown sale is asked for, AmountTooLarge beyond a bigint.
    """
    if sale_micros is None and rates.depends_on_sale:
        raise AmountRequired(pointer="/amount")
    sale_micros = sale_micros or 0
    revenue_micros = rates.revenue_fixed_micros + share_micros(sale_micros, rates.revenue_ppm)
    commission_micros = rates.commission_fixed_micros + share_micros(
        sale_micros, rates.commission_ppm
    )
    if max(revenue_micros, commission_micros) >= LIMIT_MICROS:
        raise AmountTooLarge(pointer="/amount")
    return revenue_micros, commission_micros


def _precedence(terms: Terms) -> tuple[bool, datetime, int]:
    return terms.affiliate_id is not None, terms.valid_from, terms.id
