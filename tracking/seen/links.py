"""The link of a code, also one that was made a moment ago."""

import re

from network.errors import Unavailable
from partners.snapshot import Link
from partners.watcher import Watcher

_WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{1,24}", re.ASCII)


async def find(watcher: Watcher, code: str) -> Link | None:
    """The link; None for a code that nobody has. Unavailable before there is a configuration."""
    link = _known(watcher, code)
    if link is None and _WELL_FORMED.fullmatch(code):
        await watcher.version_check()
        link = _known(watcher, code)
    return link


def _known(watcher: Watcher, code: str) -> Link | None:
    if watcher.snapshot is None:
        raise Unavailable("the configuration is not loaded yet")
    return watcher.snapshot.links.get(code)
