"""Rules of the database, by the names under which it refuses what breaks them."""

from django.db import DatabaseError
from psycopg import Error as DatabaseRefusal


def broken(error: DatabaseError) -> str:
    """The name of the rule that the database held against a statement, "" for another fault."""
    cause = error.__cause__
    return (cause.diag.constraint_name or "") if isinstance(cause, DatabaseRefusal) else ""
