"""Rows for tests, by plain functions; what is not given is made up, and unique."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.db.models import F, Model

from network import clock
from partners import places
from partners.models import (
    Advertiser,
    Affiliate,
    ApiKey,
    Application,
    Cap,
    ExternalId,
    Funds,
    Goal,
    Landing,
    Link,
    Membership,
    Offer,
    Organisation,
    Role,
    SmartEvidence,
    SmartLink,
    SmartOffer,
    SmartWeight,
    Terms,
    User,
)
from partners.scopes import SCOPES

_numbers = count(1)

# Far enough back for anything that a test moves its clock to.
EVER = datetime.fromisoformat("1990-01-01T00:00:00+00:00")
NOON = datetime.fromisoformat("2026-11-26T12:00:00+00:00")
PASSWORD = "correct horse battery"
REPORT_TOKEN = "token-of-{code}"


def make_user(email: str = "", *, password: str | None = None) -> User:
    """A person; without a password nobody can sign in as them."""
    return User.objects.create_user(email or f"person{next(_numbers)}@test.example", password)


def make_organisation(name: str = "") -> Organisation:
    """A company that is nobody's partner yet; the network's own is such a one."""
    name = name or f"Organisation {next(_numbers)}"
    return Organisation.objects.create(name=name, created_at=clock.now())


def make_member(
    role: str, organisation: Organisation | None = None, user: User | None = None
) -> Membership:
    """A person who acts for the organisation in this role."""
    return Membership.objects.create(
        user=user or make_user(),
        organisation=organisation or make_organisation(),
        role=role,
        created_at=clock.now(),
    )


def make_key(
    member: Membership,
    *,
    scopes: Iterable[str] | None = None,
    personal: bool = True,
    expires_at: datetime | None = None,
) -> str:
    """An API key of this member, by default with all scopes of its role, as the bearer string."""
    prefix, secret = secrets.token_hex(5), secrets.token_hex(16)
    ApiKey.objects.create(
        prefix=prefix,
        digest=hashlib.sha256(secret.encode()).hexdigest(),
        name=f"key {next(_numbers)}",
        user=member.user if personal else None,
        organisation=member.organisation,
        role=member.role,
        scopes=sorted(SCOPES[Role(member.role)] if scopes is None else scopes),
        created_at=clock.now(),
        expires_at=expires_at,
    )
    return f"pk_{prefix}_{secret}"


def make_advertiser(code: str = "", *, funded: bool = True, **fields: Any) -> Advertiser:
    """An active advertiser that reports with the token REPORT_TOKEN.format(code=code)."""
    code = code or f"advertiser{next(_numbers)}"
    token = REPORT_TOKEN.format(code=code)
    given = {
        "organisation": fields.pop("organisation", None) or make_organisation(code),
        "name": code.title(),
        "report_auth": Advertiser.ReportAuth.TOKEN,
        "report_token_digest": hashlib.sha256(token.encode()).hexdigest(),
        "created_at": clock.now(),
    }
    return Advertiser.objects.create(code=code, funded=funded, **(given | fields))


def make_affiliate(code: str = "", **fields: Any) -> Affiliate:
    """An active affiliate."""
    code = code or f"affiliate{next(_numbers)}"
    given = {
        "organisation": fields.pop("organisation", None) or make_organisation(code),
        "name": code.title(),
        "created_at": clock.now(),
    }
    return Affiliate.objects.create(code=code, **(given | fields))


def make_draft(advertiser: Advertiser | None = None, **fields: Any) -> Offer:
    """A draft of a public offer in EUR, without goals."""
    given = {
        "name": f"Offer {next(_numbers)}",
        "visibility": Offer.Visibility.PUBLIC,
        "currency": "EUR",
        "landing_url": "https://shop.example/landing",
        "created_at": clock.now(),
    }
    return Offer.objects.create(advertiser=advertiser or make_advertiser(), **(given | fields))


def make_offer(
    advertiser: Advertiser | None = None,
    *,
    dedupe: str = Goal.Dedupe.PER_ORDER,
    terms: dict[str, Any] | None = None,
    **fields: Any,
) -> Offer:
    """An active public offer in EUR with the default goal `sale`: 10 % revenue, 7 % commission.

    `terms` takes the columns of Terms instead; the goal is `offer.goals.get()`.
    """
    offer = make_draft(advertiser, **({"status": Offer.Status.ACTIVE} | fields))
    make_goal(offer, is_default=True, dedupe=dedupe, terms=terms)
    return offer


def make_goal(
    offer: Offer,
    code: str = "sale",
    *,
    terms: dict[str, Any] | None = None,
    **fields: Any,
) -> Goal:
    """A goal of the offer with terms that have always held."""
    given = {"name": code.title(), "dedupe": Goal.Dedupe.PER_ORDER, "created_at": clock.now()}
    goal = Goal.objects.create(offer=offer, code=code, **(given | fields))
    make_terms(goal, **(terms or {"revenue_ppm": 100_000, "commission_ppm": 70_000}))
    return goal


def make_terms(goal: Goal, **fields: Any) -> Terms:
    """A row of terms; its rates are 0 unless given."""
    given = {"valid_from": EVER, "created_at": clock.now(), "created_by": "test"}
    return Terms.objects.create(goal=goal, **(given | fields))


def make_application(
    offer: Offer, affiliate: Affiliate, status: str = Application.Status.APPROVED, **fields: Any
) -> Application:
    """The affiliate's access to the offer, granted unless told otherwise."""
    given = {"created_at": clock.now() - timedelta(days=1)}
    return Application.objects.create(
        offer=offer, affiliate=affiliate, status=status, **(given | fields)
    )


