"""Around every request of the web server: whom we believe, an id for the logs, guarding headers."""

import re
from collections.abc import Callable
from uuid import uuid4

import structlog
from django.http import HttpRequest, HttpResponse

from network import address

Handler = Callable[[HttpRequest], HttpResponse]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


def forwarded_scheme(handler: Handler) -> Handler:
    """Forget X-Forwarded-Proto unless one of our own proxies says it: Django believes anybody."""

    def handle(request: HttpRequest) -> HttpResponse:
        if not address.is_proxy(request.META.get("REMOTE_ADDR", "")):
            request.META.pop("HTTP_X_FORWARDED_PROTO", None)
        return handler(request)

    return handle


def request_id(handler: Handler) -> Handler:
    """Give each request an id, the caller's own where it is a fit one, in log and answer."""

    def handle(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        request.META["REQUEST_ID"] = id
        with structlog.contextvars.bound_contextvars(request_id=id):
            response = handler(request)
        response["X-Request-ID"] = id
        return response

    return handle


def security_headers(handler: Handler) -> Handler:
    """Let a page load and send to our own origin only, and be framed by nobody."""

    def handle(request: HttpRequest) -> HttpResponse:
        response = handler(request)
        response.setdefault("Content-Security-Policy", _POLICY)
        response.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        return response

    return handle
