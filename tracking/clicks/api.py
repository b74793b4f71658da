"""`clicks`: what happened on the links, good or not, to those whose clicks they are."""

from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers

from network.api.filters import IdFilter, StrictFilterSet, TrueOrFalse
from network.countries import COUNTRIES, UnknownCountry
from network.errors import default_message
from partners.actors import Actor
from partners.api.resources import Resource
from partners.api.schema import by_role
from partners.facts import DEVICES
from partners.models import Role
from tracking.clicks import ids, repeats, signing
from tracking.clicks.decide import REASONS
from tracking.clicks.models import Click
from tracking.visible import visible

_AFFILIATES_MARKS: Final = frozenset(
    ("gpc", "consent_minimal", "consent_refused", *signing.REASONS)
)
_SMART_LINK: Final = "The smart link that chose the offer; null for a click of a plain link."


@extend_schema_field(OpenApiTypes.STR)
class ExternalClickId(serializers.Field[UUID, Any, str, Any]):
    """A click's id as links, reports and postbacks carry it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value: UUID) -> str:
        """The id with its tag."""
        return ids.mint(value)


@extend_schema_field(OpenApiTypes.INT64)
class IdOrNull(serializers.Field[int, Any, int | None, Any]):
    """An id, null for the 0 of a row that has none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, allow_null=True, **kwargs)

    def to_representation(self, value: int) -> int | None:
        """The id, or None."""
        return value or None


class ClickForAdvertiser(serializers.ModelSerializer[Click]):
    """A click as its advertiser sees it; 0 stands for an unknown link."""

    id = ExternalClickId()
    at = serializers.DateTimeField(source="ts", read_only=True)
    reason = serializers.ChoiceField(REASONS, read_only=True)
    link = serializers.IntegerField(source="link_id", read_only=True)
    offer = serializers.IntegerField(source="offer_id", read_only=True)
    affiliate = serializers.IntegerField(source="affiliate_id", read_only=True)
    landing = IdOrNull(
        source="landing_id", help_text="The landing page, of those that the offer lists."
    )
    repeat = serializers.BooleanField(
        read_only=True,
        allow_null=True,
        help_text="Whether the visitor came before on that day (UTC), to the same offer by the same"
        " affiliate; false for the first click. Null where it cannot be told: a click that failed,"
        " that has no consent, or that is only seconds old.",
    )
    marks = serializers.SerializerMethodField(
        help_text="What is odd about it: `bot`, `bot_suspected`, `prefetch`, `datacentre`,"
        " `embedded`, `gpc`, `consent_minimal`, `consent_refused`, or what a signed link lacks. An"
        " affiliate is told of the last four."
    )

    class Meta:
        model = Click
        fields: tuple[str, ...] = (
            "id",
            "at",
            "reason",
            "repeat",
            "link",
            "link_code",
            "offer",
            "affiliate",
            "landing",
            "source",
            "sub_source",
            "aff_click_id",
            "subs",
            "country",
            "region",
            "device",
            "os",
            "browser",
            "language",
            "user_agent",
            "referrer",
            "marks",
        )
        read_only_fields: tuple[str, ...] = fields

    def get_marks(self, click: Click) -> list[str]:
        """All of them."""
        return click.marks or []


class ClickForAffiliate(ClickForAdvertiser):
    """A click with its smart link, and without marks that would tell how bots are found."""

    smart_link = IdOrNull(source="smart_link_id", help_text=_SMART_LINK)

    class Meta(ClickForAdvertiser.Meta):
        fields = (*ClickForAdvertiser.Meta.fields, "smart_link")
        read_only_fields = fields

    def get_marks(self, click: Click) -> list[str]:
        """Those that the affiliate can do something about."""
        return [mark for mark in super().get_marks(click) if mark in _AFFILIATES_MARKS]


class ClickForNetwork(ClickForAdvertiser):
    """A click with where it came from and where it was sent."""

    advertiser = serializers.IntegerField(source="advertiser_id", read_only=True)
    smart_link = IdOrNull(source="smart_link_id", help_text=_SMART_LINK)

    class Meta(ClickForAdvertiser.Meta):
        fields = (
            *ClickForAdvertiser.Meta.fields,
            "smart_link",
            "advertiser",
            "ip",
            "destination",
        )
        read_only_fields = fields


def _check_country(code: str) -> None:
    if code not in COUNTRIES:
        raise ValidationError(default_message(UnknownCountry), code=UnknownCountry.code)


class ClickFilter(StrictFilterSet):
    """Clicks by whose they are, by what became of them, and by time."""

    period = "ts"
    scanning = ("country", "device", "repeat")

    affiliate = IdFilter("affiliate_id")
    offer = IdFilter("offer_id")
    link = IdFilter("link_id")
    reason = filters.ChoiceFilter(choices=[(reason, reason) for reason in REASONS])
    country = filters.CharFilter(validators=[_check_country])
    device = filters.ChoiceFilter(choices=[(device, device) for device in DEVICES])
    repeat = TrueOrFalse()


CLICK = by_role("Click", ClickForNetwork, ClickForAdvertiser, ClickForAffiliate)


@extend_schema_view(list=extend_schema(responses=CLICK))
class ClickViews(mixins.ListModelMixin, Resource):
    """Every answered visit to a link, the latest first.

    `country`, `device` and `repeat` are looked for row by row, in at most 31 days: with them goes
    `from`, and `to` unless it is now.
    """

    queryset = Click.objects.all()
    serializer_class = ClickForNetwork
    filterset_class = ClickFilter
    # An id begins with the click's time, so this is the order of time, and the primary key has it.
    ordering = ("-id",)
    roles = tuple(Role)
    scope = {"list": "clicks:read"}

    def get_queryset(self) -> QuerySet[Click]:
        clicks = Click.objects.annotate(repeat=repeats.is_repeat())
        return visible(clicks, self.actor)

    def serializer_for(self, actor: Actor) -> type[serializers.ModelSerializer[Click]]:
        if actor.sees_all:
            return ClickForNetwork
        return ClickForAffiliate if actor.role == Role.AFFILIATE else ClickForAdvertiser
