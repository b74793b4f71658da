"""Signatures of outgoing webhooks by the Standard Webhooks scheme, so any verifier takes them."""

import base64
import hashlib
import hmac
import secrets
from typing import Final

PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32


def new_webhook_secret() -> str:
    """A fresh secret as the receiver gets to see it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sign_webhook(secret: str, *, id: str, timestamp_s: int, body: bytes) -> str:
    """The `webhook-signature` of a message; ValueError for a secret that is no whsec_ text."""
    if not secret.startswith(PREFIX):
        raise ValueError("a webhook secret begins with whsec_")
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    signed = hmac.new(key, f"{id}.{timestamp_s}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed.digest()).decode()}"


def webhook_headers(secret: str, *, id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The three headers of a message; `id` stays the same over all its deliveries."""
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": sign_webhook(secret, id=id, timestamp_s=timestamp_s, body=body),
    }
