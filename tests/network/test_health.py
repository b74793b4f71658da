"""A process that lives, and one that can serve."""

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from django.db import connections

from network import health
from network.celery import make_app
from network.models import Heartbeat

NOWHERE = "redis+socket:///nowhere/at/all.sock"


def ready(client):
    answer = client.get("/readyz")
    return answer.status_code, answer.json()["status"], answer.json()["parts"]


def test_a_living_process_says_so_without_any_part(nobody):
    assert nobody.get("/healthz").json() == {"status": "ok"}


@pytest.mark.django_db
def test_with_all_parts_it_is_ready(nobody):
    health.beat()
    parts = dict.fromkeys(("database", "migrations", "beat", "broker"), "ok")
    assert ready(nobody) == (200, "ok", parts)


@pytest.mark.django_db
@pytest.mark.parametrize(("age", "state"), [(None, "not yet"), (61, "late")])
def test_without_beat_it_serves_with_less(nobody, age, state):
    if age:
        Heartbeat.objects.create(name="beat", at=datetime.now(UTC) - timedelta(seconds=age))
    status, word, parts = ready(nobody)
    assert (status, word, parts["beat"]) == (200, "degraded", state)


@pytest.mark.django_db
def test_without_the_broker_it_serves_with_less(nobody, monkeypatch):
    health.beat()
    monkeypatch.setattr(health, "app", make_app(NOWHERE))
    status, word, parts = ready(nobody)
    assert (status, word, parts["broker"]) == (200, "degraded", "away")


def test_with_migrations_to_come_it_does_not_serve(nobody, fresh_db):
    with psycopg.connect(fresh_db.owner_url) as owner:
        owner.execute("DELETE FROM django_migrations WHERE app = 'network'")
    status, word, parts = ready(nobody)
    assert (status, word, parts["migrations"]) == (503, "unready", "1 pending")


def test_without_the_database_it_does_not_serve(nobody, fresh_db, monkeypatch):
    database = connections["default"].settings_dict
    database["NAME"] = "gone"
    monkeypatch.setitem(database["OPTIONS"]["pool"], "timeout", 0.2)
    status, word, parts = ready(nobody)
    assert (status, word, parts["database"]) == (503, "unready", "away")


def test_with_a_database_that_hangs_it_says_so_soon(nobody, fresh_db):
    with psycopg.connect(fresh_db.url) as one:
        line = Path(f"/proc/{one.info.backend_pid}/stat").read_text()
    server = int(line.rpartition(")")[2].split()[1])
    os.kill(server, signal.SIGSTOP)
    try:
        started_s = time.monotonic()
        status, word, parts = ready(nobody)
        took_s = time.monotonic() - started_s
    finally:
        os.kill(server, signal.SIGCONT)
    assert (status, word, parts["database"]) == (503, "unready", "away")
    assert took_s < 4
