"""Where an address is: country, region, kind of connection, data centre or not.

The country comes from the registries' own data, which `iptocc` carries, until the operator names a
database. Nothing here asks the network, and what nobody knows is "".
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import iptocc
import maxminddb
from django.conf import settings

from network.countries import COUNTRIES
from network.ranges import Network, Ranges, network, number
from network.settled import settled

# MaxMind's words for a connection, and ours.
_CONNECTIONS: Final = {
    "Cable/DSL": "cable_dsl",
    "Cellular": "cellular",
    "Corporate": "corporate",
    "Dialup": "dialup",
    "Satellite": "satellite",
}
# Kinds of iporigin with no person's own line behind them.
_HOSTED: Final = frozenset(("hosting", "vpn", "tor"))


class FileUnusable(Exception):
    """A file that a setting names cannot be used; the text says which setting, and why."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of an address; `ip_number` is its `network.ranges.number`."""

    country: str
    region: str
    connection: str
    datacentre: bool
    ip_number: int | None


NOWHERE: Final = Place("", "", "", False, None)


class Atlas:
    """What knows places, opened once. The files stay open: replace one by renaming, and restart."""

    def __init__(
        self, *, geo_mmdb: str = "", connection_mmdb: str = "", datacentre_ranges: str = ""
    ) -> None:
        """The paths are the settings of the same names, "" for none. Raises FileUnusable."""
        self._country_and_region: Final = _database(geo_mmdb) if geo_mmdb else _registries
        self._connection: Final = _connections(connection_mmdb) if connection_mmdb else _unknown
        self._datacentres: Final = Ranges(_lines(datacentre_ranges) if datacentre_ranges else ())
        self._hosted: Final = _iporigin() if importlib.util.find_spec("iporigin") else _never

    def place(self, ip: str) -> Place:
        """Everything about one address, as `network.address` spells it."""
        ip_number = number(ip)
        if ip_number is None:
            return NOWHERE
        country, region = self._country_and_region(ip)
        hosted = ip_number in self._datacentres or self._hosted(ip)
        return Place(country, region, self._connection(ip), hosted, ip_number)


@settled(1)
def atlas() -> Atlas:
    """The atlas of the settings; whoever starts opens it, so that no visitor waits for it."""
    return Atlas(
        geo_mmdb=settings.GEO_MMDB,
        connection_mmdb=settings.CONNECTION_MMDB,
        datacentre_ranges=settings.DATACENTRE_RANGES,
    )


def place(ip: str | None) -> Place:
    """Where an address is."""
    return atlas().place(ip) if ip else NOWHERE


def _registries(ip: str) -> tuple[str, str]:
    """The country to which a registry has given the address, without region."""
    country = iptocc.country_code(ip)
    # Some are given to the Union as a whole, "EU".
    return (country, "") if country in COUNTRIES else ("", "")


def _database(path: str) -> Callable[[str], tuple[str, str]]:
    """Country and region by a database in MaxMind's form, or in the flat one of ip-location-db."""
    reader = _opened("GEO_MMDB", path)

    def country_and_region(ip: str) -> tuple[str, str]:
        record = _record(reader, ip)
        country = _code(record.get("country")) or record.get("country_code")
        if not isinstance(country, str) or country not in COUNTRIES:
            return "", ""
        parts = record.get("subdivisions")
        part = _code(parts[0]) if isinstance(parts, list) and parts else ""
        return country, f"{country}-{part}" if part else ""

    return country_and_region


def _connections(path: str) -> Callable[[str], str]:
    """The kind of connection by a database with `connection_type`."""
    reader = _opened("CONNECTION_MMDB", path)
    return lambda ip: _CONNECTIONS.get(str(_record(reader, ip).get("connection_type")), "")


def _opened(setting: str, path: str) -> maxminddb.Reader:
    try:
        return maxminddb.open_database(path)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        raise FileUnusable(f"{setting} is no database in MaxMind's format: {error}") from error


def _record(reader: maxminddb.Reader, ip: str) -> dict[str, Any]:
    """What a database says of an address; nothing if it holds IPv4 only, or is broken inside."""
    try:
        record = reader.get(ip)
    except (ValueError, maxminddb.InvalidDatabaseError):
        return {}
    return record if isinstance(record, dict) else {}


def _code(part: object) -> str:
    code = part.get("iso_code") if isinstance(part, dict) else None
    return code if isinstance(code, str) else ""


def _lines(path: str) -> list[Network]:
    """The ranges of a file, one a line; what follows a # is a comment."""
    networks = []
    try:
        with open(path, encoding="utf-8") as lines:
            for count, line in enumerate(lines, start=1):
                text = line.partition("#")[0].strip()
                if text:
                    networks.append(_network(text, count))
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnusable(f"DATACENTRE_RANGES cannot be read: {error}") from error
    return networks


def _network(text: str, count: int) -> Network:
    try:
        return network(text)
    except ValueError as error:
        raise FileUnusable(f"DATACENTRE_RANGES, line {count}: {error}") from error


def _iporigin() -> Callable[[str], bool]:
    """The verdict of the optional package, with its data loaded."""
    import iporigin  # noqa: PLC0415  (a deployment may have it or not)

    iporigin.dataset_info()
    return lambda ip: iporigin.classify(ip).kind in _HOSTED


def _unknown(ip: str) -> str:
    return ""


def _never(ip: str) -> bool:
    return False
