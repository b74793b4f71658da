"""A cluster with all tables, made once in a run; networks of processes begin with a copy of it."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from network.embedded.postgres import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from tests.environment import STATE

ROOT = Path(__file__).parents[1]


def put(state: Path) -> Path:
    """Put a copy of the tables where the first start on this state would make them; the state."""
    _copy(_made(), EmbeddedPostgres(state).data_dir)
    return state


@cache
def _made() -> Path:
    server = EmbeddedPostgres(STATE / "ready", fsync=False)
    server.start()
    own = {"DATABASE_URL": server.url(APP_ROLE), "DATABASE_OWNER_URL": server.url(OWNER_ROLE)}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--database=owner", "-v0"],
        cwd=ROOT, env=os.environ | own, check=True,
    )  # fmt: skip
    server.stop()
    _copy(server.data_dir, STATE / "tables")
    server.discard()
    return STATE / "tables"


def _copy(data: Path, target: Path) -> None:
    """Copy all files with their owner, who is the server's account."""
    subprocess.run(["cp", "-a", str(data), str(target)], check=True)
