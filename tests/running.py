"""The whole network as processes, in a state directory of its own, and a client of its API."""

import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from network.embedded.process import spawn
from tests.clock import Clock

ROOT = Path(__file__).parents[1]


class NotYet(AssertionError):
    """What was waited for did not come."""


class PortTaken(AssertionError):
    """Somebody took a port between our look at it and its use."""


def eventually(what: Callable[[], Any], *, within_s: float = 60, says: str = "") -> Any:
    """Ask until the answer is true, and give it; NotYet when the time is over."""
    deadline = time.monotonic() + within_s
    while not (answer := what()):
        if time.monotonic() > deadline:
            raise NotYet(says or f"not within {within_s} s; the last answer was {answer!r}")
        time.sleep(0.05)
    return answer


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody has right now."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@dataclass
class Running:
    """`make run` without the demo network; `start` returns when everything answers."""

    state: Path
    mode: str = "test"
    seed: bool = False
    tracker_workers: int = 1
    settings: dict[str, str] = field(default_factory=dict)
    clock: Clock = field(init=False)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _clients: list["Api"] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        self.clock = Clock(self.state / "clock")
        self.web_port, self.tracker_port = free_ports(2)

    def start(self) -> "Running":
        """Start everything and wait for the summary; once more where somebody took a port."""
        try:
            return self._start()
        except PortTaken:
            self.web_port, self.tracker_port = free_ports(2)
            return self._start()

    def _start(self) -> "Running":
        self.log.unlink(missing_ok=True)
        environ = {
            name: value
            for name, value in os.environ.items()
            if not name.endswith(("DATABASE_URL", "DATABASE_OWNER_URL", "BROKER_URL"))
        }
        environ |= {
            "MODE": self.mode, "CLOCK_FILE": str(self.clock.path),
            "WEB_PORT": str(self.web_port), "TRACKER_PORT": str(self.tracker_port),
            "TRACKER_WORKERS": str(self.tracker_workers), "OUTGOING_ALLOW": "127.0.0.0/8",
            "API_RATE_PER_MINUTE": "1000000",
        } | self.settings  # fmt: skip
        self.process = spawn(
            self._stack if self.seed else [*self._stack, "--no-seed"],
            log=self.log, env=environ, cwd=ROOT,
        )  # fmt: skip
        eventually(self._came_up, within_s=180, says="the network did not come up")
        return self

    def stop(self) -> None:
        """End it as Ctrl-C does, and delete its data, wherever they are."""
        for client in self._clients:
            client.close()
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=60)
            subprocess.run([*self._stack, "--discard"], cwd=ROOT, check=True)

    @property
    def _stack(self) -> list[str]:
        return [sys.executable, "-m", "network.stack", "--state", str(self.state)]

    @property
    def log(self) -> Path:
        """What the supervisor says."""
        return self.state / "supervisor.log"

    def pids(self) -> dict[str, int]:
        """The leaders' process ids by name, of those that run."""
        pids: dict[str, int] = json.loads((self.state / "run" / "pids.json").read_text())
        return pids

    def tracker_worker(self) -> int | None:
        """A process that answers, below the tracker's leader; None while there is none."""
        for tasks in Path(f"/proc/{self.pids().get('tracker')}/task").glob("*/children"):
            for pid in tasks.read_text().split():
                if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return int(pid)
        return None

    def manage(self, *words: str, stdin: str = "") -> str:
        """A management command in the network's environment; what it printed."""
        ran = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT, env=os.environ | self.environment, input=stdin,
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    @property
    def environment(self) -> dict[str, str]:
        """What `<state>/run/environment` exports, and the clock."""
        lines = (self.state / "run" / "environment").read_text().splitlines()
        exports = (shlex.split(line)[1].split("=", 1) for line in lines)
        return dict(exports) | {"CLOCK_FILE": str(self.clock.path)} | self.settings

    def person(self, role: str, name: str) -> "Api":
        """A person of the network's own with a key."""
        made = self.manage(
            "add_person", f"{name}@network.example", "--role", role, "--key", name,
            stdin=secrets.token_urlsafe(16),
        )  # fmt: skip
        return self.api(json.loads(made)["key"])

    def api(self, key: str) -> "Api":
        """A client with this key, closed when the network stops."""
        self._clients.append(api := Api(self.web_port, key))
        return api

    def sign_in(self, email: str, password: str) -> str:
        """Sign in as a browser does and issue a key with all of one's scopes; its bearer string."""
        with httpx.Client(
            base_url=f"http://127.0.0.1:{self.web_port}/api/v1/", trust_env=False
        ) as browser:
            me = browser.post("session", json={"email": email, "password": password})
            assert me.status_code == 200, me.text
            issued = browser.post(
                "api-keys",
                json={"name": "from the browser", "scopes": me.json()["scopes"]},
                headers={"X-CSRFToken": browser.cookies["csrftoken"]},
            )
            assert issued.status_code == 201, issued.text
            return str(issued.json()["key"])

    def _came_up(self) -> bool:
        assert self.process is not None
        ended = self.process.poll() is not None
        said = self.log.read_text()
        if ended and "is not free" in said:
            raise PortTaken(said)
        assert not ended, said
        return "Ctrl-C stops everything" in said


class Api:
    """A client of the REST API that sends a key, and tries again while nobody answers."""

    def __init__(self, port: int, key: str) -> None:
        self.key = key
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1/",
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
            trust_env=False,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        """The body of a 200."""
        response = self.ask("GET", path, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, body: dict[str, Any] | None = None, *, status: int = 0) -> Any:
        """The body of a POST that answers 2xx, or `status`."""
        response = self.ask("POST", path, json=body or {})
        expected = (status,) if status else range(200, 300)
        assert response.status_code in expected, f"{path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """The body of a PATCH that answers 2xx."""
        response = self.ask("PATCH", path, json=body)
        assert response.is_success, response.text
        return response.json()

    def every(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """All rows of a list, page by page."""
        rows: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = self.get(path, limit=200, **params, **({"cursor": cursor} if cursor else {}))
            rows += page["results"]
            cursor = page["next_cursor"]
            if not cursor:
                return rows

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """One request, with one idempotency key, until there is an answer that is one."""
        headers = {"Idempotency-Key": secrets.token_hex(16)} if method != "GET" else {}
        deadline = time.monotonic() + 60
        while True:
            try:
                response = self._http.request(method, path, headers=headers, **request)
                if not _comes_to_nothing(response):
                    return response
            except httpx.TransportError:
                pass
            if time.monotonic() > deadline:
                raise NotYet(f"no answer to {method} {path} in 60 s")
            time.sleep(0.1)


def _comes_to_nothing(response: httpx.Response) -> bool:
    """Away for now, or still at work on the same request, whose sender is dead already."""
    if response.status_code == 409:
        return bool(response.json()["code"] == "idempotency_in_flight")
    return response.status_code == 503
