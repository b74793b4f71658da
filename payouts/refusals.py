"""What payouts refuses, each with a stable code, and the database's own refusals in these words."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from django.db import IntegrityError

from network.constraints import broken
from network.errors import BadInput, Conflict, Forbidden, IllegalMove, PeractionError


class Unbalanced(PeractionError):
    """The entries of a journal do not sum to zero in each currency."""

    code = "journal_unbalanced"


class NothingToPost(PeractionError):
    """The entries of a journal come to nothing."""

    code = "journal_empty"


class AlreadyPosted(Conflict):
    """This fact is in the books already."""

    code = "already_posted"


class NoCover(Conflict):
    """The advertiser's prepaid money does not cover this."""

    code = "no_cover"


class DepositExists(Conflict):
    """This booking of this bank account is a deposit already."""

    code = "deposit_exists"


class LimitInUse(Conflict):
    """More than the new credit limit is promised already."""

    code = "limit_in_use"


class PayeeChanged(Conflict):
    """A payee changed the account since the run was built: cancel it and build another."""

    code = "payee_changed"


class AffiliateInactive(Conflict):
    """An affiliate was paused or closed since the run was built: cancel it and build another."""

    code = "affiliate_inactive"


class ClawedBack(Conflict):
    """A reversal since the run was built leaves less than it pays: cancel it and build another."""

    code = "clawed_back"


class SelfApproval(Forbidden):
    """Who made a run cannot approve it."""

    code = "self_approval"


class PayeeEditorApproval(Forbidden):
    """Who entered an account that a run pays cannot approve it."""

    code = "payee_editor_approval"


class ContentChanged(Conflict):
    """The run's content is not the one that was looked at."""

    code = "content_changed"


class PaymentAttempted(IllegalMove):
    """A payment was attempted: the run can no longer be cancelled."""

    code = "payment_attempted"


class BookingExists(Conflict):
    """This booking of the bank settles a payout already."""

    code = "booking_exists"


class BookingUnlike(BadInput):
    """A booking's amount or currency is not its payout's."""

    code = "booking_unlike_payout"


BY_CONSTRAINT: Final = MappingProxyType(
    {
        "account_balance_above_floor": NoCover,
        "approval_by_another": SelfApproval,
        "approval_not_by_payee_editor": PayeeEditorApproval,
        "approval_of_locked": IllegalMove,
        "approval_of_this_content": ContentChanged,
        "bank_booking_fits": BookingUnlike,
        "bank_booking_payout_id_key": BookingExists,
        "bank_booking_ref_once": BookingExists,
        "deposit_bank_ref_once": DepositExists,
        "funds_never_passed": LimitInUse,
        "journal_balances": Unbalanced,
        "journal_idem_key_key": AlreadyPosted,
        "payment_attempt_move": IllegalMove,
        "payment_attempt_of_approved": IllegalMove,
        "payout_follows": IllegalMove,
        "payout_move": IllegalMove,
        "payout_run_attempted": PaymentAttempted,
        "payout_run_fixed": IllegalMove,
        "payout_run_move": IllegalMove,
    }
)


@contextmanager
def translated(**meanings: type[PeractionError]) -> Iterator[None]:
    """Turn the database's refusals into errors with codes; what has no code passes as it is.

    `meanings` gives a rule another meaning than BY_CONSTRAINT does.

    Goes outside the transaction that it speaks for, so that it is rolled back by then.
    """
    try:
        yield
    except IntegrityError as error:
        refusal = (BY_CONSTRAINT | meanings).get(broken(error))
        if refusal is None:
            raise
        raise refusal() from error
