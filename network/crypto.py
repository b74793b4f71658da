"""Secrets at rest: sealed values, a blind index to compare them, digests to recognise them.

A sealed value is bound to its place by `aad`, written "table/column/pk": who can write to the
database still cannot move a bank account from one payee to another.
"""

import hashlib
import hmac
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from network.errors import PeractionError

# What a BinaryField holds, before and after a round trip through the database.
Sealed = bytes | memoryview

_NONCE_BYTES: Final = 12


class Unreadable(PeractionError):
    """A sealed value does not open: moved, changed, or sealed with a key that is gone."""

    code = "sealed_value_unreadable"


def seal(plaintext: bytes, *, aad: str) -> bytes:
    """Encrypt with the first of FIELD_KEYS: `key-id:` then nonce, ciphertext and tag."""
    id, key = next(iter(settings.FIELD_KEYS.items()))
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return f"{id}:".encode() + nonce + AESGCM(key).encrypt(nonce, plaintext, aad.encode())


def open_(sealed: Sealed, *, aad: str) -> bytes:
    """Decrypt with the key that the value names; Unreadable where it does not fit its place."""
    id, _, rest = bytes(sealed).partition(b":")
    key = settings.FIELD_KEYS.get(id.decode("ascii", "replace"))
    if key is None:
        raise Unreadable()
    try:
        return AESGCM(key).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], aad.encode())
    except (InvalidTag, ValueError):
        raise Unreadable() from None


def blind_index(value: str) -> str:
    """A keyed hash under which equal secrets are found, such as one bank account of two payees."""
    return hmac.new(settings.BLIND_INDEX_KEY, value.encode(), hashlib.sha256).hexdigest()


def digest(secret: str) -> str:
    """SHA-256 in hex, enough for secrets that are long and random; not for passwords."""
    return hashlib.sha256(secret.encode()).hexdigest()
