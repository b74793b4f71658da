"""Rows on their way into PostgreSQL, as lines of its COPY text format."""

from uuid import UUID

from network.ids import uuid7_time
from tracking.clicks import row
from tracking.clicks.kinds import Entry
from tracking.clicks.query import DIVIDER, NULL


def entry(kind: str, id: UUID, *fields: str | int) -> Entry:
    """A row of this kind; `fields` follow id and time in the kind's columns, empty for NULL.

    Texts have gone through `query.clean`.
    """
    at = uuid7_time(id)
    told = [str(field) or NULL for field in fields]
    text = row.escaped(DIVIDER.join((id.hex, at.isoformat(), *told)))
    return Entry(kind, at.date(), f"{text}\n")
