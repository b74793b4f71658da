"""Load on loopback by wrk, and the processor time that everybody but wrk spent meanwhile."""

import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_UNIT_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of wrk: answers, how fast, how late, and what the rest of the machine spent on it."""

    connections: int
    answers: int
    failed: int
    seconds: float
    p50_ms: float
    p99_ms: float
    busy_us: float

    @property
    def per_s(self) -> float:
        """Answers in a second."""
        return self.answers / self.seconds

    @property
    def cpu_us(self) -> float:
        """Processor time of the whole system less wrk's own, per answer, in microseconds."""
        return self.busy_us / self.answers


def need(*programs: str) -> None:
    """End with a sentence about how to go on when a program is missing."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        sys.exit(
            f"make bench needs {' and '.join(missing)}: install them (Debian: apt install ...)"
        )


def wrk(
    url: str,
    *,
    connections: int,
    seconds: int,
    script: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Run:
    """Load `url` over keep-alive connections; one thread of wrk, so that a core is left.

    `script` makes the requests, in wrk's Lua, with `env` beside the environment.
    """
    before_wrk, before = _children_us(), _busy_us()
    printed = subprocess.run(
        [
            *("wrk", "--latency", "-t1", f"-c{connections}", f"-d{seconds}s"),
            *(("-s", str(script)) if script else ()),
            url,
        ],
        env=os.environ | dict(env or {}),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    busy = _busy_us() - before - (_children_us() - before_wrk)
    return read(printed, connections=connections, busy_us=busy)


def read(printed: str, *, connections: int, busy_us: float) -> Run:
    """The run that wrk reports; an answer that is no redirect and no success has failed."""
    answers, took = re.search(r"(\d+) requests in ([\d.]+\w+)", printed).groups()
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", printed)
    broken = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", printed)
    failed = int(bad[1]) if bad else 0
    return Run(
        connections=connections,
        answers=int(answers) - failed,
        failed=failed + (sum(map(int, broken.groups())) if broken else 0),
        seconds=_ms(took) / 1000,
        p50_ms=_ms(re.search(r"50%\s+([\d.]+\w+)", printed)[1]),
        p99_ms=_ms(re.search(r"99%\s+([\d.]+\w+)", printed)[1]),
        busy_us=busy_us,
    )


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()
    return float(number) * _UNIT_MS[unit]


def _busy_us() -> float:
    """Time that the machine's cores were not idle since it started (Linux counts in ticks)."""
    user, nice, system, _idle, _wait, irq, soft, *_ = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + soft) * 1_000_000 / _TICKS


def _children_us() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (usage.ru_utime + usage.ru_stime) * 1_000_000
