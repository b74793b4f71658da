"""Caps of an offer: set by its advertiser, seen by whom they concern, and told when nearly full.

A cap counts from when it was made or switched on: clicks before that are none of it. While it is
switched off its windows stay as they are. What it counts is frozen (scope, value, period, zone):
another such cap has counters of its own. Lock order: a cap, then its windows, and of these a slice
at a time, since clicks wait for them.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet

from network import clock, zones
from network.countries import COUNTRIES, UnknownCountry
from network.errors import BadInput, Conflict
from network.ids import uuid7, uuid7_at
from network.zones import UnknownTimeZone
from partners import offers, parties
from partners.actors import Actor
from partners.applications import UnknownAffiliate
from partners.landings import UnknownLanding
from partners.models import Cap, CapWindow, Offer, Role
from partners.open_offers import OfferEnded

log = structlog.get_logger(__name__)

Scope = Cap.Scope

# Each good click looks at every cap of its offer that is switched on.
ACTIVE_MAX: Final = 20
# Far above any traffic, far below where a hundred times as many meet a bigint's end.
LIMIT_MAX: Final = 1_000_000_000_000
# A threshold that was passed while no worker ran is still told when it is this old.
LATE: Final = timedelta(days=1)
KEPT: Final = timedelta(days=400)
# So many windows are changed within some 40 ms; a click is given up after COMMIT_MAX_MS.
SLICE: Final = 1_000
# A change that has not got to all windows after this has broken off, or has very many.
UNFINISHED_MS: Final = 30_000

_ID: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)

# What a window has of its cap. Below what is used a limit cannot go: then nobody else gets in, and
# that is what was meant.
_LIMIT: Final = "greatest(used, cap.limit_count)"
_REACHED: Final = f"used * 100 >= cap.alert_percent * {_LIMIT}"
_DIFFERS: Final = (
    f"(cap_window.limit_count <> {_LIMIT} OR (alerted_at IS NOT NULL AND NOT {_REACHED}))"
)

_DIFFERENT: Final = f"""
SELECT cap_window.id FROM cap_window JOIN cap ON cap.id = cap_window.cap_id
WHERE cap.id = %s AND (ends_at IS NULL OR ends_at > %s) AND {_DIFFERS}
ORDER BY cap_window.id
"""

# Nobody changes the cap while this is held, and new windows, which take it too, need not wait.
_HOLD: Final = "SELECT FROM cap WHERE id = %s FOR SHARE"

_LOCK_SLICE: Final = """
SELECT FROM cap_window
WHERE id = ANY(%s)
ORDER BY cap_id, starts_at, key COLLATE "C"
FOR UPDATE
"""

_LIMIT_SLICE: Final = f"""
UPDATE cap_window
SET limit_count = {_LIMIT}, alerted_at = CASE WHEN {_REACHED} THEN alerted_at END
FROM cap
WHERE cap.id = cap_window.cap_id AND cap_window.id = ANY(%s) AND {_DIFFERS}
"""

# For a statement with both tables: the window, as it is, has reached its cap's threshold.
AT_THRESHOLD: Final = "used * 100 >= cap.alert_percent * cap_window.limit_count"
# Locked in order like every lock on windows; a second sweep waits and then finds them told.
_NEARLY_FULL: Final = f"""
SELECT cap_window.id, cap.id, cap.offer_id, key, starts_at, used, cap_window.limit_count
FROM cap_window JOIN cap ON cap.id = cap_window.cap_id
WHERE alerted_at IS NULL AND cap.active AND (ends_at IS NULL OR ends_at > %s)
    AND cap_window.limit_count > 0 AND {AT_THRESHOLD}
ORDER BY cap_window.cap_id, starts_at, key COLLATE "C"
LIMIT %s
FOR UPDATE OF cap_window
"""


class CapValueUnwanted(BadInput):
    """A cap on the whole offer has no value."""

    code = "cap_value_unwanted"


class TooManyCaps(Conflict):
    """An offer has at most 20 caps that are switched on."""

    code = "too_many_caps"


def visible(actor: Actor) -> QuerySet[Cap]:
    """The caps that the actor may know of.

    An affiliate knows those that are on, of offers that it has access to, if they count the whole
    offer, each affiliate, or itself.
    """
    if actor.sees_all:
        return Cap.objects.all()
    if actor.role == Role.ADVERTISER:
        return Cap.objects.filter(offer__advertiser=actor.advertiser_id)
    own = Q(scope=Scope.AFFILIATE, value__in=("", str(actor.affiliate_id)))
    let_in = Offer.objects.filter(offers.has_access(actor.affiliate_id))
    accessible = let_in.exclude(status=Offer.Status.DRAFT).values("pk")
    return Cap.objects.filter(Q(scope=Scope.OFFER) | own, active=True, offer__in=accessible)


def visible_windows(actor: Actor) -> QuerySet[CapWindow]:
    """The counters of visible caps; where each affiliate is counted, an affiliate's own alone."""
    windows = CapWindow.objects.filter(cap__in=visible(actor).values("pk"))
    if actor.role == Role.AFFILIATE:
        return windows.filter(Q(cap__scope=Scope.OFFER) | Q(key=str(actor.affiliate_id)))
    return windows


def open_windows(windows: QuerySet[CapWindow], at: datetime) -> QuerySet[CapWindow]:
    """Those that are open at this instant, the one with the fewest places left first."""
    is_open = Q(starts_at__lte=at) & (Q(ends_at=None) | Q(ends_at__gt=at))
    return windows.filter(is_open).order_by(F("limit_count") - F("used"), "-id")


