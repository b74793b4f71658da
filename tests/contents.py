"""What the database holds, to compare before and after."""

from django.db import connection

# The use of a key is noted, and is no change of anybody's.
_ROWS = "SELECT %s, count(*), md5(string_agg(line, '' ORDER BY line)) FROM ({}) AS lines"
_LINES = "SELECT (to_jsonb(row) - 'last_used_at')::text AS line FROM {} AS row"


def contents() -> dict[str, tuple[int, str | None]]:
    """How many rows each table has, and a hash of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'django_migrations' "
            "ORDER BY relname"
        )
        tables = [name for (name,) in cursor.fetchall()]
        parts = [_ROWS.format(_LINES.format(f'"{name}"')) for name in tables]
        cursor.execute(" UNION ALL ".join(parts), tables)
        return {name: (count, digest) for name, count, digest in cursor.fetchall()}
