"""`/js/pa.js`: the advertiser's first-party script, served from memory."""

import gzip
from hashlib import sha256
from pathlib import Path
from typing import Final

from tracking.responses import NO_STORE, Header, Scope, Send, content

PREFIX: Final = "/js/pa."

SCRIPT: Final = Path(__file__).with_name("pa.js").read_bytes()
# At one address always the newest; at the other for ever these bytes.
_VERSION: Final = sha256(SCRIPT).hexdigest()[:16]
LATEST: Final = "/js/pa.js"
FIXED: Final = f"/js/pa.{_VERSION}.js"

# The same bytes at every start, so that all trackers agree.
_GZIPPED: Final = gzip.compress(SCRIPT, compresslevel=9, mtime=0)
_ETAG: Final = f'"{_VERSION}"'.encode()
_COMMON: Final[tuple[Header, ...]] = (
    (b"content-type", b"text/javascript; charset=utf-8"),
    (b"vary", b"accept-encoding"),
    (b"etag", _ETAG),
    (b"access-control-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)
_LATEST_FOR: Final[Header] = (b"cache-control", b"public, max-age=3600")
_FIXED_FOR: Final[Header] = (b"cache-control", b"public, max-age=31536000, immutable")
_METHODS: Final = ("GET", "HEAD")


async def answer(scope: Scope, send: Send) -> None:
    """The script; the newest one for a version that was, so that no page ever stands without."""
    if scope["method"] not in _METHODS:
        await content(send, 405, [(b"allow", b"GET, HEAD")])
        return
    if scope["path"] not in (LATEST, FIXED):
        await content(send, 302, [(b"location", LATEST.encode()), NO_STORE])
        return
    headers = dict(scope["headers"])
    caching = _FIXED_FOR if scope["path"] == FIXED else _LATEST_FOR
    if _ETAG in headers.get(b"if-none-match", b""):
        await content(send, 304, (*_COMMON, caching))
    elif b"gzip" in headers.get(b"accept-encoding", b""):
        zipped = (b"content-encoding", b"gzip")
        await content(send, 200, (*_COMMON, caching, zipped), _GZIPPED)
    else:
        await content(send, 200, (*_COMMON, caching), SCRIPT)
