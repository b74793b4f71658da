"""What a rail is: a way for money to leave, in a file beside this one and a line of the list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One credit to one payee, in minor units of the order's currency."""

    end_to_end_id: str
    amount_minor: int
    holder: str
    iban: str
    country: str
    town: str
    remittance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Everything that a file says; the same order gives the same bytes."""

    msg_id: str
    currency: str
    created_at: datetime
    execute_on: date
    payments: Sequence[Payment]

    @property
    def total_minor(self) -> int:
        """The control sum in minor units."""
        return sum(payment.amount_minor for payment in self.payments)


class Rail(Protocol):
    """A way for money to leave; it decides nothing, since who is paid is the run's content."""

    format: str
    content_type: str
    extension: str
    currencies: frozenset[str]

    def check_debtor(self) -> None:
        """Raise DebtorNotSet unless our own side of the payments is known."""

    def check_payee(self, *, holder: str, town: str, iban: str) -> None:
        """Raise PayeeUnfit for a payee that this rail cannot name."""

    def render(self, order: Order) -> bytes:
        """The file; raises what the checks raise."""
