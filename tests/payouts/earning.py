"""Money for tests: shares as tracking hands them on, funds, payees, and a run at each step."""

import dataclasses
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction

from network import clock, crypto
from network.ids import uuid7
from network.money import Money
from partners import funds
from partners.models import Advertiser, Affiliate, PayeeMethod
from payouts import commissions, deposits, drafts, payments, runs
from payouts.models import Payout, PayoutRun
from payouts.payments import Booking
from payouts.verify import verify
from tests import factories
from tests.cast import Member
from tracking.conversions import events
from tracking.conversions.events import NewEvent, NewShare
from tracking.conversions.models import Event

IBANS = (
    "DE89370400440532013000",
    "FR1420041010050500013M02606",
    "NL91ABNA0417164300",
    "LT121000011101001000",
)


def euros(amount: str, currency: str = "EUR") -> Money:
    """An amount as it is written."""
    return Money.parse(amount, currency, places=6)


def deposit(advertiser: Advertiser, amount: str, actor: Any, currency: str = "EUR") -> Any:
    """Money from the advertiser, under a reference of its own."""
    return deposits.record(
        advertiser=advertiser,
        amount=euros(amount, currency),
        bank_ref=f"IN{uuid4().hex[:20]}",
        booked_on=clock.now().date(),
        actor=actor,
    )


@dataclass(frozen=True)
class Earned:
    """A conversion that earned, as far as payouts can tell."""

    conversion_id: UUID
    affiliate: Affiliate
    advertiser: Advertiser
    share: NewShare


def earn(
    affiliate: Affiliate,
    advertiser: Advertiser,
    commission: str,
    *,
    revenue: str = "",
    currency: str = "EUR",
    held_for: timedelta = timedelta(0),
) -> Earned:
    """A share handed on to payouts, its revenue (twice the commission) taken from the funds."""
    earned = euros(commission, currency).micros
    share = NewShare(
        id=uuid7(),
        advertiser_id=advertiser.pk,
        offer_id=1,
        affiliate_id=affiliate.pk,
        role="base",
        currency=currency,
        revenue_micros=euros(revenue, currency).micros if revenue else 2 * earned,
        commission_micros=earned,
        release_at=clock.now() + held_for,
        terms={},
    )
    conversion_id = uuid7()
    hand_on(share, conversion_id, seq=1)
    return Earned(conversion_id, affiliate, advertiser, share)


def reverse(earned: Earned, commission: str, *, revenue: str = "") -> NewShare:
    """Take back part of what was earned; the reversal inherits the hold."""
    micros = euros(commission, earned.share.currency).micros
    share = dataclasses.replace(
        earned.share,
        id=uuid7(),
        revenue_micros=-euros(revenue).micros if revenue else -2 * micros,
        commission_micros=-micros,
    )
    hand_on(
        share,
        earned.conversion_id,
        seq=1 + Event.objects.filter(conversion=earned.conversion_id).count(),
    )
    return share


def hand_on(share: NewShare, conversion_id: UUID, *, seq: int) -> None:
    """Store a share with its event and hand-off, and move the funds, as `lifecycle` does."""
    event = NewEvent(
        id=uuid7(),
        conversion_id=conversion_id,
        seq=seq,
        old="pending" if seq == 1 else "approved",
        new="approved" if seq == 1 else "reversed",
        reason="test",
        actor="test",
        facts={},
        at=clock.now(),
        shares=(share,),
    )
    with transaction.atomic(), connection.cursor() as cursor:
        if share.revenue_micros:
            funds.add(cursor, share.advertiser_id, share.currency, -share.revenue_micros)
        events.write(cursor, [event])


def make_payee(affiliate: Affiliate, **fields: Any) -> PayeeMethod:
    """Bank details of an affiliate, usable at once."""
    id = uuid4()
    iban = fields.pop("iban", IBANS[affiliate.pk % len(IBANS)])
    given = {
        "holder": affiliate.name,
        "town": "Berlin",
        "country": "DE",
        "sealed": crypto.seal(iban.encode(), aad=f"payee_method/sealed/{id}"),
        "last4": iban[-4:],
        "blind_index": crypto.blind_index(iban),
        "created_at": clock.now(),
        "usable_from": clock.now(),
    }
    return PayeeMethod.objects.create(id=id, affiliate=affiliate, **(given | fields))


def book() -> None:
    """Let both jobs do all that is due."""
    while commissions.accrue():
        pass
    while commissions.release():
        pass


def payable(affiliate: Affiliate, amount: str, *, currency: str = "EUR") -> Earned:
    """Make this amount payable to an affiliate with bank details; a new advertiser has paid it."""
    advertiser = factories.make_advertiser()
    deposit(advertiser, "1000000", _clerk(), currency)
    earned = earn(affiliate, advertiser, amount, currency=currency)
    if not affiliate.payee_methods.filter(superseded_at=None).exists():
        make_payee(affiliate)
    book()
    return earned


def _clerk() -> Any:
    return Member(factories.make_member("finance"), key="").actor


def approved_run(maker: Member, checker: Member, **how: Any) -> PayoutRun:
    """A run of everything payable, with its second person's yes."""
    run = drafts.build(actor=maker.actor, **({"currency": "EUR"} | how))
    run = runs.lock(run_id=run.pk, actor=maker.actor)
    return runs.approve(run_id=run.pk, content_sha256=run.content_sha256 or "", actor=checker.actor)


def sent_run(maker: Member, checker: Member, **how: Any) -> PayoutRun:
    """An approved run whose file is written."""
    run = approved_run(maker, checker, **how)
    payments.render(run_id=run.pk, actor=maker.actor)
    return PayoutRun.objects.get(pk=run.pk)


def booking(payout: Payout, **other: Any) -> Booking:
    """The bank's booking of a payout."""
    given = {
        "payout_id": payout.pk,
        "bank_ref": f"OUT{payout.pk}",
        "booked_on": clock.now().date(),
        "amount": Money.from_minor(payout.net_minor, payout.currency),
    }
    return Booking(**(given | other))


def books(currency: str = "EUR") -> dict[str, str]:
    """The balance of every account that is not empty, debit positive, as a person would write it.

    Owners are left out: with one advertiser and one affiliate the kind says it all.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kind, sum(amount_micros)::bigint FROM entry "
            "JOIN ledger_account account ON account.id = account_id "
            "WHERE entry.currency = %s GROUP BY kind HAVING sum(amount_micros) <> 0",
            [currency],
        )
        return {kind: Money(micros, currency).text() for kind, micros in cursor.fetchall()}


def violations() -> list[str]:
    """The codes of the invariants that do not hold, with what violates them."""
    return [f"{found.check.code}: {found.rows}" for found in verify() if found.rows]
