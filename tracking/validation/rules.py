"""The rules a pending conversion must pass, each small, pure and with a code of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tracking.conversions.states import APPROVED

ACTIVE: Final = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTwin:
    """Another live conversion of the same advertiser with the same order reference, under another
    offer or affiliate."""

    conversion_id: UUID
    status: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the rules may know of a conversion. Windows count from `received_at`, which the
    sender cannot choose."""

    now: datetime
    conversion_id: UUID
    received_at: datetime
    click_at: datetime
    settle_s: int
    click_window_s: int
    min_click_to_conversion_s: int
    affiliate_status: str
    advertiser_status: str
    order_ref: str | None
    order_twins: Sequence[OrderTwin]

    @property
    def elapsed_s(self) -> float:
        """Seconds from click to receipt; never below 0, whatever two clocks disagree on."""
        return max((self.received_at - self.click_at).total_seconds(), 0.0)


@dataclass(frozen=True, slots=True)
class Approve:
    """Nothing speaks against it."""

    code: str = "valid"


@dataclass(frozen=True, slots=True)
class Hold:
    """Not yet: look again at `until`."""

    code: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Review:
    """A person must look."""

    code: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Not payable."""

    code: str


Objection = Hold | Review | Reject
Verdict = Approve | Objection


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule said, and the facts on which it said so."""

    code: str
    objection: Objection | None
    saw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """passed, hold, review or reject."""
        return "passed" if self.objection is None else type(self.objection).__name__.lower()


def click_expired(facts: Facts) -> Finding:
    """The report came after the offer's attribution window."""
    late = facts.elapsed_s > facts.click_window_s
    saw = {"elapsed_s": facts.elapsed_s, "click_window_s": facts.click_window_s}
    return Finding("click_expired", Reject("click_expired") if late else None, saw)


def ctit_min(facts: Facts) -> Finding:
    """The action came sooner after the click than a person could have done it."""
    least_s = facts.min_click_to_conversion_s
    quick = facts.elapsed_s < least_s
    saw = {"elapsed_s": facts.elapsed_s, "min_click_to_conversion_s": least_s}
    return Finding("ctit_min", Reject("ctit_min") if quick else None, saw)


def affiliate_inactive(facts: Facts) -> Finding:
    """The affiliate is paused or closed."""
    objection = None if facts.affiliate_status == ACTIVE else Reject("affiliate_inactive")
    return Finding("affiliate_inactive", objection, {"status": facts.affiliate_status})


def advertiser_inactive(facts: Facts) -> Finding:
    """The advertiser is paused or closed: what it owes for work already done, a person decides."""
    objection = None if facts.advertiser_status == ACTIVE else Review("advertiser_inactive")
    return Finding("advertiser_inactive", objection, {"status": facts.advertiser_status})


def order_elsewhere(facts: Facts) -> Finding:
    """The same order was already claimed under another offer or affiliate.

    Of two that are both undecided the earlier receipt goes on and the later is held; one that is
    approved counts as earlier, whenever it was received.
    """
    own = (facts.received_at, facts.conversion_id)
    ahead = [
        twin
        for twin in facts.order_twins
        if twin.status == APPROVED or (twin.received_at, twin.conversion_id) < own
    ]
    saw = {"order_ref": facts.order_ref, "claimed_by": [twin.conversion_id for twin in ahead]}
    return Finding("order_elsewhere", Review("order_elsewhere") if ahead else None, saw)


def settling(facts: Facts) -> Finding:
    """Better evidence may still come."""
    until = facts.received_at + timedelta(seconds=facts.settle_s)
    objection = Hold("settling", until) if facts.now < until else None
    return Finding("settling", objection, {"until": until, "now": facts.now})


RULES: Final[tuple[Callable[[Facts], Finding], ...]] = (
    click_expired,
    ctit_min,
    affiliate_inactive,
    advertiser_inactive,
    order_elsewhere,
    settling,
)

# While facts may still change nothing is decided: after a hold all rules are asked again. A
# rejection saves a person the review.
_WEIGHTS: Final[tuple[type[Objection], ...]] = (Hold, Reject, Review)


def examine(facts: Facts) -> list[Finding]:
    """What every rule says, in their order: also those whose word does not decide."""
    return [rule(facts) for rule in RULES]


def verdict(findings: Sequence[Finding]) -> Verdict:
    """The weightiest objection, the first among equals; without any, approve."""
    objections = [finding.objection for finding in findings if finding.objection]
    return min(objections, key=lambda objection: _WEIGHTS.index(type(objection)), default=Approve())
