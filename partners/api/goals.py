"""Goals and their terms: `offers/{id}/goals` and `goals/{id}/terms`."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from network import clock
from network.api.fields import CodeField, MoneyField, MoneyOf, RateField
from network.api.serializers import StrictModelSerializer, StrictSerializer
from network.errors import CurrencyMismatch
from network.money import Money
from partners import goals, offers, parties
from partners.actors import Actor
from partners.api.relations import Visible
from partners.api.resources import Resource
from partners.api.schema import by_role
from partners.models import Goal, Offer, Role, Terms


class PriceInput(StrictSerializer):
    """`{"fixed": {"amount": "5.00", "currency": "EUR"}, "percent": "7.5"}`, one of them or both."""

    fixed = MoneyField(least=0, required=False)
    percent = RateField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Nothing at all is a mistake, not a price of 0."""
        if not attrs:
            raise serializers.ValidationError("State `fixed`, `percent`, or both.", code="required")
        return attrs


class TermsInput(StrictSerializer):
    """Terms to add. Without `commission` the affiliate gets the revenue less our margin."""

    revenue = PriceInput()
    commission = PriceInput(required=False)
    affiliate = Visible(parties.visible_affiliates, required=False, allow_null=True)
    valid_from = serializers.DateTimeField(required=False)
    valid_to = serializers.DateTimeField(required=False, allow_null=True)


class GoalInput(StrictModelSerializer[Goal]):
    """A goal to add, with the terms it starts with."""

    code = CodeField()
    terms = TermsInput(many=True, required=False)

    class Meta:
        model = Goal
        fields = ("code", "name", "dedupe", "is_default", "terms")


class Revenue(serializers.Serializer[Terms]):
    """What the advertiser pays."""

    fixed = MoneyOf("revenue_fixed_micros", currency="goal.offer.currency")
    percent = RateField(source="revenue_ppm", read_only=True)


class Commission(serializers.Serializer[Terms]):
    """What the affiliate earns."""

    fixed = MoneyOf("commission_fixed_micros", currency="goal.offer.currency")
    percent = RateField(source="commission_ppm", read_only=True)


class TermsForAdvertiser(serializers.ModelSerializer[Terms]):
    """Terms without the commission, which is between the network and the affiliate."""

    revenue = Revenue(source="*", read_only=True)

    class Meta:
        model = Terms
        fields: tuple[str, ...] = (
            "id",
            "affiliate",
            "revenue",
            "valid_from",
            "valid_to",
            "created_at",
        )
        read_only_fields: tuple[str, ...] = fields


class TermsForNetwork(TermsForAdvertiser):
    """Terms with both prices and whoever set them."""

    commission = Commission(source="*", read_only=True)

    class Meta(TermsForAdvertiser.Meta):
        fields = (*TermsForAdvertiser.Meta.fields, "commission", "created_by")
        read_only_fields = fields


class GoalForAdvertiser(serializers.ModelSerializer[Goal]):
    """A goal with all its terms."""

    terms = TermsForAdvertiser(many=True, read_only=True)

    class Meta:
        model = Goal
        fields = ("id", "offer", "code", "name", "dedupe", "is_default", "created_at", "terms")
        read_only_fields = fields


class GoalForNetwork(GoalForAdvertiser):
    """A goal with both prices."""

    terms = TermsForNetwork(many=True, read_only=True)


class GoalForAffiliate(serializers.ModelSerializer[Goal]):
    """A goal with the commission that holds for the asking affiliate right now."""

    commission = serializers.SerializerMethodField()

    class Meta:
        model = Goal
        fields = ("id", "offer", "code", "name", "dedupe", "is_default", "commission")
        read_only_fields = fields

    @extend_schema_field(Commission(allow_null=True))
    def get_commission(self, goal: Goal) -> dict[str, Any] | None:
        """None where nothing is paid at present."""
        affiliate_id: int = self.context["request"].user.affiliate_id
        terms = goals.holding(goal, affiliate_id, at=clock.now())
        return dict(Commission(terms).data) if terms else None


def new_goal(data: dict[str, Any], *, currency: str, at: str = "") -> goals.NewGoal:
    """The goal that a checked GoalInput asks for; `at` is the JSON pointer of where it stood."""
    terms = [
        new_terms(each, currency=currency, at=f"{at}/terms/{index}")
        for index, each in enumerate(data.pop("terms", ()))
    ]
    return goals.NewGoal(**data, terms=terms, at=at)


