"""`payout-runs`: built, locked, approved by a second person, written to a file, settled."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.fields import MoneyField, MoneyOf
from network.api.filters import CurrencyFilter, StrictFilterSet
from network.api.serializers import StrictSerializer
from partners.api.resources import Resource
from partners.models import Role
from payouts import drafts, payments, rails, runs
from payouts.api.payouts import PayoutForNetwork, shown
from payouts.models import Approval, PaymentFile, PayoutRun, PayoutSkip
from payouts.payments import Booking

# A run's page shows this many of its payouts and skips; their own lists show all.
SHOWN_MAX = 200
BOOKINGS_MAX = 10_000
_READERS = (Role.OPERATOR, Role.FINANCE)
_WRITERS = (Role.FINANCE,)


class RunInput(StrictSerializer):
    """What to build: everything payable in a currency up to `cutoff_at`, by default now."""

    currency = serializers.RegexField(r"^[A-Z]{3}$")
    minimum = MoneyField(least=0, required=False)
    cutoff_at = serializers.DateTimeField(required=False)


class ApprovalInput(StrictSerializer):
    """The hash of the content that was looked at."""

    content_sha256 = serializers.RegexField(r"^[0-9a-f]{64}$")


class BookingInput(StrictSerializer):
    """One debit on our account, as the bank booked it."""

    payout = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    bank_ref = serializers.CharField(max_length=80)
    booked_on = serializers.DateField()
    amount = MoneyField()


class SettlementInput(StrictSerializer):
    """Bookings, one for each payout; `account` is ours, by default the one that pays out."""

    bookings = BookingInput(
        many=True,
        allow_empty=False,
        max_length=BOOKINGS_MAX,  # type: ignore[call-arg]  # a list's
    )
    account = serializers.CharField(max_length=40, required=False)


class ApprovalOutput(serializers.ModelSerializer[Approval]):
    """Who said yes, to which content, when."""

    class Meta:
        model = Approval
        fields = ("actor", "content_sha256", "at")
        read_only_fields = fields


class FileOutput(serializers.ModelSerializer[PaymentFile]):
    """The payment file; its bytes are at `/file`."""

    total = MoneyOf("run.total_micros", currency="run.currency")

    class Meta:
        model = PaymentFile
        fields = ("format", "msg_id", "sha256", "count", "total", "rendered_at", "rendered_by")
        read_only_fields = fields


class SkipOutput(serializers.ModelSerializer[PayoutSkip]):
    """An affiliate that was left out, and why."""

    amount = MoneyOf("amount_micros", currency="run.currency")

    class Meta:
        model = PayoutSkip
        fields = ("id", "affiliate", "reason", "amount")
        read_only_fields = fields


class RunOutput(serializers.ModelSerializer[PayoutRun]):
    """A run; `content_sha256` is there from the lock on, and is what an approval names."""

    minimum = MoneyOf("minimum_micros")
    total = MoneyOf("total_micros")

    class Meta:
        model = PayoutRun
        fields: tuple[str, ...] = (
            "id",
            "currency",
            "state",
            "cutoff_at",
            "minimum",
            "maker",
            "total",
            "payouts_count",
            "lines_count",
            "content_sha256",
            "created_at",
            "locked_at",
            "approved_at",
            "dispatched_at",
            "closed_at",
        )
        read_only_fields: tuple[str, ...] = fields


class RunPage(RunOutput):
    """A run with its approvals, its file, and the first of its payouts and skips."""

    approvals = ApprovalOutput(many=True, read_only=True)
    file = FileOutput(read_only=True, allow_null=True, default=None)
    payouts = serializers.SerializerMethodField()
    skips = serializers.SerializerMethodField()

    class Meta(RunOutput.Meta):
        fields = (*RunOutput.Meta.fields, "approvals", "file", "payouts", "skips")
        read_only_fields = fields

    @extend_schema_field(PayoutForNetwork(many=True))
    def get_payouts(self, run: PayoutRun) -> Any:
        rows = shown(run.payouts.order_by("pk"))[:SHOWN_MAX]
        return PayoutForNetwork(rows, many=True).data

    @extend_schema_field(SkipOutput(many=True))
    def get_skips(self, run: PayoutRun) -> Any:
        rows = run.skips.select_related("run").order_by("pk")[:SHOWN_MAX]
        return SkipOutput(rows, many=True).data


class RunFilter(StrictFilterSet):
    """Runs in one currency, in one state."""

    currency = CurrencyFilter()

    class Meta:
        model = PayoutRun
        fields = ("state",)


class RunViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Runs, newest first."""

    queryset = PayoutRun.objects.all()
    serializer_class = RunOutput
    filterset_class = RunFilter
    bodiless = ("lock", "cancel", "render_file")
    idempotent = "required"
    ordering = ("-id",)
    roles = {
        "list": _READERS,
        "retrieve": _READERS,
        "create": _WRITERS,
        "lock": _WRITERS,
        "approve": _WRITERS,
        "cancel": _WRITERS,
        "render_file": _WRITERS,
        "file": _WRITERS,
        "settle": _WRITERS,
    }
    scope = {
        "list": "payouts:read",
        "retrieve": "payouts:read",
        "create": "payouts:write",
        "lock": "payouts:write",
        "approve": "payouts:approve",
        "cancel": "payouts:write",
        "render_file": "payouts:write",
        "file": "payouts:write",
        "settle": "payouts:write",
    }

    def get_queryset(self) -> QuerySet[PayoutRun]:
        return runs.visible(self.actor)

    @extend_schema(responses=RunPage)
    def retrieve(self, request: Request, pk: int) -> Response:
        """A run as one document to sign; more of its payouts are at `payouts?run=`."""
        return Response(RunPage(self.get_object()).data)

    @extend_schema(request=RunInput, responses={201: RunPage})
    def create(self, request: Request) -> Response:
        """Build a draft of everything that is payable."""
        run = drafts.build(**self.checked(RunInput), actor=self.actor)
        return Response(RunPage(run).data, status=201)

    @extend_schema(responses=RunOutput)
    @action(detail=True, methods=["post"])
    def lock(self, request: Request, pk: int) -> Response:
        """Fix the content under its hash and set the money aside."""
        return Response(RunOutput(runs.lock(run_id=pk, actor=self.actor)).data)

    @extend_schema(request=ApprovalInput, responses=RunOutput)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: int) -> Response:
        """A second person's yes to this content."""
        run = runs.approve(run_id=pk, **self.checked(ApprovalInput), actor=self.actor)
        return Response(RunOutput(run).data)

    @extend_schema(responses=RunOutput)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: int) -> Response:
        """Let the run go; what it claimed is payable again."""
        return Response(RunOutput(runs.cancel(run_id=pk, actor=self.actor)).data)

    @extend_schema(responses={(200, "application/xml"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def file(self, request: Request, pk: int) -> HttpResponse:
        """The file for the bank, the same bytes each time."""
        file, content = payments.read_file(run_id=pk, actor=self.actor)
        rail = rails.serving(file.run.currency)
        name = f"{file.msg_id}.{rail.extension}"
        return HttpResponse(
            content,
            content_type=rail.content_type,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @extend_schema(responses={201: FileOutput})
    @file.mapping.post
    def render_file(self, request: Request, pk: int) -> Response:
        """Write the file, once: its payouts are sent, and the run cannot be cancelled any more."""
        file = payments.render(run_id=pk, actor=self.actor)
        return Response(FileOutput(file).data, status=201)

    @extend_schema(request=SettlementInput, responses=RunOutput)
    @action(detail=True, methods=["post"])
    def settle(self, request: Request, pk: int) -> Response:
        """Close payouts by the bank's own bookings, all of these or none."""
        data = self.checked(SettlementInput)
        bookings = [
            Booking(payout_id=booking.pop("payout"), **booking) for booking in data.pop("bookings")
        ]
        run = payments.settle(run_id=pk, bookings=bookings, **data, actor=self.actor)
        return Response(RunOutput(run).data)


class SkipViews(mixins.ListModelMixin, Resource):
    """Everybody whom a run left out, and why."""

    queryset = PayoutSkip.objects.all()
    serializer_class = SkipOutput
    ordering = ("id",)
    roles = {"list": _READERS}
    scope = {"list": "payouts:read"}

    def get_queryset(self) -> QuerySet[PayoutSkip]:
        run = get_object_or_404(runs.visible(self.actor), pk=self.kwargs["run_id"])
        return run.skips.select_related("run")
