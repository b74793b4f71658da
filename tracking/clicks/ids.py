"""The click id as the world sees it: a UUIDv7 and a keyed tag, 32 characters of base64url."""

import hmac
import re
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from functools import lru_cache
from hashlib import blake2b
from typing import Final
from uuid import UUID

from django.conf import settings

from network.settled import settled

_ID_BYTES: Final = 16
_TAG_BYTES: Final = 8
# What `urlsafe_b64encode` does, without its three calls.
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_FORM = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)


def mint(id: UUID) -> str:
    """The external form of a click id, signed with the first of CLICK_KEYS."""
    return mint_bytes(id.bytes)


def mint_bytes(raw: bytes) -> str:
    """The same, of an id's 16 bytes."""
    state = _first_key().copy()
    state.update(raw)
    return b2a_base64(raw + state.digest(), newline=False).translate(_URL_SAFE).decode()


def read(text: str) -> UUID | None:
    """The click id that one of CLICK_KEYS has signed; None for anything else."""
    if not _FORM.fullmatch(text):
        return None
    decoded = urlsafe_b64decode(text)
    raw, tag = decoded[:_ID_BYTES], decoded[_ID_BYTES:]
    if any(hmac.compare_digest(tag, _tag(key, raw)) for key in settings.CLICK_KEYS):
        return UUID(bytes=raw)
    return None


def _tag(key: bytes, raw: bytes) -> bytes:
    state = _keyed(key).copy()
    state.update(raw)
    return state.digest()


@settled(1)
def _first_key() -> blake2b:
    return _keyed(settings.CLICK_KEYS[0])


@lru_cache(maxsize=8)
def _keyed(key: bytes) -> blake2b:
    """The state after the key, which is the same for every id."""
    return blake2b(key=key, digest_size=_TAG_BYTES)
