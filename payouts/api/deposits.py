"""`deposits` and `credit-limits`: what advertisers paid in, and how far they are trusted."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.fields import MoneyField, MoneyOf
from network.api.filters import CurrencyFilter, IdFilter, StrictFilterSet
from network.api.serializers import StrictSerializer
from partners.api.relations import Visible
from partners.api.resources import Resource
from partners.models import Funds, Role
from partners.parties import visible_advertisers
from payouts import deposits
from payouts.models import Deposit

_READERS = (Role.ADVERTISER, Role.OPERATOR, Role.FINANCE)
_WRITERS = (Role.FINANCE,)


class DepositInput(StrictSerializer):
    """A credit on our bank account; `account` is ours, by default the one that pays out."""

    advertiser = Visible(visible_advertisers)
    amount = MoneyField()
    bank_ref = serializers.CharField(max_length=80)
    booked_on = serializers.DateField()
    account = serializers.CharField(max_length=40, required=False)


class DepositOutput(serializers.ModelSerializer[Deposit]):
    """A deposit that is in the books.

    Money may come before its offer: until one is active in its currency (`has_offer`) it waits.
    """

    amount = MoneyOf("amount_micros")
    has_offer = serializers.BooleanField(read_only=True)

    class Meta:
        model = Deposit
        fields = (
            "id",
            "advertiser",
            "amount",
            "has_offer",
            "account",
            "bank_ref",
            "booked_on",
            "created_at",
        )
        read_only_fields = fields


class DepositFilter(StrictFilterSet):
    """Deposits of one advertiser, in one currency."""

    advertiser = IdFilter("advertiser_id")
    currency = CurrencyFilter()


class DepositViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Deposits, newest first."""

    queryset = Deposit.objects.all()
    serializer_class = DepositOutput
    filterset_class = DepositFilter
    idempotent = "required"
    ordering = ("-id",)
    roles = {"list": _READERS, "retrieve": _READERS, "create": _WRITERS}
    scope = {"list": "funds:read", "retrieve": "funds:read", "create": "funds:write"}

    def get_queryset(self) -> QuerySet[Deposit]:
        return deposits.visible(self.actor)

    @extend_schema(request=DepositInput, responses={201: DepositOutput})
    def create(self, request: Request) -> Response:
        """Book a deposit; conversions that wait for money get it, oldest first."""
        deposit = deposits.record(**self.checked(DepositInput), actor=self.actor)
        shown = self.get_queryset().get(pk=deposit.pk)
        return Response(DepositOutput(shown).data, status=201)


class CreditLimitInput(StrictSerializer):
    """How far below zero an advertiser's funds may go in a currency."""

    advertiser = Visible(visible_advertisers)
    limit = MoneyField(least=0)


class FundsOutput(serializers.ModelSerializer[Funds]):
    """What an advertiser can still promise in one currency."""

    available = MoneyOf("available_micros")
    limit = MoneyOf("credit_limit_micros")

    class Meta:
        model = Funds
        fields = ("id", "advertiser", "available", "limit")
        read_only_fields = fields


class CreditLimitViews(mixins.ListModelMixin, Resource):
    """Credit limits and what is free, by advertiser and currency."""

    queryset = Funds.objects.all()
    serializer_class = FundsOutput
    filterset_class = DepositFilter
    idempotent = "required"
    ordering = ("-id",)
    roles = {"list": _READERS, "create": _WRITERS}
    scope = {"list": "funds:read", "create": "funds:write"}

    def get_queryset(self) -> QuerySet[Funds]:
        return deposits.visible_funds(self.actor)

    @extend_schema(request=CreditLimitInput, responses=FundsOutput)
    def create(self, request: Request) -> Response:
        """Set a credit limit; 0 ends the credit."""
        funds = deposits.set_credit_limit(**self.checked(CreditLimitInput), actor=self.actor)
        return Response(FundsOutput(funds).data)
