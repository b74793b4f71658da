"""The secrets of an embedded network: made once, kept in one file that only its owner reads."""

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from network.embedded import EmbeddedError

_KEY_BYTES = 32
_MAKERS: Mapping[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(50),
    # Hex keys, comma separated: the first signs, the others still verify.
    "CLICK_KEYS": lambda: secrets.token_hex(_KEY_BYTES),
    # id:hex, comma separated: the first encrypts, the others still decrypt.
    "FIELD_KEYS": lambda: f"k1:{secrets.token_hex(_KEY_BYTES)}",
    "BLIND_INDEX_KEY": lambda: secrets.token_hex(_KEY_BYTES),
}


def load(state_dir: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """All secrets by the names of their settings; the environment wins over the file.

    What neither has is made and kept in `secrets.json` (0600). EmbeddedError for a broken file.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "secrets.lock").open("w") as lock:
        # Of two first starts one makes the keys; the other must read them, not make its own.
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = _kept(state_dir / "secrets.json")
        missing = _MAKERS.keys() - kept.keys()
        if missing:
            kept |= {name: _MAKERS[name]() for name in missing}
            _keep(state_dir / "secrets.json", kept)
    return {name: environ.get(name) or kept[name] for name in _MAKERS}


def _kept(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise EmbeddedError(
            f"{path} does not hold secrets. Without the right keys stored data stay unreadable: "
            "restore it, or remove it together with the data."
        )
    return found


def _keep(path: Path, kept: Mapping[str, str]) -> None:
    """Write the file whole or not at all; it is closed to others from its first byte."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(dict(sorted(kept.items())), file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
