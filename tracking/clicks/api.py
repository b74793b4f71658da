"""`clicks`: what happened on the links, good or not, to those whose clicks they are."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import mixins, serializers

from network.api.filters import IdFilter, StrictFilterSet
from partners.actors import Actor
from partners.api.resources import Resource
from partners.models import Role
from tracking.clicks import ids
from tracking.clicks.decide import REASONS
from tracking.clicks.models import Click
from tracking.visible import visible


@extend_schema_field(OpenApiTypes.STR)
class ExternalClickId(serializers.Field[UUID, Any, str, Any]):
    """A click's id as links, reports and postbacks carry it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value: UUID) -> str:
        """The id with its tag."""
        return ids.mint(value)


class ClickForPartner(serializers.ModelSerializer[Click]):
    """A click as its affiliate and its advertiser see it; 0 stands for an unknown link."""

    id = ExternalClickId()
    at = serializers.DateTimeField(source="ts", read_only=True)
    link = serializers.IntegerField(source="link_id", read_only=True)
    offer = serializers.IntegerField(source="offer_id", read_only=True)
    affiliate = serializers.IntegerField(source="affiliate_id", read_only=True)

    class Meta:
        model = Click
        fields: tuple[str, ...] = (
            "id",
            "at",
            "reason",
            "link",
            "link_code",
            "offer",
            "affiliate",
            "source",
            "aff_click_id",
            "subs",
            "user_agent",
            "referrer",
            "language",
        )
        read_only_fields: tuple[str, ...] = fields


class ClickForNetwork(ClickForPartner):
    """A click with where it came from and where it was sent."""

    advertiser = serializers.IntegerField(source="advertiser_id", read_only=True)

    class Meta(ClickForPartner.Meta):
        fields = (*ClickForPartner.Meta.fields, "advertiser", "ip", "destination")
        read_only_fields = fields


class ClickFilter(StrictFilterSet):
    """Clicks by whose they are, by what became of them, and by time."""

    period = "ts"

    affiliate = IdFilter("affiliate_id")
    offer = IdFilter("offer_id")
    link = IdFilter("link_id")
    reason = filters.ChoiceFilter(choices=[(reason, reason) for reason in REASONS])


class ClickViews(mixins.ListModelMixin, Resource):
    """Every answered visit to a link, the latest first."""

    queryset = Click.objects.all()
    serializer_class = ClickForNetwork
    filterset_class = ClickFilter
    # An id begins with the click's time, so this is the order of time, and the primary key has it.
    ordering = ("-id",)
    roles = tuple(Role)
    scope = {"list": "clicks:read"}

    def get_queryset(self) -> QuerySet[Click]:
        return visible(Click.objects.all(), self.actor)

    def serializer_for(self, actor: Actor) -> type[serializers.ModelSerializer[Click]]:
        return ClickForNetwork if actor.sees_all else ClickForPartner
