"""`advertisers`: onboarding, status, and the secrets with which reports are authenticated."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.fields import CodeField
from network.api.serializers import StrictModelSerializer, StrictSerializer
from partners import parties
from partners.api.organisations import NewPersonInput
from partners.api.resources import Resource
from partners.models import Advertiser, ReportKey, Role

_OWN = (Role.OPERATOR, Role.ADVERTISER)


class PartyInput(StrictSerializer):
    """A partner to bring in, with its first person."""

    code = CodeField()
    name = serializers.CharField(max_length=200)
    person = NewPersonInput(required=False)


def party(data: dict[str, Any]) -> dict[str, Any]:
    """What the onboarding verbs take, from a checked PartyInput."""
    person = data.get("person")
    return {**data, "person": parties.NewPerson(**person) if person else None}


class AdvertiserChange(StrictModelSerializer[Advertiser]):
    """What the operator changes of an advertiser."""

    class Meta:
        model = Advertiser
        fields = ("name", "status")


class AdvertiserOutput(serializers.ModelSerializer[Advertiser]):
    """An advertiser; `code` is the `advertiser` of its reports."""

    class Meta:
        model = Advertiser
        fields: tuple[str, ...] = (
            "id",
            "organisation",
            "code",
            "name",
            "status",
            "report_auth",
            "funded",
            "created_at",
        )
        read_only_fields: tuple[str, ...] = fields


class OnboardedAdvertiser(AdvertiserOutput):
    """A new advertiser with its report token, this once."""

    report_token = serializers.CharField(read_only=True)

    class Meta(AdvertiserOutput.Meta):
        fields = (*AdvertiserOutput.Meta.fields, "report_token")
        read_only_fields = fields


class ReportToken(serializers.Serializer[Any]):
    """A new report token, this once."""

    report_token = serializers.CharField(read_only=True)


class ReportKeyInput(StrictSerializer):
    """A report key to add; its id is made up where none is given."""

    key_id = serializers.RegexField(r"^[A-Za-z0-9_-]+$", max_length=40, required=False)


class ReportKeyOutput(serializers.ModelSerializer[ReportKey]):
    """A report key without its secret."""

    class Meta:
        model = ReportKey
        fields: tuple[str, ...] = ("id", "key_id", "created_at", "expires_at")
        read_only_fields: tuple[str, ...] = fields


class NewReportKey(ReportKeyOutput):
    """A new report key with its secret, this once."""

    secret = serializers.CharField(read_only=True)

    class Meta(ReportKeyOutput.Meta):
        fields = (*ReportKeyOutput.Meta.fields, "secret")
        read_only_fields = fields


class AdvertiserViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Who pays for results."""

    queryset = Advertiser.objects.all()
    serializer_class = AdvertiserOutput
    filterset_fields = ("code", "status")
    bodiless = ("rotate_report_token", "require_signatures")
    roles = {
        "list": (*_OWN, Role.FINANCE),
        "retrieve": (*_OWN, Role.FINANCE),
        "create": (Role.OPERATOR,),
        "partial_update": (Role.OPERATOR,),
        "rotate_report_token": _OWN,
        "require_signatures": _OWN,
    }
    scope = {
        "list": "partners:read",
        "retrieve": "partners:read",
        "create": "partners:write",
        "partial_update": "partners:write",
        "rotate_report_token": "partners:write",
        "require_signatures": "partners:write",
    }

    def get_queryset(self) -> QuerySet[Advertiser]:
        return parties.visible_advertisers(self.actor)

    @extend_schema(request=PartyInput, responses={201: OnboardedAdvertiser})
    def create(self, request: Request) -> Response:
        """Bring an advertiser in; the answer shows its report token for the only time."""
        advertiser, token = parties.onboard_advertiser(**party(self.checked(PartyInput)))
        shown = {**AdvertiserOutput(advertiser).data, "report_token": token}
        return Response(shown, status=201)

    @extend_schema(request=AdvertiserChange, responses=AdvertiserOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Rename, pause, resume or close."""
        advertiser: Advertiser = self.get_object()
        parties.change(advertiser, **self.checked(AdvertiserChange, partial=True))
        return Response(AdvertiserOutput(advertiser).data)

    @extend_schema(responses=ReportToken)
    @action(detail=True, methods=["post"], url_path="report-token")
    def rotate_report_token(self, request: Request, pk: str) -> Response:
        """A new report token; the old one ends within a second, when the trackers know."""
        return Response({"report_token": parties.rotate_report_token(self.get_object())})

    @extend_schema(responses=AdvertiserOutput)
    @action(detail=True, methods=["post"], url_path="require-signatures")
    def require_signatures(self, request: Request, pk: str) -> Response:
        """Accept signed reports only, for good; the token ends within a second."""
        advertiser: Advertiser = self.get_object()
        parties.require_signatures(advertiser)
        return Response(AdvertiserOutput(advertiser).data)


class ReportKeyViews(mixins.ListModelMixin, Resource):
    """The keys with which an advertiser signs its reports."""

    queryset = ReportKey.objects.all()
    serializer_class = ReportKeyOutput
    roles = _OWN
    scope = {"list": "partners:read", "create": "partners:write", "destroy": "partners:write"}

    def get_queryset(self) -> QuerySet[ReportKey]:
        return ReportKey.objects.filter(advertiser=self._advertiser())

    @extend_schema(request=ReportKeyInput, responses={201: NewReportKey})
    def create(self, request: Request, advertiser_id: int) -> Response:
        """Add a key; the answer shows its secret for the only time."""
        key, secret = parties.add_report_key(self._advertiser(), **self.checked(ReportKeyInput))
        return Response({**ReportKeyOutput(key).data, "secret": secret}, status=201)

    def destroy(self, request: Request, advertiser_id: int, pk: int) -> Response:
        """End a key now."""
        parties.expire_report_key(self.get_object())
        return Response(status=204)

    def _advertiser(self) -> Advertiser:
        visible = parties.visible_advertisers(self.actor)
        return get_object_or_404(visible, pk=self.kwargs["advertiser_id"])
