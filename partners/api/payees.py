"""`payee-methods`: where an affiliate is paid; written by its own people, shown by four digits."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.filters import IdFilter, StrictFilterSet, TrueOrFalse
from network.api.serializers import StrictSerializer
from partners import payees
from partners.actors import Actor
from partners.api.resources import Resource
from partners.api.schema import by_role
from partners.letters import NAME_MAX, TOWN_MAX
from partners.models import Affiliate, PayeeMethod, Role


class PayeeInput(StrictSerializer):
    """Bank details; they replace the ones before."""

    holder = serializers.CharField(max_length=NAME_MAX)
    iban = serializers.CharField(max_length=50, write_only=True)
    country = serializers.RegexField(r"^[A-Z]{2}$")
    town = serializers.CharField(max_length=TOWN_MAX, required=False, allow_blank=True)


class PayeeOutput(serializers.ModelSerializer[PayeeMethod]):
    """One version of the bank details."""

    class Meta:
        model = PayeeMethod
        fields: tuple[str, ...] = (
            "id",
            "affiliate",
            "holder",
            "town",
            "country",
            "last4",
            "created_at",
            "usable_from",
            "superseded_at",
        )
        read_only_fields: tuple[str, ...] = fields


class PayeeForNetwork(PayeeOutput):
    """With a warning where another affiliate is paid to the same account."""

    shared = serializers.BooleanField(read_only=True)

    class Meta(PayeeOutput.Meta):
        fields = (*PayeeOutput.Meta.fields, "shared")
        read_only_fields = fields


class PayeeFilter(StrictFilterSet):
    """Versions of one affiliate, or only those that are in force."""

    affiliate = IdFilter("affiliate_id")
    live = TrueOrFalse("superseded_at", lookup_expr="isnull")


PAYEE = by_role("PayeeMethod", PayeeForNetwork, PayeeOutput)


@extend_schema_view(list=extend_schema(responses=PAYEE), retrieve=extend_schema(responses=PAYEE))
class PayeeViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Every version of the bank details, newest first."""

    queryset = PayeeMethod.objects.all()
    serializer_class = PayeeForNetwork
    lookup_value_converter = "uuid"
    filterset_class = PayeeFilter
    roles = {
        "list": (Role.AFFILIATE, Role.OPERATOR, Role.FINANCE),
        "retrieve": (Role.AFFILIATE, Role.OPERATOR, Role.FINANCE),
        # Who pays must not be able to say where to.
        "create": (Role.AFFILIATE,),
    }
    scope = {"list": "payees:read", "retrieve": "payees:read", "create": "payees:write"}

    def get_queryset(self) -> QuerySet[PayeeMethod]:
        return payees.with_shared(payees.visible(self.actor))

    def serializer_for(self, actor: Actor) -> type[PayeeOutput]:
        """The warning is for the network's people."""
        return PayeeForNetwork if actor.sees_all else PayeeOutput

    @extend_schema(request=PayeeInput, responses={201: PayeeOutput})
    def create(self, request: Request) -> Response:
        """Say where to pay from now on."""
        data: dict[str, Any] = self.checked(PayeeInput)
        affiliate = Affiliate.objects.get(organisation=self.actor.organisation_id)
        method = payees.replace(affiliate, payees.Account(**data), actor=self.actor)
        return Response(PayeeOutput(method).data, status=201)
