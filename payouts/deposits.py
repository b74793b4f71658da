"""Deposits and credit limits: the money that an advertiser's conversions are promised against."""

from datetime import date
from typing import Final

import structlog
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Exists, OuterRef, QuerySet

from network import clock
from network.celery import nudge
from network.money import Money
from partners import funds
from partners.actors import Actor
from partners.models import Advertiser, Funds, Offer
from payouts import bank, ledger
from payouts.ledger import NETWORK, Account, Entry, Kind
from payouts.models import Deposit
from payouts.refusals import DepositExists, translated

log = structlog.get_logger(__name__)

# Who has waited for money is looked at again at once; beat would find them too.
ROOM: Final = ("tracking.give_room", "tracking.flip_funded")

_SET_LIMIT: Final = """
INSERT INTO funds (advertiser_id, currency, available_micros, credit_limit_micros)
VALUES (%s, %s, 0, %s)
ON CONFLICT (advertiser_id, currency)
    DO UPDATE SET credit_limit_micros = excluded.credit_limit_micros
"""


def visible(actor: Actor) -> QuerySet[Deposit]:
    """The advertiser's own deposits, or all; each knows if an active offer `has_offer` for it."""
    offers = Offer.objects.filter(
        advertiser=OuterRef("advertiser"), currency=OuterRef("currency"), status=Offer.Status.ACTIVE
    )
    deposits = Deposit.objects.annotate(has_offer=Exists(offers))
    if actor.sees_all:
        return deposits
    return deposits.filter(advertiser=actor.advertiser_id or 0)


def visible_funds(actor: Actor) -> QuerySet[Funds]:
    """The advertiser's own funds, or all."""
    if actor.sees_all:
        return Funds.objects.all()
    return Funds.objects.filter(advertiser=actor.advertiser_id or 0)


def record(
    *,
    advertiser: Advertiser,
    amount: Money,
    bank_ref: str,
    booked_on: date,
    actor: Actor,
    account: str = "",
) -> Deposit:
    """Book a credit on the network's bank account to an advertiser, whose funds grow by it.

    `account` is our account that took it, by default the one that payouts leave from; with
    `bank_ref`, in capitals or not, it names the bank's booking. Raises `bank.UnknownAccount`,
    `bank.BankRefInvalid`, `bank.BookedInFuture`, `bank.DayOutOfRange`, `bank.DebtorNotSet`, and
    DepositExists for a booking that is here already.
    """
    bank.check_ref(bank_ref)
    bank.check_booked_on(booked_on)
    deposit = Deposit(
        advertiser=advertiser,
        currency=amount.currency,
        amount_micros=amount.micros,
        account=bank.own_account(account),
        bank_ref=bank_ref,
        booked_on=booked_on,
        entered_by_id=actor.user_id,
        created_at=clock.now(),
    )
    repeated = translated(journal_idem_key_key=DepositExists)
    with repeated, transaction.atomic(), connection.cursor() as cursor:
        # Funds before balances: the lock order of everybody who moves an advertiser's money.
        funds.add(cursor, advertiser.pk, amount.currency, amount.micros)
        deposit.journal_id = _post(cursor, deposit, actor)
        deposit.save(force_insert=True)
        nudge(*ROOM)
    return deposit


def set_credit_limit(*, advertiser: Advertiser, limit: Money, actor: Actor) -> Funds:
    """How far below zero an advertiser's funds may go in a currency; 0 ends the credit.

    LimitInUse where more than that is promised already.
    """
    with translated(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SET_LIMIT, [advertiser.pk, limit.currency, limit.micros])
        nudge(*ROOM)
    log.info(
        "funds.credit_limit_set", advertiser=advertiser.pk, limit=str(limit), actor=actor.label
    )
    return Funds.objects.get(advertiser=advertiser, currency=limit.currency)


def _post(cursor: CursorWrapper, deposit: Deposit, actor: Actor) -> int:
    """Posting rule 1: the bank has it, and owes it to the advertiser through us."""
    money = deposit.amount_micros
    prepaid = Account(Kind.ADVERTISER_PREPAID, deposit.advertiser_id, deposit.currency)
    return ledger.post(
        cursor,
        kind="deposit",
        idem_key=f"deposit:{deposit.account}:{deposit.bank_ref}",
        entries=[
            Entry(Account(Kind.BANK, NETWORK, deposit.currency), money),
            Entry(prepaid, -money),
        ],
        effective_at=bank.start_of(deposit.booked_on),
        actor=actor.label,
    )
