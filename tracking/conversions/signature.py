"""The signature of a report: HMAC-SHA256 over time, nonce and the whole request. Pure.

The signed text is, joined by newlines: `v1`, the timestamp, the nonce, the method, the path, the
raw query without `&sig=...`, and the hex SHA-256 of the raw body. The four parts that carry the
signature come in the query, `sig` last, or as headers.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tracking.conversions.refusals import BadSignature, SignatureExpired

_VERSION: Final = "v1"
_TS = re.compile(r"[0-9]{1,12}", re.ASCII)
_NONCE = re.compile(r"[\x21-\x7e]{1,80}", re.ASCII)
_SIG = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LAST: Final = b"&sig="
_HEADER: Final = b"peraction-signature"
_PARTS: Final = ("key_id", "ts", "nonce", "sig")
_HEADERS: Final = (
    "Peraction-Key",
    "Peraction-Timestamp",
    "Peraction-Nonce",
    "Peraction-Signature",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a report is signed with, well formed but not verified; `query` is the signed part."""

    key_id: str
    ts: str
    nonce: str
    sig: str
    query: bytes

    def check_time(self, now: datetime, skew_s: int) -> None:
        """SignatureExpired where the timestamp is more than `skew_s` from now, either way."""
        if abs(now.timestamp() - int(self.ts)) > skew_s:
            raise SignatureExpired()

    def check(self, secret: bytes, *, method: str, path: str, body: bytes) -> None:
        """BadSignature unless this very request was signed with the secret."""
        expected = sign(
            secret,
            ts=self.ts,
            nonce=self.nonce,
            method=method,
            path=path,
            query=self.query,
            body=body,
        )
        if not hmac.compare_digest(expected, self.sig):
            raise BadSignature()


def sign(
    secret: bytes, *, ts: str, nonce: str, method: str, path: str, query: bytes, body: bytes
) -> str:
    """The signature of a request in hex; `query` is the raw query without `&sig=...`."""
    body_digest = hashlib.sha256(body).hexdigest()
    head = "\n".join((_VERSION, ts, nonce, method, path)).encode()
    text = b"\n".join((head, query, body_digest.encode()))
    return hmac.new(secret, text, hashlib.sha256).hexdigest()


def carried(fields: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> bool:
    """Whether there is a signature, right or wrong; `fields` are the parameters of the query."""
    return "sig" in fields or _HEADER in headers


def find(query: bytes, fields: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Signature:
    """The signature in the query or, where the query has none, in the headers.

    `fields` are the decoded parameters of the query. BadSignature where a part is missing or not
    well formed, or `sig` is not the last parameter.
    """
    if "sig" in fields:
        signed, last, _ = query.rpartition(_LAST)
        if not last or b"&" in query[len(signed) + 1 :]:
            raise BadSignature("`sig` must be the last parameter of the query.")
        names = {part: f"`{part}`" for part in _PARTS}
        parts = {part: fields.get(part, "") for part in _PARTS}
    else:
        signed = query
        names = dict(zip(_PARTS, _HEADERS, strict=True))
        parts = {part: _header(headers, name.lower().encode()) for part, name in names.items()}
    if lacking := [names[part] for part, text in parts.items() if not text]:
        raise BadSignature(f"The signature lacks {', '.join(lacking)}.")
    found = Signature(**parts, query=signed)
    if not (_TS.fullmatch(found.ts) and _NONCE.fullmatch(found.nonce)):
        raise BadSignature("`ts` is in whole seconds, `nonce` of 1 to 80 printable characters.")
    if not _SIG.fullmatch(found.sig):
        raise BadSignature("`sig` is 64 hex digits in lower case.")
    return found


def _header(headers: Mapping[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1").strip()
