"""The tracker's figures: who may read them, and the names that the dashboard asks for."""

import re
import time
from ipaddress import ip_network
from urllib.request import urlopen

import pytest
from prometheus_client.registry import REGISTRY

from tests.running import ROOT, eventually
from tests.tracking.servers import serve
from tracking import metrics

_NAME = re.compile(r"peraction_[a-z_]+")


def test_the_dashboard_asks_only_for_figures_that_there_are():
    board = (ROOT / "docs" / "grafana-tracker.json").read_text(encoding="utf-8")
    asked = set(_NAME.findall(board))
    told = set(_NAME.findall(metrics.exposition()))
    assert asked
    assert asked <= told, asked - told


def test_the_dashboard_shows_every_figure():
    board = (ROOT / "docs" / "grafana-tracker.json").read_text(encoding="utf-8")
    ours = [each.name for each in REGISTRY.collect() if each.name.startswith("peraction_")]
    assert len(ours) > 5
    assert [name for name in ours if name not in board] == []


def test_the_configurations_age_is_that_of_the_workers_alone(fresh_db, tmp_path):
    """What starts them has no configuration, and must not count as one that has none yet."""
    figures = tmp_path / "figures"
    figures.mkdir()
    environment = fresh_db.environment | {"PROMETHEUS_MULTIPROC_DIR": str(figures)}
    with serve(environment, log=tmp_path / "log", workers=2) as server:
        eventually(lambda: time.time() - config_checked(server.port) < 10, within_s=20)


def config_checked(port):
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        told = answer.read().decode()
    return float(re.search(r"^peraction_config_checked_\w+ (\S+)$", told, re.M)[1])


@pytest.mark.parametrize(
    ("peer", "forwarded", "may"),
    [
        ("127.0.0.1", None, True),
        ("::1", None, True),
        ("", None, True),  # a local socket
        ("192.0.2.1", None, False),
        ("10.0.0.2", None, False),
        ("127.0.0.1", b"192.0.2.1", False),
        ("127.0.0.1", b"127.0.0.1, 192.0.2.1", False),
        ("", b"192.0.2.1", False),
        ("127.0.0.1", b"127.0.0.1", True),
        ("10.0.0.2", b"127.0.0.1", True),
        ("127.0.0.1", b"192.0.2.1, 10.0.0.2, 127.0.0.1", False),
        ("192.0.2.1", b"127.0.0.1", False),
        ("127.0.0.1", b"", False),
        ("127.0.0.1", b"127.0.0.1, unknown", False),
        ("", b"unknown", False),
    ],
)
def test_who_comes_through_a_proxy_is_judged_by_its_own_address(settings, peer, forwarded, may):
    settings.METRICS_NETWORKS = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1/32"), ip_network("10.0.0.0/8")]
    assert metrics.allowed(peer, forwarded) is may


@pytest.mark.parametrize("peer", ["127.0.0.1", ""])
def test_what_a_proxy_forwards_that_nobody_has_named_is_refused(settings, peer):
    settings.TRUSTED_PROXIES = []
    assert metrics.allowed(peer)
    assert not metrics.allowed(peer, b"127.0.0.1")
