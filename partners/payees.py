"""Payee methods: versions of an affiliate's bank details, sealed, with a pause after a change."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from schwifty import IBAN
from schwifty.exceptions import SchwiftyException

from network import clock, crypto
from network.errors import BadInput
from partners.actors import Actor
from partners.letters import NAME_MAX, TOWN_MAX, written
from partners.models import Affiliate, PayeeMethod


class IbanInvalid(BadInput):
    """The account number is not a valid IBAN."""

    code = "iban_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Bank details as given: who holds the account, where, and its IBAN in any spelling."""

    holder: str
    iban: str = field(repr=False)
    country: str
    town: str = ""


def visible(actor: Actor) -> QuerySet[PayeeMethod]:
    """The affiliate's own versions, or all."""
    if actor.sees_all:
        return PayeeMethod.objects.all()
    return PayeeMethod.objects.filter(affiliate=actor.affiliate_id)


def with_shared(methods: QuerySet[PayeeMethod]) -> QuerySet[PayeeMethod]:
    """Each with `shared`: whether another affiliate is paid to the same account."""
    same = PayeeMethod.objects.filter(
        blind_index=OuterRef("blind_index"), superseded_at=None
    ).exclude(affiliate=OuterRef("affiliate"))
    return methods.annotate(shared=Exists(same))


def replace(affiliate: Affiliate, account: Account, *, actor: Actor) -> PayeeMethod:
    """A new version of where the affiliate is paid; the one before is superseded.

    It is paid to after PAYEE_COOL_OFF_HOURS, so that a thief with a stolen session is noticed
    before the money leaves. The very first is usable at once: there is no payee to rob yet.
    Raises IbanInvalid, PayeeUnfit for a name or town that a bank file cannot hold (now, or every
    run would leave the payee out), and PersonRequired for a key that belongs to nobody.
    """
    iban = _parse(account.iban)
    written(account.holder, NAME_MAX, pointer="/holder")
    if account.town:
        written(account.town, TOWN_MAX, pointer="/town")
    id, now = uuid4(), clock.now()
    with transaction.atomic():
        # The lock puts two simultaneous changes in a row; one of them supersedes the other.
        Affiliate.objects.select_for_update().get(pk=affiliate.pk)
        before = PayeeMethod.objects.filter(affiliate=affiliate)
        pause = timedelta(hours=settings.PAYEE_COOL_OFF_HOURS if before.exists() else 0)
        before.filter(superseded_at=None).update(superseded_at=now)
        return PayeeMethod.objects.create(
            id=id,
            affiliate=affiliate,
            holder=account.holder,
            town=account.town,
            country=account.country,
            sealed=crypto.seal(iban.encode(), aad=f"payee_method/sealed/{id}"),
            last4=iban[-4:],
            blind_index=crypto.blind_index(iban),
            created_at=now,
            created_by_id=actor.person_id(),
            usable_from=now + pause,
        )


def open_account(method: PayeeMethod) -> str:
    """The account number in clear, for a payment file and nothing else."""
    return crypto.open_(bytes(method.sealed), aad=f"payee_method/sealed/{method.pk}").decode()


def _parse(iban: str) -> str:
    try:
        return IBAN(iban).compact
    except SchwiftyException:
        # Without the library's words and chain: both quote the number, and answers are logged.
        raise IbanInvalid(pointer="/iban") from None
