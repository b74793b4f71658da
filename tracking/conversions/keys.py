"""Conversion keys: whoever stores the key of an action first has the conversion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Cursor

from network.rows import columns
from tracking.conversions.candidates import Key

_CLAIM: Final = """
INSERT INTO conversion_key (kind, scope, key, conversion_id)
SELECT kind, scope, key, conversion_id
FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::uuid[])
    AS fresh (kind, scope, key, conversion_id)
ON CONFLICT (kind, scope, key) DO NOTHING
RETURNING kind, scope, key
"""

_HOLDERS: Final = """
SELECT kind, scope, key, conversion.id, conversion.status
FROM unnest(%s::text[], %s::bigint[], %s::text[]) AS wanted (kind, scope, key)
JOIN conversion_key USING (kind, scope, key)
JOIN conversion ON conversion.id = conversion_key.conversion_id
"""


@dataclass(frozen=True, slots=True)
class Holder:
    """The conversion that has a key already."""

    id: UUID
    status: str


def claim(cursor: Cursor[Any], wanted: Mapping[Key, UUID]) -> dict[Key, Holder]:
    """Take keys for new conversions; those that were taken, with who has them.

    A key that another transaction is taking is waited for. Sorted, because two batches with the
    same two keys in different order would wait for each other; who lost reads the winners by a
    statement of its own, since only that sees what they have committed.
    """
    if not wanted:
        return {}
    rows = sorted((*key, conversion_id) for key, conversion_id in wanted.items())
    cursor.execute(_CLAIM, columns(rows, width=4))
    lost = sorted(wanted.keys() - set(cursor.fetchall()))
    if not lost:
        return {}
    cursor.execute(_HOLDERS, columns(lost, width=3))
    return {
        (kind, scope, key): Holder(id, status) for kind, scope, key, id, status in cursor.fetchall()
    }
