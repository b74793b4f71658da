"""Advertisers and affiliates: brought in with their first person, paused, given report secrets."""

import secrets
from dataclasses import dataclass
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from network import clock, crypto
from network.errors import BadInput, Conflict, IllegalMove
from partners import people
from partners.actors import Actor
from partners.models import (
    Advertiser,
    Affiliate,
    Application,
    Link,
    Organisation,
    ReportKey,
    Role,
    SmartOffer,
)
from partners.snapshot import report_key_aad

# Two: the shop signs with the old one until the new one is in place.
LIVE_REPORT_KEYS: Final = 2


class CodeTaken(BadInput):
    """Another partner has this code."""

    code = "code_taken"


class ReportKeyMissing(Conflict):
    """Signing needs a live report key first."""

    code = "report_key_missing"


class NoReportToken(Conflict):
    """This advertiser requires signatures and has no token."""

    code = "no_report_token"


class TooManyReportKeys(Conflict):
    """Two live report keys are there already, enough for a rotation: expire one first."""

    code = "too_many_report_keys"


class ReportKeyNeeded(Conflict):
    """This is the last live key of an advertiser who requires signatures: add the next first."""

    code = "report_key_needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPerson:
    """The first person of a partner; without `password` one that the network knows already."""

    email: str
    name: str = ""
    password: str = ""


def visible_advertisers(actor: Actor) -> QuerySet[Advertiser]:
    """Every advertiser for the network's people, else the actor's own."""
    if actor.sees_all:
        return Advertiser.objects.all()
    return Advertiser.objects.filter(pk=actor.advertiser_id or 0)


def visible_affiliates(actor: Actor) -> QuerySet[Affiliate]:
    """Every affiliate for the network's people, an affiliate itself, an advertiser its partners.

    An affiliate is an advertiser's partner once it has applied, was invited, or took a link.
    """
    if actor.sees_all:
        return Affiliate.objects.all()
    if actor.role == Role.ADVERTISER:
        applied = Application.objects.filter(
            affiliate=OuterRef("pk"), offer__advertiser=actor.advertiser_id
        )
        links = Link.objects.filter(affiliate=OuterRef("pk"), offer__advertiser=actor.advertiser_id)
        smart = SmartOffer.objects.filter(
            smart_link__affiliate=OuterRef("pk"), offer__advertiser=actor.advertiser_id
        )
        return Affiliate.objects.filter(Q(Exists(applied)) | Q(Exists(links)) | Q(Exists(smart)))
    return Affiliate.objects.filter(pk=actor.affiliate_id or 0)


def onboard_advertiser(
    *, code: str, name: str, person: NewPerson | None = None
) -> tuple[Advertiser, str]:
    """A new advertiser, its organisation and first person, and the report token, shown once.

    The token is good until the advertiser requires signatures; signed reports are taken as soon as
    there is a report key. Raises CodeTaken and what `people.add_member` raises.
    """
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        advertiser: Advertiser = _create(
            Advertiser,
            code=code,
            name=name,
            report_auth=Advertiser.ReportAuth.TOKEN,
            report_token_digest=crypto.digest(token),
        )
        _add_first(advertiser.organisation, Role.ADVERTISER, person)
    return advertiser, token


def onboard_affiliate(*, code: str, name: str, person: NewPerson | None = None) -> Affiliate:
    """A new affiliate, its organisation and first person; CodeTaken."""
    with transaction.atomic():
        affiliate: Affiliate = _create(Affiliate, code=code, name=name)
        _add_first(affiliate.organisation, Role.AFFILIATE, person)
    return affiliate


def change(party: Advertiser | Affiliate, **changes: str) -> None:
    """Rename, pause, resume or close a partner (`name`, `status`); IllegalMove once closed."""
    for field, value in changes.items():
        setattr(party, field, value)
    # Closed is for good, also when the closing came in between.
    open_ = type(party).objects.filter(pk=party.pk).exclude(status="closed")
    if changes and not open_.update(**changes):
        raise IllegalMove("A closed partner does not change any more.", members={"state": "closed"})


