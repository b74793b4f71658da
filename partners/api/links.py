"""`links`: affiliates take tracking links for the offers that they have access to."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.filters import IdFilter, StrictFilterSet, TrueOrFalse
from network.api.serializers import StrictModelSerializer, StrictSerializer
from partners import addresses, links, offers, parties
from partners.api.addresses import AddressActions
from partners.api.relations import Own, Visible
from partners.api.resources import Resource
from partners.models import Link, Role

_WRITERS = (Role.OPERATOR, Role.AFFILIATE)


class LinkInput(StrictSerializer):
    """A link to make; the operator says for which affiliate."""

    offer = Visible(offers.visible)
    affiliate = Visible(parties.visible_affiliates, default=Own())
    name = serializers.CharField(max_length=120, required=False, allow_blank=True)


class LinkChange(StrictModelSerializer[Link]):
    """What may change of a link."""

    class Meta:
        model = Link
        fields = ("name", "active")


class LinkOutput(serializers.ModelSerializer[Link]):
    """A link and its address."""

    url = serializers.SerializerMethodField()

    class Meta:
        model = Link
        fields = ("id", "code", "url", "offer", "affiliate", "name", "active", "created_at")
        read_only_fields = fields

    def get_url(self, link: Link) -> str:
        """Where to send people."""
        return addresses.url(link)


class LinkFilter(StrictFilterSet):
    """Links by code, offer, affiliate and state."""

    offer = IdFilter("offer_id")
    affiliate = IdFilter("affiliate_id")
    active = TrueOrFalse("active")

    class Meta:
        model = Link
        fields = ("code",)


class LinkViews(AddressActions, mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """The affiliate's tracking links."""

    queryset = Link.objects.all()
    serializer_class = LinkOutput
    filterset_class = LinkFilter
    roles = {
        "list": (*_WRITERS, Role.FINANCE),
        "retrieve": (*_WRITERS, Role.FINANCE),
        "create": _WRITERS,
        "partial_update": _WRITERS,
        **AddressActions.roles,
    }
    scope = {
        "list": "links:read",
        "retrieve": "links:read",
        "create": "links:write",
        "partial_update": "links:write",
        **AddressActions.scope,
    }

    def get_queryset(self) -> QuerySet[Link]:
        return links.visible(self.actor).select_related("affiliate", "offer")

    @extend_schema(request=LinkInput, responses={201: LinkOutput})
    def create(self, request: Request) -> Response:
        """Take a link."""
        return Response(LinkOutput(links.create(**self.checked(LinkInput))).data, status=201)

    @extend_schema(request=LinkChange, responses=LinkOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Rename the link, or switch it off and on."""
        link: Link = self.get_object()
        links.change(link, **self.checked(LinkChange, partial=True))
        return Response(LinkOutput(link).data)
