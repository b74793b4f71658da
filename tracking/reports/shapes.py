"""What a report looks like to each role: the description of what `reports` answers."""

from datetime import date
from typing import Any

from rest_framework import serializers

from network.api.fields import MoneyOf
from partners.api.schema import by_role
from tracking.reports.queries import DIMENSIONS, STATUSES

_Field = serializers.Field[Any, Any, Any, Any]


class CountsByStatus(serializers.Serializer[Any]):
    """How many conversions are in each state."""

    def get_fields(self) -> dict[str, _Field]:
        """A number for each state."""
        return {status: serializers.IntegerField(read_only=True) for status in STATUSES}


def _money(name: str) -> MoneyOf:
    return MoneyOf(f"{name}_micros", allow_null=True)


def _dimensions() -> dict[str, _Field]:
    """The id or the day of each dimension, and its name; null for what belongs to none."""
    fields: dict[str, _Field] = {}
    for name, dimension in DIMENSIONS.items():
        if dimension.kind is date:
            fields[name] = serializers.DateField(required=False)
        else:
            fields[name] = serializers.IntegerField(required=False, allow_null=True)
        if dimension.label:
            fields[dimension.label] = serializers.CharField(required=False, allow_null=True)
    return fields


class _Line(serializers.Serializer[Any]):
    currency = serializers.CharField(read_only=True, allow_null=True)
    impressions = serializers.IntegerField(read_only=True)
    clicks = serializers.IntegerField(read_only=True)
    valid_clicks = serializers.IntegerField(read_only=True)
    unique_clicks = serializers.IntegerField(read_only=True)
    conversions = CountsByStatus(read_only=True)

    def get_fields(self) -> dict[str, _Field]:
        """With the dimensions, of which a line has those that were asked for as groups."""
        return {**_dimensions(), **super().get_fields()}


class ReportLineForAffiliate(_Line):
    """Counts of a group in a currency, and what the affiliate earns; null without a currency."""

    commission = _money("commission")
    pending_commission = _money("pending_commission")


class ReportLineForAdvertiser(_Line):
    """Counts of a group in a currency, and what the advertiser pays; null without a currency."""

    revenue = _money("revenue")
    pending_revenue = _money("pending_revenue")


class ReportLineForNetwork(ReportLineForAdvertiser):
    """Counts of a group in a currency, and both sides of its money; null without a currency."""

    commission = _money("commission")
    pending_commission = _money("pending_commission")


class _Report(serializers.Serializer[Any]):
    group = serializers.ListField(child=serializers.ChoiceField(list(DIMENSIONS)), read_only=True)
    to = serializers.DateField(read_only=True)
    tz = serializers.CharField(read_only=True)
    complete_until = serializers.DateTimeField(
        read_only=True,
        help_text="Later clicks, and later decisions on earlier ones, are not in it.",
    )

    def get_fields(self) -> dict[str, _Field]:
        """With `from`, which a class body cannot name."""
        return {"from": serializers.DateField(read_only=True), **super().get_fields()}


class ReportForAffiliate(_Report):
    """The days asked for, as an affiliate sees them."""

    results = ReportLineForAffiliate(many=True, read_only=True)


class ReportForAdvertiser(_Report):
    """The days asked for, as an advertiser sees them."""

    results = ReportLineForAdvertiser(many=True, read_only=True)


class ReportForNetwork(_Report):
    """The days asked for, as the network sees them."""

    results = ReportLineForNetwork(many=True, read_only=True)


REPORT = by_role("Report", ReportForNetwork, ReportForAdvertiser, ReportForAffiliate, many=False)
