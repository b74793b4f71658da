"""What the tracker stores by COPY: rows of one table each, in COPY's text format."""

from datetime import date
from typing import Final, NamedTuple

from tracking.clicks import row
from tracking.clicks.query import RESERVED

# Stands for NULL in the lines of every kind.
_NULL: Final = RESERVED[1]


class Entry(NamedTuple):
    """One row on its way: its kind, its day in UTC, and its COPY line."""

    kind: str
    day: date
    line: str


class Kind(NamedTuple):
    """A table that takes such rows.

    `columns` are those of a line, in its order. `partition` is the function that makes the
    partition of a day. The table's unique key is in the row itself, so that a row may be sent
    twice and is stored once.
    """

    table: str
    columns: str
    partition: str


KINDS: Final = {
    "click": Kind(table="click", columns=row.COLUMNS, partition="make_click_partition"),
}


def copy(table: str, columns: str) -> str:
    """The statement that takes lines of these columns."""
    return f"COPY {table} ({columns}) FROM STDIN (NULL '{_NULL}')"


COPIES: Final = {name: copy(kind.table, kind.columns) for name, kind in KINDS.items()}
