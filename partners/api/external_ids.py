"""`external-ids`: what another platform called the things that have moved here."""

from dataclasses import asdict

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.filters import IdFilter, StrictFilterSet
from network.api.serializers import StrictSerializer
from partners import moved
from partners.api.resources import Resource
from partners.models import ExternalId, Role

ROWS_MAX = 10_000
_OPERATOR = (Role.OPERATOR,)


class NewIdInput(StrictSerializer):
    """An id of the other platform, and what it means here: an id or an affiliate's code."""

    kind = serializers.ChoiceField(ExternalId.Kind.choices)
    external_id = serializers.CharField(max_length=moved.EXTERNAL_ID_MAX)
    internal_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    code = serializers.CharField(max_length=40, required=False)


class ImportInput(StrictSerializer):
    """Ids of one platform, taken all or none; `replace` lets ids change their meaning."""

    dialect = serializers.ChoiceField(ExternalId.Dialect.choices)
    replace = serializers.BooleanField(default=False)
    rows = NewIdInput(
        many=True,
        allow_empty=False,
        max_length=ROWS_MAX,  # type: ignore[call-arg]  # a list's
    )


class ImportOutput(StrictSerializer):
    """How many ids are new, were there already, and mean something else now."""

    added = serializers.IntegerField(read_only=True)
    same = serializers.IntegerField(read_only=True)
    replaced = serializers.IntegerField(read_only=True)


class ExternalIdOutput(serializers.ModelSerializer[ExternalId]):
    """An id of another platform and the id of the same thing here."""

    class Meta:
        model = ExternalId
        fields = ("id", "dialect", "kind", "external_id", "internal_id", "created_at")
        read_only_fields = fields


class ExternalIdFilter(StrictFilterSet):
    """Ids by platform, by kind, by theirs and by ours."""

    internal_id = IdFilter("internal_id")

    class Meta:
        model = ExternalId
        fields = ("dialect", "kind", "external_id")


class ExternalIdViews(mixins.ListModelMixin, Resource):
    """Whom the links and reports of other platforms mean."""

    queryset = ExternalId.objects.all()
    serializer_class = ExternalIdOutput
    filterset_class = ExternalIdFilter
    roles = {"list": _OPERATOR, "bring_in": _OPERATOR, "destroy": _OPERATOR}
    scope = {"list": "partners:read", "bring_in": "partners:write", "destroy": "partners:write"}

    def get_queryset(self) -> QuerySet[ExternalId]:
        return ExternalId.objects.all()

    @extend_schema(request=ImportInput, responses=ImportOutput, filters=False)
    @action(detail=False, methods=["post"], url_path="import")
    def bring_in(self, request: Request) -> Response:
        """Import ids; what is there already is no fault, so an import may be repeated."""
        said = self.checked(ImportInput)
        rows = [_row(**row) for row in said.pop("rows")]
        counts = moved.import_ids(rows, **said)
        return Response(ImportOutput(asdict(counts)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Forget an id: links and reports that name it lead nowhere from now on."""
        moved.forget(self.get_object())
        return Response(status=204)


def _row(internal_id: int | None = None, **texts: str) -> moved.NewId:
    return moved.NewId(internal_id="" if internal_id is None else str(internal_id), **texts)
