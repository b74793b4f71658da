"""Rows on their way into PostgreSQL, as lines of its COPY text format."""

from collections.abc import Awaitable, Mapping
from datetime import date
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from network.ids import uuid7_time
from tracking.clicks.query import RESERVED, SUBS

COLUMNS: Final = {
    "impression": (
        "id, ts, link_id, affiliate_id, offer_id, advertiser_id, source, subs, ip, user_agent,"
        " referrer"
    ),
    "page_event": "id, ts, click_id, name, path",
}
# No text holds these: the one divides the fields until the tabs inside them are escaped, the other
# stands for NULL.
_DIVIDER, _NULL = RESERVED


class Entry(NamedTuple):
    """One row on its way: its kind, its day in UTC, and its COPY line."""

    kind: str
    day: date
    line: str


class Recorder(Protocol):
    """Where rows are stored."""

    def record(self, entry: Entry) -> Awaitable[None]:
        """Queue a row; await its storage. Unavailable where there is nowhere to store it."""


def entry(kind: str, id: UUID, *fields: str | int) -> Entry:
    """A row of this kind; `fields` follow id and time in the order of COLUMNS, empty for NULL.

    Texts have gone through `query.clean`.
    """
    at = uuid7_time(id)
    told = [str(field) or _NULL for field in fields]
    # The line as a whole: each field by itself takes five times as long.
    text = _DIVIDER.join((id.hex, at.isoformat(), *told))
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return Entry(kind, at.date(), text.replace("\t", "\\t").replace(_DIVIDER, "\t") + "\n")


def subs(params: Mapping[str, str]) -> str:
    """The sub ids as an array literal without the NULLs at its end; empty without any."""
    elements = [_element(params[name]) if name in params else "NULL" for name in SUBS]
    while elements and elements[-1] == "NULL":
        elements.pop()
    return "{" + ",".join(elements) + "}" if elements else ""


def _element(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
