"""The environment of a test run, made by importing this module, before anything needs Django.

Without a DATABASE_URL, the run has a PostgreSQL of its own in a temporary directory.
"""

import os
import shutil
import tempfile
from pathlib import Path

import django
from django.conf import settings
from hypothesis import settings as hypothesis_settings

from network.embedded import postgres

# `make test-long` asks for the full numbers.
LONG = os.environ.get("TEST_LONG") == "True"
_MEMORY = Path("/dev/shm")
_MEMORY_BYTES_MIN = 2 * 2**30
_NAME = "peraction-run"
_GIVEN = dict(os.environ)


def _area() -> Path | None:
    """Where the state goes: into memory where that has room, or databases are cloned slowly."""
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _MEMORY_BYTES_MIN:
        return _MEMORY
    return None


def _forget_the_dead() -> None:
    """Free the memory of runs that were killed; a directory's name has its run's process in it."""
    for left in _MEMORY.glob(f"{_NAME}-*"):
        if not Path("/proc", left.name.split("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)


_forget_the_dead()
STATE = Path(tempfile.mkdtemp(prefix=f"{_NAME}-{os.getpid()}-", dir=_area()))
# The server's account goes through to its data, which it closes itself.
STATE.chmod(0o711)

server: postgres.EmbeddedPostgres | None = None
if "DATABASE_URL" not in os.environ:
    server = postgres.EmbeddedPostgres(STATE / "postgres", fsync=False)
    os.environ["DATABASE_URL"] = server.url(postgres.APP_ROLE)
    os.environ["DATABASE_OWNER_URL"] = server.url(postgres.OWNER_ROLE)

os.environ["DJANGO_SETTINGS_MODULE"] = "network.settings"
os.environ["MODE"] = "test"
os.environ["CLOCK_FILE"] = str(STATE / "clock")
os.environ.setdefault("STATE_DIR", str(STATE))
# A busy machine is no reason to spool; tests of the spool say what they want.
os.environ.setdefault("COMMIT_MAX_MS", "10000")
# Nobody knows where a test's visitors come from; tests of consent say what they want.
os.environ.setdefault("CONSENT_ABSENT", "full")
os.environ.setdefault("OUTGOING_ALLOW", "127.0.0.0/8")
# All tests together ask more often than any actor may.
os.environ.setdefault("API_RATE_PER_MINUTE", "1000000")

django.setup()

# Each client of a test builds the middleware anew; no list of all static files every time.
settings.WHITENOISE_AUTOREFRESH = True
# A busy machine is no reason to fail. The gate says of the same code the same each time; the long
# run looks for examples that nobody has seen.
hypothesis_settings.register_profile("peraction", deadline=None, derandomize=not LONG)
hypothesis_settings.load_profile("peraction")


def give_back() -> None:
    """Put the environment back as it was given to us, for workers that make their own."""
    os.environ.clear()
    os.environ.update(_GIVEN)
