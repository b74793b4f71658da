"""Rows become objects; what hangs on something that is not there is left out.

Inside a caller's READ COMMITTED transaction, a row may be newer than what it hangs on. Its version
is then newer than the snapshot's stamp, so the next look brings both.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields
from functools import lru_cache
from typing import Any, Final

import orjson
import structlog

from network import crypto
from network.errors import BadInput
from partners.conditions import Check
from partners.facts import Facts
from partners.snapshot import statements
from partners.snapshot.shapes import (
    Advertiser,
    Affiliate,
    Cap,
    Goal,
    Landing,
    Link,
    Offer,
    SigningKey,
    SmartChoice,
    SmartLink,
    is_allowed,
)
from partners.snapshot.statements import Row, Rows
from partners.targeting import compile_tree
from partners.terms import Terms

log = structlog.get_logger(__name__)

# The reason of clicks on an offer whose rules cannot be read.
TARGETING_BROKEN: Final = "targeting_broken"

_TERMS_FIELDS: Final = tuple(each.name for each in fields(Terms))
# One for all that have none: most offers have no list of hosts, most affiliates no keys.
_NO_HOSTS: Final[frozenset[str]] = frozenset()
_NO_KEYS: Final[Mapping[str, SigningKey]] = {}


def report_key_aad(advertiser_id: int, key_id: str) -> str:
    """What a sealed report secret is bound to, so that it opens nowhere else."""
    return f"report_key/sealed_secret/{advertiser_id}/{key_id}"


def link_key_aad(affiliate_id: int, key_id: str) -> str:
    """What a sealed link secret is bound to, so that it opens nowhere else."""
    return f"link_key/sealed_secret/{affiliate_id}/{key_id}"


def advertisers(rows: Rows) -> dict[int, Advertiser]:
    """Advertisers by id."""
    keys = _keys(rows.of(statements.REPORT_KEYS), report_key_aad)
    return {
        row[0]: Advertiser(*(*row, keys.get(row[0], _NO_KEYS)))
        for row in rows.of(statements.ADVERTISERS)
    }


def affiliates(rows: Rows) -> dict[int, Affiliate]:
    """Affiliates by id."""
    keys = _keys(rows.of(statements.LINK_KEYS), link_key_aad)
    return {
        row[0]: Affiliate(*(*row, keys.get(row[0], _NO_KEYS)))
        for row in rows.of(statements.AFFILIATES)
    }


def offers(rows: Rows, advertisers: Mapping[int, Advertiser]) -> dict[int, Offer]:
    """Offers by id."""
    goals, defaults = _goals(rows)
    landings = _grouped(rows.of(statements.LANDINGS), Landing)
    caps = _grouped(rows.of(statements.CAPS), Cap)
    found = {}
    for id, advertiser_id, tree, time_zone, hosts, utm, signing, *plain in rows.of(
        statements.OFFERS
    ):
        if advertiser_id not in advertisers:
            continue
        whole: tuple[Any, ...] = (
            id,
            advertisers[advertiser_id],
            *plain,
            _targeting(tree, time_zone),
            time_zone,
            frozenset(host.lower() for host in hosts) if hosts else _NO_HOSTS,
            signing,
            _utm(utm),
            tuple(landings.get(id, ())),
            tuple(caps.get(id, ())),
            goals.get(id, {}),
            defaults.get(id),
        )
        found[id] = Offer(*whole)
    return found


def links(
    rows: Rows,
    affiliates: Mapping[int, Affiliate],
    offers: Mapping[int, Offer],
    approved: AbstractSet[tuple[int, int]],
) -> dict[str, Link]:
    """Links by code."""
    return {
        code: Link(
            id,
            code,
            affiliate,
            offer,
            active,
            is_allowed(offer, affiliate_id, approved),
        )
        for id, code, affiliate_id, offer_id, active in rows.of(statements.LINKS)
        if (affiliate := affiliates.get(affiliate_id)) and (offer := offers.get(offer_id))
    }


def smart_links(
    rows: Rows, affiliates: Mapping[int, Affiliate], offers: Mapping[int, Offer]
) -> dict[str, SmartLink]:
    """Smart links by code."""
    choices: dict[int, list[SmartChoice]] = defaultdict(list)
    for smart_link_id, offer_id, *choice in rows.of(statements.SMART_OFFERS):
        if offer := offers.get(offer_id):
            choices[smart_link_id].append(SmartChoice(offer, *choice))
    weights: dict[int, dict[tuple[str, str], dict[int, int]]] = defaultdict(dict)
    for smart_link_id, country, device, offer_id, weight_ppm in rows.of(statements.SMART_WEIGHTS):
        weights[smart_link_id].setdefault((country, device), {})[offer_id] = weight_ppm
    return {
        code: SmartLink(
            id,
            code,
            affiliates[affiliate_id],
            strategy,
            active,
            tuple(choices.get(id, ())),
            weights.get(id, {}),
        )
        for id, code, affiliate_id, strategy, active in rows.of(statements.SMART_LINKS)
        if affiliate_id in affiliates
    }


def external(rows: Rows) -> dict[tuple[str, str, str], int]:
    """Ids of ours by another platform's."""
    return {
        (dialect, kind, external_id): internal_id
        for dialect, kind, external_id, internal_id in rows.of(statements.EXTERNAL_IDS)
    }


