"""What becomes of reports: a conversion, a duplicate of one, a wait, a refusal.

One set of statements for a whole batch. The order of locks is dedupe keys, then funds; nonces come
before, in intake.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from psycopg import Cursor

from network.errors import BadInput, PeractionError
from network.ids import uuid7
from partners import funds
from partners.funds import Pair
from partners.snapshot import Snapshot
from tracking.clicks import stored
from tracking.clicks.stored import StoredClick
from tracking.conversions import events, keys
from tracking.conversions.candidates import Candidate, Key, qualify
from tracking.conversions.events import NewEvent
from tracking.conversions.evidence import Authenticated
from tracking.conversions.keys import Holder
from tracking.conversions.refusals import ConfigurationSays
from tracking.conversions.states import PENDING, UNFUNDED

ACCEPTED: Final = "accepted"
DUPLICATE: Final = "duplicate"
WAITING: Final = "waiting"
REFUSED: Final = "refused"
VERDICTS: Final = (ACCEPTED, DUPLICATE, WAITING, REFUSED)
RECEIVED: Final = "received"

_COPY: Final = """
COPY conversion (
    id, received_at, advertiser_id, offer_id, goal_id, affiliate_id, link_id, click_id, click_at,
    report_id, order_ref, event_ref, source, aff_click_id, subs, currency, sale_micros,
    revenue_micros, commission_micros, reserved_micros, terms_id, is_test, status, reason, due_at,
    seq
) FROM STDIN
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportVerdict:
    """What was decided about a report; `status` is that of its conversion, if it has one."""

    verdict: str
    code: str
    conversion_id: UUID | None = None
    status: str = ""
    fault: PeractionError | None = None

    @property
    def hangs_on_configuration(self) -> bool:
        """Whether a newer configuration might have said otherwise."""
        return isinstance(self.fault, ConfigurationSays)


@dataclass(frozen=True, slots=True, kw_only=True)
class _New:
    """A conversion about to be stored."""

    id: UUID
    status: str
    candidate: Candidate


def refusal(fault: PeractionError) -> ReportVerdict:
    """The verdict on a report with a fault."""
    return ReportVerdict(verdict=REFUSED, code=fault.code, fault=fault)


def decide(
    cursor: Cursor[Any], reports: Sequence[Authenticated], snapshot: Snapshot, now: datetime
) -> dict[UUID, ReportVerdict]:
    """Decide about reports in the order of their receipt and store the conversions they make.

    The verdicts are by report id. A report whose click is not stored waits.
    """
    named = (report.evidence.click_id for report in reports if report.evidence.fault is None)
    clicks = stored.find(cursor, [id for id in named if id is not None])
    verdicts: dict[UUID, ReportVerdict] = {}
    candidates = []
    for report in sorted(reports, key=lambda report: (report.received_at, report.id)):
        found = _qualified(report, clicks, snapshot)
        if isinstance(found, ReportVerdict):
            verdicts[report.id] = found
        else:
            candidates.append(found)
    return verdicts | _convert(cursor, candidates, now)


def _qualified(
    report: Authenticated, clicks: Mapping[UUID, StoredClick], snapshot: Snapshot
) -> Candidate | ReportVerdict:
    evidence = report.evidence
    if evidence.fault is not None or evidence.click_id is None:
        return refusal(evidence.fault or BadInput())
    click = clicks.get(evidence.click_id)
    if click is None:
        return ReportVerdict(verdict=WAITING, code=WAITING)
    try:
        return qualify(report, click, snapshot)
    except BadInput as fault:
        return refusal(fault)


def _convert(
    cursor: Cursor[Any], candidates: Sequence[Candidate], now: datetime
) -> dict[UUID, ReportVerdict]:
    """Make the candidates conversions; of those with one key the first, the others duplicates."""
    wanted: dict[Key, UUID] = {}
    for candidate in candidates:
        if candidate.key not in wanted:
            wanted[candidate.key] = uuid7()
    holders = keys.claim(cursor, wanted)
    firsts: dict[Key, Candidate] = {}
    for candidate in candidates:
        if candidate.key not in holders:
            firsts.setdefault(candidate.key, candidate)
    fresh = _funded(cursor, {wanted[key]: candidate for key, candidate in firsts.items()})
    _store(cursor, fresh)
    events.write(cursor, [_event(each, now) for each in fresh])
    holders |= {each.candidate.key: Holder(each.id, each.status) for each in fresh}
    accepted = {each.candidate.report.id for each in fresh}
    return {
        candidate.report.id: _verdict(
            ACCEPTED if candidate.report.id in accepted else DUPLICATE, holders[candidate.key]
        )
        for candidate in candidates
    }


def _verdict(word: str, holder: Holder) -> ReportVerdict:
    return ReportVerdict(verdict=word, code=word, conversion_id=holder.id, status=holder.status)


def _funded(cursor: Cursor[Any], candidates: Mapping[UUID, Candidate]) -> list[_New]:
    """Reserve the advertisers' money, row by row in the order of receipt.

    The funds are locked once and written once for the whole batch: a hot row touched for each
    report takes a twelfth of the reports in a second. What does not fit is unfunded, and a smaller
    one after it may still fit.
    """
    needs = {id: (_pair(each), _need_micros(each)) for id, each in candidates.items()}
    room = funds.lock(cursor, {pair for pair, need_micros in needs.values() if need_micros})
    taken: dict[Pair, int] = dict.fromkeys(room, 0)
    fresh = []
    for id, candidate in candidates.items():
        pair, need_micros = needs[id]
        if need_micros == 0:
            status = PENDING
        elif pair in room and taken[pair] - need_micros >= -room[pair]:
            taken[pair] -= need_micros
            status = PENDING
        else:
            status = UNFUNDED
        fresh.append(_New(id=id, status=status, candidate=candidate))
    funds.apply(cursor, taken)
    return fresh


def _pair(candidate: Candidate) -> Pair:
    return candidate.report.advertiser_id, candidate.offer.currency


def _need_micros(candidate: Candidate) -> int:
    return 0 if candidate.is_test else candidate.revenue_micros


def _store(cursor: Cursor[Any], fresh: Sequence[_New]) -> None:
    if not fresh:
        return
    with cursor.copy(_COPY) as copy:
        for each in fresh:
            copy.write_row(_row(each))


def _row(each: _New) -> tuple[object, ...]:
    candidate, report, click = each.candidate, each.candidate.report, each.candidate.click
    pending = each.status == PENDING
    settles_at = report.received_at + timedelta(seconds=settings.SETTLE_SECONDS)
    return (
        each.id,
        report.received_at,
        report.advertiser_id,
        candidate.offer.id,
        candidate.goal.id,
        click.affiliate_id,
        click.link_id,
        click.id,
        click.ts,
        report.id,
        report.evidence.order_ref,
        report.evidence.event_ref,
        click.source,
        click.aff_click_id,
        click.subs,
        candidate.offer.currency,
        report.evidence.sale_micros,
        candidate.revenue_micros,
        candidate.commission_micros,
        _need_micros(candidate) if pending else 0,
        candidate.terms.id,
        candidate.is_test,
        each.status,
        RECEIVED,
        settles_at if pending else None,
        1,
    )


def _event(each: _New, now: datetime) -> NewEvent:
    candidate = each.candidate
    return NewEvent(
        id=uuid7(),
        conversion_id=each.id,
        seq=1,
        old="",
        new=each.status,
        reason=RECEIVED,
        actor=f"advertiser:{candidate.report.advertiser_id}",
        facts=candidate.facts,
        at=now,
        is_test=candidate.is_test,
    )
