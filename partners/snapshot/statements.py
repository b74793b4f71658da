"""The SQL that reads the configuration, all of it or only what is wanted."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from psycopg import Connection, Cursor

Row = tuple[Any, ...]

# Rows that are taken out of the driver in one go: about a millisecond, in which no other thread
# of the process runs.
_CHUNK: Final = 200


class Statement(NamedTuple):
    """A SELECT with a place for `{wanted}`, and the condition that goes there for a patch.

    The condition takes lists of ids by these names; without any there is nothing to read.
    """

    select: str
    wanted: str
    names: tuple[str, ...]


ADVERTISERS: Final = Statement(
    """
    SELECT id, code, status = 'active', funded, report_auth, report_token_digest
    FROM advertiser WHERE {wanted}
    """,
    "id = ANY(%(advertiser)s::bigint[])",
    ("advertiser",),
)
REPORT_KEYS: Final = Statement(
    "SELECT advertiser_id, key_id, sealed_secret, expires_at FROM report_key WHERE {wanted}",
    "advertiser_id = ANY(%(advertiser)s::bigint[])",
    ("advertiser",),
)
AFFILIATES: Final = Statement(
    "SELECT id, code, status = 'active' FROM affiliate WHERE {wanted}",
    "id = ANY(%(affiliate)s::bigint[])",
    ("affiliate",),
)
LINK_KEYS: Final = Statement(
    "SELECT affiliate_id, key_id, sealed_secret, expires_at FROM link_key WHERE {wanted}",
    "affiliate_id = ANY(%(affiliate)s::bigint[])",
    ("affiliate",),
)
OFFERS: Final = Statement(
    """
    SELECT id, advertiser_id, targeting::text, time_zone, deep_link_hosts, utm::text, link_signing,
        status, visibility, currency, landing_url, fallback_url, starts_at, ends_at,
        click_window_s, min_click_to_conversion_s, hold_days
    FROM offer WHERE {wanted}
    """,
    "id = ANY(%(offer)s::bigint[])",
    ("offer",),
)
GOALS: Final = Statement(
    "SELECT id, offer_id, code, dedupe, is_default FROM goal WHERE {wanted}",
    "offer_id = ANY(%(offer)s::bigint[])",
    ("offer",),
)
TERMS: Final = Statement(
    """
    SELECT revenue_fixed_micros, revenue_ppm, commission_fixed_micros, commission_ppm, id, goal_id,
        affiliate_id, valid_from, valid_to
    FROM terms WHERE {wanted} ORDER BY id
    """,
    "goal_id IN (SELECT id FROM goal WHERE offer_id = ANY(%(offer)s::bigint[]))",
    ("offer",),
)
LANDINGS: Final = Statement(
    "SELECT offer_id, id, weight, url FROM landing WHERE active AND {wanted} ORDER BY id",
    "offer_id = ANY(%(offer)s::bigint[])",
    ("offer",),
)
CAPS: Final = Statement(
    """
    SELECT offer_id, id, scope, value, period, time_zone, limit_count
    FROM cap WHERE active AND {wanted} ORDER BY id
    """,
    "offer_id = ANY(%(offer)s::bigint[])",
    ("offer",),
)
APPLICATIONS: Final = Statement(
    "SELECT offer_id, affiliate_id, status = 'approved' FROM application WHERE {wanted}",
    "id = ANY(%(application)s::bigint[])",
    ("application",),
)
# `built_offer` are the offers that are new objects, whatever the reason.
LINKS: Final = Statement(
    "SELECT id, code, affiliate_id, offer_id, active FROM link WHERE {wanted}",
    """
    id = ANY(%(link)s::bigint[]) OR affiliate_id = ANY(%(affiliate)s::bigint[])
        OR offer_id = ANY(%(built_offer)s::bigint[])
        OR affiliate_id = ANY(ARRAY(
                SELECT affiliate_id FROM application WHERE id = ANY(%(application)s::bigint[])
            )) AND offer_id = ANY(ARRAY(
                SELECT offer_id FROM application WHERE id = ANY(%(application)s::bigint[])
            ))
    """,
    ("link", "affiliate", "built_offer", "application"),
)
SMART_LINKS: Final = Statement(
    "SELECT id, code, affiliate_id, strategy, active FROM smart_link WHERE {wanted}",
    "id = ANY(%(smart_link)s::bigint[])",
    ("smart_link",),
)
SMART_OFFERS: Final = Statement(
    """
    SELECT smart_link_id, offer_id, priority, weight
    FROM smart_offer WHERE active AND {wanted} ORDER BY priority, offer_id
    """,
    "smart_link_id = ANY(%(smart_link)s::bigint[])",
    ("smart_link",),
)
SMART_WEIGHTS: Final = Statement(
    "SELECT smart_link_id, country, device, offer_id, weight_ppm FROM smart_weight WHERE {wanted}",
    "smart_link_id = ANY(%(smart_link)s::bigint[])",
    ("smart_link",),
)
EXTERNAL_IDS: Final = Statement(
    "SELECT dialect, kind, external_id, internal_id FROM external_id WHERE {wanted}",
    "id = ANY(%(external_id)s::bigint[])",
    ("external_id",),
)


@dataclass(frozen=True, slots=True)
class Rows:
    """Runs statements on a connection: whole, or for the wanted ids by name.

    With `pause_s` the thread sleeps that long after each chunk, so that one that answers clicks
    need not wait for this one to be done.
    """

    connection: Connection[Any]
    wanted: Mapping[str, list[int]] | None = None
    pause_s: float = 0.0

    def of(self, statement: Statement) -> Iterator[Row]:
        """The rows of a statement, one by one."""
        if self.wanted is not None and not any(self.wanted[name] for name in statement.names):
            return
        wanted = "true" if self.wanted is None else f"({statement.wanted})"
        # Not the connection's own kind of cursor: Django's cannot read binary, in which numbers
        # and times are not spelt out and read again.
        with Cursor(self.connection) as cursor:
            cursor.execute(statement.select.format(wanted=wanted), self.wanted, binary=True)
            while chunk := cursor.fetchmany(_CHUNK):
                yield from chunk
                if self.pause_s:
                    time.sleep(self.pause_s)
