"""`conversions`: what was reported and what became of it, why, and the decisions of people."""

from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.fields import MoneyField, MoneyOf
from network.api.filters import IdFilter, StrictFilterSet, TrueOrFalse
from network.api.serializers import StrictSerializer
from partners.actors import Actor
from partners.api.resources import Resource
from partners.api.schema import by_role
from partners.models import Role
from tracking.clicks import ids
from tracking.clicks.shapes import ExternalClickId
from tracking.conversions import lifecycle
from tracking.conversions.explain import explain
from tracking.conversions.models import Conversion
from tracking.conversions.reasons import REFUSALS, category
from tracking.conversions.shapes import EXPLANATION
from tracking.visible import visible

_DECIDERS = (Role.OPERATOR, Role.ADVERTISER)
NOTE_MAX = 200


class ConversionForAffiliate(serializers.ModelSerializer[Conversion]):
    """A conversion with what the affiliate earns by it and the category of the reason."""

    click_id = ExternalClickId()
    commission = MoneyOf("commission_micros")
    reason = serializers.SerializerMethodField()

    class Meta:
        model = Conversion
        fields: tuple[str, ...] = (
            "id",
            "status",
            "reason",
            "received_at",
            "offer",
            "goal",
            "affiliate",
            "link",
            "click_id",
            "click_at",
            "source",
            "aff_click_id",
            "subs",
            "is_test",
            "commission",
        )
        read_only_fields: tuple[str, ...] = fields

    def get_reason(self, conversion: Conversion) -> str:
        """The category: details of fraud rules stay inside."""
        return category(conversion.reason)


_ALL_BUT_MONEY = tuple(name for name in ConversionForAffiliate.Meta.fields if name != "commission")


class ConversionForAdvertiser(serializers.ModelSerializer[Conversion]):
    """A conversion with the sale and what the advertiser pays for it.

    A pending one without `due_at` waits for a person.
    """

    click_id = ExternalClickId()
    order_id = serializers.CharField(source="order_ref", read_only=True, allow_null=True)
    event_id = serializers.CharField(source="event_ref", read_only=True, allow_null=True)
    sale = MoneyOf("sale_micros", allow_null=True)
    revenue = MoneyOf("revenue_micros")

    class Meta:
        model = Conversion
        fields: tuple[str, ...] = (
            *_ALL_BUT_MONEY,
            "advertiser",
            "order_id",
            "event_id",
            "due_at",
            "sale",
            "revenue",
        )
        read_only_fields: tuple[str, ...] = fields


class ConversionForNetwork(ConversionForAdvertiser):
    """A conversion with both sides of its money."""

    commission = MoneyOf("commission_micros")

    class Meta(ConversionForAdvertiser.Meta):
        fields = (*ConversionForAdvertiser.Meta.fields, "commission")
        read_only_fields = fields


class Acceptance(StrictSerializer):
    """What a person adds to an approval; its reason is the person's role."""

    note = serializers.CharField(max_length=NOTE_MAX, required=False, allow_blank=True)


class Refusal(StrictSerializer):
    """Why a person rejects or reverses."""

    reason = serializers.ChoiceField(REFUSALS)
    note = serializers.CharField(max_length=NOTE_MAX, required=False, allow_blank=True)


class Reversal(Refusal):
    """Why a person reverses; `amount` is the part of the sale that was refunded, if not all."""

    amount = MoneyField(required=False)


class FilterForAffiliate(StrictFilterSet):
    """Conversions by state, by whose they are, by click, and by time of receipt.

    By what an affiliate is shown: a filter for anything else would tell whether a guess is right.
    """

    period = "received_at"

    offer = IdFilter("offer_id")
    goal = IdFilter("goal_id")
    affiliate = IdFilter("affiliate_id")
    link = IdFilter("link_id")
    click_id = filters.CharFilter(method="of_click")

    class Meta:
        model = Conversion
        fields = ("status", "is_test")

    def of_click(self, rows: QuerySet[Conversion], name: str, text: str) -> QuerySet[Conversion]:
        """Those of one click; none for an id that is not ours."""
        id = ids.read(text)
        return rows.filter(click_id=id) if id else rows.none()


