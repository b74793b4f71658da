"""An embedded PostgreSQL: one server per state directory, reached by a Unix socket only."""

import os
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import urlencode

import psycopg
from psycopg import sql

from network.embedded import EmbeddedError, binaries
from network.embedded.account import server_account
from network.embedded.cluster import NEUTRAL, SUPERUSER, Cluster
from network.embedded.process import has_ended, spawn, tail

DATABASE = "peraction"
OWNER_ROLE = "peraction_owner"
APP_ROLE = "peraction_app"

_READY_S = 120
_STOP_S = 60
_ORPHANS_S = 15
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    # So many files of the log are kept to be written again: a new one is filled with zeros first,
    # and everybody who commits waits for that.
    "min_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The log is for anybody who helps: it shows no values, which may be accounts.
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "log_min_error_statement": "panic",
}


class EmbeddedPostgres:
    """The PostgreSQL of one state directory; data stay between starts.

    `fsync=False` is for tests: data do not survive a power cut. All who can enter the socket's
    directory are trusted; it belongs to the server's account and is closed to others.
    """

    name = "postgres"

    def __init__(self, state_dir: Path, *, fsync: bool = True) -> None:
        state_dir = state_dir.resolve()
        self._log = state_dir / "log" / "postgres.log"
        self._fsync = fsync
        self._account = server_account()
        self._binaries = binaries.find().within_reach_of(self._account)
        self._cluster = Cluster(state_dir, binaries=self._binaries, account=self._account)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def label(self) -> str:
        """Name and version, for people."""
        return f"PostgreSQL {self._cluster.version}"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._cluster.postmaster()

    @property
    def data_dir(self) -> Path:
        """Where the data are: below the state, or outside where the account cannot reach that."""
        return self._cluster.data_dir

    def start(self) -> None:
        """Make the data if there are none, start the server, make sure of roles and database.

        A server that another process has started on these data is taken as it is.
        EmbeddedError with the end of the log where the server does not come up.
        """
        with self._cluster.alone():
            if not self._runs_already():
                self._reap()
                self._cluster.initialise()
                self._launch()
            try:
                self._make_sure_of_roles()
            except psycopg.OperationalError as error:
                raise EmbeddedError(f"{self.label} went away while it started: {error}") from error

    def stop(self) -> None:
        """Stop the server if it runs, cleanly if it can."""
        with self._cluster.alone():
            if self.pid is not None:
                try:
                    self._pg_ctl_stop("fast")
                except EmbeddedError:
                    self._pg_ctl_stop("immediate")
            self._reap()

    def alive(self) -> bool:
        """Whether the postmaster runs."""
        return self.pid is not None if self._process is None else not has_ended(self._process)

    def kill(self) -> None:
        """End the server at once and leave a recovery to the next start."""
        pid = self.pid
        if pid is not None:
            # Not SIGKILL: the postmaster takes its backends with it.
            os.kill(pid, signal.SIGQUIT)

    def discard(self) -> None:
        """Stop the server and delete its data."""
        self.kill()
        self.stop()
        self._cluster.discard()

    def url(self, role: str, database: str = DATABASE) -> str:
        """The libpq address of a database for a role."""
        query = urlencode({"host": self._cluster.socket_dir})
        return f"postgresql://{role}@/{database}?{query}"

    def superuser_url(self, database: str = "postgres") -> str:
        """The same for the superuser: tests clone databases with it, the application never."""
        return self.url(SUPERUSER, database)

    def _runs_already(self) -> bool:
        """Whether a server takes connections here; one that is about to end is waited for."""
        while self.pid is not None:
            if self._cluster.is_ready():
                return True
            time.sleep(0.05)
        return False

    def _launch(self) -> None:
        """Start the postmaster and wait until it takes connections.

        Not by `pg_ctl start`: a postmaster that is our own child dies with us and is reaped when
        it is killed. Where process 1 reaps nobody, as in many containers, the dead one would
        look alive to PostgreSQL and its data would stay locked.
        """
        deadline = time.monotonic() + _ORPHANS_S
        while True:
            self._cluster.disown_lock_files()
            self._process = spawn(
                [str(self._binaries.bin / "postgres"), *self._words()],
                log=self._log,
                env=NEUTRAL,
                cwd="/",
                account=self._account,
                death_signal=signal.SIGINT,
            )
            if self._becomes_ready(self._process):
                return
            # The backends of a killed postmaster hold its memory until they notice.
            if "is still in use" not in tail(self._log) or time.monotonic() > deadline:
                raise EmbeddedError(
                    f"{self.label} did not start. The end of {self._log}:\n{tail(self._log)}"
                )
            time.sleep(0.2)

    def _words(self) -> list[str]:
        settings = _SETTINGS | {"unix_socket_directories": str(self._cluster.own_socket_dir())}
        if not self._fsync:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        words = ["-D", str(self.data_dir)]
        for name, value in settings.items():
            words += ["-c", f"{name}={value}"]
        return words

    def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait for the postmaster's own word, as `pg_ctl -w` does; False where it ended."""
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                return False
            if self.pid == process.pid and self._cluster.is_ready():
                return True
            time.sleep(0.02)
        process.kill()
        process.wait()
        return False

    def _pg_ctl_stop(self, mode: str) -> None:
        answer = self._cluster.run(
            "pg_ctl", "stop", "-D", str(self.data_dir), "-m", mode, "-w", "-t", str(_STOP_S)
        )
        if answer.returncode != 0 and self.pid is not None:
            raise EmbeddedError(f"{self.label} did not stop:\n{answer.stdout}")

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _make_sure_of_roles(self) -> None:
        """Create what is missing of the two roles and the database."""
        with psycopg.connect(self.superuser_url(), autocommit=True) as connection:
            for role in (OWNER_ROLE, APP_ROLE):
                if not _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", role):
                    connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
            if not _exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(DATABASE), sql.Identifier(OWNER_ROLE)
                    )
                )


def _exists(connection: psycopg.Connection, query: str, name: str) -> bool:
    return connection.execute(query.encode(), [name]).fetchone() is not None
