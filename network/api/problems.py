"""Every error of the API as an RFC 9457 problem document with a stable code.

`errors` lists the faults of the input: `pointer` is a JSON pointer into the body, or `?name` for a
query parameter.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from network.errors import (
    BadInput,
    Conflict,
    FieldError,
    Forbidden,
    Malformed,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    PeractionError,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    document,
)
from network.logs import database_facts

CONTENT_TYPE = "application/problem+json"

log = structlog.get_logger(__name__)


# Looked at in this order; what is in none of these is a fault of ours.
_MEANINGS: tuple[tuple[type[Exception], type[PeractionError]], ...] = (
    (Http404, NotFound),
    (exceptions.NotFound, NotFound),
    (PermissionDenied, Forbidden),
    (exceptions.PermissionDenied, Forbidden),
    (exceptions.NotAuthenticated, Unauthenticated),
    (exceptions.AuthenticationFailed, Unauthenticated),
    (exceptions.ParseError, Malformed),
    (exceptions.MethodNotAllowed, MethodNotAllowed),
    (exceptions.NotAcceptable, NotAcceptable),
    (exceptions.UnsupportedMediaType, UnsupportedMediaType),
    (exceptions.Throttled, RateLimited),
    (RequestDataTooBig, TooLarge),
    (SuspiciousOperation, Malformed),
    (IntegrityError, Conflict),
    (DataError, BadInput),
    # Away, deadlocked, or out of patience with a lock: nothing was written, a retry may succeed.
    (OperationalError, Unavailable),
    (InterfaceError, Unavailable),
)
# Faults that the caller cannot see in our answer, but the operator must see in the log.
_LOGGED = (IntegrityError, DataError, OperationalError, InterfaceError)


def problem_response(exception: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler: the problem document of whatever a view raised.

    It is JSON whatever was asked for, also where the view writes YAML or CSV.
    """
    error = meaning(exception)
    request: Request = context["request"]
    request.accepted_renderer = JSONRenderer()
    request.accepted_media_type = JSONRenderer.media_type
    if isinstance(exception, _LOGGED):
        log.warning("api.database_refused", path=request.path, **database_facts(exception))
    elif error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("api.failed", path=request.path, exc_info=exception)
    headers = _headers(error)
    if wait_s := getattr(exception, "wait", None):
        headers["Retry-After"] = str(wait_s)
    if isinstance(error, Unauthenticated) and (view := context.get("view")):
        headers["WWW-Authenticate"] = view.get_authenticate_header(request) or "Bearer"
    return Response(
        problem(error, request), status=error.status, headers=headers, content_type=CONTENT_TYPE
    )


def meaning(exception: Exception) -> PeractionError:
    """What an exception means to the caller; PeractionError itself for what nobody foresaw."""
    if isinstance(exception, PeractionError):
        return exception
    if isinstance(exception, exceptions.ValidationError):
        return BadInput(errors=list(field_errors(exception.detail)))
    for kind, means in _MEANINGS:
        if isinstance(exception, kind):
            said = isinstance(exception, exceptions.ParseError | exceptions.PermissionDenied)
            return means(str(exception) if said else "")
    return PeractionError()


def problem(error: PeractionError, request: Request | HttpRequest) -> dict[str, object]:
    """The document of an error for this request."""
    return document(error, instance=request.path, request_id=request.META.get("REQUEST_ID", ""))


def field_errors(detail: Any, pointer: str = "") -> Iterator[FieldError]:
    """DRF's nested lists and objects of messages, flattened to one fault each."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            whole = name == api_settings.NON_FIELD_ERRORS_KEY
            yield from field_errors(inner, pointer if whole else f"{pointer}/{_escaped(name)}")
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list | tuple)
            yield from field_errors(inner, f"{pointer}/{index}" if nested else pointer)
    else:
        yield FieldError(pointer, getattr(detail, "code", None) or "invalid", str(detail))


def _escaped(name: object) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")


def _headers(error: PeractionError) -> dict[str, str]:
    return {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}


def _document(error: PeractionError, request: HttpRequest) -> HttpResponse:
    return JsonResponse(
        problem(error, request),
        status=error.status,
        headers=_headers(error),
        content_type=CONTENT_TYPE,
    )


def _is_api(request: HttpRequest) -> bool:
    return f"{request.path}/".startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler400."""
    if _is_api(request):
        return _document(Malformed(), request)
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler403."""
    if _is_api(request):
        return _document(Forbidden(), request)
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler404: no view was found, so an API's client is shown where they are listed."""
    if _is_api(request):
        schema = reverse("schema")
        detail = f"Nothing is at this address. {schema} describes every address of the API."
        return _document(NotFound(detail, members={"schema": schema}), request)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django's handler500."""
    if _is_api(request):
        return _document(PeractionError(), request)
    return defaults.server_error(request)