def make_link(
    offer: Offer | None = None, affiliate: Affiliate | None = None, code: str = "", **fields: Any
) -> Link:
    """An active tracking link."""
    return Link.objects.create(
        code=code or f"link{next(_numbers):06d}",
        offer=offer or make_offer(),
        affiliate=affiliate or make_affiliate(),
        created_at=clock.now(),
        **fields,
    )


def make_landing(offer: Offer | None = None, **fields: Any) -> Landing:
    """An active landing page with the usual weight."""
    number = next(_numbers)
    given = {
        "name": f"Page {number}",
        "url": f"https://shop.example/page{number}",
        "created_at": clock.now(),
    }
    return Landing.objects.create(offer=offer or make_offer(), **(given | fields))


def make_cap(offer: Offer | None = None, limit: int = 10, **fields: Any) -> Cap:
    """A cap on the whole offer, a day in UTC."""
    given = {"scope": "offer", "period": "day", "created_at": clock.now()}
    return Cap.objects.create(offer=offer or make_offer(), limit_count=limit, **(given | fields))


def claims_of(
    *caps: Cap,
    affiliate_id: int = 7,
    source: str = "",
    country: str = "",
    landing_id: int = 0,
    at: datetime = NOON,
) -> tuple[places.Claim, ...]:
    """What a click claims of these caps, at noon of one day unless told otherwise."""
    return places.claims(
        caps,
        affiliate_id=affiliate_id,
        source=source,
        country=country,
        landing_id=landing_id,
        at=at,
    )


def make_smart_link(
    *offers: Offer, affiliate: Affiliate | None = None, code: str = "", **fields: Any
) -> SmartLink:
    """An active smart link that learns which of these offers is best, in this order at first."""
    given = {"strategy": SmartLink.Strategy.LEARNED, "created_at": clock.now()}
    smart = SmartLink.objects.create(
        code=code or f"s-{next(_numbers):06d}",
        affiliate=affiliate or make_affiliate(),
        **(given | fields),
    )
    for place, offer in enumerate(offers):
        SmartOffer.objects.create(smart_link=smart, offer=offer, priority=place)
    return smart


def make_smart_weight(
    smart: SmartLink, offer: Offer, ppm: int, country: str = "", device: str = "", **counts: int
) -> SmartWeight:
    """What was learned about an offer of the link, with the counts behind it, 0 unless given."""
    now = clock.now()
    weight = SmartWeight.objects.create(
        smart_link=smart,
        offer=offer,
        country=country,
        device=device,
        weight_ppm=ppm,
        learned_at=now,
    )
    zeros = {"clicks": 0, "conversions": 0, "commission_micros": 0}
    SmartEvidence.objects.create(weight=weight, counted_at=now, **(zeros | counts))
    return weight


def make_external_id(ours: Model, external_id: str, dialect: str = "tune") -> ExternalId:
    """What another platform called an offer, an affiliate, a landing page or a goal."""
    return ExternalId.objects.create(
        dialect=dialect,
        kind=type(ours).__name__.lower(),
        external_id=external_id,
        internal_id=ours.pk,
        created_at=clock.now(),
    )


def fund(advertiser: Advertiser, currency: str = "EUR", micros: int = 1_000_000_000_000) -> Funds:
    """Add money that is free to promise, by default a million; no journal says whence it came."""
    funds, _ = Funds.objects.get_or_create(advertiser=advertiser, currency=currency)
    Funds.objects.filter(pk=funds.pk).update(available_micros=F("available_micros") + micros)
    funds.refresh_from_db()
    return funds
