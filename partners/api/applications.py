"""`applications`: an affiliate asks for an offer, or is invited; the offer's side answers."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.filters import IdFilter, StrictFilterSet
from network.api.serializers import StrictSerializer
from partners import applications, offers
from partners.api.resources import Resource
from partners.models import Affiliate, Application, Offer, Role

_DECIDERS = (Role.OPERATOR, Role.ADVERTISER)


class ApplicationInput(StrictSerializer):
    """How the affiliate means to bring people."""

    message = serializers.CharField(max_length=2_000, required=False, allow_blank=True)


class InvitationInput(StrictSerializer):
    """Whom to let in, by the public code that the affiliate gives to its partners."""

    affiliate_code = serializers.CharField(max_length=40)


class Reason(StrictSerializer):
    """Why; the affiliate reads it."""

    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)


class ApplicationOutput(serializers.ModelSerializer[Application]):
    """An application and its answer."""

    affiliate_code = serializers.CharField(source="affiliate.code", read_only=True)

    class Meta:
        model = Application
        fields = (
            "id",
            "offer",
            "affiliate",
            "affiliate_code",
            "status",
            "message",
            "reason",
            "decided_at",
            "created_at",
        )
        read_only_fields = fields


class ApplicationFilter(StrictFilterSet):
    """Applications by offer, affiliate and answer."""

    offer = IdFilter("offer_id")
    affiliate = IdFilter("affiliate_id")

    class Meta:
        model = Application
        fields = ("status",)


class ApplicationViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Applications that one has made or may answer."""

    queryset = Application.objects.all()
    serializer_class = ApplicationOutput
    filterset_class = ApplicationFilter
    roles = {
        "list": Role.values,
        "retrieve": Role.values,
        "approve": _DECIDERS,
        "reject": _DECIDERS,
        "revoke": _DECIDERS,
    }
    scope = {
        "list": "offers:read",
        "retrieve": "offers:read",
        "approve": "offers:write",
        "reject": "offers:write",
        "revoke": "offers:write",
    }

    def get_queryset(self) -> QuerySet[Application]:
        return applications.visible(self.actor).select_related("affiliate")

    @extend_schema(request=Reason, responses=ApplicationOutput)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Let the affiliate in."""
        return self._decide("approve")

    @extend_schema(request=Reason, responses=ApplicationOutput)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        """Turn the affiliate down."""
        return self._decide("reject")

    @extend_schema(request=Reason, responses=ApplicationOutput)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        """Take the access back; clicks of the affiliate's links go to the fallback from now on."""
        return self._decide("revoke")

    def _decide(self, move: str) -> Response:
        application: Application = self.get_object()
        applications.decide(application, move, actor=self.actor, **self.checked(Reason))
        return Response(ApplicationOutput(application).data)


class OfferApplicationViews(mixins.ListModelMixin, Resource):
    """The applications for one offer, and invitations to it."""

    queryset = Application.objects.all()
    serializer_class = ApplicationOutput
    filterset_class = ApplicationFilter
    roles = {"list": Role.values, "create": (Role.AFFILIATE,), "invite": _DECIDERS}
    # To apply is to ask for links.
    scope = {"list": "offers:read", "create": "links:write", "invite": "offers:write"}

    def get_queryset(self) -> QuerySet[Application]:
        visible = applications.visible(self.actor).select_related("affiliate")
        return visible.filter(offer=self._offer())

    @extend_schema(request=ApplicationInput, responses={201: ApplicationOutput})
    def create(self, request: Request, offer_id: int) -> Response:
        """Apply."""
        application = applications.apply(
            offer=self._offer(),
            affiliate=Affiliate.objects.get(organisation=self.actor.organisation_id),
            **self.checked(ApplicationInput),
        )
        return Response(ApplicationOutput(application).data, status=201)

    @extend_schema(request=InvitationInput, responses=ApplicationOutput)
    @action(detail=False, methods=["post"])
    def invite(self, request: Request, offer_id: int) -> Response:
        """Let an affiliate in unasked."""
        application = applications.invite(
            offer=self._offer(), actor=self.actor, **self.checked(InvitationInput)
        )
        return Response(ApplicationOutput(application).data)

    def _offer(self) -> Offer:
        return get_object_or_404(offers.visible(self.actor), pk=self.kwargs["offer_id"])
