"""Web addresses that partners give us: where visitors are sent, and where news go."""

from typing import Final
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from network.errors import BadInput

_check_syntax: Final = URLValidator(schemes=["http", "https"])


class UrlInvalid(BadInput):
    """An address is http or https with a host, in ASCII, without a user name or password."""

    code = "url_invalid"


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
