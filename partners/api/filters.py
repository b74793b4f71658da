"""Filters that refuse what they cannot read."""

from typing import Any, Final

from django_filters import rest_framework as filters

_MEANINGS: Final = {"true": True, "false": False}


class TrueOrFalse(filters.TypedChoiceFilter):  # type: ignore[misc]  # no types
    """`true` or `false`; django-filter's own takes any other word for "do not filter"."""

    def __init__(self, field_name: str, **kwargs: Any) -> None:
        choices = [(word, word) for word in _MEANINGS]
        super().__init__(field_name, choices=choices, coerce=_MEANINGS.get, **kwargs)
