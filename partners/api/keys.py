"""`api-keys`: issue, list and revoke the keys of one's own organisation and role."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.filters import IdFilter, StrictFilterSet, TrueOrFalse
from network.api.serializers import StrictSerializer
from partners import keys
from partners.api.resources import Resource
from partners.models import ApiKey, Role


class KeyInput(StrictSerializer):
    """A key to issue. A key that is not `personal` belongs to nobody and can approve nothing."""

    name = serializers.CharField(max_length=120)
    scopes = serializers.ListField(
        child=serializers.CharField(max_length=40), allow_empty=False, max_length=50
    )
    personal = serializers.BooleanField(default=True)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class KeyOutput(serializers.ModelSerializer[ApiKey]):
    """A key without its secret, which nobody keeps; the issuer is who was shown it."""

    person = serializers.PrimaryKeyRelatedField[Any](source="user", read_only=True)

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = (
            "id",
            "prefix",
            "name",
            "organisation",
            "role",
            "person",
            "issuer",
            "scopes",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
        )
        read_only_fields: tuple[str, ...] = fields


class IssuedKey(KeyOutput):
    """A new key with its bearer string, this once."""

    key = serializers.CharField(read_only=True)

    class Meta(KeyOutput.Meta):
        fields = (*KeyOutput.Meta.fields, "key")
        read_only_fields = fields


class KeyFilter(StrictFilterSet):
    """Keys by name, role, issuer and whether they are revoked."""

    issuer = IdFilter("issuer_id")
    revoked = TrueOrFalse("revoked_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = ApiKey
        fields = ("name", "role")


class KeyViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """The API keys that one may use or end."""

    queryset = ApiKey.objects.all()
    serializer_class = KeyOutput
    filterset_class = KeyFilter
    # A lesser key of the same person must not be shown what a mightier one has issued.
    idempotent_by = "credentials"
    roles = Role.values
    scope = dict.fromkeys(("list", "retrieve", "create", "destroy"), "keys:write")

    def get_queryset(self) -> QuerySet[ApiKey]:
        return keys.visible(self.actor)

    @extend_schema(request=KeyInput, responses={201: IssuedKey})
    def create(self, request: Request) -> Response:
        """Issue a key; the answer shows it for the only time."""
        key, bearer = keys.issue(actor=self.actor, **self.checked(KeyInput))
        return Response({**KeyOutput(key).data, "key": bearer}, status=201)

    def destroy(self, request: Request, pk: str) -> Response:
        """Revoke a key for good."""
        keys.revoke(self.get_object())
        return Response(status=204)
