"""The next snapshot from the last: what has changed is built anew, all else is taken over."""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, Final, TypeVar

from psycopg import Connection

from partners.snapshot import building, statements
from partners.snapshot.changes import Changes
from partners.snapshot.shapes import Advertiser, Offer, Snapshot, Stamp
from partners.snapshot.statements import Rows

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

NOTHING: Final = Snapshot((0, ""), {}, {}, {}, {}, {}, frozenset(), {})


def whole(stamp: Stamp, connection: Connection[Any], *, pause_s: float) -> Snapshot:
    """Everything, as a patch of nothing."""
    rows = Rows(connection, pause_s=pause_s)
    return _renewed(NOTHING, Changes(stamp, {}), rows, frozenset(), frozenset())


def patched(old: Snapshot, changes: Changes, connection: Connection[Any]) -> Snapshot:
    """`old` after these changes; a hundred thousand links cost what a copy of their table does."""
    built = _built_offers(old, changes)
    smart = _smart_links(old, changes, built)
    wanted = {
        kind: list(changes.of(kind))
        for kind in ("advertiser", "affiliate", "offer", "application", "link", "external_id")
    }
    wanted |= {"built_offer": list(built), "smart_link": list(smart)}
    return _renewed(old, changes, Rows(connection, wanted), built, smart)


def _renewed(
    old: Snapshot, changes: Changes, rows: Rows, built: Collection[int], smart: Collection[int]
) -> Snapshot:
    by_id = {each.id: each for each in old.advertisers.values()}
    advertisers = _merged(by_id, changes.of("advertiser"), building.advertisers(rows))
    affiliates = _merged(old.affiliates, changes.of("affiliate"), building.affiliates(rows))
    fresh_offers = building.offers(rows, advertisers)
    fresh_offers |= _handed_on(old, advertisers, set(built) - changes.of("offer"))
    offers = _merged(old.offers, built, fresh_offers)
    approved = _approved(old.approved, rows)
    fresh_smart = building.smart_links(rows, affiliates, offers)
    other_smart = {code: each for code, each in old.smart_links.items() if each.id not in smart}
    return Snapshot(
        stamp=changes.stamp,
        # A link that is gone, or has another code now, is no matter for a patch: see the triggers.
        links=_merged(old.links, (), building.links(rows, affiliates, offers, approved)),
        offers=offers,
        advertisers={each.code: each for each in advertisers.values()},
        affiliates=affiliates,
        smart_links=other_smart | fresh_smart,
        approved=approved,
        external=_merged(old.external, (), building.external(rows)),
    )


def _built_offers(old: Snapshot, changes: Changes) -> set[int]:
    """Offers that become other objects: changed ones, and those of a changed advertiser."""
    advertisers = changes.of("advertiser")
    built = set(changes.of("offer"))
    if advertisers:
        built |= {id for id, each in old.offers.items() if each.advertiser.id in advertisers}
    return built


def _smart_links(old: Snapshot, changes: Changes, built: AbstractSet[int]) -> AbstractSet[int]:
    """Smart links that are changed, or hold an object that becomes another."""
    affiliates = changes.of("affiliate")
    return changes.of("smart_link") | {
        each.id
        for each in old.smart_links.values()
        if each.affiliate.id in affiliates
        or (built and any(choice.offer.id in built for choice in each.choices))
    }


def _handed_on(
    old: Snapshot, advertisers: Mapping[int, Advertiser], ids: Collection[int]
) -> dict[int, Offer]:
    """Offers of which nothing has changed but the advertiser."""
    held = (old.offers[id] for id in ids)
    return {each.id: replace(each, advertiser=advertisers[each.advertiser.id]) for each in held}


def _approved(old: AbstractSet[tuple[int, int]], rows: Rows) -> AbstractSet[tuple[int, int]]:
    given: set[tuple[int, int]] = set()
    refused: set[tuple[int, int]] = set()
    for offer_id, affiliate_id, is_approved in rows.of(statements.APPLICATIONS):
        (given if is_approved else refused).add((offer_id, affiliate_id))
    if given <= old and refused.isdisjoint(old):
        return old
    return (old - refused) | given


def _merged(
    old: Mapping[_Key, _Value], gone: Collection[_Key], fresh: Mapping[_Key, _Value]
) -> Mapping[_Key, _Value]:
    """`old` without `gone` and with `fresh`; the same object where that is no difference."""
    if not gone and not fresh:
        return old
    merged = dict(old)
    for key in gone:
        merged.pop(key, None)
    merged.update(fresh)
    return merged
