"""Caps on clicks and their live counters: `offers/{id}/caps`, `caps` and `caps/{id}/windows`."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from network import clock
from network.api.filters import IdFilter, StrictFilterSet
from network.api.serializers import StrictModelSerializer
from partners import caps, offers
from partners.api.resources import Resource
from partners.models import Cap, CapWindow, Offer, Role

_WRITERS = (Role.OPERATOR, Role.ADVERTISER)
_PERCENT = 100


class CapChange(StrictModelSerializer[Cap]):
    """What may change of a cap; what it counts does not."""

    limit = serializers.IntegerField(
        source="limit_count", min_value=0, max_value=caps.LIMIT_MAX, required=False
    )
    alert_percent = serializers.IntegerField(min_value=1, max_value=_PERCENT, required=False)

    class Meta:
        model = Cap
        fields: tuple[str, ...] = ("limit", "alert_percent", "active")


class CapInput(CapChange):
    """A cap to set; `value` names the only one that is counted, empty means each for itself."""

    limit = serializers.IntegerField(source="limit_count", min_value=0, max_value=caps.LIMIT_MAX)
    # As visitors bring it, blanks and all.
    value = serializers.CharField(
        max_length=500, required=False, allow_blank=True, trim_whitespace=False
    )

    class Meta(CapChange.Meta):
        fields = ("scope", "value", "period", "time_zone", "limit", "alert_percent")


class WindowOutput(serializers.ModelSerializer[CapWindow]):
    """A counter: what of the limit is used, by whom, and until when it counts."""

    limit = serializers.IntegerField(source="limit_count", read_only=True)
    percent = serializers.SerializerMethodField(
        help_text="The share that is used, rounded down: 100 is full."
    )

    class Meta:
        model = CapWindow
        fields = ("id", "starts_at", "ends_at", "key", "used", "limit", "percent", "alerted_at")
        read_only_fields = fields

    def get_percent(self, window: CapWindow) -> int:
        """Whole percent; of no places at all, all are used."""
        return window.used * _PERCENT // window.limit_count if window.limit_count else _PERCENT


class CapOutput(serializers.ModelSerializer[Cap]):
    """A cap with the counter that has the fewest places left."""

    limit = serializers.IntegerField(source="limit_count", read_only=True)
    fullest = serializers.SerializerMethodField(
        help_text="Of the windows that are open now, the one with the fewest places left."
    )

    class Meta:
        model = Cap
        fields = (
            "id",
            "offer",
            "scope",
            "value",
            "period",
            "time_zone",
            "limit",
            "alert_percent",
            "active",
            "created_at",
            "fullest",
        )
        read_only_fields = fields

    @extend_schema_field(WindowOutput(allow_null=True))
    def get_fullest(self, cap: Any) -> dict[str, Any] | None:
        """None before the first click of the window."""
        return dict(WindowOutput(cap.fullest[0]).data) if cap.fullest else None


class CapFilter(StrictFilterSet):
    """Caps by offer, and whether they are switched on."""

    offer = IdFilter("offer_id")

    class Meta:
        model = Cap
        fields = ("scope", "active")


class _Caps(Resource):
    queryset = Cap.objects.all()
    serializer_class = CapOutput

    def get_queryset(self) -> QuerySet[Cap]:
        windows = caps.open_windows(caps.visible_windows(self.actor), clock.now())
        fullest = Prefetch("windows", queryset=windows[:1], to_attr="fullest")
        return caps.visible(self.actor).prefetch_related(fullest)

    def shown(self, cap: Cap, *, status: int = 200) -> Response:
        """The cap as it is now."""
        return Response(CapOutput(self.get_queryset().get(pk=cap.pk)).data, status=status)


class OfferCapViews(mixins.ListModelMixin, _Caps):
    """The caps of an offer."""

    filterset_class = None
    roles = {"list": Role.values, "create": _WRITERS}
    scope = {"list": "offers:read", "create": "offers:write"}

    def get_queryset(self) -> QuerySet[Cap]:
        return super().get_queryset().filter(offer=self._offer())

    @extend_schema(request=CapInput, responses={201: CapOutput})
    def create(self, request: Request, offer_id: int) -> Response:
        """Set a cap; it counts from now on."""
        offer = self._offer()
        cap = caps.create(offer=offer, actor=self.actor, **self.checked(CapInput))
        return self.shown(cap, status=201)

    def _offer(self) -> Offer:
        return get_object_or_404(offers.visible(self.actor), pk=self.kwargs["offer_id"])


class CapViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, _Caps):
    """All caps that one may see."""

    filterset_class = CapFilter
    roles = {"list": Role.values, "retrieve": Role.values, "partial_update": _WRITERS}
    scope = {"list": "offers:read", "retrieve": "offers:read", "partial_update": "offers:write"}
    # The limit goes to its windows a thousand at a time, or clicks would wait for all of them.
    in_parts = ("partial_update",)

    @extend_schema(request=CapChange, responses=CapOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change the limit, the threshold, or switch the cap off and on.

        The answer says that all open windows have the new limit. Without one, ask again.
        """
        return self.shown(caps.change(self.get_object(), self.checked(CapChange, partial=True)))


class CapWindowViews(mixins.ListModelMixin, Resource):
    """The live counters of a cap, the latest window first."""

    queryset = CapWindow.objects.all()
    serializer_class = WindowOutput
    ordering = ("-starts_at", "-id")
    roles = {"list": Role.values}
    scope = {"list": "offers:read"}

    def get_queryset(self) -> QuerySet[CapWindow]:
        cap = get_object_or_404(caps.visible(self.actor), pk=self.kwargs["cap_id"])
        return caps.visible_windows(self.actor).filter(cap=cap)
