"""Which clicks are a visitor's first of the day, and which are repeats: marked, never dropped."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from psycopg import Connection, Cursor

# How a statement that reads `click` finds, as `first_click`, what the sweep knows of its visitor.
OF_VISITOR: Final = """
first_click.day = (click.ts AT TIME ZONE 'UTC')::date AND first_click.visitor = click.visitor
"""
_IS_REPEAT: Final = f"""
(SELECT CASE WHEN click.id > click_id THEN true WHEN click.id = click_id THEN false END
FROM first_click WHERE {OF_VISITOR} AND click.reason = 'ok')
"""

# A click is committed or spooled within this time of its id, so what is older is complete, unless
# COMMIT_MAX_MS is long: then within as many commits as may be under way and waiting before it.
SETTLED_S: Final = 10
COMMITS_MAX: Final = 6
_NIL: Final = UUID(int=0)

# Two sweeps at once, or the same clicks twice, change nothing: the least id is the first click.
_MARK: Final = """
INSERT INTO first_click (visitor, day, click_id)
SELECT DISTINCT ON (visitor) visitor, %(day)s, id
FROM click
WHERE ts >= %(since)s AND ts < %(till)s AND id > %(after)s AND id <= %(until)s
    AND reason = 'ok' AND visitor IS NOT NULL
ORDER BY visitor, id
ON CONFLICT (day, visitor) DO UPDATE SET click_id = excluded.click_id
    WHERE excluded.click_id < first_click.click_id
"""
# The row is there before it is locked: late clicks that come meanwhile wait for this transaction,
# and then set the mark back. A lock on no row would let them pass unseen.
_BEGIN: Final = """
INSERT INTO first_click_mark (day, until) VALUES (%(day)s, %(nil)s) ON CONFLICT (day) DO NOTHING
"""
_AFTER: Final = "SELECT until FROM first_click_mark WHERE day = %(day)s FOR UPDATE"
_MOVE_ON: Final = "UPDATE first_click_mark SET until = %(until)s WHERE day = %(day)s"
_LOOK_AGAIN: Final = """
INSERT INTO first_click_mark (day, until) SELECT day, %s FROM unnest(%s::date[]) AS day ORDER BY day
ON CONFLICT (day) DO UPDATE SET until = excluded.until
"""
_BEHIND: Final = "SELECT day FROM first_click_mark WHERE until = %s ORDER BY day LIMIT %s"
_LATEST: Final = "SELECT max(day) FROM first_click_mark WHERE day <= %s"
_FORGET: Final = "DELETE FROM first_click WHERE day < %s"
# The latest mark stays, however old: from there the sweep goes on.
_FORGET_MARKS: Final = """
DELETE FROM first_click_mark WHERE day < %s AND day < (SELECT max(day) FROM first_click_mark)
"""


def sweep(connection: Connection[Any], now: datetime) -> int:
    """Look through the days that are due, each in a transaction; how many visitors were new."""
    marked = 0
    with connection.cursor() as cursor:
        for day in due(cursor, now.date()):
            with connection.transaction():
                marked += mark(cursor, day, now)
    return marked


def mark(cursor: Cursor[Any], day: date, now: datetime) -> int:
    """Look through the day's new clicks; how many visitors were seen for the first time.

    In the caller's transaction. Only clicks that are settled are looked at, and each once.
    """
    since = datetime.combine(day, time(), UTC)
    params: dict[str, Any] = {
        "day": day,
        "nil": _NIL,
        "since": since,
        "till": since + timedelta(days=1),
        "until": _last_id(now - _settled()),
    }
    cursor.execute(_BEGIN, params)
    cursor.execute(_AFTER, params)
    (params["after"],) = cursor.fetchone() or (_NIL,)
    if params["after"] >= params["until"]:
        return 0
    cursor.execute(_MARK, params)
    marked = cursor.rowcount
    cursor.execute(_MOVE_ON, params)
    return marked


def is_repeat() -> RawSQL:
    """For a query of clicks: true for a repeat, false for a first click, None where none can tell.

    Nobody can tell of a click without a visitor key, of one that failed, and of one that the sweep
    has not come to; the first click may become a repeat when one from before it comes late.
    """
    return RawSQL(_IS_REPEAT, [], output_field=BooleanField(null=True))


def look_again(cursor: Cursor[Any], days: Iterable[date]) -> None:
    """Clicks of these days came late, in this transaction: their days are looked through anew."""
    cursor.execute(_LOOK_AGAIN, [_NIL, sorted(set(days))])


def due(cursor: Cursor[Any], today: date) -> list[date]:
    """The days to look through, the earliest first.

    All since the latest that was looked through, however long ago, with the one before it, whose
    last clicks were perhaps not settled; and those that are `behind`.
    """
    cursor.execute(_LATEST, [today])
    (latest,) = cursor.fetchone() or (None,)
    first = (latest or today) - timedelta(days=1)
    days = {first + timedelta(days=day) for day in range((today - first).days + 1)}
    return sorted(days.union(behind(cursor)))


def behind(cursor: Cursor[Any], *, limit: int = 10) -> list[date]:
    """Days that are to be looked through from their beginning."""
    cursor.execute(_BEHIND, [_NIL, limit])
    return [day for (day,) in cursor.fetchall()]


def forget(cursor: Cursor[Any], before: date) -> int:
    """Forget the days whose clicks are gone; how many first clicks they had."""
    cursor.execute(_FORGET_MARKS, [before])
    cursor.execute(_FORGET, [before])
    return cursor.rowcount


def _settled() -> timedelta:
    commits = timedelta(milliseconds=COMMITS_MAX * settings.COMMIT_MAX_MS)
    return max(timedelta(seconds=SETTLED_S), commits)


def _last_id(at: datetime) -> UUID:
    """The greatest id that a click of this instant can have."""
    ms = int(at.timestamp() * 1_000)
    return UUID(int=(ms << 80) | ((1 << 80) - 1))
