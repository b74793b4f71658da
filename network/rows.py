"""Rows on their way into a statement: turned into the arrays that unnest takes."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.backends.utils import CursorWrapper
from psycopg import Cursor

# Django's cursor or the driver's own: the tracker shares verbs with the tasks, but not Django's
# connections.
AnyCursor = CursorWrapper | Cursor[Any]


def columns(rows: Iterable[Sequence[Any]], *, width: int) -> list[list[Any]]:
    """One array for each of the `width` columns; empty ones where there is no row."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
