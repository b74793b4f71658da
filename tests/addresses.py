"""Every address of the API with its methods, from the URL map itself."""

from collections.abc import Iterator
from typing import Any

from django.urls import get_resolver

BASE = "api/v1/"


def routes() -> set[tuple[str, str]]:
    """(method, shape) of everything below /api/v1/."""
    return {
        (method, shape(path.removeprefix(BASE)))
        for path, view in _walk(get_resolver().url_patterns)
        if path.startswith(BASE)
        for method in _methods(view)
    }


def shape(address: str) -> str:
    """The address without its variables: `offers/<int:pk>/end` and `offers/{offer}/end` agree."""
    path = address.partition("?")[0]
    return "/".join("*" if part[0] in "<{" else part for part in path.split("/"))


def _walk(patterns: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if inner := getattr(pattern, "url_patterns", None):
            yield from _walk(inner, path)
        else:
            yield path, pattern.callback


def _methods(view: Any) -> list[str]:
    taken = getattr(view, "actions", None)
    if taken is None:
        taken = [name for name in view.cls.http_method_names if hasattr(view.cls, name)]
    # What every address answers to is nobody's to write down.
    return [name for name in taken if name not in ("head", "options")]
