"""What the configuration in memory is made of: plain objects that are never changed."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from partners.conditions import Check
from partners.terms import Terms

Stamp = tuple[int, str]  # version and mark


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A secret with which reports or links are signed, until `expires_at` if that is set."""

    secret: bytes
    expires_at: datetime | None

    def lives(self, at: datetime) -> bool:
        """Whether signatures of this instant may be made with it."""
        return self.expires_at is None or at < self.expires_at


@dataclass(frozen=True, slots=True)
class Advertiser:
    """Who pays; `report_auth` is token or hmac."""

    id: int
    code: str
    active: bool
    funded: bool
    report_auth: str
    token_digest: str
    report_keys: Mapping[str, SigningKey]


@dataclass(frozen=True, slots=True)
class Affiliate:
    """Who sends people."""

    id: int
    code: str
    active: bool
    link_keys: Mapping[str, SigningKey] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Goal:
    """A step that can be paid for, with all the terms it ever had."""

    id: int
    offer_id: int
    code: str
    dedupe: str
    terms: tuple[Terms, ...]


class Landing(NamedTuple):
    """An active landing page and its share of the visitors."""

    id: int
    weight: int
    url: str


@dataclass(frozen=True, slots=True)
class Cap:
    """An active cap; its words are those of the table `cap`."""

    id: int
    scope: str
    value: str
    period: str
    time_zone: str
    limit_count: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A deal; its goals are found by their code in lower case."""

    id: int
    advertiser: Advertiser
    status: str
    visibility: str
    currency: str
    landing_url: str
    fallback_url: str
    starts_at: datetime | None
    ends_at: datetime | None
    click_window_s: int
    min_click_to_conversion_s: int
    hold_days: int
    targeting: Check | None
    time_zone: str
    deep_link_hosts: frozenset[str]
    link_signing: str
    utm: tuple[tuple[str, str], ...]
    landings: tuple[Landing, ...]
    caps: tuple[Cap, ...]
    goals: Mapping[str, Goal]
    default_goal: Goal | None

    def goal(self, code: str) -> Goal | None:
        """The goal of this code in any case; the default goal for no code."""
        return self.goals.get(code.lower()) if code else self.default_goal


@dataclass(frozen=True, slots=True)
class Link:
    """A tracking link; `allowed` says whether its affiliate may send people to its offer."""

    id: int
    code: str
    affiliate: Affiliate
    offer: Offer
    active: bool
    allowed: bool


@dataclass(frozen=True, slots=True)
class SmartChoice:
    """An offer that a smart link may choose."""

    offer: Offer
    priority: int
    weight: int


@dataclass(frozen=True, slots=True)
class SmartLink:
    """A link over several offers: its active choices, lower `priority` first.

    `weights` are what was learned: by country and device, parts per million by offer's id.
    """

    id: int
    code: str
    affiliate: Affiliate
    strategy: str
    active: bool
    choices: tuple[SmartChoice, ...]
    weights: Mapping[tuple[str, str], Mapping[int, int]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One configuration, whole.

    `approved` are pairs of offer's and affiliate's ids; `external` finds an id of ours by another
    platform's (dialect, kind, id).
    """

    stamp: Stamp
    links: Mapping[str, Link]
    offers: Mapping[int, Offer]
    advertisers: Mapping[str, Advertiser]
    affiliates: Mapping[int, Affiliate]
    smart_links: Mapping[str, SmartLink]
    approved: AbstractSet[tuple[int, int]]
    external: Mapping[tuple[str, str, str], int]

    def pair(self, offer_id: int, affiliate_id: int) -> Link | None:
        """A link that is not stored, for an offer and an affiliate; None where one is unknown."""
        offer, affiliate = self.offers.get(offer_id), self.affiliates.get(affiliate_id)
        if offer is None or affiliate is None:
            return None
        return Link(0, "", affiliate, offer, True, is_allowed(offer, affiliate_id, self.approved))


def is_allowed(offer: Offer, affiliate_id: int, approved: AbstractSet[tuple[int, int]]) -> bool:
    """Whether an affiliate may send people to an offer: it is public, or access was given."""
    return offer.visibility == "public" or (offer.id, affiliate_id) in approved
