"""What the tests of the books share: a rail for currencies that no bank file carries."""

import pytest

from payouts import rails


class PaperRail:
    """Lists payments on paper, in yen and dinars: currencies with no decimals and with three."""

    format = "paper"
    content_type = "text/plain"
    extension = "txt"
    currencies = frozenset({"JPY", "KWD"})

    def check_debtor(self):
        """We can always write a letter."""

    def check_payee(self, *, holder, town, iban):
        """To anybody."""

    def render(self, order):
        """One line for a payment."""
        return "\n".join(
            f"{each.end_to_end_id} {each.amount_minor}" for each in order.payments
        ).encode()


@pytest.fixture
def paper_rail(monkeypatch):
    """A rail is one file and one line of the list."""
    monkeypatch.setattr(rails, "RAILS", [*rails.RAILS, PaperRail()])
