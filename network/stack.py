"""All of `make run`: servers, migrations, demo network, our own programs, and a clean stop.

It runs before any setting can be loaded, since it makes the secrets that the settings demand; so
it is a program of its own (`python -m network.stack`), not a management command.
"""

import argparse
import fcntl
import http.client
import json
import os
import shlex
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from network.embedded import EmbeddedError, keyring
from network.embedded.postgres import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from network.embedded.process import tail
from network.embedded.valkey import EmbeddedValkey
from network.progress import outline, say, step
from network.supervisor import Child, ChildProcess, Supervisor, end_leftovers

_HOST = "127.0.0.1"
_PORTS = range(1, 65536)
_READY_S = 60
_TICK_S = 0.1
_PORT_PATIENCE_S = 2
# One signal of a terminal or of make may arrive twice; a person's second one comes later.
_SAME_SIGNAL_S = 0.5


class Interrupted(Exception):
    """Somebody wants the stack to stop."""


class Stack:
    """The whole network on this machine, from one state directory.

    `environ` decides: a given DATABASE_URL or CELERY_BROKER_URL takes the place of the embedded
    server, WEB_PORT and TRACKER_PORT move the addresses, TRACKER_WORKERS multiplies the tracker,
    MODE (`demo` by default) says whether there is a demo network.
    """

    def __init__(self, state_dir: Path, environ: Mapping[str, str], *, seed: bool) -> None:
        self._state = state_dir.resolve()
        self._web_port = _port(environ, "WEB_PORT", 8000)
        self._tracker_port = _port(environ, "TRACKER_PORT", 8001)
        if self._web_port == self._tracker_port:
            raise EmbeddedError(
                f"WEB_PORT and TRACKER_PORT are both {self._web_port}. Each server needs its own: "
                f"make run WEB_PORT=NUMBER TRACKER_PORT=NUMBER"
            )
        self._web_url = f"http://{_HOST}:{self._web_port}"
        self._tracker_url = f"http://{_HOST}:{self._tracker_port}"
        self._environ = dict(environ)
        # What we add to the environment: every program gets it, the owner's address apart.
        self._own = {
            "MODE": environ.get("MODE") or "demo",
            "WEB_URL": environ.get("WEB_URL") or self._web_url,
            "TRACKER_URL": environ.get("TRACKER_URL") or self._tracker_url,
            "STATE_DIR": str(self._state),
            "DJANGO_SETTINGS_MODULE": "network.settings",
            "PYTHONUNBUFFERED": "1",
        }
        self._owner = {
            name: self._environ.pop(name)
            for name in ("DATABASE_OWNER_URL", "DATABASE_OWNER_URL_FILE")
            if name in self._environ
        }
        self._seed = seed and self._own["MODE"] == "demo"
        self._supervisor = Supervisor(self._state)
        self._signals: list[float] = []

    def run(self) -> int:
        """Start everything, keep it running until a signal, stop it; the exit code."""
        self._listen()
        with self._alone():
            try:
                self._start()
                self._summary()
                while True:
                    self._pause()
                    self._supervisor.tick()
            except Interrupted:
                return 0
            except EmbeddedError as error:
                say(f"\n{error}")
                return 1
            finally:
                self._stop()

    def _stop(self) -> None:
        if self._supervisor.names():
            say("\nStopping")
            self._supervisor.stop()
            say("All stopped; the data stay.")

    def discard(self) -> None:
        """Delete the state and everything that belongs to it elsewhere.

        EmbeddedError for a directory that `make run` has never used: it is somebody's own.
        """
        if not self._state.exists():
            return
        if not (self._state / "run.lock").exists():
            raise EmbeddedError(f"{self._state} holds nothing of `make run`.")
        with self._alone():
            end_leftovers(self._state)
            EmbeddedPostgres(self._state).discard()
            EmbeddedValkey(self._state).discard()
            shutil.rmtree(self._state)

    def runs(self) -> bool:
        """Whether a `make run` works on this state directory at present."""
        try:
            with (self._state / "run.lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            pass
        return False

    def _listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # nohup ignores the hang-up for us, and means it.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._signals and now - self._signals[-1] < _SAME_SIGNAL_S:
            return
        self._signals.append(now)
        if len(self._signals) > 1:
            self._supervisor.hasten()

    def _pause(self) -> None:
        """Sleep a little; the one place where a signal ends what is under way."""
        if self._signals:
            raise Interrupted
        time.sleep(_TICK_S)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._state.mkdir(parents=True, exist_ok=True)
        with (self._state / "run.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise EmbeddedError(
                    f"Another `make run` works on {self._state} already. Stop that one first."
                ) from None
            yield

    def _start(self) -> None:
        say(f"Peraction ({self._own['MODE']}), state in {self._state}\n")
        self._clear_the_way()
        self._own |= keyring.load(self._state, self._environ)
        self._start_servers()
        self._write_environment()
        self._migrate()
        if self._seed:
            self._once("demo network", "seed_demo", self._env())
        self._start_children()

    def _clear_the_way(self) -> None:
        """End what a killed predecessor has left, then make sure of the ports."""
        for name in end_leftovers(self._state):
            say(f"  {name} of an earlier run ended")
        for variable, port in (
            ("WEB_PORT", self._web_port),
            ("TRACKER_PORT", self._tracker_port),
        ):
            _refuse_busy_port(port, variable)

    def _start_servers(self) -> None:
        if not _given(self._environ, "DATABASE_URL"):
            postgres = EmbeddedPostgres(self._state)
            with step(postgres.label, "ready"):
                postgres.stop()  # one that lost its supervisor and may be about to end
                self._supervisor.start(postgres)
            self._own["DATABASE_URL"] = postgres.url(APP_ROLE)
            self._owner = {"DATABASE_OWNER_URL": postgres.url(OWNER_ROLE)}
        if not _given(self._environ, "CELERY_BROKER_URL"):
            valkey = EmbeddedValkey(self._state)
            with step(valkey.label, "ready"):
                valkey.stop()
                self._supervisor.start(valkey)
            self._own["CELERY_BROKER_URL"] = valkey.url()

    def _write_environment(self) -> None:
        """Leave what a shell needs to run `manage.py` against this stack; secrets are in it."""
        path = self._state / "run" / "environment"
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            for name, value in sorted(self._own.items()):
                file.write(f"export {name}={shlex.quote(value)}\n")

    def _migrate(self) -> None:
        if any(self._owner.values()):
            env = self._env() | self._owner
            self._once("migrations", "migrate", env, "--database=owner", "--no-input")
        else:
            say("  migrations are left to the owner of the database (no DATABASE_OWNER_URL)")

    def _start_children(self) -> None:
        children = self._children()
        processes = [ChildProcess(child, self._state) for child in children]
        for process in processes:
            self._supervisor.start(process)
        for process in processes:
            if process.child.ready_url:
                with step(process.name, "answers"):
                    self._await_answer(process, process.child.ready_url)
            else:
                say(f"  {process.name} … started")

    def _children(self) -> list[Child]:
        env = self._env()
        granian = (sys.executable, "-m", "granian", "--no-ws", "--respawn-failed-workers",
                   "--workers-kill-timeout", "5", "--host", _HOST)  # fmt: skip
        celery = (sys.executable, "-m", "celery", "-A", "network")
        worker = (*celery, "worker", "--loglevel", "INFO", "--without-gossip", "--without-mingle")
        return [
            Child(
                name="tracker",
                argv=[sys.executable, "-m", "tracking", "--host", _HOST,
                      "--port", str(self._tracker_port),
                      "--workers", self._environ.get("TRACKER_WORKERS") or "1"],
                env=env | {"PROMETHEUS_MULTIPROC_DIR": str(self._metrics())},
                ready_url=f"{self._tracker_url}/healthz",
            ),
            Child(
                name="drainer",
                argv=[sys.executable, "manage.py", "tracker", "drain"],
                env=env,
            ),
            Child(
                name="web",
                argv=[*granian, "--port", str(self._web_port), "--interface", "asgi",
                      "--workers", "1", "--http", "1", "--backpressure", "4096",
                      "--backlog", "4096", "network.asgi:application"],
                env=env,
                ready_url=f"{self._web_url}/healthz",
            ),
            Child(
                name="worker",
                argv=[*worker, "--queues", "celery", "--concurrency", "2"],
                env=env,
            ),
            Child(
                # Apart from the worker, or a partner's hanging server would hold up the money.
                name="courier",
                argv=[*worker, "--queues", "postbacks", "--concurrency", "1",
                      "--hostname", "courier@%h"],
                env=env,
            ),
            Child(
                name="beat",
                # No file with its number: one that a killed beat leaves would stop the next.
                argv=[*celery, "beat", "--loglevel", "INFO", "--pidfile=",
                      "--schedule", str(self._state / "celerybeat-schedule")],
                env=env,
            ),
        ]  # fmt: skip

    def _metrics(self) -> Path:
        """An empty directory in which the tracker's processes add up their figures."""
        directory = self._state / "run" / "metrics"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        return directory

    def _once(self, label: str, command: str, env: Mapping[str, str], *words: str) -> None:
        """Run a management command to its end."""
        argv = [sys.executable, "manage.py", command, *words]
        process = ChildProcess(Child(name=command, argv=argv, env=env), self._state)
        process.log.unlink(missing_ok=True)
        with step(label, "done"):
            process.start()
            try:
                while (code := process.exit_code()) is None:
                    self._pause()
                    self._supervisor.tick()
            finally:
                process.stop()
            if code != 0:
                raise EmbeddedError(f"The end of {process.log}:\n{tail(process.log)}")

    def _await_answer(self, process: ChildProcess, url: str) -> None:
        deadline = time.monotonic() + _READY_S
        while not _answers(url):
            # One that dies before its first answer is not restarted: it would die again.
            if not process.alive() or time.monotonic() > deadline:
                raise EmbeddedError(
                    f"{url} does not answer. The end of {process.log}:\n{tail(process.log)}"
                )
            self._pause()
            self._supervisor.tick()

    def _env(self) -> dict[str, str]:
        return self._environ | self._own

    def _summary(self) -> None:
        rows = [("Web and API", self._own["WEB_URL"]), ("Tracker", self._own["TRACKER_URL"])]
        rows += [("Logs", f"{self._state / 'log'}{os.sep}")]
        demo = self._state / "demo.json"
        if demo.exists():
            rows.append(("Log-ins and keys", str(demo)))
        say("\n" + "\n".join(f"  {name:<18}{value}" for name, value in rows))
        if demo.exists():
            say("\n".join(outline(json.loads(demo.read_text()), indent=4)))
        say("\nCtrl-C stops everything; a second one hastens.")


def main() -> int:
    """The command line of `python -m network.stack`; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m network.stack", description=__doc__)
    state = Path(os.environ.get("STATE_DIR") or "var")
    parser.add_argument("--state", type=Path, default=state, help="where everything is kept")
    parser.add_argument("--no-seed", action="store_true", help="leave the demo network out")
    parser.add_argument("--discard", action="store_true", help="delete everything instead")
    parser.add_argument("--running", action="store_true", help="only say if nothing is running")
    options = parser.parse_args()
    try:
        stack = Stack(options.state, os.environ, seed=not options.no_seed)
        if options.discard:
            stack.discard()
            return 0
        if options.running:
            if not stack.runs():
                raise EmbeddedError("Nothing is running: start it with `make run`.")
            return 0
        return stack.run()
    except EmbeddedError as error:
        say(str(error))
        return 1


def _given(environ: Mapping[str, str], name: str) -> bool:
    """Whether a setting comes from outside, itself or as a file."""
    return bool(environ.get(name) or environ.get(f"{name}_FILE"))


def _port(environ: Mapping[str, str], variable: str, default: int) -> int:
    text = environ.get(variable) or str(default)
    if not text.isdecimal() or int(text) not in _PORTS:
        raise EmbeddedError(f"{variable}={text} is not a port number.")
    return int(text)


def _refuse_busy_port(port: int, variable: str) -> None:
    """EmbeddedError where another program has the port; one that is just ending is waited for."""
    deadline = time.monotonic() + _PORT_PATIENCE_S
    while (problem := _bind_problem(port)) is not None:
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"Port {port} is not free ({problem}). Stop the program that has it, "
                f"or choose another port: make run {variable}=NUMBER"
            )
        time.sleep(_TICK_S)


def _bind_problem(port: int) -> str | None:
    with socket.socket() as probe:
        # As a server does it: what earlier connections have left is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            return error.strerror
    return None


def _answers(url: str) -> bool:
    # Not urllib: a proxy from the environment has no business with our own address.
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or _HOST, parts.port, timeout=2)
    try:
        connection.request("GET", parts.path)
        # A host that production does not allow is refused, and an answer all the same.
        return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
