"""Which configuration it is, and what has changed since another one.

A stamp is the version row's number and its mark. The mark is new with every version, so that two
histories that happen to count alike (a restored backup, a test's clone) are told apart.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from network.rows import AnyCursor
from partners.snapshot.shapes import Stamp

STAMP: Final = "SELECT version, mark::text FROM config_version"

# One statement, so that all of it is of one instant. It begins with the version that the reader
# has: without that row the reader is of another history, or too old, and no patch is right.
_SINCE: Final = """
SELECT now.version, now.mark::text, change.version, change.mark::text, change.kind, change.id
FROM config_version AS now
JOIN config_change AS change ON change.version >= %s
ORDER BY change.version
LIMIT %s
"""
# Reading everything costs less than this many rows one by one.
ROWS_MAX: Final = 5_000


class TooFar(Exception):
    """No patch leads from this snapshot to the present configuration: it must be read whole."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What to build anew for a stamp: ids by kind."""

    stamp: Stamp
    ids: Mapping[str, frozenset[int]]

    def of(self, kind: str) -> frozenset[int]:
        """The ids of one kind."""
        return self.ids.get(kind, frozenset())


def read_stamp(connection: Connection[Any]) -> Stamp:
    """The stamp of the configuration as it is now."""
    version, mark = connection.execute(STAMP).fetchone() or (0, "")
    return version, mark


def since(stamp: Stamp, connection: Connection[Any]) -> Changes:
    """What has changed after the configuration of this stamp; TooFar where that cannot be said.

    It is all: a version is written by one transaction at a time, so whoever sees a version sees
    the changes of all before it.
    """
    rows = connection.execute(_SINCE, [stamp[0], ROWS_MAX + 1]).fetchall()
    if not rows or len(rows) > ROWS_MAX or rows[0][2:4] != stamp or rows[-1][2:4] != rows[-1][:2]:
        raise TooFar
    ids: dict[str, set[int]] = defaultdict(set)
    for *_, version, _mark, kind, id in rows:
        if version == stamp[0]:
            continue
        if id is None:
            raise TooFar
        ids[kind].add(id)
    return Changes(rows[-1][:2], {kind: frozenset(them) for kind, them in ids.items()})


def prune_changes(cursor: AnyCursor) -> int:
    """Forget changes that only a reader far behind would ask for, who reads everything then."""
    cursor.execute("SELECT prune_config_changes()")
    (pruned,) = cursor.fetchone() or (0,)
    return int(pruned)
