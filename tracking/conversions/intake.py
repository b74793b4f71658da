"""Takes authenticated reports in: one transaction for a batch, each report once.

READ COMMITTED throughout: who loses a race for a nonce or a key reads the winner by a statement
that begins after the winner's commit. Lock order: nonces, dedupe keys, funds.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog
from django.conf import settings
from psycopg import Connection, Cursor
from psycopg.errors import DeadlockDetected, SerializationFailure

from network.errors import PeractionError
from network.ids import uuid7_time
from network.logs import database_facts
from partners import snapshot as snapshots
from partners.snapshot import Snapshot
from tracking.conversions import nonces, verdicts
from tracking.conversions.answers import Answer, tell, tell_error
from tracking.conversions.evidence import Authenticated
from tracking.conversions.nonces import Nonce
from tracking.conversions.refusals import ReportReplayed
from tracking.conversions.verdicts import WAITING, ReportVerdict

log = structlog.get_logger(__name__)

_COPY_REPORTS: Final = """
COPY report (
    id, received_at, advertiser_id, auth, method, query, body, click_id, goal_code, order_ref,
    event_ref, sale_micros, currency, is_test, verdict, code, conversion_id
) FROM STDIN
"""
_COPY_WAITS: Final = (
    "COPY report_wait (report_id, click_id, click_at, received_at, until) FROM STDIN"
)


class _Stale(Exception):
    """Something was refused by a configuration that is no longer the latest."""


def take(
    connection: Connection[Any],
    reports: Sequence[Authenticated],
    snapshot: Snapshot,
    now: datetime,
) -> list[Answer]:
    """Store reports and all that follows from them, and answer each after the commit.

    `connection` is in autocommit. A batch that fails on its data is halved, so that one report
    cannot fail its neighbours. OperationalError where it is not known what is stored.
    """
    try:
        return _take_again(connection, reports, snapshot, now)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        if len(reports) == 1:
            log.error("report.not_stored", report=str(reports[0].id), **database_facts(error))
            return [tell_error(reports[0].id, PeractionError())]
    half = len(reports) // 2
    return [
        *take(connection, reports[:half], snapshot, now),
        *take(connection, reports[half:], snapshot, now),
    ]


def _take_again(
    connection: Connection[Any],
    reports: Sequence[Authenticated],
    snapshot: Snapshot,
    now: datetime,
) -> list[Answer]:
    """Take the batch, and once more after a lost race or with a newer configuration."""
    try:
        return _take(connection, reports, snapshot, now)
    except (DeadlockDetected, SerializationFailure) as error:
        log.warning("report.batch_again", error=str(error))
        return _take(connection, reports, snapshot, now)
    except _Stale:
        newest = snapshots.latest(snapshot, connection)
        return _take(connection, reports, newest, now, latest=True)


def _take(
    connection: Connection[Any],
    reports: Sequence[Authenticated],
    snapshot: Snapshot,
    now: datetime,
    *,
    latest: bool = False,
) -> list[Answer]:
    with connection.transaction(), connection.cursor() as cursor:
        unused = _with_unused_nonce(cursor, reports, now)
        found = verdicts.decide(cursor, unused, snapshot, now)
        hangs = any(each.hangs_on_configuration for each in found.values())
        if hangs and not latest and snapshots.read_stamp(connection) != snapshot.stamp:
            # Terms or a goal added a moment ago: the sender, told no, would not come again.
            raise _Stale
        _store(cursor, unused, found)
        first = nonces.first_reports(cursor, _nonces_of(reports, without=found))
    return [_answer(report, found, first) for report in reports]


def _with_unused_nonce(
    cursor: Cursor[Any], reports: Sequence[Authenticated], now: datetime
) -> list[Authenticated]:
    """The reports that go on: those without a nonce, and the first to use each nonce."""
    signed: dict[Nonce, Authenticated] = {}
    for report in reports:
        if report.nonce is not None:
            signed.setdefault((report.advertiser_id, report.nonce), report)
    spent = nonces.spend(cursor, list(signed.values()), now)
    return [report for report in reports if report.nonce is None or report.id in spent]


def _nonces_of(
    reports: Sequence[Authenticated], *, without: Mapping[UUID, ReportVerdict]
) -> list[Nonce]:
    """The nonces of the reports that were not decided about, because they are replays."""
    return sorted(
        {
            (report.advertiser_id, report.nonce)
            for report in reports
            if report.id not in without and report.nonce is not None
        }
    )


def _store(
    cursor: Cursor[Any], reports: Sequence[Authenticated], found: Mapping[UUID, ReportVerdict]
) -> None:
    if reports:
        with cursor.copy(_COPY_REPORTS) as copy:
            for report in reports:
                copy.write_row(_row(report, found[report.id]))
    waits = [report for report in reports if found[report.id].verdict == WAITING]
    if waits:
        with cursor.copy(_COPY_WAITS) as copy:
            for report in waits:
                copy.write_row(_wait_row(report))


def _row(report: Authenticated, verdict: ReportVerdict) -> tuple[object, ...]:
    evidence = report.evidence
    return (
        report.id,
        report.received_at,
        report.advertiser_id,
        report.auth,
        report.method,
        report.query,
        report.body,
        evidence.click_id,
        evidence.goal_code,
        evidence.order_ref,
        evidence.event_ref,
        evidence.sale_micros,
        evidence.currency,
        evidence.is_test,
        verdict.verdict,
        verdict.code,
        verdict.conversion_id,
    )


def _wait_row(report: Authenticated) -> tuple[object, ...]:
    click_id = report.evidence.click_id
    assert click_id is not None  # what waits, waits for a click
    until = report.received_at + timedelta(hours=settings.WAIT_HOURS)
    return report.id, click_id, uuid7_time(click_id), report.received_at, until


def _answer(
    report: Authenticated,
    found: Mapping[UUID, ReportVerdict],
    first: Mapping[Nonce, tuple[UUID, UUID | None]],
) -> Answer:
    if report.id in found:
        return tell(report.id, found[report.id])
    assert report.nonce is not None  # only a nonce makes a replay
    first_id, conversion_id = first[report.advertiser_id, report.nonce]
    members = {"report": first_id, "conversion": conversion_id}
    return tell_error(report.id, ReportReplayed(), **members)
