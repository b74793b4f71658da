"""How two or more workers share the tests: whole modules, the longest first, all networks in one.

A module stays with one worker, since its tests share servers. Networks of many processes come one
after the other: two at once would take each other's processors, and some tests look at the time.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

NETWORKS = (
    "tests/test_replay.py",
    "tests/test_readme.py",
    "tests/test_story.py",
    "tests/test_promises.py",
    "tests/tracking/test_spool_server.py",
    "tests/tracking/test_hostile.py",
    "tests/tracking/test_clicks_server.py",
    "tests/tracking/test_caps_server.py",
)
LONG = (
    "tests/payouts/test_books_machine.py",
    "tests/test_bad_input.py",
    "tests/tracking/test_script.py",
    "tests/tracking/test_drain.py",
    "tests/payouts/test_demo.py",
    "tests/payouts/test_verify.py",
    "tests/network/test_embedded.py",
    "tests/partners/test_sessions.py",
    "tests/partners/test_snapshot_patches.py",
)
_ORDER = {module: number for number, module in enumerate(NETWORKS + LONG)}


class ByModule(LoadScopeScheduling):
    """Gives a module to whoever has nothing left, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        module = _module(nodeid)
        return "networks" if module in NETWORKS else module


def longest_first(items: list[pytest.Item]) -> None:
    """Bring what takes long to the front, in place."""
    items.sort(key=lambda item: _ORDER.get(_module(item.nodeid), len(_ORDER)))


def _module(nodeid: str) -> str:
    return nodeid.partition("::")[0]