class ConversionFilter(FilterForAffiliate):
    """By advertiser, by order, and by whether they wait for a person, too."""

    advertiser = IdFilter("advertiser_id")
    order_id = filters.CharFilter("order_ref")
    review = TrueOrFalse(method="in_review")

    def in_review(
        self, rows: QuerySet[Conversion], name: str, wanted: bool
    ) -> QuerySet[Conversion]:
        """Those that wait for a person, or those that do not."""
        waiting = {"status": Conversion.Status.PENDING, "due_at": None}
        return rows.filter(**waiting) if wanted else rows.exclude(**waiting)


CONVERSION = by_role(
    "Conversion", ConversionForNetwork, ConversionForAdvertiser, ConversionForAffiliate
)
# What those who decide are shown.
DECIDED = by_role("DecidedConversion", ConversionForNetwork, ConversionForAdvertiser)


@extend_schema_view(
    list=extend_schema(responses=CONVERSION), retrieve=extend_schema(responses=CONVERSION)
)
class ConversionViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Conversions, the latest first; decisions are for the operator and the offer's advertiser.

    An affiliate filters by what it is shown: not by `advertiser`, `order_id` or `review`.
    """

    queryset = Conversion.objects.all()
    serializer_class = ConversionForNetwork
    lookup_value_converter = "uuid"
    ordering = ("-received_at", "-id")
    roles = {
        "list": tuple(Role),
        "retrieve": tuple(Role),
        "explain": tuple(Role),
        "approve": _DECIDERS,
        "reject": _DECIDERS,
        "reverse": _DECIDERS,
    }
    scope = {
        "list": "conversions:read",
        "retrieve": "conversions:read",
        "explain": "conversions:read",
        "approve": "conversions:write",
        "reject": "conversions:write",
        "reverse": "conversions:write",
    }
    idempotent = {"approve": "required", "reverse": "required"}

    @property
    def filterset_class(self) -> type[StrictFilterSet]:
        """What the actor may ask for; the schema is written for nobody, and shows the most."""
        if getattr(self, "swagger_fake_view", False) or self.actor.role != Role.AFFILIATE:
            return ConversionFilter
        return FilterForAffiliate

    def get_queryset(self) -> QuerySet[Conversion]:
        return visible(Conversion.objects.all(), self.actor)

    def serializer_for(self, actor: Actor) -> type[serializers.ModelSerializer[Conversion]]:
        return {
            Role.AFFILIATE: ConversionForAffiliate,
            Role.ADVERTISER: ConversionForAdvertiser,
        }.get(actor.role, ConversionForNetwork)

    @extend_schema(responses=EXPLANATION)
    @action(detail=True)
    def explain(self, request: Request, pk: UUID) -> Response:
        """Why it is as it is: click, terms, evidence, every decision with its facts."""
        return Response(explain(self.get_object(), self.actor.role))

    @extend_schema(request=Acceptance, responses=DECIDED)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: UUID) -> Response:
        """Approve a pending or rejected conversion; its amounts are final from then on."""
        conversion: Conversion = self.get_object()
        lifecycle.approve(conversion.pk, actor=self.actor, **self.checked(Acceptance))
        return self._changed(conversion)

    @extend_schema(request=Refusal, responses=DECIDED)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: UUID) -> Response:
        """Reject a conversion that is not approved yet."""
        conversion: Conversion = self.get_object()
        lifecycle.reject(conversion.pk, actor=self.actor, **self.checked(Refusal))
        return self._changed(conversion)

    @extend_schema(request=Reversal, responses=DECIDED)
    @action(detail=True, methods=["post"])
    def reverse(self, request: Request, pk: UUID) -> Response:
        """Take back an approved conversion, whole or for the part of the sale that came back."""
        conversion: Conversion = self.get_object()
        said = self.checked(Reversal)
        lifecycle.reverse(conversion.pk, actor=self.actor, refund=said.pop("amount", None), **said)
        return self._changed(conversion)

    def _changed(self, conversion: Conversion) -> Response:
        conversion.refresh_from_db()
        return Response(self.get_serializer(conversion).data)
