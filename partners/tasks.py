"""Celery's names for the sweeps of partners."""

from django.db import connection

from network.celery import app
from partners import caps
from partners.snapshot import prune_changes


@app.task(name="partners.prune_changes")
def prune() -> int:
    """Forget old changes of the configuration."""
    with connection.cursor() as cursor:
        return prune_changes(cursor)


@app.task(name="partners.finish_cap_changes")
def finish_cap_changes() -> int:
    """Give counters the limit that a change which broke off did not get to."""
    return caps.finish_changes()
