"""`commissions`: what each share of a conversion earned, and how far it is on its way out."""

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers

from network.api.fields import MoneyOf
from network.api.filters import CurrencyFilter, IdFilter, StrictFilterSet
from partners.actors import Actor
from partners.api.resources import Resource
from partners.api.schema import by_role
from partners.models import Role
from payouts import commissions
from payouts.models import Commission

_READERS = (Role.AFFILIATE, Role.OPERATOR, Role.FINANCE)


class CommissionForAffiliate(serializers.ModelSerializer[Commission]):
    """A commission, without what the advertiser paid for it."""

    conversion = serializers.UUIDField(source="conversion_id", read_only=True)
    affiliate = serializers.IntegerField(source="affiliate_id", read_only=True)
    offer = serializers.IntegerField(source="offer_id", read_only=True)
    state = serializers.ChoiceField(choices=list(commissions.STATES), read_only=True)
    commission = MoneyOf("commission_micros")
    payout = serializers.IntegerField(
        source="line.payout_id", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = Commission
        fields: tuple[str, ...] = (
            "id",
            "conversion",
            "role",
            "affiliate",
            "offer",
            "state",
            "commission",
            "accrued_at",
            "release_at",
            "payout",
        )
        read_only_fields: tuple[str, ...] = fields


class CommissionForNetwork(CommissionForAffiliate):
    """A commission with both sides of its money and the journal that posted it."""

    advertiser = serializers.IntegerField(source="advertiser_id", read_only=True)
    event = serializers.UUIDField(source="event_id", read_only=True)
    revenue = MoneyOf("revenue_micros")

    class Meta(CommissionForAffiliate.Meta):
        fields = (
            *CommissionForAffiliate.Meta.fields,
            "advertiser",
            "event",
            "revenue",
            "journal",
        )
        read_only_fields = fields


class CommissionFilter(StrictFilterSet):
    """Commissions by conversion, partner, state and the time they were accrued."""

    period = "accrued_at"

    conversion = filters.UUIDFilter("conversion_id")
    affiliate = IdFilter("affiliate_id")
    offer = IdFilter("offer_id")
    currency = CurrencyFilter()
    state = filters.ChoiceFilter(
        choices=[(state, state) for state in commissions.STATES], method="in_state"
    )

    def in_state(self, rows: QuerySet[Commission], name: str, state: str) -> QuerySet[Commission]:
        """Those in one of the states that follow from rows."""
        which: Q = commissions.STATES[state]
        return rows.filter(which)


# A component named Commission there is already: that of terms.
EARNED = by_role("EarnedCommission", CommissionForNetwork, CommissionForAffiliate)


@extend_schema_view(list=extend_schema(responses=EARNED), retrieve=extend_schema(responses=EARNED))
class CommissionViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Commissions, newest first."""

    queryset = Commission.objects.all()
    serializer_class = CommissionForNetwork
    filterset_class = CommissionFilter
    lookup_value_converter = "uuid"
    ordering = ("-id",)
    roles = {"list": _READERS, "retrieve": _READERS}
    scope = {"list": "commissions:read", "retrieve": "commissions:read"}

    def get_queryset(self) -> QuerySet[Commission]:
        return commissions.with_state(commissions.visible(self.actor))

    def serializer_for(self, actor: Actor) -> type[CommissionForAffiliate]:
        """The revenue is for the network's people."""
        return CommissionForNetwork if actor.sees_all else CommissionForAffiliate