def rotate_report_token(advertiser: Advertiser) -> str:
    """A new report token, shown once; the old one ends when the trackers know.

    NoReportToken without tokens.
    """
    token = secrets.token_urlsafe(32)
    digest = crypto.digest(token)
    by_token = Advertiser.objects.filter(pk=advertiser.pk, report_auth=Advertiser.ReportAuth.TOKEN)
    if not by_token.update(report_token_digest=digest):
        raise NoReportToken()
    advertiser.report_token_digest = digest
    return token


def require_signatures(advertiser: Advertiser) -> None:
    """Accept signed reports only, from now on and for good; ReportKeyMissing without a live key."""
    with transaction.atomic():
        locked = Advertiser.objects.select_for_update().get(pk=advertiser.pk)
        if not live_report_keys(locked).exists():
            raise ReportKeyMissing()
        advertiser.report_auth = locked.report_auth = Advertiser.ReportAuth.HMAC
        advertiser.report_token_digest = locked.report_token_digest = ""
        locked.save(update_fields=["report_auth", "report_token_digest"])


def live_report_keys(advertiser: Advertiser) -> QuerySet[ReportKey]:
    """The keys with which the advertiser may sign right now."""
    return advertiser.report_keys.filter(Q(expires_at=None) | Q(expires_at__gt=clock.now()))


def add_report_key(
    advertiser: Advertiser, *, key_id: str = "", secret: str = ""
) -> tuple[ReportKey, str]:
    """A new key to sign reports with, and its secret, shown once; made up where not given.

    The HMAC key is the secret's text as bytes. Raises TooManyReportKeys, CodeTaken.
    """
    key_id = key_id or f"k_{secrets.token_hex(6)}"
    secret = secret or secrets.token_urlsafe(32)
    with transaction.atomic():
        # The lock makes two simultaneous requests count one after the other.
        Advertiser.objects.select_for_update().get(pk=advertiser.pk)
        if live_report_keys(advertiser).count() >= LIVE_REPORT_KEYS:
            raise TooManyReportKeys()
        try:
            with transaction.atomic():
                key = ReportKey.objects.create(
                    advertiser=advertiser,
                    key_id=key_id,
                    sealed_secret=crypto.seal(
                        secret.encode(), aad=report_key_aad(advertiser.pk, key_id)
                    ),
                    created_at=clock.now(),
                )
        except IntegrityError as error:
            raise CodeTaken("The advertiser had a key with this id.", pointer="/key_id") from error
    return key, secret


def expire_report_key(key: ReportKey) -> None:
    """End a key now. IllegalMove where it has ended; ReportKeyNeeded for the last needed."""
    with transaction.atomic():
        advertiser = Advertiser.objects.select_for_update().get(pk=key.advertiser_id)
        live = live_report_keys(advertiser)
        if not live.filter(pk=key.pk).exists():
            raise IllegalMove("The report key has ended already.")
        if advertiser.report_auth == Advertiser.ReportAuth.HMAC and live.count() == 1:
            raise ReportKeyNeeded()
        key.expires_at = clock.now()
        key.save(update_fields=["expires_at"])


def _create(kind: type[Any], *, code: str, name: str, **fields: str) -> Any:
    now = clock.now()
    organisation = Organisation.objects.create(name=name, created_at=now)
    try:
        with transaction.atomic():
            return kind.objects.create(
                organisation=organisation, code=code, name=name, created_at=now, **fields
            )
    except IntegrityError as error:
        raise CodeTaken(pointer="/code") from error


def _add_first(organisation: Organisation, role: Role, person: NewPerson | None) -> None:
    if person is not None:
        people.add_member(
            organisation=organisation,
            role=role,
            email=person.email,
            name=person.name,
            password=person.password,
            at="/person",
        )
