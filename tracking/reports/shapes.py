"""What a report looks like to each role: the description of what `reports` answers."""

from typing import Any

from rest_framework import serializers

from network.api.fields import MoneyOf
from partners.api.schema import by_role
from tracking.reports.queries import DIMENSIONS, STATUSES


class CountsByStatus(serializers.Serializer[Any]):
    """How many conversions are in each state."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """A number for each state."""
        return {status: serializers.IntegerField(read_only=True) for status in STATUSES}


def _money(name: str) -> MoneyOf:
    return MoneyOf(f"{name}_micros", allow_null=True)


class _Line(serializers.Serializer[Any]):
    # Those that were asked for as groups; null for what belongs to none.
    offer = serializers.IntegerField(required=False, allow_null=True)
    offer_name = serializers.CharField(required=False, allow_null=True)
    affiliate = serializers.IntegerField(required=False, allow_null=True)
    affiliate_name = serializers.CharField(required=False, allow_null=True)
    goal = serializers.IntegerField(required=False, allow_null=True)
    goal_code = serializers.CharField(required=False, allow_null=True)
    day = serializers.DateField(required=False)
    currency = serializers.CharField(read_only=True, allow_null=True)
    clicks = serializers.IntegerField(read_only=True)
    valid_clicks = serializers.IntegerField(read_only=True)
    unique_clicks = serializers.IntegerField(read_only=True)
    conversions = CountsByStatus(read_only=True)


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

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
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
