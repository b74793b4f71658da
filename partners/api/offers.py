"""`offers`: made by advertisers with goals and terms, moved through their life, seen by role."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.filters import CurrencyFilter, StrictFilterSet
from network.api.serializers import StrictModelSerializer, Text
from network.currencies import EXPONENTS
from network.errors import UnknownCurrency, default_message
from partners import offers, parties
from partners.actors import Actor
from partners.api.goals import (
    GoalForAdvertiser,
    GoalForAffiliate,
    GoalForNetwork,
    GoalInput,
    new_goal,
)
from partners.api.relations import Own, Visible
from partners.api.resources import Resource
from partners.api.schema import by_role
from partners.api.targeting import TargetingField
from partners.destinations import HOSTS_MAX
from partners.models import Offer, Role

_WRITERS = (Role.OPERATOR, Role.ADVERTISER)
# The clicks of all are kept for the longest window of any offer, so no advertiser may ask for more.
_CLICK_WINDOW_S_MAX = 730 * 86_400
_HOLD_DAYS_MAX = 365
_EDITABLE = (
    "name",
    "description",
    "visibility",
    "landing_url",
    "fallback_url",
    "starts_at",
    "ends_at",
    "click_window_s",
    "min_click_to_conversion_s",
    "hold_days",
    "targeting",
    "time_zone",
    "deep_link_hosts",
    "link_signing",
    "utm",
)


class OfferChange(StrictModelSerializer[Offer]):
    """What may change while an offer lives."""

    description = serializers.CharField(max_length=20_000, required=False, allow_blank=True)
    click_window_s = serializers.IntegerField(
        min_value=60, max_value=_CLICK_WINDOW_S_MAX, required=False
    )
    min_click_to_conversion_s = serializers.IntegerField(
        min_value=0, max_value=_CLICK_WINDOW_S_MAX, required=False
    )
    hold_days = serializers.IntegerField(min_value=0, max_value=_HOLD_DAYS_MAX, required=False)
    targeting = TargetingField(required=False, allow_null=True)
    deep_link_hosts = serializers.ListField(
        child=Text(max_length=255), max_length=HOSTS_MAX, required=False
    )
    utm = serializers.DictField(child=Text(max_length=200, allow_blank=True), required=False)

    class Meta:
        model = Offer
        fields: tuple[str, ...] = _EDITABLE


class OfferInput(OfferChange):
    """A draft to make, with its goals and their terms; the advertiser is one's own by default."""

    advertiser = Visible(parties.visible_advertisers, default=Own())
    goals = GoalInput(many=True, required=False)

    class Meta(OfferChange.Meta):
        fields = ("advertiser", *_EDITABLE, "currency", "goals")

    def validate_currency(self, currency: str) -> str:
        """An active code of ISO 4217."""
        if currency not in EXPONENTS:
            raise serializers.ValidationError(
                default_message(UnknownCurrency), code=UnknownCurrency.code
            )
        return currency


class OfferForAdvertiser(serializers.ModelSerializer[Offer]):
    """The whole offer with the revenue of its goals."""

    targeting = TargetingField(read_only=True, allow_null=True)
    goals = GoalForAdvertiser(many=True, read_only=True)

    class Meta:
        model = Offer
        fields = (
            "id",
            "advertiser",
            "status",
            *_EDITABLE,
            "currency",
            "created_at",
            "goals",
        )
        read_only_fields = fields


class OfferForNetwork(OfferForAdvertiser):
    """The whole offer with both prices of its goals."""

    goals = GoalForNetwork(many=True, read_only=True)


class OfferForAffiliate(serializers.ModelSerializer[Offer]):
    """An offer with the affiliate's own commission and, once let in, where it leads."""

    advertiser_name = serializers.CharField(source="advertiser.name", read_only=True)
    landing_url = serializers.SerializerMethodField()
    has_access = serializers.BooleanField(read_only=True)
    goals = GoalForAffiliate(many=True, read_only=True)

    class Meta:
        model = Offer
        fields = (
            "id",
            "advertiser_name",
            "name",
            "description",
            "status",
            "visibility",
            "currency",
            "has_access",
            "landing_url",
            "starts_at",
            "ends_at",
            "click_window_s",
            "hold_days",
            "deep_link_hosts",
            "link_signing",
            "created_at",
            "goals",
        )
        read_only_fields = fields

    def get_landing_url(self, offer: Any) -> str | None:
        """Only for who may send people there: the address can hold the advertiser's own codes."""
        return offer.landing_url if offer.has_access else None


class OfferFilter(StrictFilterSet):
    """Offers by state, by who may take them, and by currency."""

    currency = CurrencyFilter()

    class Meta:
        model = Offer
        fields = ("status", "visibility")


OFFER = by_role("Offer", OfferForNetwork, OfferForAdvertiser, OfferForAffiliate)


@extend_schema_view(list=extend_schema(responses=OFFER), retrieve=extend_schema(responses=OFFER))
class OfferViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """What advertisers pay for."""

    queryset = Offer.objects.all()
    serializer_class = OfferForNetwork
    filterset_class = OfferFilter
    bodiless = ("activate", "pause", "end")
    roles = {
        "list": Role.values,
        "retrieve": Role.values,
        "create": _WRITERS,
        "partial_update": _WRITERS,
        "activate": _WRITERS,
        "pause": _WRITERS,
        "end": _WRITERS,
    }
    scope = {
        "list": "offers:read",
        "retrieve": "offers:read",
        "create": "offers:write",
        "partial_update": "offers:write",
        "activate": "offers:write",
        "pause": "offers:write",
        "end": "offers:write",
    }

    def get_queryset(self) -> QuerySet[Offer]:
        visible = offers.visible(self.actor).select_related("advertiser")
        return visible.prefetch_related("goals__terms__goal__offer")

    def serializer_for(self, actor: Actor) -> type[serializers.ModelSerializer[Offer]]:
        """Prices by role."""
        if actor.role == Role.AFFILIATE:
            return OfferForAffiliate
        return OfferForAdvertiser if actor.role == Role.ADVERTISER else OfferForNetwork

    @extend_schema(request=OfferInput, responses={201: OFFER})
    def create(self, request: Request) -> Response:
        """Make a draft, its goals and their terms, all or nothing."""
        data = self.checked(OfferInput)
        new_goals = [
            new_goal(dict(goal), currency=data["currency"], at=f"/goals/{index}")
            for index, goal in enumerate(data.pop("goals", ()))
        ]
        offer = offers.create(actor=self.actor, new_goals=new_goals, **data)
        return self._shown(offer, status=201)

    @extend_schema(request=OfferChange, responses=OFFER)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what is not frozen."""
        return self._shown(
            offers.change(self.get_object(), self.checked(OfferChange, partial=True))
        )

    @extend_schema(responses=OFFER)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: str) -> Response:
        """Publish the draft, or go on after a pause."""
        return self._shown(offers.move(self.get_object(), "activate"))

    @extend_schema(responses=OFFER)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Take no clicks for a while."""
        return self._shown(offers.move(self.get_object(), "pause"))

    @extend_schema(responses=OFFER)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        """Take no clicks ever again."""
        return self._shown(offers.move(self.get_object(), "end"))

    def _shown(self, offer: Offer, *, status: int = 200) -> Response:
        fresh = self.get_queryset().get(pk=offer.pk)
        return Response(self.get_serializer(fresh).data, status=status)
