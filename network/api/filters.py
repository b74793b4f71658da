"""Lists are filtered by what they declare; what nobody can read, name or value, is refused."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import EMPTY_VALUES
from django.db.models import BooleanField, Model, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.views import APIView

from network import clock
from network.api.parameters import read_id
from network.api.problems import field_errors
from network.currencies import EXPONENTS
from network.errors import (
    FieldError,
    InvalidParameter,
    UnknownCurrency,
    UnknownParameter,
    default_message,
)

SCANNED_DAYS_MAX: Final = 31
_MEANINGS: Final = {"true": True, "false": False}


@extend_schema_field(OpenApiTypes.BOOL)
class TrueOrFalse(filters.TypedChoiceFilter):  # type: ignore[misc]  # no types
    """`true` or `false`; django-filter's own takes any other word for "do not filter"."""

    def __init__(self, field_name: str | None = None, **kwargs: Any) -> None:
        choices = [(word, word) for word in _MEANINGS]
        super().__init__(field_name, choices=choices, coerce=_MEANINGS.get, **kwargs)


class _IdField(forms.Field):
    def to_python(self, value: Any) -> int | None:
        """The id, None where nothing was said."""
        if value in self.empty_values:
            return None
        try:
            return read_id(value)
        except ValueError as error:
            raise ValidationError(str(error), code=InvalidParameter.code) from None


@extend_schema_field(OpenApiTypes.INT64)
class IdFilter(filters.Filter):  # type: ignore[misc]  # no types
    """A whole number within a bigint; django-filter's number rounds 1.9 and knows infinity."""

    field_class = _IdField


class CurrencyFilter(filters.CharFilter):  # type: ignore[misc]  # no types
    """A currency by its code; a misspelt one is `unknown_currency`, not an empty list."""

    def __init__(self, field_name: str = "currency", **kwargs: Any) -> None:
        super().__init__(field_name, validators=[_check_currency], **kwargs)


def _check_currency(code: str) -> None:
    if code not in EXPONENTS:
        raise ValidationError(default_message(UnknownCurrency), code=UnknownCurrency.code)


class StrictFilterSet(filters.FilterSet):  # type: ignore[misc]  # no types
    """The base of every filter set.

    `period` names a column of instants: `from`, included, and `to`, excluded, are then read. In a
    class body `from` would be the keyword.

    `scanning` names filters that no index serves. They are read within a period of at most
    SCANNED_DAYS_MAX days, so that a value that hardly any row has does not cost reading them all.
    """

    FILTER_DEFAULTS: ClassVar[dict[Any, Any]] = filters.FilterSet.FILTER_DEFAULTS | {
        BooleanField: {"filter_class": TrueOrFalse}
    }
    period: ClassVar[str] = ""
    scanning: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def get_filters(cls) -> dict[str, filters.Filter]:
        """What is declared, and the period."""
        found: dict[str, filters.Filter] = super().get_filters()
        if cls.period:
            found["from"] = filters.IsoDateTimeFilter(cls.period, lookup_expr="gte")
            found["to"] = filters.IsoDateTimeFilter(cls.period, lookup_expr="lt")
        return found

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows that match; InvalidParameter for a scan of too many days."""
        said = self.form.cleaned_data
        scans = [name for name in self.scanning if said[name] not in EMPTY_VALUES]
        if scans and not self._is_short(said):
            days = f"at most {SCANNED_DAYS_MAX} days"
            detail = f"With {scans[0]} say from when: `from`, and `to` unless it is now, {days}."
            raise InvalidParameter(detail, pointer="?from")
        matching: QuerySet[Any] = super().filter_queryset(queryset)
        return matching

    def _is_short(self, said: Mapping[str, Any]) -> bool:
        first, end = said["from"], said["to"] or clock.now()
        return first is not None and end - first <= timedelta(days=SCANNED_DAYS_MAX)


class StrictFilterBackend(filters.DjangoFilterBackend):  # type: ignore[misc]  # no types
    """django-filter, with faults that name their query parameter."""

    filterset_base = StrictFilterSet

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        """The rows that match; InvalidParameter for a value that a filter cannot read."""
        try:
            matching: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        except exceptions.ValidationError as error:
            faults = [
                FieldError(f"?{fault.pointer.lstrip('/')}", fault.code, fault.detail)
                for fault in field_errors(error.detail)
            ]
            raise InvalidParameter(errors=faults) from None
        return matching


def refuse_unknown_parameters(request: Request, view: APIView) -> None:
    """UnknownParameter for what neither filters, nor pages, nor the view itself read.

    A view that reads parameters by itself lists them in `query_parameters`.
    """
    unknown = sorted(set(request.query_params) - _known_parameters(request, view))
    if unknown:
        detail = "Nothing here reads this parameter."
        raise UnknownParameter(
            errors=[FieldError(f"?{name}", UnknownParameter.code, detail) for name in unknown]
        )


def refuse_empty_parameters(request: Request) -> None:
    """InvalidParameter for a parameter without a value.

    `?run=` is what a script sends that has lost its run, and no filter would be every run's rows.
    """
    empty = sorted(
        name
        for name, values in request.query_params.lists()
        if not all(value.strip() for value in values)
    )
    if empty:
        detail = "The parameter has no value: give it one, or leave it out."
        raise InvalidParameter(
            errors=[FieldError(f"?{name}", InvalidParameter.code, detail) for name in empty]
        )


def _known_parameters(request: Request, view: APIView) -> set[str]:
    known = set(getattr(view, "query_parameters", ()))
    if request.method not in ("GET", "HEAD") or getattr(view, "detail", False):
        return known
    paginator = getattr(view, "paginator", None)
    known |= set(getattr(paginator, "query_parameters", ()))
    return known | _filter_names(view)


def _filter_names(view: APIView) -> set[str]:
    queryset: QuerySet[Model] | None = getattr(view, "queryset", None)
    kind = StrictFilterBackend().get_filterset_class(view, queryset)
    if kind is None:
        return set()
    # A range filter reads price_min and price_max: only a bound form knows such names.
    form = kind(queryset=queryset).form
    names = set()
    for name, field in form.fields.items():
        suffixes = getattr(field.widget, "suffixes", None)
        names |= {f"{name}_{suffix}" for suffix in suffixes} if suffixes else {name}
    return names
