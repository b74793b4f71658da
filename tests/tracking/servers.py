"""Our servers as real processes, each on a free port; trackers unless told otherwise."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from tests.running import ROOT, eventually, free_ports


@dataclass(frozen=True)
class Server:
    """A server and the processes that belong to it."""

    port: int
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End it and its workers at once, wherever they are."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=20)


_LIMITED = (
    "import os, sys; from resource import RLIMIT_NOFILE, setrlimit; limit = int(sys.argv[1]);"
    " setrlimit(RLIMIT_NOFILE, (limit, limit)); os.execv(sys.argv[2], sys.argv[2:])"
)


@contextmanager
def serve(
    environment: Mapping[str, str],
    *,
    log: Path,
    workers: int = 1,
    app: str = "tracking",
    ready: str = "/readyz",
    files: int = 0,
) -> Iterator[Server]:
    """A server of `app` that answers 200 at `ready`, for as long as this lasts.

    The tracker, which has a server of its own, or an ASGI app under granian. It may have so many
    `files` open, or as many as we.
    """
    (port,) = free_ports(1)
    granian = ("-m", "granian", "--no-ws", "--interface", "asgi", "--log-level", "warning", app)
    command = [
        sys.executable, *(("-m", app) if app == "tracking" else granian), "--host", "127.0.0.1",
        "--port", str(port), "--workers", str(workers),
    ]  # fmt: skip
    if files:
        command[1:1] = ["-c", _LIMITED, str(files), sys.executable]
    own = {"SPOOL_DIR": str(log.parent / "spool")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=own | dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            says = f"{app} did not come up"
            eventually(lambda: is_ready(port, ready), within_s=60, says=says)
            yield Server(port, process)
        finally:
            process.terminate()
            process.wait(timeout=20)


def is_ready(port: int, path: str = "/readyz") -> bool:
    """Whether a server on this port says that it can do its work."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
