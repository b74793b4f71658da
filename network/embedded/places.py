"""Directories outside a checkout: short, owned, and closed to everybody else."""

import hashlib
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from network.embedded import EmbeddedError
from network.embedded.account import Account

# A socket's path may have 107 bytes; what follows the base below takes up to 57 of them.
_BASE_BYTES_MAX = 50


def owned_directory(path: Path, *, owner: Account | None = None, mode: int = 0o700) -> Path:
    """Make sure of a directory that belongs to `owner` (we, by default) and has this mode.

    EmbeddedError where somebody else made it first: whoever owns the directory of a socket
    answers our clients, and the server inside trusts all who can enter.
    """
    uid = os.geteuid() if owner is None else owner.uid
    try:
        path.mkdir(mode=0o700, parents=False)
    except FileExistsError:
        pass
    except OSError as error:
        raise EmbeddedError(f"Cannot make the directory {path}: {error.strerror}") from None
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise EmbeddedError(f"{path} is in the way: it is not a directory. Remove it.")
    # Ours is fine too: an earlier start was killed before it gave the directory away.
    if found.st_uid not in (uid, os.geteuid()):
        raise EmbeddedError(
            f"{path} belongs to user {found.st_uid}, not to {uid}, and will not be used. "
            "Remove it, or set TMPDIR to a short path of your own."
        )
    if owner is not None and found.st_uid != uid:
        os.chown(path, owner.uid, owner.gid)
    path.chmod(mode)
    return path


def outside(state_dir: Path, account: Account) -> Path:
    """The directory of this state in the system's temporary area, for sockets and more.

    Its name follows from the path of the state, so every start finds the same one.
    """
    name = hashlib.sha256(os.fsencode(state_dir.resolve())).hexdigest()[:12]
    return owned_directory(shared(account) / name, mode=0o755)


def discard(directory: Path) -> None:
    """Delete a directory, and the one above it once that is empty."""
    shutil.rmtree(directory, ignore_errors=True)
    with suppress(OSError):
        directory.parent.rmdir()


def shared(account: Account) -> Path:
    """Our own directory in the system's temporary area, open to `account` for reading."""
    # /var/tmp outlives a reboot, which counts where the data themselves must live outside.
    for base in (os.environ.get("TMPDIR"), "/var/tmp", tempfile.gettempdir()):
        if base is None or len(os.fsencode(base)) > _BASE_BYTES_MAX:
            continue
        if os.access(base, os.W_OK | os.X_OK) and account.reaches(Path(base)):
            return owned_directory(Path(base) / f"peraction-{os.geteuid()}", mode=0o755)
    raise EmbeddedError("No temporary directory is short and open enough; set TMPDIR to one.")
