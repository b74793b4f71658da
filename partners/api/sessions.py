"""`session`, `me`, `me/password`: people sign in and out, and everybody sees who they are."""

from typing import Any, ClassVar, Final

from django.contrib.auth import login, logout
from django.middleware.csrf import get_token
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from network.api.actors import address_of
from network.api.serializers import StrictSerializer
from network.api.throttling import RateThrottle
from network.api.views import Endpoint
from network.crypto import digest
from partners import people
from partners.actors import Actor
from partners.api.resources import ActorMixin
from partners.auth import OwnSession, actor_of_person
from partners.models import ApiKey, Membership, Organisation, Role, User


class SignIn(StrictSerializer):
    """An address and its password."""

    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=200, trim_whitespace=False)


class PasswordChange(StrictSerializer):
    """The present password and the next one."""

    old = serializers.CharField(max_length=200, trim_whitespace=False)
    new = serializers.CharField(max_length=200, trim_whitespace=False)


class OrganisationOutput(serializers.ModelSerializer[Organisation]):
    """An organisation by name."""

    class Meta:
        model = Organisation
        fields = ("id", "name")
        read_only_fields = fields


class PersonOutput(serializers.ModelSerializer[User]):
    """A person by name and address."""

    class Meta:
        model = User
        fields = ("id", "email", "name")
        read_only_fields = fields


class OwnMembership(serializers.ModelSerializer[Membership]):
    """A role that the person may pick with Peraction-Membership."""

    organisation = OrganisationOutput(read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "organisation", "role")
        read_only_fields = fields


class Me(serializers.Serializer[Any]):
    """The actor: in which role, for whom, with which rights."""

    role = serializers.ChoiceField(choices=Role.choices, read_only=True)
    organisation = OrganisationOutput(read_only=True)
    advertiser = serializers.IntegerField(allow_null=True, read_only=True)
    affiliate = serializers.IntegerField(allow_null=True, read_only=True)
    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)
    person = PersonOutput(allow_null=True, read_only=True)
    memberships = OwnMembership(many=True, read_only=True)
    key = serializers.CharField(allow_null=True, read_only=True)


def me(actor: Actor) -> dict[str, Any]:
    """What `Me` shows of an actor."""
    person = User.objects.filter(pk=actor.user_id).first() if actor.user_id else None
    key = ApiKey.objects.get(pk=actor.key_id).name if actor.key_id else None
    memberships = Membership.objects.filter(user=person) if person else Membership.objects.none()
    return dict(
        Me(
            {
                "role": actor.role,
                "organisation": Organisation.objects.get(pk=actor.organisation_id),
                "advertiser": actor.advertiser_id,
                "affiliate": actor.affiliate_id,
                "scopes": sorted(actor.scopes),
                "person": person,
                "memberships": memberships.select_related("organisation").order_by("pk"),
                "key": key,
            }
        ).data
    )


class SignInsFromAddress(RateThrottle):
    """Ten tries a minute from one address: a password is not found by trying.

    Whoever else one says to be: who has an account could begin as many sessions as wanted.
    """

    rate = "10/min"
    scope = "sign-in"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        if request.method != "POST":
            return None
        return f"sign-in:{self.subject(request)}"

    def subject(self, request: Request) -> str:
        """Whose tries are counted together."""
        return address_of(request)


class SignInsToAccount(SignInsFromAddress):
    """Ten tries a minute for one account, from however many addresses."""

    def subject(self, request: Request) -> str:
        data = request.data if isinstance(request.data, dict) else {}
        return digest(str(data.get("email", "")).strip().lower())


# For OpenAPI: with the cookie of a session, or without.
_PERHAPS_IN_A_SESSION: Final[Any] = [{"session": []}, {}]


class SessionView(Endpoint):
    """A person's session in a browser.

    A session cannot be forged on another site: its cookie is SameSite, the body has to be JSON,
    which no form can send, and every write inside it needs the CSRF token.
    """

    authentication_classes = (OwnSession,)
    permission_classes = (AllowAny,)
    throttle_classes = (SignInsFromAddress, SignInsToAccount)
    idempotent = "ignored"

    @extend_schema(request=SignIn, responses=Me, auth=_PERHAPS_IN_A_SESSION)
    def post(self, request: Request) -> Response:
        """Sign in; the answer sets the session's cookie and the CSRF token's."""
        serializer = SignIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        user = people.sign_in(**serializer.validated_data)
        actor = actor_of_person(user)
        login(request._request, user)
        return Response(me(actor))

    @extend_schema(responses={204: None}, auth=_PERHAPS_IN_A_SESSION)
    def delete(self, request: Request) -> Response:
        """Sign out; without a session nothing happens."""
        logout(request._request)
        return Response(status=204)


class MeView(ActorMixin, Endpoint):
    """Who am I."""

    roles = Role.values
    scope: ClassVar[dict[str, str]] = {"get": ""}

    @extend_schema(responses=Me)
    def get(self, request: Request) -> Response:
        """The actor, and a CSRF token for a page that was opened with an old session."""
        get_token(request._request)
        return Response(me(self.actor))


class PasswordView(ActorMixin, Endpoint):
    """One's own password."""

    roles = Role.values
    scope: ClassVar[dict[str, str]] = {"post": ""}
    throttle_classes = (SignInsFromAddress,)
    idempotent = "ignored"

    @extend_schema(request=PasswordChange, responses={204: None})
    def post(self, request: Request) -> Response:
        """Change the password; every other session of the person ends, this one begins anew."""
        user = User.objects.get(pk=self.actor.person_id())
        people.change_password(user=user, **self.checked(PasswordChange))
        if self.actor.key_id is None:
            login(request._request, user)
        return Response(status=204)
