"""Whether a link is signed as it came: by a key of its affiliate, unchanged, and in time."""

import hmac
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final, Protocol

from partners.link_signature import LAST, sign
from tracking.clicks.row import REMEMBERED_MAX

MISSING: Final = "signature_missing"
KEY_UNKNOWN: Final = "signature_key_unknown"
INVALID: Final = "signature_invalid"
EXPIRED: Final = "link_expired"
REASONS: Final = (MISSING, KEY_UNKNOWN, INVALID, EXPIRED)

# Later than any click, and short enough to be read as a number without a thought.
_DIGITS_MAX: Final = 12


class Key(Protocol):
    """A secret and the time in which its signatures count."""

    @property
    def secret(self) -> bytes: ...

    def lives(self, at: datetime) -> bool:
        """Whether links that come at this instant may be signed with it."""
        ...


def check(
    path: str, query: bytes, params: Mapping[str, str], keys: Mapping[str, Key], at: datetime
) -> str:
    """Why the link is not good at this instant, "" for a good one; `keys` by their ids.

    The first of REASONS that holds; `params` are those of the query. Whether a link is late is only
    said of one that is genuine.
    """
    key_id, expires = params.get("key"), params.get("expires")
    if not (key_id and expires and params.get("sig")):
        return MISSING
    key = keys.get(key_id)
    if key is None or not key.lives(at):
        return KEY_UNKNOWN
    remembered = len(path) + len(query) <= REMEMBERED_MAX
    if not (_known_genuine if remembered else _genuine)(key.secret, path, query):
        return INVALID
    readable = expires.isascii() and expires.isdigit() and len(expires) <= _DIGITS_MAX
    return "" if readable and at.timestamp() <= int(expires) else EXPIRED


def _genuine(secret: bytes, path: str, query: bytes) -> bool:
    signed, _, signature = query.rpartition(LAST)
    # As bytes: what is no ASCII may come too, and is compared in the same time.
    return hmac.compare_digest(sign(secret, path, signed).encode(), signature)


# Many people follow the same link.
_known_genuine = lru_cache(maxsize=4_096)(_genuine)
