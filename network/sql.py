"""Migration operations that make the database hold the rules: who may change which rows.

The application's role gets SELECT, INSERT, UPDATE and DELETE on every new table (migration
0001_kernel); a table that is history takes the last two back with one of these.
"""

from typing import Final

from django.conf import settings
from django.db.migrations import RunSQL


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


# The role of DATABASE_URL, ready for use in SQL.
APP_ROLE: Final = quoted(settings.APP_ROLE)


def append_only(table: str) -> RunSQL:
    """Forbid UPDATE, DELETE and TRUNCATE to everybody: by a trigger, and by grant.

    The trigger binds the owner too. Statement triggers do not reach partitions that are named in
    a statement, so a partitioned table takes the grants away wherever it makes a partition.
    """
    return RunSQL(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION forbid(); "
        f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {APP_ROLE}",
        f"GRANT UPDATE, DELETE ON {table} TO {APP_ROLE}; "
        f"DROP TRIGGER {table}_append_only ON {table}",
    )


def update_only(table: str, *columns: str) -> RunSQL:
    """Let the application change these columns alone, and delete nothing."""
    return RunSQL(
        f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {APP_ROLE}; "
        f"GRANT UPDATE ({', '.join(columns)}) ON {table} TO {APP_ROLE}",
        f"GRANT UPDATE, DELETE ON {table} TO {APP_ROLE}",
    )
