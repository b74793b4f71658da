"""What OpenAPI must say of our credentials, relations, and answers that differ by role."""

from typing import Any

from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.serializers import PolymorphicProxySerializerExtension
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework.serializers import Serializer


class ByRole(PolymorphicProxySerializer):
    """An answer that has one of these shapes, by the role of who asks."""


def by_role(name: str, *kinds: type[Serializer[Any]], many: bool | None = None) -> ByRole:
    """A component of this name for `extend_schema`; `many=False` where a list is one object."""
    return ByRole(
        component_name=name, serializers=list(kinds), resource_type_field_name=None, many=many
    )


class ByRoleSchema(PolymorphicProxySerializerExtension):
    """`anyOf`, as one role's shape can hold all of another's, which `oneOf` forbids."""

    target_class = "partners.api.schema.ByRole"
    priority = 0

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        """The shapes."""
        schema = super().map_serializer(auto_schema, direction)  # type: ignore[no-untyped-call]  # no types
        return {"anyOf": schema["oneOf"]}


class KeyScheme(OpenApiAuthenticationExtension):
    """An API key is a bearer token."""

    target_class = "partners.auth.KeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Bearer, with the shape of ours."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "pk_<prefix>_<secret>"}


class OurSessionScheme(SessionScheme):
    """A session is Django's cookie."""

    target_class = "partners.auth.SessionAuthentication"
    name = "session"


class VisibleSchema(OpenApiSerializerFieldExtension):
    """A relation is an id."""

    target_class = "partners.api.relations.Visible"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        """A whole number."""
        return {"type": "integer"}
