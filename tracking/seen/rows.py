"""Rows of what was seen, on their way into PostgreSQL."""

from uuid import UUID

from network import binary
from network.ids import uuid7_ms, uuid7_time
from tracking.clicks.kinds import Entry


def entry(kind: str, id: UUID, *fields: bytes) -> Entry:
    """A row of this kind; `fields` follow id and time in the kind's columns (`network.binary`).

    Texts have gone through `query.clean`.
    """
    ts = binary.number(binary.instant(uuid7_ms(id)))
    return Entry(kind, uuid7_time(id).date(), binary.row(binary.raw(id.bytes), ts, *fields))
