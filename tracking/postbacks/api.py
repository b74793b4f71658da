"""`postbacks`: where affiliates want news; `deliveries`: what was sent there, and how it went."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.filters import IdFilter, StrictFilterSet
from network.api.serializers import StrictSerializer
from partners import offers, parties
from partners.api.relations import Own, Visible
from partners.api.resources import Resource
from partners.models import Role
from tracking.conversions.models import Conversion
from tracking.postbacks import addresses, send
from tracking.postbacks.models import Delivery, Postback

_WRITERS = (Role.OPERATOR, Role.AFFILIATE)
_READERS = (*_WRITERS, Role.FINANCE)
URL_MAX = 2_000
_USUAL = ("approved", "pending", "rejected", "reversed")


class PostbackInput(StrictSerializer):
    """An address to add, for one offer or, without `offer`, for all that have none of their own."""

    affiliate = Visible(parties.visible_affiliates, default=Own())
    offer = Visible(offers.visible, required=False, allow_null=True)
    url = serializers.CharField(max_length=URL_MAX)
    statuses = serializers.MultipleChoiceField(
        choices=Conversion.Status.choices,
        default=_USUAL,  # type: ignore[arg-type]  # a set would be published in any order
        allow_empty=False,
    )


class PostbackChange(StrictSerializer):
    """What may change of an address."""

    url = serializers.CharField(max_length=URL_MAX)
    statuses = serializers.MultipleChoiceField(choices=Conversion.Status.choices, allow_empty=False)
    active = serializers.BooleanField()

    def validate_statuses(self, value: set[str]) -> list[str]:
        """In one order, whatever was sent."""
        return sorted(value)


class PostbackOutput(serializers.ModelSerializer[Postback]):
    """An address without its secret."""

    class Meta:
        model = Postback
        fields: tuple[str, ...] = (
            "id",
            "affiliate",
            "offer",
            "url",
            "statuses",
            "active",
            "created_at",
        )
        read_only_fields: tuple[str, ...] = fields


class NewPostback(PostbackOutput):
    """A new address with its secret, this once."""

    secret = serializers.CharField(read_only=True)

    class Meta(PostbackOutput.Meta):
        fields = (*PostbackOutput.Meta.fields, "secret")
        read_only_fields = fields


class TestResult(serializers.Serializer[Any]):
    """What came of a test message: a status, or the code of an error."""

    delivered = serializers.BooleanField(source="ok")
    status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()
    elapsed_ms = serializers.IntegerField()


class DeliveryOutput(serializers.ModelSerializer[Delivery]):
    """A message; `id` is the `webhook-id` that the receiver saw."""

    conversion = serializers.UUIDField(source="conversion_id", read_only=True)

    class Meta:
        model = Delivery
        fields = (
            "id",
            "postback",
            "conversion",
            "body",
            "status",
            "attempts",
            "due_at",
            "last_status",
            "last_error",
            "created_at",
            "delivered_at",
        )
        read_only_fields = fields


class PostbackFilter(StrictFilterSet):
    """Addresses by affiliate, offer and state."""

    affiliate = IdFilter("affiliate_id")
    offer = IdFilter("offer_id")

    class Meta:
        model = Postback
        fields = ("active",)


class DeliveryFilter(StrictFilterSet):
    """Messages by address, conversion and state."""

    postback = IdFilter("postback_id")
    conversion = filters.UUIDFilter("conversion_id")

    class Meta:
        model = Delivery
        fields = ("status",)


class PostbackViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Where affiliates want to be told of their conversions."""

    queryset = Postback.objects.all()
    serializer_class = PostbackOutput
    filterset_class = PostbackFilter
    roles = {
        "list": _READERS,
        "retrieve": _READERS,
        "create": _WRITERS,
        "partial_update": _WRITERS,
        "destroy": _WRITERS,
        "test": _WRITERS,
    }
    scope = {
        "list": "postbacks:read",
        "retrieve": "postbacks:read",
        "create": "postbacks:write",
        "partial_update": "postbacks:write",
        "destroy": "postbacks:write",
        "test": "postbacks:write",
    }
    bodiless = ("test",)
    # No transaction is open while an address takes its time.
    idempotent = {"test": "ignored"}

    def get_queryset(self) -> QuerySet[Postback]:
        return addresses.visible(self.actor)

    @extend_schema(request=PostbackInput, responses={201: NewPostback})
    def create(self, request: Request) -> Response:
        """Add an address; the answer shows its secret for the only time."""
        postback, secret = addresses.add(**self.checked(PostbackInput))
        return Response({**PostbackOutput(postback).data, "secret": secret}, status=201)

    @extend_schema(request=PostbackChange, responses=PostbackOutput)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Move it, choose other states, switch it off or on."""
        postback: Postback = self.get_object()
        addresses.change(postback, **self.checked(PostbackChange, partial=True))
        return Response(PostbackOutput(postback).data)

    def destroy(self, request: Request, pk: int) -> Response:
        """Remove it with the log of what was sent there."""
        addresses.remove(self.get_object())
        return Response(status=204)

    @extend_schema(responses=TestResult)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: int) -> Response:
        """Send a test message now and answer with what came of it."""
        return Response(TestResult(send.send_test(self.get_object())).data)


class DeliveryViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """What was sent to postbacks, the latest first."""

    queryset = Delivery.objects.all()
    serializer_class = DeliveryOutput
    filterset_class = DeliveryFilter
    # An id begins with the time of its making, and the primary key has this order.
    ordering = ("-id",)
    lookup_value_converter = "uuid"
    bodiless = ("replay",)
    roles = {"list": _READERS, "retrieve": _READERS, "replay": _WRITERS}
    scope = {
        "list": "postbacks:read",
        "retrieve": "postbacks:read",
        "replay": "postbacks:write",
    }

    def get_queryset(self) -> QuerySet[Delivery]:
        return addresses.visible_deliveries(self.actor)

    @extend_schema(responses=DeliveryOutput)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: UUID) -> Response:
        """Send it again, with the same id, from the beginning of its schedule."""
        delivery: Delivery = self.get_object()
        send.replay(delivery)
        delivery.refresh_from_db()
        return Response(DeliveryOutput(delivery).data)
