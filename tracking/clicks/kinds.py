"""What the tracker stores by COPY: rows of one table each, in COPY's binary format."""

from collections.abc import Callable
from datetime import date
from typing import Final, NamedTuple

from partners.places import Claim
from tracking.clicks import row
from tracking.clicks.spool_records import BINARY, TEXT

# The outcome of what is not stored yet.
LATER: Final = "later"

# Takes the claim that was refused, None where no counter was in reach; gives another Entry.
Otherwise = Callable[[Claim | None], "Entry"]


class Entry(NamedTuple):
    """One row on its way: its kind, its day in UTC, its bytes (`network.binary`).

    A row that needs places in caps has `claims`; `otherwise` makes the entry that is stored instead
    where one of them finds no room, or none of the counters can be reached; it claims nothing, and
    is a `Later` where there is still hope of room. `outcome` is what is counted; of a click, its id
    as the world sees it and the address that it leads to are what its visitor is told once it is
    stored.
    """

    kind: str
    day: date
    row: bytes
    outcome: str = "ok"
    click_id: str = ""
    destination: str = ""
    claims: tuple[Claim, ...] = ()
    otherwise: Otherwise | None = None


class Later(Entry):
    """Takes the place of an entry in a commit and stores nothing there; `entry` is to be recorded.

    That one claims places too, which the commit has not taken.
    """

    entry: Entry

    @classmethod
    def of(cls, entry: Entry) -> "Later":
        """The stand-in for this entry."""
        later = cls(entry.kind, entry.day, row=b"", outcome=LATER)
        later.entry = entry
        return later


class Kind(NamedTuple):
    """A table that takes such rows, kept by days (`make_partition`).

    `columns` are those of a row, in its order. The table's unique key is in the row itself, so a
    row may be sent twice and is stored once.
    """

    table: str
    columns: str


KINDS: Final = {
    "click": Kind(table="click", columns=row.COLUMNS),
    "impression": Kind(
        table="impression",
        columns="id, ts, link_id, affiliate_id, offer_id, advertiser_id, source, subs, ip,"
        " user_agent, referrer",
    ),
    "page_event": Kind(table="page_event", columns="id, ts, click_id, name, path"),
}


# How COPY reads rows; text is what spool files hold that name no format.
FORMATS: Final = {BINARY: "FORMAT binary", TEXT: "NULL '\x01'"}


def copy(table: str, columns: str, format: str = BINARY) -> str:
    """The statement that takes rows of these columns."""
    return f"COPY {table} ({columns}) FROM STDIN ({FORMATS[format]})"


COPIES: Final = {name: copy(kind.table, kind.columns) for name, kind in KINDS.items()}
