"""The data of one PostgreSQL on the disk: where they lie, how they are made, what holds them."""

import fcntl
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from network.embedded import EmbeddedError, places
from network.embedded.account import Account
from network.embedded.binaries import Binaries
from network.embedded.process import command_line

SUPERUSER = "postgres"

# The builtin locale came with 17; before it, C sorts the same way.
_BUILTIN_LOCALE_MAJOR = 17
# The line of postmaster.pid that names the socket's directory.
_SOCKET_DIR_LINE = slice(4, 5)
# PostgreSQL sees nothing of our environment: its messages and its sorting depend on none of it.
NEUTRAL = {"HOME": "/", "PATH": "/usr/bin:/bin", "LC_ALL": "C"}


class Cluster:
    """The data directory of one state, with its lock, its socket's directory and its postmaster."""

    def __init__(self, state_dir: Path, *, binaries: Binaries, account: Account) -> None:
        self._state = state_dir
        self._binaries = binaries
        self._account = account
        self.version = binaries.version()

    @property
    def data_dir(self) -> Path:
        """Where the data are: below the state, or outside where the account cannot reach that."""
        return self._home() / "data"

    @property
    def socket_dir(self) -> Path:
        """Where the socket of the running server is, or that of the next start will be.

        A running server knows best: TMPDIR may have changed since.
        """
        known = self._pid_file()[_SOCKET_DIR_LINE]
        return Path(known[0]) if known else self.own_socket_dir()

    def own_socket_dir(self) -> Path:
        """The directory in which a start puts the socket: the server's account's and closed."""
        outside = places.outside(self._state, self._account)
        return places.owned_directory(outside / "pg-socket", owner=self._account)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock beside the data: simultaneous starts and stops wait for each other."""
        home = self._home()
        home.mkdir(parents=True, exist_ok=True)
        with (home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def initialise(self) -> None:
        """Make the data, or make sure that those there are fit for these programs.

        initdb works beside their place and a rename puts them there: killed, it leaves nothing.
        """
        if self.data_dir.exists():
            self._refuse_unfit_data()
            return
        fresh = self.data_dir.with_name("data.new")
        shutil.rmtree(fresh, ignore_errors=True)
        places.owned_directory(fresh, owner=self._account)
        locale = ["--locale=C"]
        if self._major >= _BUILTIN_LOCALE_MAJOR:
            locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        answer = self.run(
            "initdb", "-D", str(fresh), "-U", SUPERUSER, "--encoding=UTF8", *locale,
            # Trust ends at the socket's directory: a port that is ever opened asks for a password.
            "--auth-local=trust", "--auth-host=scram-sha-256", "--data-checksums",
        )  # fmt: skip
        if answer.returncode != 0:
            raise EmbeddedError(f"initdb failed:\n{answer.stdout}")
        fresh.rename(self.data_dir)

    def postmaster(self) -> int | None:
        """The process id of the server on these data, whoever started it."""
        lines = self._pid_file()
        if not lines:
            return None
        pid = int(lines[0])
        # After a crash the number may be another program's.
        return pid if str(self.data_dir) in command_line(pid) else None

    def is_ready(self) -> bool:
        """Whether the postmaster says that it takes connections."""
        return (self._pid_file() or [""])[-1].strip() == "ready"

    def disown_lock_files(self) -> None:
        """Let PostgreSQL see that no postmaster holds the data; call it when none does.

        After a power cut the number in a lock file may be any program of the same user, or a dead
        postmaster that nobody reaped, and the server would refuse to start for ever. A lock file
        that names its own parent counts as stale; the check for orphaned backends, which needs
        the rest of it, still takes place.
        """
        lines = self._pid_file()
        if lines and "postgres" not in command_line(int(lines[0])):
            lines[0] = str(os.getpid())
            (self.data_dir / "postmaster.pid").write_text("\n".join(lines) + "\n")
        (self.own_socket_dir() / ".s.PGSQL.5432.lock").unlink(missing_ok=True)

    def discard(self) -> None:
        """Delete the data of a stopped server."""
        places.discard(self._home())
        places.discard(self.own_socket_dir())
        self._pointer.unlink(missing_ok=True)

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of PostgreSQL as the server's account, both outputs in one."""
        return subprocess.run(
            [self._binaries.bin / program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env=NEUTRAL,
            cwd="/",
            **self._account.popen_options(),
        )

    @property
    def _major(self) -> int:
        return int(self.version.split(".")[0])

    @property
    def _pointer(self) -> Path:
        return self._state / "pg.location"

    def _home(self) -> Path:
        """The directory around the data; a pointer in the state names one that is outside."""
        if self._pointer.exists():
            return Path(self._pointer.read_text().strip())
        inside = self._state / "pg"
        inside.mkdir(parents=True, exist_ok=True)
        if self._account.reaches(inside):
            return inside
        if (inside / "data").exists():
            raise EmbeddedError(
                f"The data in {inside} are out of reach for the user {self._account.name}: "
                "a directory above them is closed. Open it again, or remove the data."
            )
        self._point_outside()
        return self._home()

    def _point_outside(self) -> None:
        """Choose a new directory outside and point to it, unless another start was first.

        Never one that is there: a removed state must not come back with data whose keys are lost.
        """
        name = f"pg-{secrets.token_hex(4)}"
        home = places.owned_directory(places.outside(self._state, self._account) / name, mode=0o755)
        fresh = self._pointer.with_name(f"{self._pointer.name}.{name}")
        fresh.write_text(f"{home}\n")
        try:
            os.link(fresh, self._pointer)
        except FileExistsError:
            home.rmdir()
        fresh.unlink()

    def _pid_file(self) -> list[str]:
        """The lines that a postmaster writes about itself."""
        try:
            return (self.data_dir / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, PermissionError):
            return []

    def _refuse_unfit_data(self) -> None:
        owner = self.data_dir.stat().st_uid
        if owner != self._account.uid:
            raise EmbeddedError(
                f"The data in {self.data_dir} belong to user {owner}; the server would run as "
                f"user {self._account.uid}. Run as the one who made them, or remove them."
            )
        made_by = (self.data_dir / "PG_VERSION").read_text().strip()
        if made_by != str(self._major):
            raise EmbeddedError(
                f"The data in {self.data_dir} are of PostgreSQL {made_by}, the programs of "
                f"{self.version}. Set PG_BIN to programs of {made_by}, or remove the data."
            )
