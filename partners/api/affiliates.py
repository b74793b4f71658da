"""`affiliates`: onboarding and status; advertisers see the partners they work with."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.serializers import StrictModelSerializer
from partners import parties
from partners.api.advertisers import PartyInput, party
from partners.api.resources import Resource
from partners.models import Affiliate, Role


class AffiliateChange(StrictModelSerializer[Affiliate]):
    """What the operator changes of an affiliate."""

    class Meta:
        model = Affiliate
        fields = ("name", "status")


class AffiliateOutput(serializers.ModelSerializer[Affiliate]):
    """An affiliate."""

    class Meta:
        model = Affiliate
        fields = ("id", "organisation", "code", "name", "status", "created_at")
        read_only_fields = fields


class AffiliateViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Who brings results."""

    queryset = Affiliate.objects.all()
    serializer_class = AffiliateOutput
    filterset_fields = ("code", "status")
    roles = {
        "list": Role.values,
        "retrieve": Role.values,
        "create": (Role.OPERATOR,),
        "partial_update": (Role.OPERATOR,),
    }
    scope = {
        "list": "partners:read",
        "retrieve": "partners:read",
        "create": "partners:write",
        "partial_update": "partners:write",
    }

    def get_queryset(self) -> QuerySet[Affiliate]:
        return parties.visible_affiliates(self.actor)

    @extend_schema(request=PartyInput, responses={201: AffiliateOutput})
    def create(self, request: Request) -> Response:
        """Bring an affiliate in."""
        affiliate = parties.onboard_affiliate(**party(self.checked(PartyInput)))
        return Response(AffiliateOutput(affiliate).data, status=201)

    @extend_schema(request=AffiliateChange, responses=AffiliateOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Rename, pause, resume or close."""
        affiliate: Affiliate = self.get_object()
        parties.change(affiliate, **self.checked(AffiliateChange, partial=True))
        return Response(AffiliateOutput(affiliate).data)
