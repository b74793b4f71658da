"""Brings .venv to what a lock file says; quick when it is there already. Standard library only.

bin/venv.py run     what `make run` needs (requirements/run.txt)
bin/venv.py dev     that and the tools (requirements/dev.txt holds both)
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
# Which locks a set holds: dev.txt is a superset of run.txt.
LOCKS = {"run": ("run",), "dev": ("dev", "run")}


def main(name: str) -> int:
    """Make sure of the environment for one set of packages; the exit code."""
    with alone():
        if is_installed(name):
            return 0
        if not runs("import pip"):
            with step(f"Python {sys.version.split()[0]}, environment in .venv"):
                shutil.rmtree(VENV, ignore_errors=True)
                subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        count = lock(name).read_text().count("==")
        with step(f"{count} packages of requirements/{name}.txt, a minute when nothing is cached"):
            install(name)
        for held in LOCKS[name]:
            stamp(held).write_text(digest(held))
    return 0


def is_installed(name: str) -> bool:
    """Whether .venv holds this lock, and its Python has not been taken away since."""
    return stamp(name).exists() and stamp(name).read_text() == digest(name) and runs("pass")


def runs(code: str) -> bool:
    """Whether .venv has a Python, new enough, that can run this."""
    words = [PYTHON, "-c", f"import sys\n{code}\nsys.exit(sys.version_info < (3, 11))"]
    try:
        return subprocess.run(words, check=False, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def install(name: str) -> None:
    """Install exactly what the lock says, by its hashes; SystemExit with pip's words if not."""
    for held in ("run", "dev"):
        stamp(held).unlink(missing_ok=True)
    answer = subprocess.run(
        [PYTHON, "-m", "pip", "install", "--no-deps", "--require-hashes", "--no-input",
         "--quiet", "--disable-pip-version-check", "--root-user-action", "ignore",
         "-r", lock(name)],
        check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if answer.returncode:
        sys.exit(f"failed\n{answer.stdout}")


def lock(name: str) -> Path:
    """The lock file of a set."""
    return ROOT / "requirements" / f"{name}.txt"


def digest(name: str) -> str:
    """The fingerprint of a lock file."""
    return hashlib.sha256(lock(name).read_bytes()).hexdigest()


def stamp(name: str) -> Path:
    """The file that holds the fingerprint of what was installed last."""
    return VENV / f"installed-{name}"


@contextmanager
def alone() -> Iterator[None]:
    """One at a time: `make test` beside a first `make run` waits for its environment."""
    directory = os.open(ROOT / "requirements", os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


@contextmanager
def step(label: str) -> Iterator[None]:
    """One progress line."""
    say(f"  {label} … ")
    began = time.monotonic()
    yield
    say(f"done in {time.monotonic() - began:.1f} s\n")


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
