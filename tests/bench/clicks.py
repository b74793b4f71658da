"""What a stored click costs beside nginx's bare redirect, with everything on that a tracker can do.

Each click is of one of a hundred signed links of ten offers, with ten sub ids, once always the
same ones and once each time others, among a hundred thousand links and ten thousand offers. Its
offer has three targeting rules, a landing page and a cap on clicks; its visitor comes through a
trusted proxy, from a German address, with one of many browsers.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg

from network.embedded.postgres import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from network.progress import say
from tests.bench.change import slowest_ms
from tests.bench.load import Run, need, wrk
from tests.bench.nginx import nginx
from tests.bench.targets import verdicts
from tests.running import ROOT, free_ports
from tests.tracking.servers import Server, serve

CONNECTIONS = (8, 16, 64, 256)
SECONDS = int(os.environ.get("BENCH_SECONDS", "4"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
LINKS = int(os.environ.get("BENCH_LINKS", "100000"))
OFFERS = int(os.environ.get("BENCH_OFFERS", "10000"))
WORKERS = int(os.environ.get("BENCH_WORKERS", "1"))
# As many as `min_wal_size` keeps, which has 16 MB for each.
LOG_FILES = 64
SCRIPT = Path(__file__).with_name("links.lua")


@dataclass(frozen=True)
class Bench:
    """A tracker to be measured: its address, its database, what wrk needs to know, its server."""

    url: str
    database: str
    wrk: Mapping[str, str]
    server: Server
    start_s: float

    @property
    def rss_mb(self) -> float:
        """Memory of the process that holds most, in MB."""
        listed = subprocess.run(
            ["ps", "-A", "-o", "pgid=,rss="], check=True, capture_output=True, text=True
        ).stdout.splitlines()
        rows = [map(int, line.split()) for line in listed]
        return max(rss for group, rss in rows if group == self.server.process.pid) / 1_000


@contextmanager
def tracker(workers: int = 1, links: int = LINKS, offers: int = OFFERS) -> Iterator[Bench]:
    """A tracker on a PostgreSQL of its own."""
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
                "CONSENT_ABSENT": "full",
                "TRUSTED_PROXIES": "127.0.0.1/32",
                "PROMETHEUS_MULTIPROC_DIR": state,
            }
            paths, agents = Path(state) / "paths", Path(state) / "agents"
            _run("-m", "tests.bench.scene", str(paths), str(agents), str(links), str(offers))
            _fill_log(server)
            began_s = time.monotonic()
            with serve(os.environ, log=Path(state) / "tracker.log", workers=workers) as served:
                yield Bench(
                    url=f"http://127.0.0.1:{served.port}/",
                    database=server.url(APP_ROLE),
                    wrk={"BENCH_PATHS": str(paths), "BENCH_AGENTS": str(agents)},
                    server=served,
                    start_s=time.monotonic() - began_s,
                )
        finally:
            server.discard()


def _fill_log(server: EmbeddedPostgres) -> None:
    """Fill PostgreSQL's log once, so that it has the files to write again, as after some hours."""
    with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
        for _ in range(LOG_FILES):
            connection.execute("SELECT pg_logical_emit_message(false, 'bench', '')")
            connection.execute("SELECT pg_switch_wal()")
        connection.execute("CHECKPOINT")


def _run(*words: str) -> None:
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True)


def _counted(database: str) -> tuple[int, int]:
    """Rows, and places taken in caps."""
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT count(*), (SELECT coalesce(sum(used), 0) FROM cap_window) FROM click"
        ).fetchone()
    return int(row[0]), int(row[1])


def _show(name: str, run: Run, stored: str) -> None:
    rounded = f"{run.per_s:,.0f} {run.p50_ms:.2f} {run.p99_ms:.2f} {run.cpu_us:.1f}".split()
    say(_row(name, str(run.connections), *rounded, str(run.failed)) + stored)


def _row(name: str, *cells: str) -> str:
    return f"{name:<10}" + "".join(f"{cell:>10}" for cell in cells) + "  "


def _measured(
    bench: Bench, connections: int = 64, *, own: bool = False, name: str = "click"
) -> tuple[Run, bool]:
    """One run, and whether its rows and its places in caps are as many as its answers."""
    before, taken_before = _counted(bench.database)
    paths = bench.wrk["BENCH_PATHS"] + (".own" if own else "")
    run = wrk(
        bench.url,
        connections=connections,
        seconds=SECONDS,
        script=SCRIPT,
        env={**bench.wrk, "BENCH_PATHS": paths},
    )
    time.sleep(0.5)  # what was in flight when wrk hung up is being stored
    rows, taken = _counted(bench.database)
    surplus = rows - before - run.answers
    # wrk does not count the answers it no longer waited for: one a connection at most.
    exact = 0 <= surplus <= connections and run.failed == 0
    exact = exact and taken - taken_before == rows - before
    stored = f"rows - answers = {surplus}, places = rows: {exact}"
    _show(name, run, stored)
    return run, exact


def _warm(bench: Bench) -> None:
    """Fill its caches and make today's partition."""
    wrk(bench.url, connections=64, seconds=3, script=SCRIPT, env=bench.wrk)


