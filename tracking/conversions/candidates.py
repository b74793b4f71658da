"""What a report would become: its offer, goal, terms, amounts, and the key of its action. Pure."""

from dataclasses import dataclass
from typing import Any, Final

from network.errors import AmountTooFine
from network.money import minor_step
from partners.snapshot import Goal, Offer, Snapshot
from partners.terms import Terms, amounts, choose
from tracking.clicks.stored import StoredClick
from tracking.conversions.evidence import Authenticated, Evidence
from tracking.conversions.refusals import (
    ClickInvalid,
    ClickOfAnotherAdvertiser,
    CurrencyNotOffers,
    EventIdRequired,
    NoPayoutRule,
    OrderIdRequired,
    UnknownGoal,
    UnknownOffer,
)

# Kind, scope, key: the primary key of `conversion_key`.
Key = tuple[str, int, str]

_NOBODY: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A report that names a good click and all that its goal asks for; amounts in micros."""

    report: Authenticated
    click: StoredClick
    offer: Offer
    goal: Goal
    terms: Terms
    revenue_micros: int
    commission_micros: int
    key: Key

    @property
    def is_test(self) -> bool:
        """Whether it earns and reserves nothing."""
        return self.report.evidence.is_test

    @property
    def facts(self) -> dict[str, Any]:
        """What was used, for the event with which the conversion begins."""
        terms = self.terms
        return {
            "report": self.report.id,
            "auth": self.report.auth,
            "goal": self.goal.code,
            "key": self.key,
            "click": self.click.id,
            "click_at": self.click.ts,
            "received_at": self.report.received_at,
            "click_window_s": self.offer.click_window_s,
            "min_click_to_conversion_s": self.offer.min_click_to_conversion_s,
            "hold_days": self.offer.hold_days,
            "terms": {
                "id": terms.id,
                "revenue_fixed_micros": terms.revenue_fixed_micros,
                "revenue_ppm": terms.revenue_ppm,
                "commission_fixed_micros": terms.commission_fixed_micros,
                "commission_ppm": terms.commission_ppm,
            },
            "currency": self.offer.currency,
            "sale_micros": self.report.evidence.sale_micros,
            "revenue_micros": self.revenue_micros,
            "commission_micros": self.commission_micros,
        }


def qualify(report: Authenticated, click: StoredClick, snapshot: Snapshot) -> Candidate:
    """The conversion that a report and its click make, or the reason why they make none (BadInput).

    Terms are those of the receipt, which the sender cannot choose.
    """
    evidence = report.evidence
    if click.advertiser_id not in (_NOBODY, report.advertiser_id):
        raise ClickOfAnotherAdvertiser(pointer="/click_id")
    if not click.good:
        raise ClickInvalid(f"The click was not good: {click.reason}.", pointer="/click_id")
    offer = snapshot.offers.get(click.offer_id)
    if offer is None:
        raise UnknownOffer(pointer="/click_id")
    goal = offer.goal(evidence.goal_code)
    if goal is None:
        raise UnknownGoal(pointer="/goal")
    key = _key(report, goal, click)
    _check_amount(evidence, offer)
    terms = choose(goal.terms, click.affiliate_id, report.received_at)
    if terms is None:
        raise NoPayoutRule()
    revenue_micros, commission_micros = amounts(terms, evidence.sale_micros)
    return Candidate(
        report=report,
        click=click,
        offer=offer,
        goal=goal,
        terms=terms,
        revenue_micros=revenue_micros,
        commission_micros=commission_micros,
        key=key,
    )


def _key(report: Authenticated, goal: Goal, click: StoredClick) -> Key:
    """What makes two reports one action: the policy of the goal alone says.

    A goal per order looks at the order and not at an event id that comes along, and so on.
    """
    evidence = report.evidence
    # A test of an order must not stand in the way of the order: tests count by themselves.
    scope = -goal.id if evidence.is_test else goal.id
    if goal.dedupe == "per_order":
        if evidence.order_ref is None:
            raise OrderIdRequired(pointer="/order_id")
        return "order", scope, evidence.order_ref
    if goal.dedupe == "every":
        if evidence.event_ref is None:
            raise EventIdRequired(pointer="/event_id")
        return "event", scope, evidence.event_ref
    return "once", scope, str(click.id)


def _check_amount(evidence: Evidence, offer: Offer) -> None:
    if evidence.currency not in (None, offer.currency):
        raise CurrencyNotOffers(f"This offer pays in {offer.currency}.", pointer="/currency")
    if evidence.sale_micros is not None and evidence.sale_micros % minor_step(offer.currency):
        raise AmountTooFine(f"The amount is finer than {offer.currency}.", pointer="/amount")
