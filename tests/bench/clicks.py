"""What a stored click costs beside nginx's bare redirect, at four numbers of connections."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from network.embedded.postgres import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from network.progress import say
from tests.bench.load import Run, need, wrk
from tests.bench.nginx import nginx
from tests.running import ROOT, free_ports
from tests.tracking.servers import serve

CONNECTIONS = (8, 16, 64, 256)
SUBS = "&".join(f"sub{n}=value-{n}-of-ten" for n in range(1, 11))
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))


@contextmanager
def tracker(workers: int = 1) -> Iterator[tuple[str, str]]:
    """A tracker on a PostgreSQL of its own with one good link: (the link's address, database)."""
    with tempfile.TemporaryDirectory(prefix="peraction-bench-") as state:
        server = EmbeddedPostgres(Path(state))
        server.start()
        try:
            os.environ |= {
                "MODE": "test",
                "DJANGO_SETTINGS_MODULE": "network.settings",
                "DATABASE_URL": server.url(APP_ROLE),
                "DATABASE_OWNER_URL": server.url(OWNER_ROLE),
                "SECRET_KEY": secrets.token_hex(32),
                # Nobody drains a spool here, and every row is counted.
                "COMMIT_MAX_MS": "10000",
            }
            code = _prepare()
            with serve(os.environ, log=Path(state) / "tracker.log", workers=workers) as tracker:
                link = f"http://127.0.0.1:{tracker.port}/c/{code}?{SUBS}"
                yield link, server.url(APP_ROLE)
        finally:
            server.discard()


def _prepare() -> str:
    """Migrate, and make one link to one active, funded, public offer; its code."""
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--database=owner", "-v0"], cwd=ROOT, check=True
    )
    program = (
        "import django; django.setup(); from tests.factories import *; print(make_link().code)"
    )
    made = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return made.stdout.strip()


def _rows(database: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT count(*) FROM click").fetchone()
    return int(row[0])


def _show(name: str, run: Run, stored: str) -> None:
    rounded = f"{run.per_s:,.0f} {run.p50_ms:.2f} {run.p99_ms:.2f} {run.cpu_us:.1f}".split()
    say(_row(name, str(run.connections), *rounded, str(run.failed)) + stored)


def _row(name: str, *cells: str) -> str:
    return f"{name:<8}" + "".join(f"{cell:>10}" for cell in cells) + "  "


def main() -> None:
    """Measure both in turn and print the table; the last line is JSON."""
    need("nginx", "wrk")
    (port,) = free_ports(1)
    result: dict[str, object] = {"bench": "clicks", "exact": True}
    with tracker() as (link, database), nginx(port) as bare:
        wrk(link, connections=64, seconds=3)  # caches warm, today's partition made
        say(_row("", "conns", "per s", "p50 ms", "p99 ms", "cpu us", "failed"))
        for connections in CONNECTIONS:
            beside = wrk(bare, connections=connections, seconds=SECONDS)
            _show("nginx", beside, "")
            before = _rows(database)
            run = wrk(link, connections=connections, seconds=SECONDS)
            time.sleep(0.5)  # what was in flight when wrk hung up is being stored
            surplus = _rows(database) - before - run.answers
            # wrk does not count the answers it no longer waited for: one a connection at most.
            exact = 0 <= surplus <= connections and run.failed == 0
            _show("click", run, f"rows - answers = {surplus}")
            result["exact"] = bool(result["exact"]) and exact
            suffix = "" if connections == 64 else f"_{connections}"
            result |= {
                f"ratio{suffix}": round(run.cpu_us / beside.cpu_us, 2),
                f"cpu_us_per_click{suffix}": round(run.cpu_us, 1),
                f"nginx_cpu_us{suffix}": round(beside.cpu_us, 1),
                f"clicks_per_s{suffix}": round(run.per_s),
                f"p50_ms{suffix}": round(run.p50_ms, 2),
                f"p99_ms{suffix}": round(run.p99_ms, 2),
            }
    say(json.dumps(result))


if __name__ == "__main__":
    main()
