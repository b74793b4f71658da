"""Celery's names for the sweeps of partners."""

from django.db import connection

from network.celery import app
from partners.snapshot import prune_changes


@app.task(name="partners.prune_changes")
def prune() -> int:
    """Forget old changes of the configuration."""
    with connection.cursor() as cursor:
        return prune_changes(cursor)
