"""The tracker's figures: under the names that the dashboard asks for."""

import re

from tests.running import ROOT
from tracking import metrics

_NAME = re.compile(r"peraction_[a-z_]+")


def test_the_dashboard_asks_only_for_figures_that_there_are():
    board = (ROOT / "docs" / "grafana-tracker.json").read_text(encoding="utf-8")
    asked = set(_NAME.findall(board))
    told = set(_NAME.findall(metrics.exposition()))
    assert asked
    assert asked <= told, asked - told
