"""Keeps programs running: starts them, restarts what dies, stops them in reverse order."""

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from network.embedded import EmbeddedError
from network.embedded.process import (
    end_group,
    ends_within,
    has_ended,
    spawn,
    started_at,
    terminate,
)
from network.progress import say

_ROOT = Path(__file__).resolve().parents[1]
_BACKOFF_FIRST_S = 0.2
_BACKOFF_MAX_S = 10.0
_HEALTHY_S = 30.0
_GRACE_S = 10.0


class Service(Protocol):
    """What can be kept running: an embedded server, or a program of ours."""

    @property
    def name(self) -> str:
        """A short word for `pids.json` and for people."""

    @property
    def pid(self) -> int | None:
        """The process id of its leader while it runs."""

    def start(self) -> None:
        """Start it; EmbeddedError where it does not come up."""

    def alive(self) -> bool:
        """Whether its leader runs."""

    def stop(self) -> None:
        """End it and whatever is left of it; nothing happens where it is gone."""

    def kill(self) -> None:
        """End it at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A program to run: `argv` in the checkout with `env`, healthy when `ready_url` answers."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    ready_url: str | None = None


class ChildProcess:
    """A running child: a process group that ends with its leader."""

    def __init__(self, child: Child, state_dir: Path) -> None:
        self.child = child
        self._log = state_dir / "log" / f"{child.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """The child's name."""
        return self.child.name

    @property
    def log(self) -> Path:
        """Where it writes."""
        return self._log

    @property
    def pid(self) -> int | None:
        """The leader's process id while it runs."""
        return self._process.pid if self._process and self.alive() else None

    def start(self) -> None:
        """Start the leader."""
        self._process = spawn(self.child.argv, log=self._log, env=self.child.env, cwd=_ROOT)

    def alive(self) -> bool:
        """Whether the leader runs."""
        return self._process is not None and not has_ended(self._process)

    def stop(self) -> None:
        """Ask the leader to end, then kill what is left of the group.

        A killed leader leaves workers behind that hold its port, so the group is ended too
        where the leader is gone already.
        """
        if self._process is None:
            return
        terminate(self._process.pid)
        ends_within(self._process.pid, _GRACE_S)
        self.kill()
        self._process.wait()
        self._process = None

    def kill(self) -> None:
        """Kill the whole group."""
        if self._process is not None:
            end_group(self._process.pid)

    def exit_code(self) -> int | None:
        """How the leader ended, or None while it runs."""
        return self._process.poll() if self._process else None


@dataclass(slots=True)
class _Watched:
    service: Service
    started_s: float
    delay_s: float = _BACKOFF_FIRST_S
    restart_s: float | None = None


class Supervisor:
    """The services of one state directory, in the order of their start.

    `pids.json` in `<state>/run` names the leaders at any time. One thread does it all: on Linux
    a child ends with the thread that started it.
    """

    def __init__(self, state_dir: Path) -> None:
        self._run_dir = state_dir / "run"
        self._watched: list[_Watched] = []

    def start(self, service: Service) -> None:
        """Start a service and keep it running from now on."""
        # Listed first: `hasten` must find it while it starts.
        self._watched.append(_Watched(service, time.monotonic()))
        service.start()
        self._record()

    def tick(self) -> None:
        """Look at every service once: end what is left of a dead one, restart it when due."""
        for watched in self._watched:
            now = time.monotonic()
            if watched.restart_s is not None:
                if now >= watched.restart_s:
                    self._restart(watched)
            elif not watched.service.alive():
                watched.service.stop()
                self._put_off(watched, "ended")
            elif now - watched.started_s >= _HEALTHY_S:
                watched.delay_s = _BACKOFF_FIRST_S

    def stop(self) -> None:
        """Stop all services, the last one first, with a line for each."""
        while self._watched:
            service = self._watched[-1].service
            began = time.monotonic()
            try:
                service.stop()
                say(f"  {service.name} stopped in {time.monotonic() - began:.1f} s")
            except EmbeddedError as error:
                say(f"  {service.name}: {error}")
            # Only now: until it has ended, `hasten` must find it here.
            self._watched.pop()
            self._record()

    def hasten(self) -> None:
        """Kill what is still running; a `stop` under way then ends at once."""
        for watched in self._watched:
            watched.service.kill()

    def names(self) -> list[str]:
        """The services that it keeps running, in the order of their start."""
        return [watched.service.name for watched in self._watched]

    def pids(self) -> dict[str, int]:
        """The leaders' process ids by name, of those that run."""
        found = {watched.service.name: watched.service.pid for watched in self._watched}
        return {name: pid for name, pid in found.items() if pid is not None}

    def _restart(self, watched: _Watched) -> None:
        try:
            watched.service.start()
        except (EmbeddedError, OSError) as error:
            watched.service.stop()
            self._put_off(watched, f"did not start ({error})")
            return
        watched.started_s = time.monotonic()
        watched.restart_s = None
        self._record()
        say(f"  {watched.service.name} runs again")

    def _put_off(self, watched: _Watched, what_happened: str) -> None:
        say(f"  {watched.service.name} {what_happened}, next try in {watched.delay_s:.1f} s")
        watched.restart_s = time.monotonic() + watched.delay_s
        watched.delay_s = min(watched.delay_s * 2, _BACKOFF_MAX_S)
        self._record()

    def _record(self) -> None:
        """Write down who runs: `pids.json` for people, `groups.json` for the next start."""
        self._run_dir.mkdir(parents=True, exist_ok=True)
        pids = self.pids()
        _write(self._run_dir / "pids.json", pids)
        # Children only: a server finds what is left of it by files of its own.
        children = [w.service.name for w in self._watched if isinstance(w.service, ChildProcess)]
        groups = {
            name: {"pid": pids[name], "started": started_at(pids[name])}
            for name in children
            if name in pids
        }
        _write(self._run_dir / "groups.json", groups)


def end_leftovers(state_dir: Path) -> list[str]:
    """End the groups that a killed supervisor has left in this state, and give their names.

    A number that belongs to another process by now is left alone. One that belongs to no process
    may still be a group: a killed leader's workers.
    """
    try:
        recorded = json.loads((state_dir / "run" / "groups.json").read_text())
    except (FileNotFoundError, ValueError):
        return []
    ended = []
    for name, group in reversed(recorded.items()):
        mark = started_at(group["pid"])
        if mark not in (None, group["started"]):
            continue
        if mark is not None:
            terminate(group["pid"])
            ends_within(group["pid"], _GRACE_S)
        if end_group(group["pid"]) or mark is not None:
            ended.append(name)
    return ended


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a file in one step: its readers never see half of it."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(content, indent=2) + "\n")
    fresh.replace(path)
