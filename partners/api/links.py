"""`links`: affiliates take tracking links for the offers that they have access to."""

from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.filters import IdFilter, StrictFilterSet, TrueOrFalse
from network.api.parameters import parameter
from network.api.serializers import StrictModelSerializer, StrictSerializer, Text
from partners import links, offers, parties
from partners.api.relations import Own, Visible
from partners.api.resources import Resource
from partners.models import Link, Role
from partners.vocabulary import PARAMETERS

_WRITERS = (Role.OPERATOR, Role.AFFILIATE)
_SIGNED_S_MAX: Final = 366 * 86_400
_KINDS: Final = {"svg": "image/svg+xml", "png": "image/png"}
_SCALES: Final = range(1, 11)


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
        return links.url(link)


class SigningInput(StrictSerializer):
    """What a signed link says, by the names of its parameters, and how long it runs."""

    params = serializers.DictField(child=Text(max_length=2_000), default=dict)
    expires_in_s = serializers.IntegerField(min_value=1, max_value=_SIGNED_S_MAX)


class SigningOutput(serializers.Serializer[Any]):
    """A link that nobody can change; `key_id` is the link key that it is signed with."""

    url = serializers.CharField(read_only=True)
    key_id = serializers.CharField(read_only=True)
    expires_at = serializers.DateTimeField(read_only=True)


class LinkFilter(StrictFilterSet):
    """Links by code, offer, affiliate and state."""

    offer = IdFilter("offer_id")
    affiliate = IdFilter("affiliate_id")
    active = TrueOrFalse("active")

    class Meta:
        model = Link
        fields = ("code",)


class Whatever(BaseContentNegotiation):
    """Leaves `format` to the view: what it makes is no JSON, what it refuses is."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The first, for problems."""
        return renderers[0], renderers[0].media_type


class LinkViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """The affiliate's tracking links."""

    queryset = Link.objects.all()
    serializer_class = LinkOutput
    filterset_class = LinkFilter
    roles = {
        "list": (*_WRITERS, Role.FINANCE),
        "retrieve": (*_WRITERS, Role.FINANCE),
        "create": _WRITERS,
        "partial_update": _WRITERS,
        "sign": _WRITERS,
        "qr": (*_WRITERS, Role.FINANCE),
    }
    scope = {
        "list": "links:read",
        "retrieve": "links:read",
        "create": "links:write",
        "partial_update": "links:write",
        "sign": "links:write",
        "qr": "links:read",
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

    @extend_schema(request=SigningInput, responses=SigningOutput)
    @action(detail=True, methods=["post"])
    def sign(self, request: Request, pk: str) -> Response:
        """The link with these parameters, signed with the affiliate's newest live key."""
        asked = self.checked(SigningInput)
        signed = links.sign(self.get_object(), asked["params"], expires_in_s=asked["expires_in_s"])
        return Response(SigningOutput(signed).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("format", enum=list(_KINDS)),
            OpenApiParameter("scale", OpenApiTypes.INT, description="Pixels a dot, 1 to 10."),
            *[OpenApiParameter(name) for name in PARAMETERS],
        ],
        responses={(200, kind): OpenApiTypes.BINARY for kind in _KINDS.values()},
    )
    @action(
        detail=True,
        methods=["get"],
        content_negotiation_class=Whatever,
        query_parameters=("format", "scale", *PARAMETERS),
    )
    def qr(self, request: Request, pk: str) -> HttpResponse:
        """The link as a QR code, with whatever parameters it shall carry."""
        said = request.query_params.dict()
        kind = parameter(said, "format", _kind) or "svg"
        scale = parameter(said, "scale", _scale) or 8
        params = {name: value for name, value in said.items() if name in PARAMETERS}
        return HttpResponse(
            links.qr(self.get_object(), params, kind=kind, scale=scale),
            content_type=_KINDS[kind],
            headers={"Cache-Control": "private, max-age=86400"},
        )


def _kind(text: str) -> str:
    if text not in _KINDS:
        raise ValueError(f"A QR code comes as {' or '.join(_KINDS)}.")
    return text


def _scale(text: str) -> int:
    if text not in map(str, _SCALES):
        raise ValueError(f"A scale is a whole number from {_SCALES[0]} to {_SCALES[-1]}.")
    return int(text)
