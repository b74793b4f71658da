"""Reports that came before their click: matched when it comes, given up after their time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection, Cursor

from partners.snapshot import Snapshot
from tracking.conversions import verdicts
from tracking.conversions.evidence import Authenticated, Evidence
from tracking.conversions.refusals import UnknownClick
from tracking.conversions.verdicts import WAITING, ReportVerdict, refusal

# A scalar subquery, because the planner would turn EXISTS into a join with every partition.
_CLAIM: Final = """
SELECT report.id, report.received_at, report.advertiser_id, report.auth, report.click_id,
    report.goal_code, report.order_ref, report.event_ref, report.sale_micros, report.currency,
    report.is_test
FROM report_wait JOIN report ON report.id = report_wait.report_id
WHERE report_wait.until <= %s OR (
    SELECT true FROM click
    WHERE click.id = report_wait.click_id AND click.ts = report_wait.click_at
)
ORDER BY report_wait.received_at, report_wait.report_id
LIMIT %s
FOR UPDATE OF report_wait SKIP LOCKED
"""

_OUTCOMES: Final = "COPY report_outcome (report_id, at, verdict, code, conversion_id) FROM STDIN"


def match(connection: Connection[Any], snapshot: Snapshot, now: datetime, limit: int) -> int:
    """Decide about waiting reports whose click is there, or whose time is over, oldest first.

    They count from their receipt, so a late click changes no window and no terms. Returns how many
    found their end; fewer than `limit` means that no more can.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_CLAIM, [now, limit])
        reports = [_report(row) for row in cursor.fetchall()]
        if reports:
            found = verdicts.decide(cursor, reports, snapshot, now)
            _end(cursor, reports, found, now)
    return len(reports)


def _report(row: Sequence[Any]) -> Authenticated:
    id, received_at, advertiser_id, auth, click_id, goal_code, *rest = row
    order_ref, event_ref, sale_micros, currency, is_test = rest
    return Authenticated(
        id=id,
        received_at=received_at,
        advertiser_id=advertiser_id,
        auth=auth,
        # Spent at receipt; the raw form is stored already.
        nonce=None,
        method="",
        query="",
        body="",
        evidence=Evidence(
            click_id=click_id,
            goal_code=goal_code,
            order_ref=order_ref,
            event_ref=event_ref,
            sale_micros=sale_micros,
            currency=currency,
            is_test=is_test,
        ),
    )


def _end(
    cursor: Cursor[Any],
    reports: Sequence[Authenticated],
    found: Mapping[UUID, ReportVerdict],
    now: datetime,
) -> None:
    """Write down how the wait ended; a click that never came is unknown."""
    with cursor.copy(_OUTCOMES) as copy:
        for report in reports:
            verdict = found[report.id]
            if verdict.verdict == WAITING:
                verdict = refusal(UnknownClick())
            copy.write_row((report.id, now, verdict.verdict, verdict.code, verdict.conversion_id))
    ids = [report.id for report in reports]
    cursor.execute("DELETE FROM report_wait WHERE report_id = ANY(%s)", [ids])