def new_terms(data: dict[str, Any], *, currency: str, at: str = "") -> goals.NewTerms:
    """The terms that a checked TermsInput asks for; CurrencyMismatch for another currency."""
    revenue_fixed_micros, revenue_ppm = _price(data.pop("revenue"), currency, f"{at}/revenue")
    commission_fixed_micros, commission_ppm = None, None
    if (commission := data.pop("commission", None)) is not None:
        commission_fixed_micros, commission_ppm = _price(commission, currency, f"{at}/commission")
    return goals.NewTerms(
        **data,
        revenue_fixed_micros=revenue_fixed_micros,
        revenue_ppm=revenue_ppm,
        commission_fixed_micros=commission_fixed_micros,
        commission_ppm=commission_ppm,
        at=at,
    )


def _price(data: dict[str, Any], currency: str, at: str) -> tuple[int, int]:
    fixed: Money = data.get("fixed", Money(0, currency))
    if fixed.currency != currency:
        raise CurrencyMismatch(f"The offer is in {currency}.", pointer=f"{at}/fixed/currency")
    return fixed.micros, data.get("percent", 0)


GOAL = by_role("Goal", GoalForNetwork, GoalForAdvertiser, GoalForAffiliate)
TERMS = by_role("Terms", TermsForNetwork, TermsForAdvertiser)


@extend_schema_view(list=extend_schema(responses=GOAL))
class GoalViews(mixins.ListModelMixin, Resource):
    """The goals of an offer."""

    queryset = Goal.objects.all()
    serializer_class = GoalForNetwork
    roles = {"list": Role.values, "create": (Role.OPERATOR, Role.ADVERTISER)}
    scope = {"list": "offers:read", "create": "offers:write"}

    def get_queryset(self) -> QuerySet[Goal]:
        return Goal.objects.filter(offer=self._offer()).prefetch_related("terms__goal__offer")

    def serializer_for(self, actor: Actor) -> type[serializers.ModelSerializer[Goal]]:
        """Prices by role."""
        if actor.role == Role.AFFILIATE:
            return GoalForAffiliate
        return GoalForAdvertiser if actor.role == Role.ADVERTISER else GoalForNetwork

    @extend_schema(request=GoalInput, responses={201: GOAL})
    def create(self, request: Request, offer_id: int) -> Response:
        """Add a goal with its first terms."""
        offer = self._offer()
        new = new_goal(self.checked(GoalInput), currency=offer.currency)
        goal = goals.add_goal(offer, new, actor=self.actor)
        return Response(self.get_serializer(goal).data, status=201)

    def _offer(self) -> Offer:
        return get_object_or_404(offers.visible(self.actor), pk=self.kwargs["offer_id"])


@extend_schema_view(list=extend_schema(responses=TERMS))
class TermsViews(mixins.ListModelMixin, Resource):
    """The terms of a goal, past and future; an affiliate sees its own on the offer."""

    queryset = Terms.objects.all()
    serializer_class = TermsForNetwork
    roles = {
        "list": (Role.OPERATOR, Role.FINANCE, Role.ADVERTISER),
        "create": (Role.OPERATOR, Role.ADVERTISER),
    }
    scope = {"list": "offers:read", "create": "offers:write"}

    def get_queryset(self) -> QuerySet[Terms]:
        return self._goal().terms.select_related("goal__offer")

    def serializer_for(self, actor: Actor) -> type[serializers.ModelSerializer[Terms]]:
        """Prices by role."""
        return TermsForAdvertiser if actor.role == Role.ADVERTISER else TermsForNetwork

    @extend_schema(request=TermsInput, responses={201: TERMS})
    def create(self, request: Request, goal_id: int) -> Response:
        """Add terms that take over at `valid_from`, by default now."""
        goal = self._goal()
        new = new_terms(self.checked(TermsInput), currency=goal.offer.currency)
        return Response(
            self.get_serializer(goals.add_terms(goal, new, actor=self.actor)).data, status=201
        )

    def _goal(self) -> Goal:
        visible = Goal.objects.filter(offer__in=offers.visible(self.actor))
        return get_object_or_404(visible.select_related("offer"), pk=self.kwargs["goal_id"])
