"""Landing pages: `offers/{id}/landings` and `landings/{id}`."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.serializers import StrictModelSerializer
from partners import landings, offers
from partners.actors import Actor
from partners.api.resources import Resource
from partners.api.schema import by_role
from partners.models import Landing, Offer, Role

_WRITERS = (Role.OPERATOR, Role.ADVERTISER)


class LandingInput(StrictModelSerializer[Landing]):
    """A landing page to add, or what changes of it."""

    weight = serializers.IntegerField(min_value=0, max_value=landings.WEIGHT_MAX, required=False)

    class Meta:
        model = Landing
        fields = ("name", "url", "weight", "active")


class LandingOutput(serializers.ModelSerializer[Landing]):
    """A landing page; of an offer's active ones each gets visitors by its weight."""

    class Meta:
        model = Landing
        fields = ("id", "offer", "name", "url", "weight", "active", "created_at")
        read_only_fields = fields


class LandingForAffiliate(serializers.ModelSerializer[Landing]):
    """A landing page that a link may ask for by its id: `landing=<id>`."""

    class Meta:
        model = Landing
        fields = ("id", "offer", "name")
        read_only_fields = fields


LANDING = by_role("Landing", LandingOutput, LandingForAffiliate)


@extend_schema_view(list=extend_schema(responses=LANDING))
class OfferLandingViews(mixins.ListModelMixin, Resource):
    """The landing pages of an offer."""

    queryset = Landing.objects.all()
    serializer_class = LandingOutput
    roles = {"list": Role.values, "create": _WRITERS}
    scope = {"list": "offers:read", "create": "offers:write"}

    def get_queryset(self) -> QuerySet[Landing]:
        return landings.visible(self.actor).filter(offer=self._offer())

    def serializer_for(self, actor: Actor) -> type[serializers.ModelSerializer[Landing]]:
        """The address can hold the advertiser's own codes."""
        return LandingForAffiliate if actor.role == Role.AFFILIATE else LandingOutput

    @extend_schema(request=LandingInput, responses={201: LandingOutput})
    def create(self, request: Request, offer_id: int) -> Response:
        """Add a page; the first one with a weight takes over from the offer's own address."""
        landing = landings.add(self._offer(), **self.checked(LandingInput))
        return Response(LandingOutput(landing).data, status=201)

    def _offer(self) -> Offer:
        return get_object_or_404(offers.visible(self.actor), pk=self.kwargs["offer_id"])


@extend_schema_view(retrieve=extend_schema(responses=LandingOutput))
class LandingViews(mixins.RetrieveModelMixin, Resource):
    """One landing page."""

    queryset = Landing.objects.all()
    serializer_class = LandingOutput
    roles = {"retrieve": (*_WRITERS, Role.FINANCE), "partial_update": _WRITERS}
    scope = {"retrieve": "offers:read", "partial_update": "offers:write"}

    def get_queryset(self) -> QuerySet[Landing]:
        return landings.visible(self.actor).select_related("offer")

    @extend_schema(request=LandingInput, responses=LandingOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Another name, address or weight; off and on."""
        landing: Landing = self.get_object()
        landings.change(landing, self.checked(LandingInput, partial=True))
        return Response(LandingOutput(landing).data)
