"""`smart-links`: an affiliate's links over several offers, and what was learned for each."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.fields import MoneyOf, RateField
from network.api.filters import IdFilter, StrictFilterSet, TrueOrFalse
from network.api.serializers import StrictModelSerializer, StrictSerializer
from partners import addresses, offers, parties, smart
from partners.api.addresses import AddressActions
from partners.api.relations import Own, Visible
from partners.api.resources import Resource
from partners.models import Role, SmartLink, SmartOffer, SmartWeight

_READERS = (Role.OPERATOR, Role.FINANCE, Role.AFFILIATE)
_WRITERS = (Role.OPERATOR, Role.AFFILIATE)
_PRIORITY_MAX = 32_767
_WEIGHT_MAX = 1_000_000


class ChoiceInput(StrictSerializer):
    """An offer to choose; its priority is by default its place in the list."""

    offer = Visible(offers.visible)
    priority = serializers.IntegerField(min_value=0, max_value=_PRIORITY_MAX, required=False)
    weight = serializers.IntegerField(min_value=0, max_value=_WEIGHT_MAX, default=100)
    active = serializers.BooleanField(default=True)


class SmartLinkChange(StrictModelSerializer[SmartLink]):
    """What may change; `choices` replaces all choices, and forgets nothing that was learned."""

    choices = ChoiceInput(
        many=True,
        allow_empty=False,
        max_length=smart.CHOICES_MAX,  # type: ignore[call-arg]  # of the list, which has no types
    )

    class Meta:
        model = SmartLink
        fields: tuple[str, ...] = ("strategy", "choices", "name", "active")


class SmartLinkInput(SmartLinkChange):
    """A smart link to make; the operator says for which affiliate."""

    affiliate = Visible(parties.visible_affiliates, default=Own())

    class Meta(SmartLinkChange.Meta):
        fields = ("strategy", "choices", "affiliate", "name")


class ChoiceOutput(serializers.ModelSerializer[SmartOffer]):
    """An offer that may be chosen."""

    class Meta:
        model = SmartOffer
        fields = ("offer", "priority", "weight", "active")
        read_only_fields = fields


class SmartLinkOutput(serializers.ModelSerializer[SmartLink]):
    """A smart link, its address, and its choices in the order of priority."""

    url = serializers.SerializerMethodField()
    choices = ChoiceOutput(many=True, read_only=True)

    class Meta:
        model = SmartLink
        fields = (
            "id",
            "code",
            "url",
            "affiliate",
            "name",
            "strategy",
            "active",
            "choices",
            "created_at",
        )
        read_only_fields = fields

    def get_url(self, link: SmartLink) -> str:
        """Where to send people."""
        return addresses.url(link)


class SmartWeightOutput(serializers.ModelSerializer[SmartWeight]):
    """The share of visitors in percent, and the counts behind it: clicks and what was approved.

    An empty country or device stands for all. The share moves when it is off by more than a point.
    """

    share = RateField(source="weight_ppm", read_only=True)
    clicks = serializers.IntegerField(source="evidence.clicks", read_only=True)
    conversions = serializers.IntegerField(source="evidence.conversions", read_only=True)
    commission = MoneyOf("evidence.commission_micros", currency="offer.currency")
    counted_at = serializers.DateTimeField(source="evidence.counted_at", read_only=True)

    class Meta:
        model = SmartWeight
        fields = (
            "country",
            "device",
            "offer",
            "share",
            "clicks",
            "conversions",
            "commission",
            "learned_at",
            "counted_at",
        )
        read_only_fields = fields


class SmartLinkFilter(StrictFilterSet):
    """Smart links by code, affiliate, strategy and state."""

    affiliate = IdFilter("affiliate_id")
    active = TrueOrFalse("active")

    class Meta:
        model = SmartLink
        fields = ("code", "strategy")


class SmartLinkViews(AddressActions, mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Links that choose among offers for each visitor."""

    queryset = SmartLink.objects.all()
    serializer_class = SmartLinkOutput
    filterset_class = SmartLinkFilter
    roles = {
        "list": _READERS,
        "retrieve": _READERS,
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

    def get_queryset(self) -> QuerySet[SmartLink]:
        return smart.visible(self.actor)

    @extend_schema(request=SmartLinkInput, responses={201: SmartLinkOutput})
    def create(self, request: Request) -> Response:
        """Take a smart link; each offer needs the access that a link needs."""
        link = smart.create(**_chosen(self.checked(SmartLinkInput)))
        return self._shown(link, status=201)

    @extend_schema(request=SmartLinkChange, responses=SmartLinkOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Rename it, switch it off and on, choose by other means or among other offers."""
        changes = _chosen(self.checked(SmartLinkChange, partial=True))
        return self._shown(smart.change(self.get_object(), **changes))

    def _shown(self, link: SmartLink, *, status: int = 200) -> Response:
        return Response(SmartLinkOutput(self.get_queryset().get(pk=link.pk)).data, status=status)


class SmartWeightViews(mixins.ListModelMixin, Resource):
    """What was learned for a smart link, by country, device and offer."""

    queryset = SmartWeight.objects.all()
    serializer_class = SmartWeightOutput
    ordering = ("country", "device", "offer_id")
    roles = {"list": _READERS}
    scope = {"list": "links:read"}

    def get_queryset(self) -> QuerySet[SmartWeight]:
        found = get_object_or_404(smart.visible(self.actor), pk=self.kwargs["smart_link_id"])
        return smart.weights(found)


def _chosen(data: dict[str, Any]) -> dict[str, Any]:
    """The checked body with choices as the verbs take them."""
    if "choices" in data:
        data["choices"] = [
            smart.Choice(**{"priority": place, **choice})
            for place, choice in enumerate(data["choices"])
        ]
    return data
