"""Lists are filtered by what they declare; a parameter that nobody reads is refused."""

from typing import Any

from django.db.models import Model, QuerySet
from django_filters import rest_framework as filters
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from network.api.problems import field_errors
from network.errors import FieldError, InvalidParameter, UnknownParameter


class StrictFilterBackend(filters.DjangoFilterBackend):  # type: ignore[misc]  # no types
    """django-filter, with faults that name their query parameter."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        """The rows that match; InvalidParameter for a value that a filter cannot read."""
        try:
            matching: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        except ValidationError as error:
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


def period(column: str) -> dict[str, filters.Filter]:
    """`from`, included, and `to`, excluded, over a column of instants.

    For `base_filters` of a filter set: in a class body `from` would be the keyword.
    """
    return {
        "from": filters.IsoDateTimeFilter(field_name=column, lookup_expr="gte"),
        "to": filters.IsoDateTimeFilter(field_name=column, lookup_expr="lt"),
    }
