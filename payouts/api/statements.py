"""`statements`: an affiliate's money over a period, from what was owed to what is owed."""

from datetime import date, timedelta
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.fields import MoneyOf
from network.api.views import Endpoint
from partners.api.resources import ActorMixin
from partners.models import Role
from partners.parties import visible_affiliates
from payouts import bank, statements
from payouts.api.parameters import day_parameter, id_parameter, invalid
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
    """An affiliate's statement from one day up to another, which is not in it."""

    affiliate = serializers.IntegerField(read_only=True)
    since = serializers.DateField(read_only=True)
    until = serializers.DateField(read_only=True)
    currencies = CurrencyOutput(many=True, read_only=True)


class StatementView(ActorMixin, Endpoint):
    """Statements are read from the books and never stored."""

    action = "list"
    query_parameters = ("affiliate", "from", "to")
    roles = (Role.AFFILIATE, Role.OPERATOR, Role.FINANCE)
    scope = {"list": "commissions:read"}

    @extend_schema(
        responses=StatementOutput,
        parameters=[
            OpenApiParameter("affiliate", int, description="Whose; one's own by default."),
            OpenApiParameter("from", date, description="The first day; the month's by default."),
            OpenApiParameter("to", date, description="The day after the last; tomorrow."),
        ],
    )
    def get(self, request: Request) -> Response:
        """A statement of the days from `from` up to `to`, which is not in it."""
        affiliate_id = id_parameter(request, "affiliate") or self.actor.affiliate_id
        if affiliate_id is None:
            raise invalid("affiliate", "Say whose statement.")
        affiliate = get_object_or_404(visible_affiliates(self.actor), pk=affiliate_id)
        today = bank.today()
        since = day_parameter(request, "from", today.replace(day=1))
        until = day_parameter(request, "to", today + timedelta(days=1))
        found = statements.of_affiliate(
            affiliate.pk, since=bank.start_of(since), until=bank.start_of(until)
        )
        shown = {
            "affiliate": affiliate.pk,
            "since": since,
            "until": until,
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
