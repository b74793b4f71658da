"""Why a conversion is as it is: click, terms, evidence and every decision, from stored facts.

Three views. The affiliate is told states, categories of reasons and kinds of evidence; the
advertiser all but the commission; the network all. The money is in `commissions?conversion=`.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from network.ids import uuid7_time
from network.money import format_percent, money_object
from partners.models import Role, Terms
from tracking.clicks import ids
from tracking.clicks.models import Click
from tracking.conversions.models import Conversion, Event, Report, ReportOutcome
from tracking.conversions.reasons import category

# Of the facts that an event stores, these are between the network and the affiliate.
_COMMISSION: Final = "commission"


def explain(conversion: Conversion, role: Role) -> dict[str, Any]:
    """The explanation as a partner of this role may read it."""
    events = Event.objects.filter(conversion=conversion).order_by("seq")
    click = Click.objects.filter(id=conversion.click_id, ts=uuid7_time(conversion.click_id)).first()
    return {
        "conversion": str(conversion.pk),
        "status": conversion.status,
        "reason": _reason(conversion.reason, role),
        "click": _click(conversion, click),
        "terms": _terms(conversion, role),
        "evidence": [_evidence(report, role) for report in _reports(conversion)],
        "timeline": [_entry(event, role) for event in events],
    }


def _reports(conversion: Conversion) -> QuerySet[Any]:
    """What was reported, the oldest first; some had to wait for their click, and ended here."""
    waited = ReportOutcome.objects.filter(conversion_id=conversion.pk).values("report_id")
    told = Q(conversion_id=conversion.pk) | Q(pk__in=waited)
    return (
        Report.objects.filter(told)
        .annotate(
            final_verdict=Coalesce("outcome__verdict", "verdict"),
            final_code=Coalesce("outcome__code", "code"),
        )
        .order_by("received_at", "pk")
    )


def _reason(reason: str, role: Role) -> str:
    return category(reason) if role == Role.AFFILIATE else reason


def _click(conversion: Conversion, click: Click | None) -> dict[str, Any]:
    """The click; `stored` is false once its day is no longer kept, and the copy here remains."""
    return {
        "id": ids.mint(conversion.click_id),
        "at": conversion.click_at,
        "link": conversion.link_id,
        "source": conversion.source,
        "aff_click_id": conversion.aff_click_id,
        "subs": conversion.subs,
        "stored": click is not None,
        "referrer": click.referrer if click else None,
    }


def _terms(conversion: Conversion, role: Role) -> dict[str, Any]:
    """The prices that held at receipt, each to those who pay or get it."""
    terms = Terms.objects.get(pk=conversion.terms_id)
    shown: dict[str, Any] = {"id": terms.pk, "currency": conversion.currency}
    if role != Role.AFFILIATE:
        shown["revenue"] = _price(
            terms.revenue_fixed_micros, terms.revenue_ppm, conversion.currency
        )
    if role != Role.ADVERTISER:
        shown["commission"] = _price(
            terms.commission_fixed_micros, terms.commission_ppm, conversion.currency
        )
    return shown


def _price(fixed_micros: int, ppm: int, currency: str) -> dict[str, Any]:
    return {
        "fixed": money_object(fixed_micros, currency),
        "percent": format_percent(ppm),
    }


def _evidence(report: Any, role: Role) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "kind": "postback",
        "signed": report.auth.startswith("hmac"),
        "received_at": report.received_at,
    }
    if role == Role.AFFILIATE:
        return shown
    return shown | {
        "report": str(report.pk),
        "verdict": report.final_verdict,
        "code": report.final_code,
        "method": report.method,
        "order_id": report.order_ref,
        "event_id": report.event_ref,
        "query": report.query,
        "body": report.body,
    }


def _entry(event: Event, role: Role) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "seq": event.seq,
        "at": event.at,
        "from": event.old or None,
        "to": event.new,
        "reason": _reason(event.reason, role),
        # "job", "advertiser", "user" or "key": who exactly is for those who may ask them.
        "by": event.actor.partition(":")[0],
    }
    if role == Role.AFFILIATE:
        return shown
    facts = event.facts if role != Role.ADVERTISER else _without_commission(event.facts)
    return shown | {"note": event.note, "actor": event.actor, "facts": facts}


def _without_commission(facts: Any) -> Any:
    if isinstance(facts, Mapping):
        return {
            name: _without_commission(value)
            for name, value in facts.items()
            if not name.startswith(_COMMISSION)
        }
    if isinstance(facts, list):
        return [_without_commission(value) for value in facts]
    return facts
