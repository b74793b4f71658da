"""Web addresses that partners give us: where visitors are sent, and where news go."""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from network.errors import BadInput, FieldError, default_message
from partners.deep_links import listed_host
from partners.vocabulary import MACROS

HOSTS_MAX: Final = 100
UTM_MAX: Final = 10
_UTM_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}", re.ASCII)
_UTM_TEXT_MAX: Final = 200
_MACRO: Final = re.compile(r"\{([A-Za-z0-9_]+)\}", re.ASCII)
_check_syntax: Final = URLValidator(schemes=["http", "https"])


class UrlInvalid(BadInput):
    """An address is http or https with a host, in ASCII, without a user name or password."""

    code = "url_invalid"


class HostInvalid(BadInput):
    """A host is a name such as shop.example, or *.shop.example for all names below it."""

    code = "host_invalid"


class TooManyHosts(BadInput):
    """An offer lists at most 100 hosts for deep links."""

    code = "too_many_hosts"


class UtmInvalid(BadInput):
    """At most 10 parameters: names of letters, digits, `_.-`; texts of up to 200 characters."""

    code = "utm_invalid"


class UnknownMacro(BadInput):
    """There is no such macro."""

    code = "unknown_macro"


def check_url(url: str, *, pointer: str) -> None:
    """UrlInvalid for an address that nobody should be sent to; macros may stand in its path.

    Where it leads is not looked at: a call is judged when it is made (`network.outgoing`).
    """
    try:
        _check_syntax(url)
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except (ValidationError, ValueError):
        raise UrlInvalid(pointer=pointer) from None
    if not url.isascii() or not host or port == 0 or "@" in parts.netloc:
        raise UrlInvalid(pointer=pointer)


def checked_hosts(hosts: Iterable[str], *, pointer: str) -> list[str]:
    """The hosts in lower case and ASCII, each once; HostInvalid, TooManyHosts."""
    said = list(hosts)
    found = [listed_host(host) for host in said]
    if wrong := [place for place, host in enumerate(found) if host is None]:
        raise HostInvalid(errors=[_fault(HostInvalid, f"{pointer}/{place}") for place in wrong])
    names = list(dict.fromkeys(filter(None, found)))
    if len(names) > HOSTS_MAX:
        raise TooManyHosts(pointer=pointer)
    return names


def check_utm(utm: Mapping[str, str], *, pointer: str) -> None:
    """UtmInvalid, or UnknownMacro for a text that asks for what no click can tell."""
    if len(utm) > UTM_MAX:
        raise UtmInvalid(pointer=pointer)
    for name, text in utm.items():
        if not _UTM_NAME.fullmatch(name):
            raise UtmInvalid(pointer=pointer)
        if not text.isprintable() or len(text) > _UTM_TEXT_MAX:
            raise UtmInvalid(pointer=f"{pointer}/{name}")
        if unknown := [macro for macro in _MACRO.findall(text) if macro.lower() not in MACROS]:
            raise UnknownMacro(f"Unknown: {', '.join(unknown)}.", pointer=f"{pointer}/{name}")


def _fault(kind: type[BadInput], pointer: str) -> FieldError:
    return FieldError(pointer, kind.code, default_message(kind))
