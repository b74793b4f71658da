"""Who sends a report: by token or by signature, without downgrade.

A report that carries a signature stands or falls by it, whatever else it carries. One without is
good with the token, until the advertiser requires signatures.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from network.crypto import digest
from partners.snapshot import Advertiser, Snapshot
from tracking.conversions import signature
from tracking.conversions.message import Message
from tracking.conversions.refusals import BadSignature, BadToken, UnknownAdvertiser, UnknownKey


@dataclass(frozen=True, slots=True)
class Sender:
    """An advertiser that proved who it is; `nonce` is what a signed report may use only once."""

    advertiser: Advertiser
    auth: str
    nonce: str | None


def authenticate(message: Message, snapshot: Snapshot, now: datetime) -> Sender:
    """The sender. UnknownAdvertiser, BadToken, UnknownKey, BadSignature or SignatureExpired."""
    code = message.fields.get("advertiser")
    advertiser = snapshot.advertisers.get(code) if isinstance(code, str) else None
    if advertiser is None:
        raise UnknownAdvertiser()
    if signature.carried(message.signing, message.headers):
        return _by_signature(message, advertiser, now)
    if advertiser.report_auth == "hmac":
        raise BadSignature(
            "This advertiser requires signatures: sign the report, its token has ended."
        )
    return _by_token(message, advertiser)


def _by_token(message: Message, advertiser: Advertiser) -> Sender:
    token = message.fields.get("token")
    given = digest(token) if isinstance(token, str) and token.isascii() else ""
    if not hmac.compare_digest(given, advertiser.token_digest):
        raise BadToken()
    return Sender(advertiser, "token", None)


def _by_signature(message: Message, advertiser: Advertiser, now: datetime) -> Sender:
    found = signature.find(message.query, message.signing, message.headers)
    key = advertiser.report_keys.get(found.key_id)
    if key is None or not key.lives(now):
        raise UnknownKey()
    # The signature first: a stranger does not learn what our clock says.
    found.check(key.secret, method=message.method, path=message.path, body=message.body)
    found.check_time(now, settings.SIGNATURE_SKEW_S)
    return Sender(advertiser, f"hmac:{found.key_id}", found.nonce)
