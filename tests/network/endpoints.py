"""A little API over the kernel's own tables, to test what every endpoint shares."""

import threading
from types import SimpleNamespace

from django.db import IntegrityError, OperationalError
from django.http import HttpResponse
from django.urls import include, path
from django_filters import rest_framework as filters
from drf_spectacular.views import SpectacularAPIView
from rest_framework import mixins, serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from network import clock, health
from network.api.fields import MoneyField, MoneyOf, RateField
from network.api.filters import StrictFilterSet
from network.api.serializers import StrictModelSerializer, StrictSerializer
from network.api.views import Endpoint, ResourceViewSet
from network.errors import NotEnoughRoom
from network.models import Heartbeat

# A handler that a test holds back waits here.
held = threading.Event()
entered = threading.Event()


class NameAuthentication(BaseAuthentication):
    """Believes the X-Actor header."""

    def authenticate(self, request):
        """The named actor, None without a name."""
        name = request.headers.get("X-Actor")
        return name and (SimpleNamespace(label=name, is_authenticated=True), None)

    def authenticate_header(self, request):
        """The challenge."""
        return "Name"


class HeartbeatSerializer(StrictModelSerializer):
    class Meta:
        model = Heartbeat
        fields = ("name", "at")
        read_only_fields = ("at",)


class HeartbeatFilter(StrictFilterSet):
    at = filters.IsoDateTimeFromToRangeFilter()

    class Meta:
        model = Heartbeat
        fields = ("name",)


class HeartbeatViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, ResourceViewSet):
    """Rows to list, to page through, to make."""

    authentication_classes = (NameAuthentication,)
    permission_classes = (IsAuthenticated,)
    queryset = Heartbeat.objects.all()
    serializer_class = HeartbeatSerializer
    filterset_class = HeartbeatFilter
    ordering = ("-at", "name")
    bodiless = ("beat",)
    idempotent = {"create": "required"}
    in_parts = ("parts",)

    def create(self, request):
        """Store a row, with a header in the answer."""
        body = HeartbeatSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        row = body.save(at=clock.now())
        return Response(HeartbeatSerializer(row).data, status=201, headers={"Location": "/x"})

    @action(detail=False, methods=["post"])
    def hold(self, request):
        """Store a row and wait before the commit."""
        Heartbeat.objects.create(name="held", at=clock.now())
        entered.set()
        held.wait(10)
        return Response({"done": True})

    @action(detail=False, methods=["post"])
    def parts(self, request):
        """Store a row, wait, and store another one, each for itself; once that breaks off."""
        first, _ = Heartbeat.objects.get_or_create(name="part", defaults={"at": clock.now()})
        entered.set()
        held.wait(10)
        if request.data.get("how") == "broken":
            raise ZeroDivisionError("secret detail")
        Heartbeat.objects.create(name="whole", at=first.at)
        return Response({"done": True})

    @action(detail=False, methods=["post"])
    def fail(self, request):
        """Store a row, then raise what the body names."""
        Heartbeat.objects.create(name="failed", at=clock.now())
        raise {
            "room": NotEnoughRoom("Full.", members={"cap": 7}),
            "conflict": IntegrityError("secret detail"),
            "away": OperationalError("secret detail"),
            "bug": ZeroDivisionError("secret detail"),
        }[request.data["how"]]

    @action(detail=False, methods=["post"])
    def twice(self, request):
        """Store a row of this name twice, which the database refuses."""
        for _ in range(2):
            Heartbeat.objects.create(name=request.data["name"], at=clock.now())

    @action(detail=False, methods=["post"])
    def beat(self, request):
        """Store a row; its name is not to be chosen."""
        Heartbeat.objects.create(name="beat", at=clock.now())
        return Response(status=204)

    @action(detail=False, methods=["post"])
    def plain(self, request):
        """Answer with bytes that are no JSON."""
        return HttpResponse(b"<xml/>", content_type="application/xml", status=202)


class PriceSerializer(StrictSerializer):
    price = MoneyField()
    credit = MoneyField(least=0, required=False)
    rate = RateField(required=False)
    note = serializers.CharField(required=False, max_length=5)
    parts = serializers.ListField(child=serializers.IntegerField(max_value=9), required=False)


class MoneyView(Endpoint):
    """Money in, money out."""

    authentication_classes = (NameAuthentication,)
    permission_classes = (AllowAny,)
    serializer_class = PriceSerializer

    def post(self, request):
        """The body again, as it was understood."""
        body = PriceSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(PriceSerializer(body.validated_data).data)


class AmountSerializer(StrictSerializer):
    commission = MoneyOf("commission_micros", currency="offer.currency")


def broken(request):
    """A page with a bug in it."""
    raise RuntimeError("a secret of ours")


router = SimpleRouter(trailing_slash=False)
router.register("heartbeats", HeartbeatViews, basename="heartbeat")
urlpatterns = [
    path("api/v1/", include(router.urls)),
    path("api/v1/money", MoneyView.as_view()),
    path("api/v1/schema", SpectacularAPIView.as_view(), name="schema"),
    path("broken", broken),
    path("readyz", health.readyz),
    path("healthz", health.healthz),
]
handler400 = "network.api.problems.bad_request"
handler403 = "network.api.problems.permission_denied"
handler404 = "network.api.problems.page_not_found"
handler500 = "network.api.problems.server_error"
