"""The signature of a link: HMAC-SHA256 over its path and its query, in hex. Pure.

The signed text is, joined by newlines: `v1`, the path, and the raw query without `&sig=...`. The
query names the key (`key`) and the end (`expires`, in seconds since 1970); `sig` comes last.
"""

import hmac
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote, urlencode

_VERSION: Final = b"v1"
LAST: Final = b"&sig="


def sign(secret: bytes, path: str, query: bytes) -> str:
    """The signature in hex; `query` is the raw query without `&sig=...`."""
    state = _keyed(secret).copy()
    state.update(b"\n".join((_VERSION, path.encode("utf-8", "replace"), query)))
    return state.hexdigest()


def signed_query(
    secret: bytes, path: str, params: Mapping[str, str], *, key_id: str, expires: int
) -> str:
    """A link's query, signed: `params` in their order, the key, the end, the signature."""
    said = {**params, "key": key_id, "expires": str(expires)}
    query = urlencode(said, quote_via=quote)
    return f"{query}{LAST.decode()}{sign(secret, path, query.encode())}"


# A click of a new query is signed with a key that many have been: a third less time each.
@lru_cache(maxsize=1_000)
def _keyed(secret: bytes) -> hmac.HMAC:
    return hmac.new(secret, digestmod="sha256")