def _keys(rows: Iterable[Row], aad: Callable[[int, str], str]) -> dict[int, dict[str, SigningKey]]:
    keys: dict[int, dict[str, SigningKey]] = defaultdict(dict)
    for owner_id, key_id, sealed, expires_at in rows:
        secret = _opened(sealed, aad(owner_id, key_id))
        if secret is not None:
            keys[owner_id][key_id] = SigningKey(secret, expires_at)
    return keys


def _opened(sealed: bytes, aad: str) -> bytes | None:
    """The secret; None for one that does not open, which must not stop everybody else's clicks."""
    try:
        return crypto.open_(sealed, aad=aad)
    except crypto.Unreadable:
        log.exception("snapshot.key_not_opened", place=aad)
        return None


def _goals(rows: Rows) -> tuple[dict[int, dict[str, Goal]], dict[int, Goal]]:
    """The goals of each offer by code, and each offer's default goal."""
    terms: dict[int, list[Terms]] = defaultdict(list)
    for row in rows.of(statements.TERMS):
        each = Terms(**dict(zip(_TERMS_FIELDS, row, strict=True)))
        terms[each.goal_id].append(each)
    goals: dict[int, dict[str, Goal]] = defaultdict(dict)
    defaults: dict[int, Goal] = {}
    for id, offer_id, code, dedupe, is_default in rows.of(statements.GOALS):
        goal = Goal(id, offer_id, code, dedupe, tuple(terms.get(id, ())))
        goals[offer_id][code.lower()] = goal
        if is_default:
            defaults[offer_id] = goal
    return goals, defaults


def _grouped(rows: Iterable[Row], shape: Callable[..., Any]) -> dict[int, list[Any]]:
    groups: dict[int, list[Any]] = defaultdict(list)
    for owner_id, *row in rows:
        groups[owner_id].append(shape(*row))
    return groups


@lru_cache(maxsize=16_384)
def _targeting(tree: str | None, time_zone: str) -> Check | None:
    """The rules of an offer; cached, since many offers are for the same people.

    An offer whose rules cannot be read takes nobody: it must not stop everybody else's clicks, and
    may not send people whom its advertiser does not want.
    """
    if tree is None:
        return None
    try:
        return compile_tree(orjson.loads(tree), time_zone)
    except (BadInput, ValueError, LookupError):
        log.exception("snapshot.targeting_not_read", tree=tree[:200], time_zone=time_zone)
        return _nobody


def _nobody(facts: Facts) -> str:
    return TARGETING_BROKEN


@lru_cache(maxsize=16_384)
def _utm(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(orjson.loads(text).items())
