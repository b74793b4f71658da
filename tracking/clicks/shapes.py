"""What a click looks like to each role: the description of what `clicks` answers."""

from typing import Any, Final
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from partners.api.schema import by_role
from tracking.clicks import ids, signing
from tracking.clicks.decide import REASONS
from tracking.clicks.models import Click

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


CLICK = by_role("Click", ClickForNetwork, ClickForAdvertiser, ClickForAffiliate)
