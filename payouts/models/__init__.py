"""The tables of payouts, gathered for Django; each noun lives in a module of its own."""

from payouts.models.commissions import (
    Commission,
    CommissionHold,
    CommissionPayable,
    CommissionRelease,
)
from payouts.models.deposits import Deposit
from payouts.models.ledger import AccountBalance, Entry, Journal, LedgerAccount
from payouts.models.payments import BankBooking, PaymentAttempt, PaymentFile
from payouts.models.runs import (
    Approval,
    Payout,
    PayoutCarry,
    PayoutLine,
    PayoutLineRelease,
    PayoutRun,
    PayoutSkip,
)

__all__ = [
    "AccountBalance",
    "Approval",
    "BankBooking",
    "Commission",
    "CommissionHold",
    "CommissionPayable",
    "CommissionRelease",
    "Deposit",
    "Entry",
    "Journal",
    "LedgerAccount",
    "PaymentAttempt",
    "PaymentFile",
    "Payout",
    "PayoutCarry",
    "PayoutLine",
    "PayoutLineRelease",
    "PayoutRun",
    "PayoutSkip",
]
