"""A targeting in bodies and answers, with its grammar for OpenAPI."""

from typing import Any, Final

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_object_type
from rest_framework import serializers

from network.api.schema import registered
from partners.conditions import DAYS, FLAGS, TEXT_FACTS, TEXT_MAX, TIME, VERSION

Schema = dict[str, Any]

_RULE: Final = "TargetingRule"
_RULE_REF: Final[Schema] = {"$ref": f"#/components/schemas/{_RULE}"}
_TIME_OF_DAY: Final[Schema] = {"type": "string", "pattern": f"^{TIME.pattern}$"}


class TargetingField(serializers.JSONField):
    """The tree as it is; whether it is one, the verbs of offers say."""


class TargetingSchema(OpenApiSerializerFieldExtension):
    """A targeting is a component, and so is the rule that holds rules."""

    target_class = TargetingField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """A reference to the component."""
        registered(auto_schema.registry, _RULE, {"oneOf": _rules()})
        everybody = {"type": "object", "maxProperties": 0, "description": "Everybody."}
        return registered(auto_schema.registry, "Targeting", {"oneOf": [everybody, _RULE_REF]})


def _rules() -> list[Schema]:
    several = _list(_RULE_REF)
    text = {"type": "string", "minLength": 1, "maxLength": TEXT_MAX}
    times = {
        "days": _list({"type": "string", "enum": [*DAYS]}),
        "from": _TIME_OF_DAY,
        "to": _TIME_OF_DAY,
    }
    return [
        _closed({"all": several}),
        _closed({"any": several}),
        _closed({"not": _RULE_REF}),
        _about(*TEXT_FACTS, "ip", compared={"in": _list(text)}),
        _about(
            "os_version",
            compared={"at_least": {"type": "string", "pattern": f"^{VERSION.pattern}$"}},
        ),
        _about(*FLAGS, compared={"is": {"type": "boolean"}}),
        _about("local_time", compared={}, optional=times) | {"minProperties": 2},
    ]


def _list(items: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": items}


def _about(*facts: str, compared: Schema, optional: Schema | None = None) -> Schema:
    fact = {"type": "string", "enum": [*facts]}
    return _closed({"fact": fact, **compared}, optional)


def _closed(required: Schema, optional: Schema | None = None) -> Schema:
    schema: Schema = build_object_type(
        properties=required | (optional or {}), required=[*required], additionalProperties=False
    )
    return schema
