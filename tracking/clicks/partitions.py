"""The days of clicks and of what is kept as they are: made ahead of time, dropped when over."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from psycopg import Cursor

from tracking.clicks import repeats
from tracking.clicks.kinds import KINDS

# What the database makes and drops days of.
TABLES: Final = tuple(kind.table for kind in KINDS.values())
AHEAD_DAYS: Final = 7

_MAKE: Final = """
SELECT count(*) FILTER (WHERE make_partition(name, day))
FROM unnest(%s::text[]) AS name, unnest(%s::date[]) AS day
"""
# A click is needed as long as a conversion may still name it, however short the retention is. A
# draft never had a good one, and an ended offer none after its `ends_at`, if it has that.
_LONGEST_WINDOW: Final = """
SELECT coalesce(max(click_window_s), 0) FROM offer
WHERE status <> 'draft' AND (status <> 'ended' OR ends_at IS NULL
    OR ends_at + make_interval(secs => click_window_s) >= %s)
"""
_OLD: Final = """
SELECT DISTINCT to_date(right(child.relname, 8), 'YYYYMMDD')
FROM pg_inherits
JOIN pg_class AS child ON child.oid = inhrelid
JOIN pg_class AS parent ON parent.oid = inhparent
WHERE parent.relname = ANY(%s) AND child.relname ~ '_[0-9]{8}$'
    AND to_date(right(child.relname, 8), 'YYYYMMDD') < %s
ORDER BY 1 LIMIT %s
"""
_DROP: Final = "SELECT drop_partition(name, %s) FROM unnest(%s::text[]) AS name"
_DAY_S: Final = 86_400
# What `drop_partition` refuses to drop (tracking 0005).
_LEAST_DAYS: Final = 30


def make(cursor: Cursor[Any], today: date) -> int:
    """Make the partitions of today and the days ahead; how many there were not."""
    days = [today + timedelta(days=ahead) for ahead in range(AHEAD_DAYS + 1)]
    cursor.execute(_MAKE, [list(TABLES), days])
    (made,) = cursor.fetchone() or (0,)
    return int(made)


def drop(cursor: Cursor[Any], today: date, *, kept_days: int, limit: int = 10) -> list[date]:
    """Drop partitions that nobody needs, and return their days.

    Those older than `kept_days` and than the window of any offer that had clicks. Where `kept_days`
    is 0 nothing is ever dropped. Days of the last month stay whatever it says, and the database
    would refuse to drop them.
    """
    if kept_days == 0:
        return []
    cursor.execute(_LONGEST_WINDOW, [datetime.combine(today, time(), UTC)])
    (longest_s,) = cursor.fetchone() or (0,)
    first = today - timedelta(days=max(kept_days, longest_s // _DAY_S + 1, _LEAST_DAYS))
    cursor.execute(_OLD, [list(TABLES), first, limit])
    days = [day for (day,) in cursor.fetchall()]
    for day in days:
        cursor.execute(_DROP, [day, list(TABLES)])
    if days:
        repeats.forget(cursor, first)
    return days
