"""Every address of the API with its methods and parameters, from the URL map itself."""

import re
from collections.abc import Iterator
from typing import Any

from django.urls import get_resolver
from drf_spectacular.generators import SchemaGenerator

BASE = "api/v1/"


def routes() -> set[tuple[str, str]]:
    """(method, shape) of everything below /api/v1/."""
    return {
        (method, shape(path.removeprefix(BASE)))
        for path, view in _walk(get_resolver().url_patterns)
        if path.startswith(BASE)
        for method in _methods(view)
    }


def parameters() -> Iterator[tuple[str, str]]:
    """(address, name) of every query parameter that a GET has; ids in addresses are 1."""
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    for path, methods in paths.items():
        if path.startswith(f"/{BASE}"):
            address = re.sub(r"{\w+}", "1", path.removeprefix(f"/{BASE}"))
            for parameter in methods.get("get", {}).get("parameters", ()):
                if parameter["in"] == "query":
                    yield address, parameter["name"]


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
