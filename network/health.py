"""Is this process alive, and can it serve: /healthz and /readyz.

Without its database, or with migrations to come, it cannot serve. Without broker or beat it can:
sweeps come late, but no row is lost, so that is `degraded` and still 200.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from http import HTTPStatus
from typing import Final

import psycopg
import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError

from network.celery import app
from network.models import Heartbeat

BEAT: Final = "beat"
BEAT_LATE_AFTER: Final = timedelta(seconds=60)
# libpq knows no shorter patience.
DATABASE_ANSWERS_WITHIN_S: Final = 2

log = structlog.get_logger(__name__)


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 while requests can be served; 503 with the part that is in the way."""
    try:
        _knock()
        parts = {"database": "ok", "migrations": _migrations(), "beat": _beat()}
    except (DatabaseError, InterfaceError, psycopg.OperationalError) as error:
        log.warning("ready.database_away", error=str(error))
        parts = {"database": "away"}
    parts["broker"] = _broker()
    ready = parts["database"] == "ok" and parts["migrations"] == "ok"
    well = all(state == "ok" for state in parts.values())
    return JsonResponse(
        {"status": ("ok" if well else "degraded") if ready else "unready", "parts": parts},
        status=HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE,
    )


def beat() -> None:
    """Note that beat is alive. Real time: beat ticks in it, whatever the business clock says."""
    Heartbeat.objects.bulk_create(
        [Heartbeat(name=BEAT, at=datetime.now(UTC))],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["at"],
    )


def _knock() -> None:
    """psycopg's OperationalError where PostgreSQL takes nobody in within the time.

    A new connection, because one of the pool would wait without end for a server that hangs.
    """
    address = connection.get_connection_params()
    psycopg.connect(**address | {"connect_timeout": DATABASE_ANSWERS_WITHIN_S}).close()


def _migrations() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        missing = _migrations_on_disk() - set(cursor.fetchall())
    return f"{len(missing)} pending" if missing else "ok"


@cache
def _migrations_on_disk() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)


def _beat() -> str:
    pulse = Heartbeat.objects.filter(name=BEAT).first()
    if pulse is None:
        return "not yet"
    return "ok" if datetime.now(UTC) - pulse.at < BEAT_LATE_AFTER else "late"


def _broker() -> str:
    try:
        with app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=0, timeout=1)
    except (OperationalError, OSError):
        return "away"
    return "ok"
