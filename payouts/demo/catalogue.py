"""What is on offer: each way to pay, each way to be let in, and who asked to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from network.money import MICROS
from partners.models import Goal, Offer

DAY_S: Final = 86_400
_PERCENT: Final = 10_000  # in parts per million

PER_ORDER: Final = Goal.Dedupe.PER_ORDER
ONCE: Final = Goal.Dedupe.ONCE
EVERY: Final = Goal.Dedupe.EVERY
PUBLIC: Final = Offer.Visibility.PUBLIC
APPROVAL: Final = Offer.Visibility.APPROVAL
PRIVATE: Final = Offer.Visibility.PRIVATE


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalPart:
    """A goal with its price, and how it goes: `per_thousand` of those who came so far reach it.

    `minutes` is the usual time they take, `sale_minor` the usual sale, 0 where nothing is sold.
    """

    code: str
    name: str
    dedupe: str
    per_thousand: int
    minutes: int
    sale_minor: int = 0
    revenue_fixed_micros: int = 0
    revenue_ppm: int = 0
    commission_fixed_micros: int = 0
    commission_ppm: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferPart:
    """An offer of one of the advertisers; its goals are reached one after another.

    `pages` are further landing pages: name, address, weight. `targeting` says whom it takes, and
    `daily_clicks` how many a day (UTC); 0 is as many as come.
    """

    key: str
    advertiser: str
    name: str
    description: str
    visibility: str
    currency: str
    landing_url: str
    goals: tuple[GoalPart, ...]
    hold_days: int = 7
    click_window_s: int = 30 * DAY_S
    min_click_to_conversion_s: int = 15
    paused: bool = False
    pages: tuple[tuple[str, str, int], ...] = ()
    deep_link_hosts: tuple[str, ...] = ()
    utm: Mapping[str, str] = field(default_factory=dict)
    targeting: Mapping[str, Any] | None = None
    daily_clicks: int = 0


# The affiliate of the README earns more than others for one goal.
OVERRIDE_MICROS: Final = 9_500_000

# The newest offer comes first in lists: the one that the README uses stands last.
OFFERS: Final = (
    OfferPart(
        key="club",
        advertiser="fjell",
        name="Fjell Club membership",
        description="A fixed price for each new member. Applications are read by a person.",
        visibility=APPROVAL,
        currency="EUR",
        landing_url="https://club.fjell.example/join?from={affiliate}",
        click_window_s=7 * DAY_S,
        goals=(
            GoalPart(
                code="member",
                name="New member",
                dedupe=PER_ORDER,
                per_thousand=42,
                minutes=25,
                revenue_fixed_micros=12 * MICROS,
                commission_fixed_micros=8 * MICROS,
            ),
        ),
    ),
    OfferPart(
        key="green",
        advertiser="lumen",
        name="Lumen Green tariff",
        description="Paid twice: for the request, and again with a share of the first bill.",
        visibility=APPROVAL,
        currency="EUR",
        landing_url="https://lumen.example/green?click={click_id}&placement={sub1}",
        pages=(
            ("Tariff calculator", "https://lumen.example/calculator?click={click_id}", 70),
            ("Short form", "https://lumen.example/green/form?click={click_id}&p={sub1}", 30),
        ),
        deep_link_hosts=("lumen.example",),
        utm={"utm_source": "peraction", "utm_campaign": "{affiliate}"},
        targeting={
            "all": [
                {"fact": "country", "in": ["AT", "DE", "ES", "FR", "IT", "PT"]},
                {"not": {"fact": "bot", "in": ["known"]}},
            ]
        },
        click_window_s=14 * DAY_S,
        goals=(
            GoalPart(
                code="lead",
                name="Request for a contract",
                dedupe=ONCE,
                per_thousand=60,
                minutes=12,
                revenue_fixed_micros=9 * MICROS,
                commission_fixed_micros=6 * MICROS,
            ),
            GoalPart(
                code="contract",
                name="Signed contract",
                dedupe=PER_ORDER,
                per_thousand=320,
                minutes=3_000,
                sale_minor=14_000,
                revenue_fixed_micros=25 * MICROS,
                revenue_ppm=5 * _PERCENT,
                commission_fixed_micros=17 * MICROS,
                commission_ppm=33_333,
            ),
        ),
    ),
    OfferPart(
        key="solar",
        advertiser="lumen",
        name="Lumen Solar check",
        description="By invitation: a fixed price for each roof that can be measured.",
        visibility=PRIVATE,
        currency="EUR",
        landing_url="https://lumen.example/solar?cid={click_id}",
        hold_days=14,
        goals=(
            GoalPart(
                code="roof",
                name="Roof measured",
                dedupe=ONCE,
                per_thousand=35,
                minutes=40,
                revenue_fixed_micros=30 * MICROS,
                commission_fixed_micros=21 * MICROS,
            ),
        ),
    ),
    OfferPart(
        key="summer",
        advertiser="fjell",
        name="Fjell summer clearance",
        description="Over for this year.",
        visibility=PUBLIC,
        currency="EUR",
        landing_url="https://shop.fjell.example/summer",
        paused=True,
        goals=(
            GoalPart(
                code="sale",
                name="Sale",
                dedupe=PER_ORDER,
                per_thousand=25,
                minutes=30,
                sale_minor=5_000,
                revenue_ppm=8 * _PERCENT,
                commission_ppm=5 * _PERCENT,
            ),
        ),
    ),
    OfferPart(
        key="skyhold",
        advertiser="kestrel",
        name="Skyhold, the game",
        description="A fixed price for the installation, a share of everything bought later.",
        visibility=PUBLIC,
        currency="USD",
        landing_url="https://skyhold.example/play?ref={affiliate}&c={click_id}",
        min_click_to_conversion_s=20,
        daily_clicks=150,
        goals=(
            GoalPart(
                code="install",
                name="Installation",
                dedupe=ONCE,
                per_thousand=75,
                minutes=9,
                revenue_fixed_micros=2_500_000,
                commission_fixed_micros=1_750_000,
            ),
            GoalPart(
                code="purchase",
                name="Purchase in the game",
                dedupe=EVERY,
                per_thousand=240,
                minutes=2_200,
                sale_minor=1_499,
                revenue_ppm=20 * _PERCENT,
                commission_ppm=14 * _PERCENT,
            ),
        ),
    ),
    OfferPart(
        key="sale",
        advertiser="fjell",
        name="Fjell Outdoor shop",
        description="A share of every sale. Everybody may take a link.",
        visibility=PUBLIC,
        currency="EUR",
        landing_url="https://shop.fjell.example/?utm_source=peraction&utm_content={affiliate}",
        # The README buys faster than any person could.
        min_click_to_conversion_s=0,
        goals=(
            GoalPart(
                code="sale",
                name="Sale",
                dedupe=PER_ORDER,
                per_thousand=36,
                minutes=35,
                sale_minor=6_400,
                revenue_ppm=10 * _PERCENT,
                commission_ppm=7 * _PERCENT,
            ),
        ),
    ),
)

# Who asks late, and what the answer is; "" leaves the application waiting.
LATE_APPLICATIONS: Final = (
    ("ewa", "club", "I film camping trips too, and my viewers ask about gear.", ""),
    ("finn", "green", "Energy prices are what my readers write about.", ""),
    ("daan", "green", "Price comparison, all traffic from our own search.", "reject"),
)
