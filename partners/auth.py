"""Who is asking: an API key or a session becomes an Actor, and views say what an Actor may do."""

import hmac
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Exists, F, OuterRef, Q
from rest_framework import authentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from network import clock, crypto
from network.errors import Forbidden, Unauthenticated
from partners.actors import Actor
from partners.models import ApiKey, Membership, Role, User
from partners.scopes import SCOPES

if TYPE_CHECKING:
    # rest_framework.views imports the authentication classes of the settings: this module.
    from rest_framework.views import APIView

# Enough to see which keys are in use, without a write for every request.
LAST_USED_STEP: Final = timedelta(minutes=1)
_BIGINT: Final = re.compile(r"\A[0-9]{1,18}\Z", re.ASCII)


class RoleNotAllowed(Forbidden):
    """Actors of this role may not do this."""

    code = "role_not_allowed"


class ScopeMissing(Forbidden):
    """The API key does not have the scope for this."""

    code = "scope_missing"


class MembershipUnknown(Forbidden):
    """Peraction-Membership names no membership of this person, or the person has none."""

    code = "membership_unknown"


class CsrfFailed(Forbidden):
    """A write in a session needs the X-CSRFToken header."""

    code = "csrf_failed"


def actor_of_key(bearer: str, *, now: datetime) -> Actor:
    """The actor of `pk_<prefix>_<secret>`; Unauthenticated unless the key is good right now.

    A key dies with its end, its revocation, its person's account, and its person's membership.
    """
    prefix, _, secret = bearer.removeprefix("pk_").partition("_")
    if not (prefix.isascii() and prefix.isalnum()):
        raise Unauthenticated("An API key looks like pk_<prefix>_<secret>.")
    member = Membership.objects.filter(
        user=OuterRef("user"), organisation=OuterRef("organisation"), role=OuterRef("role")
    )
    key = (
        ApiKey.objects.filter(Q(user=None) | Q(Exists(member), user__is_active=True))
        .filter(Q(expires_at=None) | Q(expires_at__gt=now), prefix=prefix, revoked_at=None)
        .annotate(
            advertiser_id=F("organisation__advertiser__id"),
            affiliate_id=F("organisation__affiliate__id"),
        )
        .first()
    )
    # In constant time: how long a comparison takes must not tell how much of a guess is right.
    if key is None or not hmac.compare_digest(crypto.digest(secret), key.digest):
        raise Unauthenticated("The API key is unknown, expired or revoked.")
    _note_use(key, now=now)
    role = Role(key.role)
    return Actor(
        role=role,
        organisation_id=key.organisation_id,
        # A scope that the role has lost since is lost to its keys.
        scopes=SCOPES[role] & frozenset(key.scopes),
        user_id=key.user_id,
        key_id=key.pk,
        key_prefix=key.prefix,
        expires_at=key.expires_at,
        advertiser_id=key.advertiser_id if role == Role.ADVERTISER else None,
        affiliate_id=key.affiliate_id if role == Role.AFFILIATE else None,
    )


def actor_of_person(user: User, *, membership_id: str = "") -> Actor:
    """A person in the membership asked for, by default the one with the lowest id.

    MembershipUnknown where the person has no such membership.
    """
    memberships = user.memberships.order_by("pk").annotate(
        advertiser_id=F("organisation__advertiser__id"),
        affiliate_id=F("organisation__affiliate__id"),
    )
    if membership_id:
        memberships = memberships.filter(pk__in=_BIGINT.findall(membership_id))
    member = memberships.first()
    if member is None:
        raise MembershipUnknown()
    role = Role(member.role)
    return Actor(
        role=role,
        organisation_id=member.organisation_id,
        scopes=SCOPES[role],
        user_id=user.pk,
        advertiser_id=member.advertiser_id if role == Role.ADVERTISER else None,
        affiliate_id=member.affiliate_id if role == Role.AFFILIATE else None,
    )


def _note_use(key: ApiKey, *, now: datetime) -> None:
    if key.last_used_at is None or key.last_used_at <= now - LAST_USED_STEP:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


class KeyAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer pk_<prefix>_<secret>`."""

    def authenticate(self, request: Request) -> tuple[Actor, Actor] | None:
        """The key's actor, None without the header, Unauthenticated for a bad key."""
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise Unauthenticated("Send the API key as Authorization: Bearer pk_...")
        actor = actor_of_key(bearer.strip(), now=clock.now())
        return actor, actor

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401."""
        return "Bearer"


class OwnSession(authentication.SessionAuthentication):
    """A session as a thing to begin and to end, whatever its person may do: there is no actor."""

    def authenticate(self, request: Request) -> tuple[Actor, Actor] | None:
        """None, after the CSRF token of a write inside a session was checked."""
        self.person(request)
        return None

    def person(self, request: Request) -> User | None:
        """Whose session it is, None without one; CsrfFailed."""
        user = getattr(request._request, "user", None)
        if not isinstance(user, User) or not user.is_active:
            return None
        self.enforce_csrf(request)
        return user

    def enforce_csrf(self, request: Request) -> None:
        """CsrfFailed for a write that another site could have sent."""
        # Django's middleware asks for its own request and for a next step: the framework hands it
        # the request that it has wrapped, and there is no next step.
        check = authentication.CSRFCheck(lambda _: None)  # type: ignore[arg-type]  # see above
        check.process_request(request)
        if check.process_view(request, None, (), {}):  # type: ignore[arg-type]  # see above
            raise CsrfFailed()


class SessionAuthentication(OwnSession):
    """The session cookie of a person who signed in; writes need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Actor, Actor] | None:
        """The person's actor in the membership of the header, None without a session."""
        user = self.person(request)
        if user is None:
            return None
        actor = actor_of_person(user, membership_id=request.headers.get("Peraction-Membership", ""))
        return actor, actor


class Allowed(BasePermission):
    """The view's `roles` and `scope` for the action hold the actor's role and one of its scopes.

    `scope` maps an action to the scope it needs, "" where every key may; `roles` is a set for all
    actions or maps an action to its set. An action that is not declared is allowed to nobody. The
    actions of a view that is no viewset are its methods in lower case; HEAD is GET.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """True, or Unauthenticated, RoleNotAllowed, ScopeMissing."""
        actor = request.user
        if not isinstance(actor, Actor):
            raise Unauthenticated()
        action = _action(view, str(request.method).lower())
        if action is None:
            return True  # a method that the view does not have: the answer will be 405
        if actor.role not in _roles(view, action):
            raise RoleNotAllowed()
        scopes: Mapping[str, str] = getattr(view, "scope", {})
        needed = scopes.get(action)
        if needed is None or (needed and needed not in actor.scopes):
            raise ScopeMissing(members={"scope": needed})
        return True


def _action(view: Any, method: str) -> str | None:
    """What is asked of the view, None where it does not have the method."""
    if method not in view.http_method_names:
        return None
    if hasattr(view, "action"):
        action: str | None = view.action
        return action
    method = "get" if method == "head" else method
    return method if hasattr(view, method) else None


def _roles(view: Any, action: str) -> Collection[str]:
    roles: Mapping[str, Collection[str]] | Collection[str] = getattr(view, "roles", ())
    return roles.get(action, ()) if isinstance(roles, Mapping) else roles
