"""Who asks, as opaque strings: what limits are counted by and idempotency keys belong to."""

from rest_framework.request import Request

from network import address


def actor_of(request: Request) -> str:
    """The label that authentication gave the actor, else the address the request came from."""
    label = getattr(request.user, "label", None)
    return str(label) if label else address_of(request)


def address_of(request: Request) -> str:
    """Where the request came from, whoever may have sent it."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").encode("latin-1", "replace")
    peer = request.META.get("REMOTE_ADDR", "")
    return f"ip:{address.visitor(peer, [forwarded] if forwarded else []) or ''}"


def capacity_of(request: Request) -> str:
    """Who acts for whom, by whatever credentials, where authentication knows of these."""
    capacity = getattr(request.user, "capacity", None)
    return str(capacity) if capacity else actor_of(request)
