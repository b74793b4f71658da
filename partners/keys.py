"""API keys: issued within the issuer's own rights, shown once, revoked for good."""

import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet

from network import clock, crypto
from network.errors import BadInput, Conflict, Forbidden, IllegalMove, Unauthenticated
from partners.actors import Actor
from partners.models import ApiKey, Membership, Organisation, Role
from partners.scopes import ALL_SCOPES

# Two with the same name: the old one works until the new one is in place everywhere.
LIVE_KEYS: Final = 2


class UnknownScope(BadInput):
    """There is no such scope."""

    code = "unknown_scope"


class ScopeNotHeld(Forbidden):
    """A key cannot get a scope that its issuer does not have."""

    code = "scope_not_held"


class ExpiryInvalid(BadInput):
    """A key ends after now, and not after the key that issues it."""

    code = "expiry_invalid"


class TooManyLiveKeys(Conflict):
    """Two live keys are there already, enough for a rotation: revoke one first."""

    code = "too_many_live_keys"


def visible(actor: Actor) -> QuerySet[ApiKey]:
    """The keys of the actor's organisation and role; an operator sees all."""
    if actor.role == Role.OPERATOR:
        return ApiKey.objects.all()
    return ApiKey.objects.filter(organisation=actor.organisation_id, role=actor.role)


def issue(
    *,
    actor: Actor,
    name: str,
    scopes: Collection[str],
    personal: bool = True,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key of the actor's organisation and role, and its bearer string, which nobody keeps.

    A personal key acts as the actor's person and may approve; another belongs to nobody. Raises
    UnknownScope, ScopeNotHeld, ExpiryInvalid, TooManyLiveKeys, PersonRequired, and Unauthenticated
    where the actor's membership has just ended.
    """
    now = clock.now()
    _check_scopes(actor, scopes)
    _check_expiry(actor, expires_at, now)
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    with transaction.atomic():
        # The lock makes two simultaneous requests count one after the other. Who is removed at the
        # same time is so before, and gets no key, or afterwards, and this key ends with the rest.
        Organisation.objects.select_for_update().get(pk=actor.organisation_id)
        if actor.user_id is not None and not _is_member(actor):
            raise Unauthenticated("The membership has ended.")
        live = visible(actor).filter(Q(expires_at=None) | Q(expires_at__gt=now))
        same = live.filter(
            organisation=actor.organisation_id, role=actor.role, name=name, revoked_at=None
        )
        if same.count() >= LIVE_KEYS:
            raise TooManyLiveKeys(pointer="/name")
        key = ApiKey.objects.create(
            prefix=prefix,
            digest=crypto.digest(secret),
            name=name,
            user_id=actor.person_id() if personal else None,
            issuer_id=actor.user_id,
            organisation_id=actor.organisation_id,
            role=actor.role,
            scopes=sorted(set(scopes)),
            created_at=now,
            expires_at=expires_at,
        )
    return key, f"pk_{prefix}_{secret}"


def revoke(key: ApiKey) -> None:
    """End a key now; IllegalMove where it was revoked before."""
    now = clock.now()
    if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        raise IllegalMove("The key is revoked already.")
    key.revoked_at = now


def revoke_all(membership: Membership) -> None:
    """End the person's keys of a membership, in the transaction that ends it.

    The caller holds the organisation's lock, as `issue` does. Keys of nobody are the
    organisation's, and stay.
    """
    ApiKey.objects.filter(
        user=membership.user_id,
        organisation=membership.organisation_id,
        role=membership.role,
        revoked_at=None,
    ).update(revoked_at=clock.now())


def _is_member(actor: Actor) -> bool:
    return Membership.objects.filter(
        user=actor.user_id, organisation=actor.organisation_id, role=actor.role
    ).exists()


def _check_scopes(actor: Actor, scopes: Collection[str]) -> None:
    if unknown := set(scopes) - ALL_SCOPES:
        raise UnknownScope(f"Unknown: {', '.join(sorted(unknown))}.", pointer="/scopes")
    if beyond := set(scopes) - actor.scopes:
        raise ScopeNotHeld(f"Not held: {', '.join(sorted(beyond))}.", pointer="/scopes")


def _check_expiry(actor: Actor, expires_at: datetime | None, now: datetime) -> None:
    """A key that is about to end must not live on in one that it has made."""
    if expires_at is not None and expires_at <= now:
        raise ExpiryInvalid(pointer="/expires_at")
    if actor.expires_at is not None and (expires_at is None or expires_at > actor.expires_at):
        raise ExpiryInvalid(pointer="/expires_at")
