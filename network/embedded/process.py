"""Processes that end with whoever started them, and the groups that they lead."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from network.embedded.account import Account

_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_LOG_BYTES_MAX = 16 * 1024 * 1024
_TAIL_LINES = 20


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    cwd: Path | str,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a program as the leader of a group of its own, its output appended to `log`.

    A group of its own keeps the terminal's Ctrl-C away, so that the order of the stop is ours.
    On Linux the program gets `death_signal` when the thread that calls this has ended.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_BYTES_MAX:
        log.replace(log.with_name(log.name + ".1"))
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_tie(os.getpid(), death_signal) if _LINUX else None,  # noqa: PLW1509
            **(account.popen_options() if account else {}),
        )


def _tie(parent_pid: int, death_signal: signal.Signals) -> Callable[[], None]:
    """What the child does before it becomes the program: ask for a signal at our death.

    Two system calls, no lock and no import: safe after a fork of a process with threads too.
    """

    def tie() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent_pid:  # we died before the line above took hold
            os._exit(1)

    return tie


def terminate(pid: int) -> None:
    """Ask a process to end; nothing happens where it is gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def end_group(leader_pid: int) -> bool:
    """Kill what is left of a group; False where nothing is left."""
    try:
        os.killpg(leader_pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def started_at(pid: int) -> str | None:
    """When a process began, as an opaque mark, or None where it is gone.

    A number is given out again, but never twice with the same mark.
    """
    if not _LINUX:
        return _ps(pid, "lstart=")
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[19] if fields[0] != "Z" else None


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a child has ended. It is not reaped: its number stays ours while its group is ended.

    Python has no such look on macOS before 3.13; there the child is reaped.
    """
    if process.returncode is not None or not hasattr(os, "waitid"):
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def ends_within(pid: int, seconds: float) -> bool:
    """Wait until a process has ended, ours or not, reaped or not; False where it has not."""
    deadline = time.monotonic() + seconds
    while started_at(pid) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def command_line(pid: int) -> str:
    """The words that a process was started with, or nothing where it is gone."""
    if not _LINUX:
        return _ps(pid, "command=") or ""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _ps(pid: int, column: str) -> str | None:
    answer = subprocess.run(
        ["ps", "-o", column, "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or None


def tail(log: Path) -> str:
    """The last lines of a log, for the message about a failure."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
