"""Visits and rows as a tracker reads and writes them, without a server."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from network.clock import EPOCH
from network.ids import uuid7
from tracking.clicks import query, row
from tracking.clicks.row import Row
from tracking.clicks.visit import Visit


def make_visit(
    path: str = "/c/abc", *, at: datetime | None = None, peer: str = "192.0.2.1", **headers: str
) -> Visit:
    """A visit of this instant; header names are written with underscores."""
    where, _, raw = path.partition("?")
    scope = {
        "path": where,
        "query_string": raw.encode(),
        "client": (peer, 50_000),
        "headers": [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()],
    }
    ms = ((at or datetime.now(UTC)) - EPOCH) // timedelta(milliseconds=1)
    return Visit(scope, query.parse(raw.encode()), ms)


def make_line(id: UUID | None = None, **fields: Any) -> str:
    """The COPY line of a click."""
    given = {
        "id": id or uuid7(),
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
        "params": {},
        "referrer": "",
        "language": "",
    }
    return row.line(Row(**(given | fields)))
