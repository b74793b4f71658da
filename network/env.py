"""Settings from the environment: typed readers that collect every problem, then one loud refusal.

Each reader returns the value, or its default where the variable is unset or empty. No default makes
the variable required. What is missing or wrong is noted, and `refuse_problems()` ends the process
with a table of all of it, so that one start shows everything there is to put right.
"""

import binascii
import os
import sys
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

_MISSING: Final = "is missing"
_problems: list[tuple[str, str]] = []


def env_str(name: str, default: str | None = None, *, choices: tuple[str, ...] = ()) -> str:
    """A text, one of `choices` where they are given."""
    value = os.environ.get(name, "")
    if not value:
        if default is None:
            _problem(name, _MISSING)
        return default or ""
    if choices and value not in choices:
        _problem(name, f"is {value!r}, not one of {', '.join(choices)}")
    return value


def env_bool(name: str, default: bool | None = None) -> bool:
    """`True` or `False`, spelled so: a guess at `no` or `0` is how debug gets into production."""
    text = env_str(name, None if default is None else str(default))
    if text not in ("True", "False", ""):
        _problem(name, f"is {text!r}, not True or False")
    return text == "True"


def env_int(name: str, default: int | None = None, *, least: int = 0) -> int:
    """A whole number, not below `least`."""
    text = env_str(name, None if default is None else str(default))
    if not text:
        return least
    if not text.isascii() or not text.isdigit() or int(text) < least:
        _problem(name, f"is {text!r}, not a whole number from {least}")
        return least
    return int(text)


def env_list(name: str, default: str | None = None) -> list[str]:
    """Values divided by commas, without the blanks around them."""
    return [part.strip() for part in env_str(name, default).split(",") if part.strip()]


def env_file(name: str) -> str:
    """The path of a file that is there and can be read; "" where the variable is unset."""
    path = env_str(name, "")
    if path:
        try:
            Path(path).open("rb").close()
        except OSError as error:
            _problem(name, f"cannot be read: {error}")
    return path


def env_secret(name: str, default: str | None = None) -> str:
    """A secret: the variable itself, or the content of the file that NAME_FILE names."""
    path = os.environ.get(f"{name}_FILE", "")
    if not path:
        return env_str(name, default)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        _problem(f"{name}_FILE", f"cannot be read: {error}")
        return ""


def env_keys(name: str, default: str | None = None) -> list[bytes]:
    """Secret keys in hex, divided by commas."""
    return [_key(name, part.strip()) for part in env_secret(name, default).split(",") if part]


def env_keyring(name: str, default: str | None = None) -> dict[str, bytes]:
    """Secret keys with a name each, `id:hex`, divided by commas; the order is kept."""
    ring = {}
    for part in env_secret(name, default).split(","):
        id, colon, text = part.strip().partition(":")
        if part and not (id and colon):
            _problem(name, "is not written id:hex")
        elif part:
            ring[id] = _key(name, text)
    return ring


def env_networks(name: str, default: str = "") -> list[IPv4Network | IPv6Network]:
    """Address ranges such as 10.0.0.0/8, divided by commas."""
    networks = []
    for part in env_list(name, default):
        try:
            networks.append(ip_network(part))
        except ValueError as error:
            _problem(name, str(error))
    return networks


def env_database(name: str, default: str | None = None) -> dict[str, object]:
    """A libpq address (`postgresql://user@host/name?option=value`) as a Django database."""
    address = env_secret(name, default)
    try:
        parts = conninfo_to_dict(address)
    except ProgrammingError:
        _problem(name, "is no libpq address")
        parts = {}
    named = {key: parts.pop(key, "") or "" for key in ("dbname", "user", "password", "host")}
    if address and not (named["dbname"] and named["user"]):
        _problem(name, "names no database or no user")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": named["dbname"],
        "USER": named["user"],
        "PASSWORD": named["password"],
        "HOST": named["host"],
        "PORT": parts.pop("port", "") or "",
        "OPTIONS": parts,
    }


def refuse_problems() -> None:
    """End the process with a table of every problem noted so far, if there is one."""
    if not _problems:
        return
    width = max(len(name) for name, _ in _problems)
    lines = ["The environment is not fit to start with:"]
    lines += [f"  {name:<{width}}  {problem}" for name, problem in sorted(set(_problems))]
    # A command by hand, where the settings of `make run` are probably meant.
    if Path(sys.argv[0]).name == "manage.py" and any(text == _MISSING for _, text in _problems):
        lines.append('Beside `make run`: make manage CMD="COMMAND WORDS"')
    _problems.clear()
    # SystemExit, because management commands swallow ImproperlyConfigured and go on.
    raise SystemExit("\n".join(lines))


def _key(name: str, text: str) -> bytes:
    try:
        return binascii.unhexlify(text)
    except (binascii.Error, ValueError):
        _problem(name, "holds a key that is not hex")
        return b""


def _problem(name: str, text: str) -> None:
    # Values of secrets are never repeated here: the table ends up in logs.
    _problems.append((name, text))
