"""What the sender of a report is told: the truth about what is stored, with a stable code."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from network.errors import PeractionError, document
from tracking.conversions.verdicts import ACCEPTED, DUPLICATE, WAITING, ReportVerdict

_OK: Final = 200
_TAKEN_IN: Final = 202


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and a JSON body; a problem document from 400 on."""

    status: int
    body: dict[str, object]


def tell(report_id: UUID, verdict: ReportVerdict) -> Answer:
    """The answer to a stored report; the id of the request is the id of the report."""
    if verdict.fault is not None:
        return tell_error(report_id, verdict.fault, report=report_id)
    body: dict[str, object] = {"request_id": report_id, "report": report_id}
    if verdict.verdict == WAITING:
        return Answer(_TAKEN_IN, body | {"status": WAITING, "code": WAITING})
    body |= {"status": verdict.status, "code": verdict.code, "conversion": verdict.conversion_id}
    if verdict.verdict == DUPLICATE:
        body["duplicate_of"] = verdict.conversion_id
    assert verdict.verdict in (ACCEPTED, DUPLICATE)
    return Answer(_OK, body)


def tell_error(request_id: UUID, error: PeractionError, **members: object) -> Answer:
    """The problem document of an error; `members` join it, such as the report that is stored."""
    body = document(error, instance="/postback", request_id=request_id)
    return Answer(int(error.status), body | members)