def _in_other_shapes(bench: Bench) -> dict[str, object]:
    """In turn: as it is, among a hundred links only, each with its own offer, by two processes."""
    runs: dict[str, list[Run]] = {"": [], "_100_links": [], "_100_offers": [], "_2_workers": []}
    all_exact = True
    # In the large network the links that are asked for belong to ten offers too, with ten caps.
    with tracker(1, 100, 10) as small, tracker(1, 100, 100) as wide, tracker(2) as twofold:
        others = (("100 links", small), ("100 offers", wide), ("2 workers", twofold))
        shapes = (("click", bench), *others)
        for _, shape in others:
            _warm(shape)
        for _ in range(ROUNDS):
            for found, (name, shape) in zip(runs.values(), shapes, strict=True):
                run, exact = _measured(shape, name=name)
                found.append(run)
                all_exact = all_exact and exact
        figures: dict[str, object] = {
            "shapes_exact": all_exact,
            "start_s_2_workers": round(twofold.start_s, 1),
            "change_ms": slowest_ms(
                twofold.url, twofold.database, Path(twofold.wrk["BENCH_PATHS"])
            ),
        }
    for shape_name, found in runs.items():
        figures[f"shape_cpu_us{shape_name}"] = round(_median(found).cpu_us, 1)
        figures[f"shape_clicks_per_s{shape_name}"] = round(_median(found).per_s)
    few_us = _median(runs["_100_links"]).cpu_us
    figures["links_ratio"] = round(_median(runs[""]).cpu_us / few_us, 2)
    return figures


def _at_half(bench: Bench, bare: str, result: Mapping[str, object]) -> dict[str, object]:
    """Both in turn at half of what they answered to 64 connections, by many that pause between."""
    pauses = {
        # Many connections, since a pause is of whole milliseconds.
        name: max(1, round(256 / (float(str(result[per_s])) / 2) * 1_000))
        for name, per_s in (("nginx", "nginx_per_s"), ("click", "clicks_per_s"))
    }
    found: dict[str, list[Run]] = {name: [] for name in pauses}
    for _ in range(ROUNDS):
        for (name, pause_ms), url in zip(pauses.items(), (bare, bench.url), strict=True):
            env = {**bench.wrk, "BENCH_PAUSE_MS": str(pause_ms)}
            run = wrk(url, connections=256, seconds=SECONDS, script=SCRIPT, env=env)
            _show(name, run, f"pausing {pause_ms} ms")
            found[name].append(run)
    figures: dict[str, object] = {
        f"{name}_half_per_s": round(median(run.per_s for run in runs))
        for name, runs in found.items()
    }
    late_ms = {name: median(run.p99_ms for run in runs) for name, runs in found.items()}
    figures |= {f"{name}_half_p99_ms": round(ms, 2) for name, ms in late_ms.items()}
    return figures | {"half_p99_ratio": round(late_ms["click"] / late_ms["nginx"], 1)}


def _median(runs: list[Run]) -> Run:
    """The run of the middle: a machine that others share is slower now and then."""
    return sorted(runs, key=lambda run: run.cpu_us)[len(runs) // 2]


def _figures(run: Run, beside: Run, prefix: str) -> dict[str, object]:
    suffix = "" if run.connections == 64 else f"_{run.connections}"
    return {
        f"{prefix}ratio{suffix}": round(run.cpu_us / beside.cpu_us, 2),
        f"{prefix}cpu_us_per_click{suffix}": round(run.cpu_us, 1),
        f"nginx_cpu_us{suffix}": round(beside.cpu_us, 1),
        f"nginx_per_s{suffix}": round(beside.per_s),
        f"{prefix}clicks_per_s{suffix}": round(run.per_s),
        f"{prefix}p50_ms{suffix}": round(run.p50_ms, 2),
        f"{prefix}p99_ms{suffix}": round(run.p99_ms, 2),
    }


def main() -> None:
    """Measure both in turn and print the table; the last line is JSON, of the middle of the rounds.

    "click" asks for the same hundred links again and again, as the visitors of a hundred places do;
    of "own subs" no link is asked for twice while a tracker remembers it.
    """
    need("nginx", "wrk")
    (port,) = free_ports(1)
    result: dict[str, object] = {"bench": "clicks", "exact": True, "links": LINKS, "offers": OFFERS}
    # Which build: one without profiles, as by pyenv, is up to a quarter slower.
    result |= {"python": sys.version}
    with tracker(WORKERS) as bench, nginx(port) as bare:
        result |= {"workers": WORKERS, "start_s": round(bench.start_s, 1)}
        _warm(bench)
        say(_row("", "conns", "per s", "p50 ms", "p99 ms", "cpu us", "failed"))
        for connections in CONNECTIONS:
            besides: list[Run] = []
            runs: dict[str, list[Run]] = {"": [], "own_": []}
            for _ in range(ROUNDS):
                besides.append(wrk(bare, connections=connections, seconds=SECONDS))
                _show("nginx", besides[-1], "")
                for prefix, found in runs.items():
                    name = "own subs" if prefix else "click"
                    run, exact = _measured(bench, connections, own=bool(prefix), name=name)
                    found.append(run)
                    result["exact"] = bool(result["exact"]) and exact
            for prefix, found in runs.items():
                result |= _figures(_median(found), _median(besides), prefix)
        result |= _at_half(bench, bare, result)
        result |= _in_other_shapes(bench)
        result["rss_mb"] = round(bench.rss_mb)
    for line in verdicts(result):
        say(line)
    say(json.dumps(result))


if __name__ == "__main__":
    main()
