"""System checks that refuse a dangerous configuration: `network.E...` stop, `network.W...` warn."""

import multiprocessing
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.db import connections

from network.currencies import EXPONENTS

# Bytes. AES-256 takes 32; a hash key below 16 can be guessed in time.
FIELD_KEY_BYTES = 32
HASH_KEY_BYTES_MIN = 16
SECRET_KEY_CHARACTERS_MIN = 32
# What `collectstatic` writes last.
MANIFEST = "staticfiles.json"


def refuse_dangerous_settings() -> None:
    """End the process where a check of the settings has found an error."""
    found = (
        *settings_fit_the_mode(None),
        *keys_are_long_enough(None),
        *owner_is_not_the_application(None),
    )
    if found:
        raise SystemExit("\n".join(f"{message.id}: {message.msg}" for message in found))


def refuse_uncollected_files() -> None:
    """End a web server that would answer every page with 500, for want of its static files."""
    if settings.STATIC_ROOT is None or (settings.STATIC_ROOT / MANIFEST).is_file():
        return
    raise SystemExit(
        f"network.E008: {settings.STATIC_ROOT} lacks the static files of this release: run"
        " manage.py collectstatic --no-input"
    )


def settings_fit_the_mode(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """What helps a test or the demo has no place in production."""
    found: list[CheckMessage] = []
    if settings.MODE != "production":
        return found
    if settings.CLOCK_FILE:
        found.append(Error("CLOCK_FILE moves the clock outside test and demo", id="network.E001"))
    if settings.OUTGOING_ALLOW:
        found.append(
            Error("OUTGOING_ALLOW opens internal addresses in production", id="network.E002")
        )
    if settings.DEBUG:
        found.append(Error("DEBUG shows secrets to visitors in production", id="network.E003"))
    return found


def keys_are_long_enough(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """Short keys are refused in every mode: data written with them stay."""
    faults = []
    if not settings.CLICK_KEYS or min(map(len, settings.CLICK_KEYS)) < HASH_KEY_BYTES_MIN:
        faults.append(f"CLICK_KEYS needs keys of at least {HASH_KEY_BYTES_MIN} bytes")
    if not settings.FIELD_KEYS or {*map(len, settings.FIELD_KEYS.values())} != {FIELD_KEY_BYTES}:
        faults.append(f"FIELD_KEYS needs keys of {FIELD_KEY_BYTES} bytes")
    if len(settings.BLIND_INDEX_KEY) < HASH_KEY_BYTES_MIN:
        faults.append(f"BLIND_INDEX_KEY needs at least {HASH_KEY_BYTES_MIN} bytes")
    if len(settings.SECRET_KEY) < SECRET_KEY_CHARACTERS_MIN:
        faults.append(f"SECRET_KEY needs at least {SECRET_KEY_CHARACTERS_MIN} characters")
    return [Error(fault, id="network.E004") for fault in faults]


def owner_is_not_the_application(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """With one role for both, nothing in the database is forbidden to the application."""
    if settings.DATABASES.get("owner", {}).get("USER") != settings.APP_ROLE:
        return []
    return [
        Error(
            "DATABASE_URL and DATABASE_OWNER_URL name the same role",
            hint="Migrations run as the owner; give the application a role that owns nothing.",
            id="network.E005",
        )
    ]


def application_owns_nothing(
    app_configs: object, databases: Sequence[str] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """The application's role can neither create tables nor pass by the grants."""
    if "default" not in (databases or ()):
        return []
    superuser, creates = _row(
        "SELECT rolsuper, has_schema_privilege(current_user, 'public', 'CREATE') "
        "FROM pg_roles WHERE rolname = current_user"
    )
    if not (superuser or creates):
        return []
    return [
        Error(
            f"The role {settings.APP_ROLE} of DATABASE_URL may create tables",
            hint="Migrate with DATABASE_OWNER_URL, and give DATABASE_URL a role with no rights.",
            id="network.E006",
        )
    ]


def pools_fit_the_server(
    app_configs: object, databases: Sequence[str] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """One machine's processes together stay below what the server takes."""
    if "default" not in (databases or ()):
        return []
    # Web and worker processes, one of each for a core.
    processes = 2 * multiprocessing.cpu_count()
    (limit,) = _row("SELECT current_setting('max_connections')::int")
    if processes * settings.DB_POOL_MAX < limit:
        return []
    return [
        Warning(
            f"{processes} processes with DB_POOL_MAX={settings.DB_POOL_MAX} may want more than "
            f"the server's {limit} connections",
            id="network.W001",
        )
    ]


def currencies_are_stored(
    app_configs: object, databases: Sequence[str] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """The table of currencies says what the code says."""
    if "default" not in (databases or ()):
        return []
    (exists,) = _row("SELECT to_regclass('currency') IS NOT NULL")
    if not exists:
        return []
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT code, exponent FROM currency WHERE active")
        stored = dict(cursor.fetchall())
    wrong = sorted(code for code, _ in set(stored.items()).symmetric_difference(EXPONENTS.items()))
    if not wrong:
        return []
    return [Error(f"Currencies differ from the code: {', '.join(wrong)}", id="network.E007")]


def _row(statement: str) -> tuple[Any, ...]:
    with connections["default"].cursor() as cursor:
        cursor.execute(statement)
        row: tuple[Any, ...] = cursor.fetchone()
        return row
