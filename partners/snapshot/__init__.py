"""The configuration as plain objects in memory: links, offers, goals, terms, parties, keys.

Read by a few statements and never changed: a change makes another snapshot, in a few milliseconds,
out of the last one and the rows that the database says have changed.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import structlog
from psycopg import Connection
from psycopg.pq import TransactionStatus

from partners.snapshot import changes, patches
from partners.snapshot.building import TARGETING_BROKEN, link_key_aad, report_key_aad
from partners.snapshot.changes import STAMP, TooFar, prune_changes, read_stamp
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
    Snapshot,
    Stamp,
)

__all__ = [
    "STAMP",
    "TARGETING_BROKEN",
    "Advertiser",
    "Affiliate",
    "Cap",
    "Goal",
    "Landing",
    "Link",
    "Offer",
    "SigningKey",
    "SmartChoice",
    "SmartLink",
    "Snapshot",
    "Stamp",
    "TooFar",
    "current",
    "latest",
    "link_key_aad",
    "load",
    "patch",
    "prune_changes",
    "read_stamp",
    "report_key_aad",
]

log = structlog.get_logger(__name__)

_GENTLE_PAUSE_S: Final = 0.0005
_held: Snapshot | None = None


def load(connection: Connection[Any], *, gently: bool = False, lasting: bool = False) -> Snapshot:
    """Read the whole configuration at one instant.

    In a transaction of its own; inside the caller's it is as consistent as that one is. `gently`
    pauses again and again, for a process that answers requests meanwhile. `lasting` spares the
    garbage collector what was read, and all else that the process has by now.
    """
    if lasting:
        # What is garbage now would be frozen in with the rest, and never be freed.
        gc.collect()
    with _one_instant(connection), _collector_off():
        stamp = read_stamp(connection)
        found = patches.whole(stamp, connection, pause_s=_GENTLE_PAUSE_S if gently else 0)
        if lasting:
            # Before the collector is back, or it would walk through all of it right away.
            gc.freeze()
    return found


def patch(old: Snapshot, connection: Connection[Any]) -> Snapshot:
    """The present configuration out of an older one, by reading only what has changed since.

    TooFar where the older one is of another history, or too much has changed.
    """
    with _one_instant(connection):
        return patches.patched(old, changes.since(old.stamp, connection), connection)


def latest(
    held: Snapshot | None,
    connection: Connection[Any],
    *,
    read_whole: Callable[[Connection[Any]], Snapshot] = load,
) -> Snapshot:
    """The present configuration: `held` itself, a patch of it, or all read anew.

    `connection` is in autocommit, or in a transaction that the caller ends.
    """
    if held is not None:
        if read_stamp(connection) == held.stamp:
            return held
        try:
            return patch(held, connection)
        except TooFar:
            log.info("snapshot.too_far", version=held.stamp[0])
        except psycopg.OperationalError:
            raise
        except Exception:
            # Whatever is wrong with patching, an old configuration would be worse than a slow one.
            log.exception("snapshot.patch_failed", version=held.stamp[0])
    return read_whole(connection)


def current(connection: Connection[Any]) -> Snapshot:
    """The configuration of this process, brought up to date where the version row has changed."""
    global _held  # noqa: PLW0603  (one per process is the point)
    _held = latest(_held, connection)
    return _held


@contextmanager
def _one_instant(connection: Connection[Any]) -> Iterator[None]:
    """A transaction that sees one instant, unless the caller is in one of its own."""
    if connection.info.transaction_status != TransactionStatus.IDLE:
        yield
        return
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


@contextmanager
def _collector_off() -> Iterator[None]:
    """No garbage collection: it would look at all the new objects again and again, for nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
