"""`link-keys`: the secrets with which affiliates sign their links."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.filters import IdFilter, StrictFilterSet
from network.api.serializers import StrictSerializer
from partners import link_keys, parties
from partners.api.relations import Own, Visible
from partners.api.resources import Resource
from partners.models import LinkKey, Role

_WRITERS = (Role.OPERATOR, Role.AFFILIATE)


class LinkKeyInput(StrictSerializer):
    """A link key to add; its id is made up where none is given."""

    key_id = serializers.RegexField(r"^[A-Za-z0-9_-]+\Z", max_length=40, required=False)
    affiliate = Visible(parties.visible_affiliates, default=Own())
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class LinkKeyEnd(StrictSerializer):
    """When a key shall end: the links that it has signed run until then."""

    expires_at = serializers.DateTimeField()


class LinkKeyOutput(serializers.ModelSerializer[LinkKey]):
    """A link key without its secret; links signed with it run until `expires_at` at most."""

    class Meta:
        model = LinkKey
        fields: tuple[str, ...] = ("id", "affiliate", "key_id", "created_at", "expires_at")
        read_only_fields: tuple[str, ...] = fields


class NewLinkKey(LinkKeyOutput):
    """A new link key with its secret, this once."""

    secret = serializers.CharField(read_only=True)

    class Meta(LinkKeyOutput.Meta):
        fields = (*LinkKeyOutput.Meta.fields, "secret")
        read_only_fields = fields


class LinkKeyFilter(StrictFilterSet):
    """Link keys by affiliate."""

    affiliate = IdFilter("affiliate_id")

    class Meta:
        model = LinkKey
        fields = ("key_id",)


class LinkKeyViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """The keys with which links are signed."""

    queryset = LinkKey.objects.all()
    serializer_class = LinkKeyOutput
    filterset_class = LinkKeyFilter
    roles = {
        "list": (*_WRITERS, Role.FINANCE),
        "retrieve": (*_WRITERS, Role.FINANCE),
        "create": _WRITERS,
        "partial_update": _WRITERS,
        "destroy": _WRITERS,
    }
    scope = {
        "list": "links:read",
        "retrieve": "links:read",
        "create": "links:write",
        "partial_update": "links:write",
        "destroy": "links:write",
    }

    def get_queryset(self) -> QuerySet[LinkKey]:
        return link_keys.visible(self.actor).select_related("affiliate")

    @extend_schema(request=LinkKeyInput, responses={201: NewLinkKey})
    def create(self, request: Request) -> Response:
        """Add a key; the answer shows its secret for the only time."""
        key, secret = link_keys.add(**self.checked(LinkKeyInput))
        return Response({**LinkKeyOutput(key).data, "secret": secret}, status=201)

    @extend_schema(request=LinkKeyEnd, responses=LinkKeyOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """End the key later: until then, and no longer, its links run."""
        key: LinkKey = self.get_object()
        link_keys.end(key, self.checked(LinkKeyEnd)["expires_at"])
        return Response(LinkKeyOutput(key).data)

    def destroy(self, request: Request, pk: str) -> Response:
        """End the key now, and with it every link that it has signed."""
        link_keys.end(self.get_object())
        return Response(status=204)
