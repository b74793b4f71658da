"""Celery carries nudges, not facts: all that must happen is a row, and beat sweeps for it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import structlog
from celery import Celery
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "network.settings")

# A message that nobody took in this many of its intervals is stale: the next sweep sees the rows.
EXPIRES_INTERVALS: Final = 5
NUDGE_EXPIRES_S: Final = 10
# After a failed nudge the broker is left alone: its death shall not cost every request a timeout.
QUIET_S: Final = 5
# Below the task's time limit: what is left then is taken by the next tick.
SWEEP_S: Final = 60

log = structlog.get_logger(__name__)


def make_app(broker_url: str) -> Celery:
    """The Celery application on a broker."""
    app = Celery("peraction")
    app.conf.update(
        broker_url=broker_url,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": 600,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            # A broker that is dead, or hangs, holds whoever asks for this long and no longer.
            "max_retries": 0,
            "socket_connect_timeout": 1,
            "socket_timeout": 2,
        },
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_routes={name: {"queue": queue} for name, queue in settings.OWN_QUEUES.items()},
        task_time_limit=300,  # below the visibility timeout, or a long task would run twice
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        timezone="UTC",
        beat_schedule={
            name: {
                "task": name,
                "schedule": interval_s,
                "options": {"expires": interval_s * EXPIRES_INTERVALS},
            }
            for name, interval_s in settings.BEAT_SCHEDULE.items()
        },
    )
    return app


def until_empty(work: Callable[[], int]) -> int:
    """Call `work` until it has done nothing or the time is up; the sum of what it did."""
    end_s = time.monotonic() + SWEEP_S
    total = 0
    while time.monotonic() < end_s and (done := work()):
        total += done
    return total


class Doorbell:
    """Sends nudges, and keeps quiet for a while when nobody answers."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._quiet_until_s = 0.0
        self.muted = False

    def ring(self, name: str) -> None:
        """Ask a worker to run the task now; a broker that is away is logged, not raised."""
        if time.monotonic() < self._quiet_until_s:
            return
        try:
            self._app.send_task(name, expires=NUDGE_EXPIRES_S, ignore_result=True, retry=False)
        except (OperationalError, OSError) as error:
            self._quiet_until_s = time.monotonic() + QUIET_S
            log.warning("broker.away", task=name, error=str(error))


app = make_app(settings.CELERY_BROKER_URL)
app.autodiscover_tasks(["network", "partners", "tracking", "payouts"])
_doorbell: Final = Doorbell(app)


def nudge(*names: str) -> None:
    """Ask workers to run these tasks once the present transaction has committed.

    Nothing depends on it: without a broker the same rows are found by beat, seconds later.
    """
    if _doorbell.muted:
        return
    for name in names:
        transaction.on_commit(partial(_doorbell.ring, name), robust=True)


@contextmanager
def silence() -> Iterator[None]:
    """Nudge nobody inside the block: a thousand messages for what beat finds anyway."""
    _doorbell.muted = True
    try:
        yield
    finally:
        _doorbell.muted = False
