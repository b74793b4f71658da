"""What is known about a visitor at the moment of a click, as targeting rules ask for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

DEVICES: Final = ("desktop", "phone", "tablet", "tv", "other")
CONNECTIONS: Final = ("cable_dsl", "cellular", "corporate", "dialup", "satellite")
BOTS: Final = ("suspected", "known")
SUBS: Final = tuple(f"sub{number}" for number in range(1, 31))


@dataclass(slots=True)
class Facts:
    """One visit; "" stands for what is not known.

    `country` is ISO 3166-1 (DE), `region` ISO 3166-2 (DE-BY), `language` the primary tag (de). `ip`
    is the address's `network.ranges.number`. `at` is in UTC. Not frozen, because that would make
    the making of one three times as dear, and every click makes one.
    """

    country: str
    region: str
    device: str
    os: str
    os_version: str
    browser: str
    language: str
    connection: str
    source: str
    subs: Mapping[str, str]
    ip: int | None
    bot: str
    prefetch: bool
    datacentre: bool
    at: datetime
