"""The tracker's figures for Prometheus, added up over all processes that serve one address.

They are counted once for a batch and not once for a click: a counter in shared memory costs as
much as parsing a query. With PROMETHEUS_MULTIPROC_DIR set, as `make run` does, each process writes
files there and any of them answers for all.
"""

import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from django.conf import settings
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.registry import REGISTRY

from network import address

CLICKS: Final = Counter("peraction_clicks", "Clicks by outcome", ["outcome"])
BATCH_ROWS: Final = Histogram(
    "peraction_batch_rows",
    "Rows of every kind stored together",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000),
)
COMMIT_S: Final = Histogram(
    "peraction_commit_seconds",
    "Time from the first word of a batch to its commit",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0),
)
SPOOLED: Final = Counter("peraction_rows_spooled", "Rows of every kind written to the spool")
SPOOL_BYTES: Final = Gauge(
    "peraction_spool_bytes", "Bytes of all files in the spool", multiprocess_mode="mostrecent"
)
SPOOL_FILES: Final = Gauge(
    "peraction_spool_files", "Files that wait in the spool", multiprocess_mode="mostrecent"
)
SPOOL_BYTES_MAX: Final = Gauge(
    "peraction_spool_bytes_max",
    "How many bytes the spool may hold",
    multiprocess_mode="mostrecent",
)
REFUSED: Final = Counter(
    "peraction_refused",
    "Clicks, reports and page events that were refused, by code",
    ["of", "code"],
)
# The oldest of all processes: one that serves an old configuration must not hide behind the others.
CONFIG_CHECKED: Final = Gauge(
    "peraction_config_checked_timestamp_seconds",
    "When the configuration was last known to be the present one",
    multiprocess_mode="livemin",
)


def begin() -> None:
    """Forget what dead processes last said of themselves; what they counted stays counted."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not directory:
        return
    for path in Path(directory).glob("gauge_*_*.db"):
        pid = path.stem.rpartition("_")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            path.unlink(missing_ok=True)


def count_outcomes(outcomes: Mapping[str, int]) -> None:
    """Count clicks that were stored, in PostgreSQL or in the spool."""
    for outcome, number in outcomes.items():
        CLICKS.labels(outcome).inc(number)


def count_batch(*, rows: int, seconds: float) -> None:
    """Count a batch that PostgreSQL has stored."""
    BATCH_ROWS.observe(rows)
    COMMIT_S.observe(seconds)


def allowed(peer: str, forwarded: bytes | None = None) -> bool:
    """Whether who asks may read the figures: from METRICS_NETWORKS, or through a local socket.

    `forwarded` is X-Forwarded-For, where the request has one: then it is the visitor of a trusted
    proxy that counts, and what anybody else forwards is refused, since nobody can say for whom.
    """
    hops = [] if forwarded is None else [forwarded]
    if hops and not (settings.TRUSTED_PROXIES and address.is_proxy(peer)):
        return False
    ip = address.visitor(peer, hops)
    if hops and address.visitor("", hops) is None:
        # The proxy names nobody, and is not itself who asks.
        return False
    if ip is None:
        return not peer
    return any(ip_address(ip) in network for network in settings.METRICS_NETWORKS)


def exposition() -> str:
    """All figures in Prometheus' text form."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return generate_latest(REGISTRY).decode()
    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return generate_latest(together).decode()
