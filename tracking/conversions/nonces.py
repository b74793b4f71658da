"""Nonces of signed reports: each is good once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from psycopg import Cursor

from network.rows import columns
from tracking.conversions.evidence import Authenticated

Nonce = tuple[int, str]  # advertiser and nonce

_SPEND: Final = """
INSERT INTO report_nonce (advertiser_id, nonce, report_id, used_at)
SELECT advertiser_id, nonce, report_id, %s
FROM unnest(%s::bigint[], %s::text[], %s::uuid[]) AS fresh (advertiser_id, nonce, report_id)
ON CONFLICT (advertiser_id, nonce) DO NOTHING
RETURNING report_id
"""

_FIRST: Final = """
SELECT used.advertiser_id, used.nonce, report.id,
    coalesce(outcome.conversion_id, report.conversion_id)
FROM unnest(%s::bigint[], %s::text[]) AS wanted (advertiser_id, nonce)
JOIN report_nonce AS used USING (advertiser_id, nonce)
JOIN report ON report.id = used.report_id
LEFT JOIN report_outcome AS outcome ON outcome.report_id = report.id
"""


def spend(cursor: Cursor[Any], reports: Sequence[Authenticated], now: datetime) -> set[UUID]:
    """Use the nonces of these reports, each a different one; the reports whose nonce was unused.

    A nonce that another transaction is spending is waited for. Sorted, because two batches with
    the same two nonces in different order would wait for each other.
    """
    rows = sorted((report.advertiser_id, report.nonce, report.id) for report in reports)
    if not rows:
        return set()
    cursor.execute(_SPEND, [now, *columns(rows, width=3)])
    return {id for (id,) in cursor.fetchall()}


def first_reports(
    cursor: Cursor[Any], nonces: Sequence[Nonce]
) -> dict[Nonce, tuple[UUID, UUID | None]]:
    """The report that used each nonce first, and its conversion if it has one.

    A statement of its own after `spend`: only a new one sees what the winner has committed.
    """
    if not nonces:
        return {}
    cursor.execute(_FIRST, columns(nonces, width=2))
    return {
        (advertiser_id, nonce): (report_id, conversion_id)
        for advertiser_id, nonce, report_id, conversion_id in cursor.fetchall()
    }


def prune(cursor: Cursor[Any], now: datetime) -> int:
    """Forget nonces whose timestamps would be refused anyway; how many."""
    # A clock that is ahead by the skew signs what is good for the skew twice over.
    oldest = now - timedelta(seconds=2 * settings.SIGNATURE_SKEW_S + 60)
    cursor.execute("DELETE FROM report_nonce WHERE used_at < %s", [oldest])
    return cursor.rowcount
