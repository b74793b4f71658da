"""Serializers that refuse what they do not know: a misspelt field is not lost in silence."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from django.db.models import Model
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from network.errors import UnknownField, default_message

M = TypeVar("M", bound=Model)


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer for input and output that no model backs."""

    def to_internal_value(self, data: Any) -> Any:
        """The values; `unknown_field` for what is not writable here."""
        refuse_unknown_fields(self.fields, data)
        return super().to_internal_value(data)


class StrictModelSerializer(serializers.ModelSerializer[M]):
    """A model's serializer; fields that are read-only count as unknown in a body."""

    def to_internal_value(self, data: Any) -> Any:
        """The values; `unknown_field` for what is not writable here."""
        refuse_unknown_fields(self.fields, data)
        return super().to_internal_value(data)


def refuse_unknown_fields(
    fields: Mapping[str, serializers.Field[Any, Any, Any, Any]], data: Any
) -> None:
    """ValidationError with code `unknown_field` for each name in a body that is not writable."""
    if not isinstance(data, Mapping):
        return
    writable = {name for name, field in fields.items() if not field.read_only}
    if unknown := sorted(str(name) for name in data if name not in writable):
        raise unknown_fields(unknown)


def unknown_fields(names: Iterable[str]) -> serializers.ValidationError:
    """The refusal of these names."""
    detail = ErrorDetail(default_message(UnknownField), code=UnknownField.code)
    return serializers.ValidationError({name: [detail] for name in names})
