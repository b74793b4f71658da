"""A tracker's host as real processes that are killed and started again, and visitors who click."""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from network.embedded.postgres import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from tests import ready
from tests.running import ROOT, eventually, free_ports
from tests.tracking.servers import is_ready

CODE = "abc123"
_MADE = f"import django; django.setup(); from tests.factories import *; make_link(code='{CODE}')"


class Host:
    """PostgreSQL, a tracker and a drainer, each a process to kill; `settings` are the tracker's."""

    def __init__(self, state: Path, **settings: str) -> None:
        self.state = state
        self.spool = state / "spool"
        self.postgres = EmbeddedPostgres(state, fsync=False)
        (self.port,) = free_ports(1)
        self._settings = {"COMMIT_MAX_MS": "250"} | settings
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """The database as the application sees it."""
        return self.postgres.url(APP_ROLE)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every process here."""
        own = {"DATABASE_URL": self.url, "DATABASE_OWNER_URL": self.postgres.url(OWNER_ROLE)}
        return os.environ | own | {"SPOOL_DIR": str(self.spool)} | self._settings

    def prepare(self) -> None:
        """Make the database, with one good link of the code CODE."""
        ready.put(self.state)
        self.postgres.start()
        subprocess.run([sys.executable, "-c", _MADE], cwd=ROOT, env=self.environment, check=True)

    def start(self, name: str) -> None:
        """Start what does not run; the tracker is ready on return."""
        if name == "postgres":
            self.postgres.start()
            return
        words = {
            "tracker": ["-m", "tracking", "--port", str(self.port)],
            "drainer": ["manage.py", "tracker", "drain"],
        }[name]
        with (self.state / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if name == "tracker":
            eventually(lambda: is_ready(self.port), within_s=60, says="the tracker is not ready")

    def kill(self, name: str) -> None:
        """Kill it and everything below it at once."""
        if name == "postgres":
            os.kill(self.postgres.pid, signal.SIGKILL)
            return
        process = self._processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=20)

    def worker(self) -> int:
        """The process of the tracker that answers."""
        return self._processes["tracker"].pid

    def ready(self) -> tuple[int, dict[str, Any]]:
        """What the tracker says of itself: (status, body) of /readyz."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
        return answer.status, body

    def stop(self) -> None:
        """End everything and delete the data."""
        for name in list(self._processes):
            self.kill(name)
        self.postgres.discard()

    def clicks(self) -> list[str]:
        """The destination of every stored click, which holds the click's id, as often as stored."""
        with psycopg.connect(self.url) as connection:
            return [row[0] for row in connection.execute("SELECT destination FROM click")]

    def drained(self) -> bool:
        """Whether no file waits any more."""
        return not self.spool.exists() or not list(self.spool.glob("*"))


@contextmanager
def host(state: Path, **settings: str) -> Iterator[Host]:
    """A host with everything running, for as long as this lasts."""
    made = Host(state, **settings)
    try:
        made.prepare()
        for name in ("tracker", "drainer"):
            made.start(name)
        yield made
    finally:
        made.stop()


@dataclass
class Visitors:
    """Threads that click at a steady rate, each answer noted; one in flight for each."""

    port: int
    threads: int = 16
    per_s: int = 500
    answered: list[str] = field(default_factory=list)
    # Answers that are no redirect, by their status.
    refused: list[int] = field(default_factory=list)
    # Requests that nobody answered: the tracker was not there.
    unanswered: int = 0
    waits_s: list[float] = field(default_factory=list)

    @contextmanager
    def clicking(self) -> Iterator["Visitors"]:
        """Click while this lasts."""
        enough = threading.Event()
        threads = [threading.Thread(target=self._click, args=[enough]) for _ in range(self.threads)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            enough.set()
            for thread in threads:
                thread.join(timeout=60)

    def _click(self, enough: threading.Event) -> None:
        pause_s = self.threads / self.per_s
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        next_s = time.monotonic() + random.uniform(0, pause_s)
        while not enough.wait(max(0.0, next_s - time.monotonic())):
            next_s += pause_s
            started_s = time.monotonic()
            try:
                connection.request("GET", f"/c/{CODE}")
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                self.unanswered += 1
                next_s = max(next_s, time.monotonic() + 0.02)
                continue
            self.waits_s.append(time.monotonic() - started_s)
            if answer.status == 302:
                self.answered.append(answer.headers["location"])
            else:
                self.refused.append(answer.status)
                next_s = max(next_s, time.monotonic() + 0.02)
        connection.close()
