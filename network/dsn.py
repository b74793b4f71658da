"""Django's database settings as a libpq address, for connections of our own."""

from collections.abc import Sequence
from typing import Any, Final

from psycopg.conninfo import make_conninfo

_NAMES: Final[Sequence[tuple[str, str]]] = (
    ("NAME", "dbname"),
    ("USER", "user"),
    ("PASSWORD", "password"),
    ("HOST", "host"),
    ("PORT", "port"),
)


def conninfo(database: dict[str, Any]) -> str:
    """The libpq address of one of settings.DATABASES."""
    options = {name: value for name, value in database["OPTIONS"].items() if name != "pool"}
    given = {libpq: database[django] for django, libpq in _NAMES if database[django]}
    return make_conninfo(**given, **options)
