"""Serializers that refuse what they do not know: a misspelt field, a number in place of a text."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, TypeVar

from django.db.models import Model
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from network.errors import UnknownField, default_message

M = TypeVar("M", bound=Model)

# What JSON has to bring for a field. Left alone, the framework reads 5 as the text "5", the text
# "12" as the number 12, and "yes" as true: somebody's mistake would be stored as something else.
_JSON_TYPES: Final[tuple[tuple[type[serializers.Field[Any, Any, Any, Any]], type], ...]] = (
    (serializers.CharField, str),
    (serializers.DateTimeField, str),
    (serializers.DateField, str),
    (serializers.IntegerField, int),
    (serializers.BooleanField, bool),
)
_NO_OBJECT: Final = "This has to be an object."
_NAMES: Final = {str: "a text", int: "a whole number", bool: "true or false"}


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer for input and output that no model backs."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": _NO_OBJECT}

    def get_fields(self) -> dict[str, Any]:
        """The fields, whose messages say what would be taken."""
        return _plain_spoken(super().get_fields())

    def to_internal_value(self, data: Any) -> Any:
        """The values; `unknown_field` for what is not writable, `invalid` for another JSON type."""
        refuse_unknown_fields(self.fields, data)
        refuse_wrong_types(self.fields, data)
        return super().to_internal_value(data)


def _plain_spoken(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with messages that name the choices, and JSON's types in place of Python's."""
    for field in fields.values():
        each = field
        while each is not None:
            if isinstance(each, serializers.ChoiceField):
                choices = ", ".join(str(choice) for choice in each.choices)
                each.error_messages["invalid_choice"] = (
                    f'"{{input}}" is not a valid choice: send one of {choices}.'
                )
            elif isinstance(each, serializers.DictField):
                each.error_messages["not_a_dict"] = _NO_OBJECT
            each = getattr(each, "child", None)
    return fields


class Text(serializers.CharField):
    """A text inside a list or an object, where no serializer asks for its JSON type."""

    def to_internal_value(self, data: Any) -> str:
        """The text; `invalid` for another JSON type."""
        if type(data) is not str:
            raise serializers.ValidationError("This has to be a text.", code="invalid")
        text: str = super().to_internal_value(data)
        return text


class StrictModelSerializer(serializers.ModelSerializer[M]):
    """A model's serializer; fields that are read-only count as unknown in a body."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": _NO_OBJECT}

    def get_fields(self) -> dict[str, Any]:
        """The fields, whose messages say what would be taken."""
        return _plain_spoken(super().get_fields())

    def to_internal_value(self, data: Any) -> Any:
        """The values; `unknown_field` for what is not writable, `invalid` for another JSON type."""
        refuse_unknown_fields(self.fields, data)
        refuse_wrong_types(self.fields, data)
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


def refuse_wrong_types(
    fields: Mapping[str, serializers.Field[Any, Any, Any, Any]], data: Any
) -> None:
    """ValidationError with code `invalid` for each value of another JSON type than its field's."""
    if not isinstance(data, Mapping):
        return
    wrong = {
        name: [ErrorDetail(f"This has to be {_NAMES[wanted]}.", code="invalid")]
        for name, value in data.items()
        if value is not None
        and (wanted := _json_type(fields[name])) is not None
        and type(value) is not wanted
    }
    if wrong:
        raise serializers.ValidationError(wrong)


def _json_type(field: serializers.Field[Any, Any, Any, Any]) -> type | None:
    return next((wanted for kind, wanted in _JSON_TYPES if isinstance(field, kind)), None)


def unknown_fields(names: Iterable[str]) -> serializers.ValidationError:
    """The refusal of these names."""
    detail = ErrorDetail(default_message(UnknownField), code=UnknownField.code)
    return serializers.ValidationError({name: [detail] for name in names})
