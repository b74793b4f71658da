"""`balances`: what an advertiser has, what an affiliate is owed, how the network stands."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.fields import MoneyOf
from network.api.parameters import id_parameter
from network.api.views import Endpoint
from partners.api.resources import ActorMixin
from partners.auth import RoleNotAllowed
from partners.models import Role
from payouts import balances


class AdvertiserBalanceOutput(serializers.Serializer[Any]):
    """Available is what is paid in less what is reserved for conversions.

    Without an active offer in its currency (`has_offer`) money waits.
    """

    advertiser = serializers.IntegerField(read_only=True)
    available = MoneyOf("available_micros")
    reserved = MoneyOf("reserved_micros")
    prepaid = MoneyOf("prepaid_micros")
    credit_limit = MoneyOf("credit_limit_micros")
    has_offer = serializers.BooleanField(read_only=True)


class AffiliateBalanceOutput(serializers.Serializer[Any]):
    """What is owed, by how far it is, and what was paid so far.

    A currency that no way to pay carries (`has_rail`) is in no run.
    """

    affiliate = serializers.IntegerField(read_only=True)
    held = MoneyOf("held_micros")
    payable = MoneyOf("payable_micros")
    in_payout = MoneyOf("in_payout_micros")
    paid = MoneyOf("paid_micros")
    has_rail = serializers.BooleanField(read_only=True)


class NetworkBalanceOutput(serializers.Serializer[Any]):
    """All accounts of a kind together; `has_rail` as with affiliates."""

    kind = serializers.CharField(read_only=True)
    balance = MoneyOf("balance_micros")
    has_rail = serializers.BooleanField(read_only=True)


class Balances(serializers.Serializer[Any]):
    """One's own balances; for the network's people the largest of all, and the trial balance."""

    advertisers = AdvertiserBalanceOutput(many=True, read_only=True)
    affiliates = AffiliateBalanceOutput(many=True, read_only=True)
    network = NetworkBalanceOutput(many=True, read_only=True)


class BalancesView(ActorMixin, Endpoint):
    """Balances at this moment."""

    action = "retrieve"
    query_parameters = ("advertiser", "affiliate")
    roles = Role.values
    scope = {"retrieve": "reports:read"}

    @extend_schema(
        responses=Balances,
        parameters=[OpenApiParameter("advertiser", int), OpenApiParameter("affiliate", int)],
    )
    def get(self, request: Request) -> Response:
        """For the network's people `advertiser` and `affiliate` pick one partner."""
        actor = self.actor
        advertiser, affiliate = actor.advertiser_id, actor.affiliate_id
        if actor.sees_all:
            advertiser = id_parameter(request.query_params, "advertiser")
            affiliate = id_parameter(request.query_params, "affiliate")
        elif request.query_params:
            # One's own balances under another's id would be taken for the other's.
            raise RoleNotAllowed("Only the network's people pick a partner.")
        every = actor.sees_all and advertiser is None and affiliate is None
        found = {
            "advertisers": balances.of_advertisers(advertiser) if advertiser or every else [],
            "affiliates": balances.of_affiliates(affiliate) if affiliate or every else [],
            "network": balances.of_network() if every else [],
        }
        return Response(Balances(found).data)
