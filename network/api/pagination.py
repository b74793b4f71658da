"""Pages by key: each cursor says after which row the next page begins, so no row moves between."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Field, Model, Q, QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param
from rest_framework.views import APIView

from network.errors import InvalidParameter

LIMIT: Final = 50
LIMIT_MAX: Final = 200
_CURSOR_CHARACTERS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Cursor:
    """Continue behind the row with these values, or, backwards, end before it."""

    values: tuple[str, ...]
    backwards: bool

    def text(self) -> str:
        """The cursor as it goes into an address."""
        raw = orjson.dumps([self.backwards, *self.values])
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class NewestFirst(BasePagination):
    """`limit` and `cursor`; the view's `ordering` ends in a unique column and has no nulls."""

    ordering: tuple[str, ...] = ("-created_at", "-id")
    query_parameters = ("limit", "cursor")

    def paginate_queryset(
        self,
        queryset: QuerySet[Any],  # type: ignore[override]  # keys need a query, not a list
        request: Request,
        view: APIView | None = None,
    ) -> list[Any]:
        """The rows of the page asked for; InvalidParameter for a bad limit or cursor."""
        self.url = request.build_absolute_uri()
        self.columns = tuple(getattr(view, "ordering", None) or self.ordering)
        limit = _limit(request.query_params.get("limit"))
        cursor = _cursor(request.query_params.get("cursor"), queryset, self.columns)
        backwards = cursor is not None and cursor.backwards
        columns = [_turned(column) for column in self.columns] if backwards else [*self.columns]
        if cursor is not None:
            queryset = queryset.filter(_behind(columns, _values(queryset, columns, cursor)))
        rows = list(queryset.order_by(*columns)[: limit + 1])
        more = len(rows) > limit
        rows = rows[:limit]
        if backwards:
            rows.reverse()
        self.rows = rows
        self.has_next = True if backwards else more
        self.has_previous = more if backwards else cursor is not None
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        """`results` with the way to the neighbours, as addresses and as bare cursors."""
        following = self._beside(-1, backwards=False) if self.rows and self.has_next else None
        before = self._beside(0, backwards=True) if self.rows and self.has_previous else None
        return Response(
            {
                "next": self._link(following),
                "previous": self._link(before),
                "next_cursor": following,
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The same for OpenAPI."""
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "next_cursor", "results"],
            "properties": {
                "next": link,
                "previous": link,
                "next_cursor": {"type": ["string", "null"]},
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """The parameters for OpenAPI."""
        limit = {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT}
        return [
            {"name": "limit", "in": "query", "required": False, "schema": limit},
            {"name": "cursor", "in": "query", "required": False, "schema": {"type": "string"}},
        ]

    def _beside(self, index: int, *, backwards: bool) -> str:
        row = self.rows[index]
        names = [column.lstrip("-") for column in self.columns]
        values = [row[name] if isinstance(row, Mapping) else getattr(row, name) for name in names]
        return Cursor(tuple(map(str, values)), backwards).text()

    def _link(self, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        return replace_query_param(remove_query_param(self.url, "cursor"), "cursor", cursor)


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT
    short = len(text) <= len(str(LIMIT_MAX))
    if short and text.isascii() and text.isdigit() and 1 <= int(text) <= LIMIT_MAX:
        return int(text)
    raise InvalidParameter(f"A limit is a whole number from 1 to {LIMIT_MAX}.", pointer="?limit")


def _cursor(text: str | None, queryset: QuerySet[Any], columns: Sequence[str]) -> Cursor | None:
    if text is None:
        return None
    try:
        if len(text) > _CURSOR_CHARACTERS_MAX:
            raise ValueError("too long for a cursor of ours")
        raw = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
        backwards, *values = raw
        if not isinstance(backwards, bool) or len(values) != len(columns):
            raise ValueError("made for another list")
        return Cursor(tuple(map(str, values)), backwards)
    except (binascii.Error, UnicodeEncodeError, ValueError, TypeError):
        detail = "Send next_cursor of the page before, as it is."
        raise InvalidParameter(detail, pointer="?cursor") from None


def _values(queryset: QuerySet[Any], columns: Sequence[str], cursor: Cursor) -> list[Any]:
    try:
        return [
            _field(queryset, column.lstrip("-")).to_python(text)
            for column, text in zip(columns, cursor.values, strict=True)
        ]
    except (ValidationError, ValueError, OverflowError):
        detail = "The cursor belongs to another list."
        raise InvalidParameter(detail, pointer="?cursor") from None


def _field(queryset: QuerySet[Any], name: str) -> "Field[Any, Any]":
    model: type[Model] = queryset.model
    try:
        return model._meta.get_field(name)  # type: ignore[return-value]  # no relation is a key
    except FieldDoesNotExist:
        return queryset.query.annotations[name].output_field


def _behind(columns: Sequence[str], values: Sequence[Any]) -> Q:
    """The rows after the one with these values in this order.

    The first column stands alone before the alternatives, so that an index on it can begin there.
    """
    name, comparison = _comparison(columns[0])
    start = Q(**{f"{name}__{comparison}e": values[0]})
    alternatives = Q()
    equal: dict[str, Any] = {}
    for column, value in zip(columns, values, strict=True):
        name, comparison = _comparison(column)
        alternatives |= Q(**equal, **{f"{name}__{comparison}": value})
        equal[name] = value
    return start & alternatives


def _comparison(column: str) -> tuple[str, str]:
    return (column[1:], "lt") if column.startswith("-") else (column, "gt")


def _turned(column: str) -> str:
    return column[1:] if column.startswith("-") else f"-{column}"
