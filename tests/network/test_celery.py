"""The broker is a doorbell: rung after the commit, and missed by nobody."""

import json
import os
import signal
import time
from contextlib import suppress

import pytest
from django.conf import settings
from django.db import transaction

from network.celery import NUDGE_EXPIRES_S, Doorbell, app, make_app, nudge
from network.embedded.valkey import EmbeddedValkey
from network.models import Heartbeat
from network.tasks import heartbeat

NOWHERE = "redis+socket:///nowhere/at/all.sock"


@pytest.fixture
def broker(tmp_path):
    server = EmbeddedValkey(tmp_path)
    server.start()
    yield server
    server.stop()


def waiting(app, queue="celery"):
    """The headers of the messages in the queue."""
    with app.connection_for_read() as connection:
        messages = connection.default_channel.client.lrange(queue, 0, -1)
    return [json.loads(message)["headers"] for message in messages]


def test_a_nudge_is_a_message_that_expires(broker):
    app = make_app(broker.url())
    Doorbell(app).ring("tracking.judge")
    [headers] = waiting(app)
    assert headers["task"] == "tracking.judge"
    assert headers["expires"]


def test_what_waits_for_the_servers_of_others_has_a_queue_of_its_own(broker):
    app = make_app(broker.url())
    Doorbell(app).ring("tracking.deliver_postbacks")
    assert waiting(app) == []
    [headers] = waiting(app, "postbacks")
    assert headers["task"] == "tracking.deliver_postbacks"


def test_a_dead_broker_costs_nothing_and_is_left_alone_for_a_while(caplog):
    bell = Doorbell(make_app(NOWHERE))
    started = time.monotonic()
    for _ in range(100):
        bell.ring("tracking.judge")
    assert time.monotonic() - started < 1
    assert [record.msg["event"] for record in caplog.records] == ["broker.away"]


def test_a_broker_that_hangs_holds_one_nudge_for_a_moment(broker):
    bell = Doorbell(make_app(broker.url()))
    pid = broker.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        for _ in range(100):
            bell.ring("tracking.judge")
        assert time.monotonic() - started < 4
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.django_db
def test_a_nudge_waits_for_the_commit(django_capture_on_commit_callbacks, monkeypatch):
    rung = []
    monkeypatch.setattr(Doorbell, "ring", lambda self, name: rung.append(name))
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        nudge("tracking.judge", "payouts.accrue")
        assert rung == []
    assert rung == ["tracking.judge", "payouts.accrue"]


@pytest.mark.django_db
def test_a_nudge_of_what_was_rolled_back_is_never_sent(django_capture_on_commit_callbacks):
    with (
        django_capture_on_commit_callbacks() as callbacks,
        suppress(ZeroDivisionError),
        transaction.atomic(),
    ):
        nudge("tracking.judge")
        raise ZeroDivisionError
    assert callbacks == []


def test_every_sweep_expires_before_it_can_pile_up():
    schedule = app.conf.beat_schedule
    assert set(schedule) == set(settings.BEAT_SCHEDULE)
    for entry in schedule.values():
        assert entry["options"]["expires"] == 5 * entry["schedule"]


def test_a_task_that_is_killed_is_done_again_and_ends_before_it_is_restored():
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.task_time_limit < app.conf.broker_transport_options["visibility_timeout"]
    assert app.conf.task_time_limit > NUDGE_EXPIRES_S


def test_every_sweep_has_its_task():
    app.loader.import_default_modules()
    assert set(settings.BEAT_SCHEDULE) <= set(app.tasks)


@pytest.mark.django_db
def test_the_heartbeat_is_one_row():
    for _ in range(2):
        heartbeat()
    assert Heartbeat.objects.count() == 1
