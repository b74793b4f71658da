"""What OpenAPI must say beyond drf-spectacular's own reading: problems, keys, money."""

from typing import Any, Literal

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent, build_object_type
from drf_spectacular.utils import OpenApiParameter

from network.api.idempotency import HEADER, KEY_CHARACTERS_MAX, policy_of
from network.api.problems import CONTENT_TYPE
from network.api.views import takes_body
from network.money import PLACES

_TEXT = {"type": "string"}
_FAULT = build_object_type(
    properties={"pointer": _TEXT, "code": _TEXT, "detail": _TEXT},
    required=["pointer", "code", "detail"],
)
_PROBLEM = build_object_type(
    description="An RFC 9457 problem document. `code` is stable; branch on it.",
    properties={
        "type": {"type": "string", "format": "uri"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "instance": _TEXT,
        "code": _TEXT,
        "request_id": _TEXT,
        "errors": {"type": "array", "items": _FAULT},
    },
    required=["type", "title", "status", "detail", "instance", "code", "request_id"],
    additionalProperties=True,
)
_MONEY = build_object_type(
    description="An exact amount: a decimal string and an ISO 4217 code.",
    properties={
        "amount": {"type": "string", "pattern": rf"^-?[0-9]+(\.[0-9]{{1,{PLACES}}})?$"},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
    },
    required=["amount", "currency"],
    additionalProperties=False,
)


class ProblemSchema(AutoSchema):
    """drf-spectacular's schema with our error document and the Idempotency-Key."""

    def get_override_parameters(self) -> list[Any]:
        """The Idempotency-Key of writes."""
        policy = policy_of(self.view, self.method)
        if policy == "ignored":
            return []
        return [
            OpenApiParameter(
                name=HEADER,
                location=OpenApiParameter.HEADER,
                required=policy == "required",
                type={"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS_MAX},
                description="Repeat a request with its key and it is done once.",
            )
        ]

    def get_request_serializer(self) -> Any:
        """Nothing for an action without a body."""
        return super().get_request_serializer() if takes_body(self.view, self.method) else None

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        bodies["default"] = {
            "description": "A problem.",
            "content": {CONTENT_TYPE: {"schema": self._component("Problem", _PROBLEM)}},
        }
        return bodies

    def _component(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        return registered(self.registry, name, schema)


class MoneySchema(OpenApiSerializerFieldExtension):
    """MoneyField and MoneyOf are one component, Money."""

    target_class = "network.api.fields.MoneyField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        """A reference to the component."""
        return registered(auto_schema.registry, "Money", _MONEY)


class MoneyOfSchema(MoneySchema):
    """The read-only twin."""

    target_class = "network.api.fields.MoneyOf"


class RateSchema(OpenApiSerializerFieldExtension):
    """A percentage as a string."""

    target_class = "network.api.fields.RateField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        """A string with its pattern."""
        pattern = r"^[0-9]{1,4}(\.[0-9]{1,4})?$"
        return {"type": "string", "pattern": pattern, "description": "A percentage."}


def registered(registry: Any, name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A reference to the component of this name, which is made where it is not there yet."""
    component = ResolvedComponent(
        name=name, type=ResolvedComponent.SCHEMA, object=name, schema=schema
    )
    registry.register_on_missing(component)
    reference: dict[str, Any] = component.ref
    return reference
