"""Classes below a class: every error that the code raises on purpose."""

from collections.abc import Iterator

from network.errors import PeractionError


def all_codes() -> dict[str, type[PeractionError]]:
    """The errors of the modules imported so far by their codes."""
    return {kind.code: kind for kind in kinds_of(PeractionError)}


def kinds_of(kind: type) -> Iterator[type]:
    """The class and all below it, among the modules imported so far."""
    yield kind
    for child in kind.__subclasses__():
        yield from kinds_of(child)
