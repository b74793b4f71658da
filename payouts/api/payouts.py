"""`payouts`: what each affiliate is sent in a run, and what became of it."""

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.fields import MoneyOf
from network.api.filters import IdFilter, StrictFilterSet
from network.api.serializers import StrictSerializer
from partners.actors import Actor
from partners.api.resources import Resource
from partners.api.schema import by_role
from partners.models import Role
from payouts import payments
from payouts.models import PaymentAttempt, Payout

_READERS = (Role.AFFILIATE, Role.OPERATOR, Role.FINANCE)


class AttemptOutput(serializers.ModelSerializer[PaymentAttempt]):
    """One try to pay; `end_to_end_id` is what the bank knows it by."""

    end_to_end_id = serializers.CharField(source="idem_key", read_only=True)

    class Meta:
        model = PaymentAttempt
        fields = ("n", "end_to_end_id", "state", "evidence", "created_at", "changed_at")
        read_only_fields = fields


class PayoutForAffiliate(serializers.ModelSerializer[Payout]):
    """Commissions and what earlier payouts left over are what is sent and what is left over."""

    commissions = MoneyOf("lines_micros")
    carry_in = MoneyOf("carry_in_micros")
    net = MoneyOf("net_micros")
    carry_out = MoneyOf("carry_out_micros")
    account_last4 = serializers.CharField(source="payee_method.last4", read_only=True)

    class Meta:
        model = Payout
        fields: tuple[str, ...] = (
            "id",
            "run",
            "affiliate",
            "state",
            "commissions",
            "carry_in",
            "net",
            "carry_out",
            "account_last4",
        )
        read_only_fields: tuple[str, ...] = fields


class PayoutForNetwork(PayoutForAffiliate):
    """With the tries to pay it and what they came to."""

    holder = serializers.CharField(source="payee_method.holder", read_only=True)
    attempts = AttemptOutput(many=True, read_only=True)

    class Meta(PayoutForAffiliate.Meta):
        fields = (*PayoutForAffiliate.Meta.fields, "holder", "attempts")
        read_only_fields = fields


class PayoutFilter(StrictFilterSet):
    """Payouts of one run, one affiliate, in one state."""

    run = IdFilter("run_id")
    affiliate = IdFilter("affiliate_id")

    class Meta:
        model = Payout
        fields = ("state",)


class Rejection(StrictSerializer):
    """The bank's own word: a message id, a reason code."""

    evidence = serializers.CharField(max_length=200)


def shown(rows: QuerySet[Payout]) -> QuerySet[Payout]:
    """With what `PayoutForNetwork` reads of other tables."""
    attempts = Prefetch("attempts", PaymentAttempt.objects.order_by("n"))
    return rows.select_related("payee_method").prefetch_related(attempts)


PAYOUT = by_role("Payout", PayoutForNetwork, PayoutForAffiliate)


@extend_schema_view(list=extend_schema(responses=PAYOUT), retrieve=extend_schema(responses=PAYOUT))
class PayoutViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Payouts, newest first; an affiliate sees its own from the moment they are promised."""

    queryset = Payout.objects.all()
    serializer_class = PayoutForNetwork
    filterset_class = PayoutFilter
    idempotent = "required"
    ordering = ("-id",)
    roles = {"list": _READERS, "retrieve": _READERS, "reject": (Role.FINANCE,)}
    scope = {"list": "payouts:read", "retrieve": "payouts:read", "reject": "payouts:write"}

    def get_queryset(self) -> QuerySet[Payout]:
        return shown(payments.visible(self.actor))

    def serializer_for(self, actor: Actor) -> type[PayoutForAffiliate]:
        """The bank's words are for the network's people."""
        return PayoutForNetwork if actor.sees_all else PayoutForAffiliate

    @extend_schema(request=Rejection, responses=PayoutForNetwork)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: int) -> Response:
        """The bank refused it: the money is payable again, in a later run."""
        payout = payments.reject(
            payout_id=self.get_object().pk, **self.checked(Rejection), actor=self.actor
        )
        return Response(PayoutForNetwork(payout).data)
