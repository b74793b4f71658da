"""The CDNOW purchase log as real input, and what it must come to, computed without our own code.

2,357 customers and their 6,919 purchases from 1997-01-01 to 1998-06-30, a systematic sample of the
log that Fader and Hardie published; the package `lifetimes` ships the file.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

AFFILIATES = 12
REVENUE_SHARE = Fraction(10, 100)
COMMISSION_SHARE = Fraction(73333, 1_000_000)


@dataclass(frozen=True, slots=True)
class Purchase:
    """One line of the log: `order` is the line's number, `amount` the text as it stands there."""

    order: int
    customer: int
    day: date
    amount: str

    @property
    def affiliate(self) -> int:
        """Which of the twelve affiliates sent this customer."""
        return self.customer % AFFILIATES


def purchases() -> list[Purchase]:
    """Every purchase in the order of the file."""
    spec = find_spec("lifetimes")
    if spec is None or spec.origin is None:
        raise RuntimeError("the development dependency 'lifetimes' is missing: run make test")
    log = Path(spec.origin).parent / "datasets" / "CDNOW_sample.txt"
    return [
        Purchase(
            order=number,
            customer=int(customer),
            day=date(int(day[:4]), int(day[4:6]), int(day[6:])),
            amount=amount,
        )
        for number, (_, customer, day, _, amount) in enumerate(
            (line.split() for line in log.read_text().splitlines()), start=1
        )
    ]


def some(log: list[Purchase], *, one_in: int) -> list[Purchase]:
    """All purchases of some customers, of as many for each affiliate."""
    return [row for row in log if row.customer // AFFILIATES % one_in == 0]


def by_day(log: list[Purchase]) -> Iterator[tuple[date, list[Purchase]]]:
    """The log as a sequence of days, each with its purchases."""
    for day, rows in groupby(sorted(log, key=lambda row: (row.day, row.order)), lambda r: r.day):
        yield day, list(rows)


def half_up_micros(amount: Fraction) -> int:
    """An exact amount in micros, halves rounded up (amounts here are never negative)."""
    return int(amount * 1_000_000 + Fraction(1, 2))


@dataclass(frozen=True, slots=True)
class Expected:
    """What a whole log must come to, in micros."""

    conversions: int
    of_zero: int
    revenue_micros: int
    commission_micros: dict[int, int]


def expected(log: list[Purchase]) -> Expected:
    """Revenue in all and commission for each affiliate, in fractions from the raw file."""
    commission: dict[int, int] = defaultdict(int)
    revenue = 0
    for row in log:
        sale = Fraction(row.amount)
        revenue += half_up_micros(sale * REVENUE_SHARE)
        commission[row.affiliate] += half_up_micros(sale * COMMISSION_SHARE)
    of_zero = sum(Fraction(row.amount) == 0 for row in log)
    return Expected(len(log), of_zero, revenue, dict(commission))