def create(
    *,
    offer: Offer,
    actor: Actor,
    scope: str,
    period: str,
    limit_count: int,
    value: str = "",
    time_zone: str = "UTC",
    alert_percent: int = 90,
) -> Cap:
    """A cap that holds from now on.

    `value` names the only affiliate (id or code), source, country or landing page (id) that is
    meant; empty means each for itself. Raises CapValueUnwanted, UnknownAffiliate,
    UnknownCountry, UnknownLanding, UnknownTimeZone, TooManyCaps, OfferEnded.
    """
    if time_zone not in zones.names():
        raise UnknownTimeZone(pointer="/time_zone")
    checked = _value(offer, scope, value, actor) if value else ""
    with transaction.atomic():
        _check_number(offer.pk)
        return Cap.objects.create(
            offer=offer,
            scope=scope,
            value=checked,
            period=period,
            time_zone=time_zone,
            limit_count=limit_count,
            alert_percent=alert_percent,
            created_at=clock.now(),
        )


def change(cap: Cap, changes: Mapping[str, Any]) -> Cap:
    """The cap with another `limit_count`, `alert_percent` or `active`, in all its open windows.

    With fewer places than are used nobody else gets in. A window that a new limit brings below the
    threshold is told anew when it gets there. Several transactions, so not to be called in one: if
    it breaks off, some windows have the older limit until `finish_changes` gives them theirs.
    Raises TooManyCaps and OfferEnded when the cap is switched on.
    """
    with transaction.atomic(durable=True):
        # NO KEY: new windows look at the cap's key, and shall not wait.
        locked = Cap.objects.select_for_update(no_key=True).get(pk=cap.pk)
        if changes.get("active") and not locked.active:
            _check_number(locked.offer_id)
        concerns_windows = not changes.keys().isdisjoint(("limit_count", "alert_percent"))
        due = {"windows_due": uuid7()} if concerns_windows else {}
        for column, value in {**changes, **due}.items():
            setattr(locked, column, value)
        if changes:
            locked.save(update_fields=[*changes, *due])
    if concerns_windows:
        _change_windows(locked)
    return locked


def finish_changes() -> int:
    """Give the windows what they lack of changes that broke off; how many changes."""
    before = uuid7_at(clock.now_ms() - UNFINISHED_MS)
    broken_off = Cap.objects.filter(windows_due__lt=before)
    for cap in broken_off:
        _change_windows(cap)
    return len(broken_off)


def _change_windows(cap: Cap) -> None:
    """Give the open windows what the cap says by now, whoever changes it meanwhile.

    Whatever was made under an older limit can be seen by now, as who makes a window holds its cap.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENT, [cap.pk, clock.now()])
        different = [row[0] for row in cursor.fetchall()]
        for start in range(0, len(different), SLICE):
            some = different[start : start + SLICE]
            with transaction.atomic(durable=True):
                # A statement of its own: what comes after the wait for it sees the latest limit.
                cursor.execute(_HOLD, [cap.pk])
                cursor.execute(_LOCK_SLICE, [some])
                cursor.execute(_LIMIT_SLICE, [some])
    # Not what a later change still has to do.
    Cap.objects.filter(pk=cap.pk, windows_due=cap.windows_due).update(windows_due=None)


def alert(limit: int = 500) -> int:
    """Note and log, once for each, the windows that have reached the threshold; how many."""
    now = clock.now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_NEARLY_FULL, [now - LATE, limit])
        reached = cursor.fetchall()
        cursor.execute(
            "UPDATE cap_window SET alerted_at = %s WHERE id = ANY(%s)",
            [now, [row[0] for row in reached]],
        )
    for _, cap_id, offer_id, key, starts_at, used, limit_count in reached:
        log.warning(
            "cap.threshold",
            cap_id=cap_id,
            offer_id=offer_id,
            counted=key,
            starts_at=starts_at.isoformat(),
            used=used,
            limit=limit_count,
        )
    return len(reached)


def prune() -> int:
    """Forget windows that ended more than KEPT ago, a few thousand at a time; how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT prune_cap_windows(%s)", [clock.now() - KEPT])
        (pruned,) = cursor.fetchone()
    return int(pruned)


def _check_number(offer_id: int) -> None:
    # Locked, so that two at once do not both become the last one.
    offer = Offer.objects.select_for_update(no_key=True).get(pk=offer_id)
    if offer.status == Offer.Status.ENDED:
        raise OfferEnded()
    if offer.caps.filter(active=True).count() >= ACTIVE_MAX:
        raise TooManyCaps()


def _value(offer: Offer, scope: str, value: str, actor: Actor) -> str:
    """The value as clicks have it."""
    if scope == Scope.OFFER:
        raise CapValueUnwanted(pointer="/value")
    if scope == Scope.AFFILIATE:
        named = Q(pk=int(value)) if _ID.fullmatch(value) else Q(code=value)
        affiliate = parties.visible_affiliates(actor).filter(named).first()
        if affiliate is None:
            detail = f"There is no affiliate {value}, or you do not work with it."
            raise UnknownAffiliate(detail, pointer="/value")
        return str(affiliate.pk)
    if scope == Scope.COUNTRY and value not in COUNTRIES:
        raise UnknownCountry(pointer="/value")
    if scope == Scope.LANDING and not (
        _ID.fullmatch(value) and offer.landings.filter(pk=int(value)).exists()
    ):
        raise UnknownLanding(pointer="/value")
    return value
