"""The configuration as plain objects in memory: links, offers, goals, terms, parties, report keys.

Read by a few statements and never changed. Its stamp says which configuration it is: the version
row's number together with the transaction that wrote it, so that two histories that happen to
count alike (a restored backup, a test's clone) are told apart.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

import structlog
from psycopg import Connection
from psycopg.pq import TransactionStatus

from network import crypto
from partners.terms import Terms

log = structlog.get_logger(__name__)

Stamp = tuple[int, str]

STAMP: Final = "SELECT version, xmin::text FROM config_version"

_ADVERTISERS: Final = """
SELECT id, code, status = 'active', funded, report_auth, report_token_digest FROM advertiser
"""
_REPORT_KEYS: Final = "SELECT advertiser_id, key_id, sealed_secret, expires_at FROM report_key"
_AFFILIATES: Final = "SELECT id, code, status = 'active' FROM affiliate"
_OFFERS: Final = """
SELECT id, advertiser_id, status, visibility, currency, landing_url, fallback_url, starts_at,
    ends_at, click_window_s, min_click_to_conversion_s, hold_days
FROM offer
"""
_GOALS: Final = "SELECT id, offer_id, code, dedupe, is_default FROM goal"
_TERMS: Final = """
SELECT revenue_fixed_micros, revenue_ppm, commission_fixed_micros, commission_ppm, id, goal_id,
    affiliate_id, valid_from, valid_to
FROM terms
"""
_TERMS_FIELDS: Final = tuple(field.name for field in fields(Terms))
_APPROVED: Final = "SELECT offer_id, affiliate_id FROM application WHERE status = 'approved'"
_LINKS: Final = "SELECT id, code, affiliate_id, offer_id, active FROM link"


@dataclass(frozen=True, slots=True)
class ReportKey:
    """A secret with which an advertiser signs reports, until `expires_at` if that is set."""

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
    report_keys: Mapping[str, ReportKey]


@dataclass(frozen=True, slots=True)
class Affiliate:
    """Who sends people."""

    id: int
    code: str
    active: bool


@dataclass(frozen=True, slots=True)
class Goal:
    """A step that can be paid for, with all the terms it ever had."""

    id: int
    offer_id: int
    code: str
    dedupe: str
    terms: tuple[Terms, ...]


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
class Snapshot:
    """One configuration, whole."""

    stamp: Stamp
    links: Mapping[str, Link]
    offers: Mapping[int, Offer]
    advertisers: Mapping[str, Advertiser]
    affiliates: Mapping[int, Affiliate]


_Rows = Mapping[str, list[tuple[Any, ...]]]
_held: Snapshot | None = None


def load(connection: Connection[Any]) -> Snapshot:
    """Read the configuration at one instant.

    In a transaction of its own; inside the caller's it is as consistent as that one is.
    """
    if connection.info.transaction_status != TransactionStatus.IDLE:
        return _build(_read(connection))
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        rows = _read(connection)
    return _build(rows)


def current(connection: Connection[Any]) -> Snapshot:
    """The configuration of this process, read again only when the version row has changed."""
    global _held  # noqa: PLW0603  (one per process is the point)
    if _held is None or read_stamp(connection) != _held.stamp:
        _held = load(connection)
    return _held


def read_stamp(connection: Connection[Any]) -> Stamp:
    """The stamp of the configuration as it is now."""
    version, writer = connection.execute(STAMP).fetchone() or (0, "")
    return version, writer


def report_key_aad(advertiser_id: int, key_id: str) -> str:
    """What a sealed report secret is bound to, so that it opens nowhere else."""
    return f"report_key/sealed_secret/{advertiser_id}/{key_id}"


def _read(connection: Connection[Any]) -> _Rows:
    statements = {
        "stamp": STAMP,
        "advertisers": _ADVERTISERS,
        "report_keys": _REPORT_KEYS,
        "affiliates": _AFFILIATES,
        "offers": _OFFERS,
        "goals": _GOALS,
        "terms": _TERMS,
        "approved": _APPROVED,
        "links": _LINKS,
    }
    return {name: connection.execute(each).fetchall() for name, each in statements.items()}


def _build(rows: _Rows) -> Snapshot:
    advertisers = _advertisers(rows)
    affiliates = {row[0]: Affiliate(*row) for row in rows["affiliates"]}
    offers = _offers(rows, advertisers)
    return Snapshot(
        stamp=rows["stamp"][0],
        links=_links(rows, affiliates, offers),
        offers=offers,
        advertisers={advertiser.code: advertiser for advertiser in advertisers.values()},
        affiliates=affiliates,
    )


def _advertisers(rows: _Rows) -> dict[int, Advertiser]:
    keys: dict[int, dict[str, ReportKey]] = defaultdict(dict)
    for advertiser_id, key_id, sealed, expires_at in rows["report_keys"]:
        secret = _opened(advertiser_id, key_id, bytes(sealed))
        if secret is not None:
            keys[advertiser_id][key_id] = ReportKey(secret, expires_at)
    whole: list[tuple[Any, ...]] = [(*row, keys[row[0]]) for row in rows["advertisers"]]
    return {row[0]: Advertiser(*row) for row in whole}


def _opened(advertiser_id: int, key_id: str, sealed: bytes) -> bytes | None:
    """The secret; None for one that does not open, which must not stop everybody else's clicks."""
    try:
        return crypto.open_(sealed, aad=report_key_aad(advertiser_id, key_id))
    except crypto.Unreadable:
        log.exception("snapshot.report_key_not_opened", advertiser_id=advertiser_id, id=key_id)
        return None


def _offers(rows: _Rows, advertisers: Mapping[int, Advertiser]) -> dict[int, Offer]:
    terms: dict[int, list[Terms]] = defaultdict(list)
    for row in rows["terms"]:
        each = Terms(**dict(zip(_TERMS_FIELDS, row, strict=True)))
        terms[each.goal_id].append(each)
    goals: dict[int, dict[str, Goal]] = defaultdict(dict)
    defaults: dict[int, Goal] = {}
    for id, offer_id, code, dedupe, is_default in rows["goals"]:
        goal = Goal(id, offer_id, code, dedupe, tuple(terms[id]))
        goals[offer_id][code.lower()] = goal
        if is_default:
            defaults[offer_id] = goal
    whole: list[tuple[Any, ...]] = [
        (id, advertisers[advertiser_id], *rest, goals[id], defaults.get(id))
        for id, advertiser_id, *rest in rows["offers"]
    ]
    return {row[0]: Offer(*row) for row in whole}


def _links(
    rows: _Rows, affiliates: Mapping[int, Affiliate], offers: Mapping[int, Offer]
) -> dict[str, Link]:
    approved = set(rows["approved"])
    links = {}
    for id, code, affiliate_id, offer_id, active in rows["links"]:
        offer = offers[offer_id]
        allowed = offer.visibility == "public" or (offer_id, affiliate_id) in approved
        links[code] = Link(id, code, affiliates[affiliate_id], offer, active, allowed)
    return links
