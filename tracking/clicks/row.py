"""One click as a line of PostgreSQL's COPY text format."""

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from uuid import UUID

from tracking.clicks.query import RESERVED, SUBS

COLUMNS: Final = (
    "id, ts, link_id, affiliate_id, offer_id, advertiser_id, reason, link_code, destination,"
    " source, aff_click_id, subs, ip, user_agent, referrer, language"
)
# No text holds these: the one divides the fields until the tabs inside them are escaped, the other
# stands for NULL, because PostgreSQL's own mark would be escaped along with the line.
_DIVIDER, _NULL = RESERVED
COPY: Final = f"COPY click ({COLUMNS}) FROM STDIN (NULL '{_NULL}')"
_MS_PER_S: Final = 1000


def line(
    id: UUID,
    *,
    link: tuple[int, int, int, int],
    reason: str,
    link_code: str,
    destination: str,
    params: Mapping[str, str],
    ip: str | None,
    headers: tuple[str, str, str],
) -> str:
    """The line of a click; `link` is link, affiliate, offer and advertiser, 0 for unknown.

    `headers` are user agent, referrer and language, empty for absent. All texts have gone through
    `query.clean`.
    """
    fields = _DIVIDER.join(
        (
            id.hex,
            _instant(id),
            *map(str, link),
            reason,
            link_code,
            destination,
            params.get("source", _NULL),
            params.get("aff_click_id", _NULL),
            _subs(params),
            ip or _NULL,
            *[header or _NULL for header in headers],
        )
    )
    # The line as a whole and by chained replaces: each field by itself takes five times as long,
    # and str.translate longer still.
    escaped = fields.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return escaped.replace("\t", "\\t").replace(_DIVIDER, "\t") + "\n"


def _instant(id: UUID) -> str:
    """The time inside the id, in UTC, to the millisecond."""
    seconds, ms = divmod(id.int >> 80, _MS_PER_S)
    return f"{_second(seconds)}.{ms:03d}+00"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def _subs(params: Mapping[str, str]) -> str:
    """An array literal without the NULLs at its end; NULL without any sub id."""
    elements = [_element(params[name]) if name in params else "NULL" for name in SUBS]
    while elements and elements[-1] == "NULL":
        elements.pop()
    return "{" + ",".join(elements) + "}" if elements else _NULL


def _element(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
