"""Visits and rows as a tracker reads and writes them, without a server."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from network.clock import EPOCH
from network.ids import uuid7
from tracking.asked import Asked
from tracking.clicks import row
from tracking.clicks.visit import Visit


def make_visit(
    path: str = "/c/abc", *, at: datetime | None = None, peer: str = "192.0.2.1", **headers: str
) -> Visit:
    """A visit of this instant; header names are written with underscores."""
    where, _, raw = path.partition("?")
    said = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    request = Asked(where, raw.encode(), said, peer)
    ms = ((at or datetime.now(UTC)) - EPOCH) // timedelta(milliseconds=1)
    return Visit(request, row.said_by(raw.encode()), ms)


def make_row(id: UUID | None = None, **fields: Any) -> bytes:
    """The row of a click, as COPY takes it."""
    id = id or uuid7()
    given = {
        "link": (1, 2, 3, 4),
        "smart_link_id": 0,
        "landing_id": 0,
        "reason": "ok",
        "marks": [],
        "visitor": None,
        "origin": row.origin("192.0.2.1", "", ""),
        "agent": row.agent("", "", "", ""),
        "link_code": "abc123",
        "destination": "https://shop.example/",
        "referrer": "",
        "language": "",
    }
    fields = given | fields
    said = row.said(fields.pop("params", {}))
    return row.click(id.bytes, id.int >> 80, said=said, **fields)
