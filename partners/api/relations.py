"""Ids of other things in a body: only those that the actor may see exist."""

from collections.abc import Callable
from typing import Any

from django.db.models import Model, QuerySet
from rest_framework import serializers

from partners.actors import Actor


class Visible(serializers.PrimaryKeyRelatedField[Any]):
    """The id of one of the rows that `rows` gives the actor; others answer `unknown_<field>`.

    `Visible(offers.visible)`. An id of another partner is as unknown as one that never was.
    """

    def __init__(self, rows: Callable[[Actor], QuerySet[Any]], **kwargs: Any) -> None:
        self.rows = rows
        super().__init__(**kwargs)

    def get_queryset(self) -> QuerySet[Any]:
        """What the actor of the request may name."""
        return self.rows(self.context["request"].user)

    def to_internal_value(self, data: Any) -> Model:
        """The row; `invalid` for what is no whole number, `unknown_<field>` for no visible row."""
        if type(data) is not int:
            raise serializers.ValidationError("An id is a whole number.", code="invalid")
        row: Model | None = self.get_queryset().filter(pk=data).first()
        if row is None:
            raise serializers.ValidationError(
                f"There is no {self.field_name} {data}, or it belongs to another.",
                code=f"unknown_{self.field_name}",
            )
        return row


class Own:
    """The default of a `Visible` party: the actor's own, `required` for who sees all of them."""

    requires_context = True

    def __call__(self, field: Visible) -> Model:
        """The one party that the actor acts for."""
        if field.context["request"].user.sees_all:
            field.fail("required")
        own: Model = field.get_queryset().get()
        return own
