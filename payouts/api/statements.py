"""`statements`: an affiliate's money over a period, from what was owed to what is owed."""

from datetime import date, timedelta
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.fields import MoneyOf
from network.api.parameters import day_parameter, id_parameter
from network.api.views import Endpoint
from network.errors import InvalidParameter
from partners.api.resources import ActorMixin
from partners.models import Role
from partners.parties import visible_affiliates
from payouts import bank, statements
from payouts.statements import Owed, Statement


class OwedOutput(serializers.Serializer[Any]):
    """What is owed by how far it is, or how that changed."""

    held = MoneyOf("held_micros")
    payable = MoneyOf("payable_micros")
    in_payout = MoneyOf("in_payout_micros")
    total = MoneyOf("total_micros")


class LineOutput(OwedOutput):
    """All changes of one sort on one day of the network's zone."""

    day = serializers.DateField(read_only=True)
    what = serializers.ChoiceField(choices=list(statements.WHAT.values()), read_only=True)


class CurrencyOutput(serializers.Serializer[Any]):
    """One currency: opening and lines add up to closing."""

    currency = serializers.CharField(read_only=True)
    opening = OwedOutput(read_only=True)
    lines = LineOutput(many=True, read_only=True)
    closing = OwedOutput(read_only=True)


class StatementOutput(serializers.Serializer[Any]):
    """An affiliate's statement of the days `from` to `to`, both in it."""

    to = serializers.DateField(read_only=True)
    affiliate = serializers.IntegerField(read_only=True)
    currencies = CurrencyOutput(many=True, read_only=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """With `from`, which a class body cannot name."""
        return {"from": serializers.DateField(read_only=True), **super().get_fields()}


class StatementView(ActorMixin, Endpoint):
    """Statements are read from the books and never stored."""

    action = "retrieve"
    query_parameters = ("affiliate", "from", "to")
    roles = (Role.AFFILIATE, Role.OPERATOR, Role.FINANCE)
    scope = {"retrieve": "commissions:read"}

    @extend_schema(
        responses=StatementOutput,
        parameters=[
            OpenApiParameter("affiliate", int, description="Whose; one's own by default."),
            OpenApiParameter("from", date, description="The first day; that of the last's month."),
            OpenApiParameter("to", date, description="The last day, included; today."),
        ],
    )
    def get(self, request: Request) -> Response:
        """A statement of the days `from` to `to`, both in it."""
        said = request.query_params
        affiliate_id = id_parameter(said, "affiliate")
        if affiliate_id is None:
            affiliate_id = self.actor.affiliate_id
        if affiliate_id is None:
            raise InvalidParameter("Say whose statement.", pointer="?affiliate")
        affiliate = get_object_or_404(visible_affiliates(self.actor), pk=affiliate_id)
        last = day_parameter(said, "to") or bank.today()
        first = day_parameter(said, "from") or last.replace(day=1)
        if first > last:
            raise InvalidParameter("A statement covers 1 day or more.", pointer="?from")
        found = statements.of_affiliate(
            affiliate.pk,
            since=bank.start_of(first),
            until=bank.start_of(last + timedelta(days=1)),
        )
        shown = {
            "from": first,
            "to": last,
            "affiliate": affiliate.pk,
            "currencies": [_shown(statement) for statement in found],
        }
        return Response(StatementOutput(shown).data)


def _shown(statement: Statement) -> dict[str, Any]:
    currency = statement.currency
    return {
        "currency": currency,
        "opening": _owed(statement.opening, currency),
        "lines": [
            {"day": line.day, "what": line.what, **_owed(line.change, currency)}
            for line in statement.lines
        ],
        "closing": _owed(statement.closing, currency),
    }


def _owed(owed: Owed, currency: str) -> dict[str, Any]:
    return {
        "currency": currency,
        "held_micros": owed.held_micros,
        "payable_micros": owed.payable_micros,
        "in_payout_micros": owed.in_payout_micros,
        "total_micros": owed.total_micros,
    }
