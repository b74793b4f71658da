"""Who asks, as an opaque string: what limits are counted by and idempotency keys belong to."""

from rest_framework.request import Request


def actor_of(request: Request) -> str:
    """The label that authentication gave the actor, else the address the request came from."""
    label = getattr(request.user, "label", None)
    return str(label) if label else f"ip:{request.META.get('REMOTE_ADDR', '')}"
