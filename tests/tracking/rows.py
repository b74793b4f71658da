"""Clicks and conversions for tests, stored as the tracker stores them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F

from network import clock
from network.ids import uuid7, uuid7_at, uuid7_ms, uuid7_time
from partners.actors import Actor
from partners.models import Funds, Link, Role, Terms
from partners.terms import Rates, amounts
from tests import factories
from tracking.conversions import events, lifecycle
from tracking.conversions.events import NewEvent
from tracking.conversions.models import Conversion
from tracking.models import Click, Impression, PageEvent

OPERATOR = Actor(Role.OPERATOR, organisation_id=1, scopes=frozenset(), user_id=1)


def make_conversion(
    link: Link | None = None,
    *,
    goal: Any = None,
    sale: int | None = 100,
    status: str = "pending",
    clicked: timedelta = timedelta(hours=1),
    received_at: datetime | None = None,
    **fields: Any,
) -> Conversion:
    """A conversion with its first event; a pending one takes its revenue from the funds.

    `sale` in whole units, so that a test reads as money; a click id is made up.
    """
    link = link or factories.make_link()
    goal = goal or link.offer.goals.get(is_default=True)
    terms = Terms.objects.filter(goal=goal).latest("pk")
    sale_micros = None if sale is None else sale * 1_000_000
    revenue_micros, commission_micros = amounts(rates_of(terms), sale_micros)
    received_at = received_at or clock.now()
    reserved_micros = revenue_micros if status == "pending" and not fields.get("is_test") else 0
    given = {
        "id": uuid7(),
        "received_at": received_at,
        "advertiser_id": link.offer.advertiser_id,
        "offer_id": link.offer_id,
        "goal_id": goal.pk,
        "affiliate_id": link.affiliate_id,
        "link_id": link.pk,
        "click_id": uuid7(),
        "click_at": received_at - clicked,
        "report_id": uuid7(),
        "currency": link.offer.currency,
        "sale_micros": sale_micros,
        "revenue_micros": revenue_micros,
        "commission_micros": commission_micros,
        "reserved_micros": reserved_micros,
        "terms_id": terms.pk,
        "status": status,
        "reason": "received" if status == "pending" else status,
        "due_at": received_at if status == "pending" else None,
    }
    conversion = Conversion.objects.create(**(given | fields))
    _begin(conversion)
    Funds.objects.filter(
        advertiser_id=conversion.advertiser_id, currency=conversion.currency
    ).update(available_micros=F("available_micros") - reserved_micros)
    return conversion


def make_approved(link: Link | None = None, **fields: Any) -> Conversion:
    """A conversion that a person approved."""
    conversion = make_conversion(link, **fields)
    lifecycle.approve(conversion.pk, actor=OPERATOR)
    conversion.refresh_from_db()
    return conversion


def make_click(
    link: Link, *, id: UUID | None = None, ts: datetime | None = None, **fields: Any
) -> Click:
    """A stored click; a good one unless `reason` says otherwise. Its id carries its time."""
    id = id or uuid7_at(_ms(ts or clock.now()))
    given = {
        "id": id,
        "ts": uuid7_time(id),
        "link_id": link.pk,
        "affiliate_id": link.affiliate_id,
        "offer_id": link.offer_id,
        "advertiser_id": link.offer.advertiser_id,
        "reason": "ok",
        "link_code": link.code,
        "destination": "https://shop.example/",
    }
    return Click.objects.create(**(given | fields))


def make_impression(link: Link, *, ts: datetime) -> Impression:
    """A stored impression of a link."""
    id = uuid7_at(_ms(ts))
    return Impression.objects.create(
        id=id,
        ts=uuid7_time(id),
        link_id=link.pk,
        affiliate_id=link.affiliate_id,
        offer_id=link.offer_id,
        advertiser_id=link.offer.advertiser_id,
    )


def make_page_event(click: Click, name: str = "page", **fields: Any) -> PageEvent:
    """What the script told of a click a minute later."""
    id = uuid7_at(uuid7_ms(click.id) + 60_000)
    given = {"id": id, "ts": uuid7_time(id), "click_id": click.id, "path": "/boots"}
    return PageEvent.objects.create(name=name, **(given | fields))


def available_micros(advertiser_id: int) -> int:
    """What the advertiser may still promise, in EUR."""
    return Funds.objects.get(advertiser_id=advertiser_id, currency="EUR").available_micros


def rates_of(terms: Terms) -> Rates:
    """The rates of a row of terms."""
    return Rates(
        revenue_fixed_micros=terms.revenue_fixed_micros,
        revenue_ppm=terms.revenue_ppm,
        commission_fixed_micros=terms.commission_fixed_micros,
        commission_ppm=terms.commission_ppm,
    )


def _begin(conversion: Conversion) -> None:
    first = NewEvent(
        id=uuid7(),
        conversion_id=conversion.pk,
        seq=1,
        old="",
        new=conversion.status,
        reason=conversion.reason,
        actor=f"advertiser:{conversion.advertiser_id}",
        facts={
            "revenue_micros": conversion.revenue_micros,
            "commission_micros": conversion.commission_micros,
        },
        at=conversion.received_at,
        is_test=conversion.is_test,
    )
    with connection.cursor() as cursor:
        events.write(cursor, [first])


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1_000)
