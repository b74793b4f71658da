"""What can be asked for the address of a link, smart or not: a signature, a picture."""

from typing import Any, Final

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.parameters import parameter
from network.api.serializers import StrictSerializer, Text
from partners import addresses
from partners.api.resources import Resource
from partners.models import Role
from partners.vocabulary import PARAMETERS

_SIGNED_S_MAX: Final = 366 * 86_400
_KINDS: Final = {"svg": "image/svg+xml", "png": "image/png"}
_SCALES: Final = range(1, 11)


class SigningInput(StrictSerializer):
    """What a signed link says, by the names of its parameters, and how long it runs."""

    params = serializers.DictField(child=Text(max_length=2_000), default=dict)
    expires_in_s = serializers.IntegerField(min_value=1, max_value=_SIGNED_S_MAX)


class SigningOutput(serializers.Serializer[Any]):
    """A link that nobody can change; `key_id` is the link key that it is signed with."""

    url = serializers.CharField(read_only=True)
    key_id = serializers.CharField(read_only=True)
    expires_at = serializers.DateTimeField(read_only=True)


class Whatever(BaseContentNegotiation):
    """Leaves `format` to the view: what it makes is no JSON, what it refuses is."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The first, for problems."""
        return renderers[0], renderers[0].media_type


class AddressActions(Resource):
    """The actions of both kinds of links; who may do what comes with them."""

    roles = {
        "sign": (Role.OPERATOR, Role.AFFILIATE),
        "qr": (Role.OPERATOR, Role.AFFILIATE, Role.FINANCE),
    }
    scope = {"sign": "links:write", "qr": "links:read"}

    @extend_schema(request=SigningInput, responses=SigningOutput)
    @action(detail=True, methods=["post"])
    def sign(self, request: Request, pk: str) -> Response:
        """The link with these parameters, signed with the affiliate's newest live key."""
        asked = self.checked(SigningInput)
        signed = addresses.sign(
            self.get_object(), asked["params"], expires_in_s=asked["expires_in_s"]
        )
        return Response(SigningOutput(signed).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("format", enum=list(_KINDS)),
            OpenApiParameter("scale", OpenApiTypes.INT, description="Pixels a dot, 1 to 10."),
            *[OpenApiParameter(name) for name in PARAMETERS],
        ],
        responses={(200, kind): OpenApiTypes.BINARY for kind in _KINDS.values()},
    )
    @action(
        detail=True,
        methods=["get"],
        content_negotiation_class=Whatever,
        query_parameters=("format", "scale", *PARAMETERS),
    )
    def qr(self, request: Request, pk: str) -> HttpResponse:
        """The link as a QR code, with whatever parameters it shall carry."""
        said = request.query_params.dict()
        kind = parameter(said, "format", _kind) or "svg"
        scale = parameter(said, "scale", _scale) or 8
        params = {name: value for name, value in said.items() if name in PARAMETERS}
        return HttpResponse(
            addresses.qr(self.get_object(), params, kind=kind, scale=scale),
            content_type=_KINDS[kind],
            headers={"Cache-Control": "private, max-age=86400"},
        )


def _kind(text: str) -> str:
    if text not in _KINDS:
        raise ValueError(f"A QR code comes as {' or '.join(_KINDS)}.")
    return text


def _scale(text: str) -> int:
    if text not in map(str, _SCALES):
        raise ValueError(f"A scale is a whole number from {_SCALES[0]} to {_SCALES[-1]}.")
    return int(text)
