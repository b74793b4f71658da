"""The base of every endpoint: counted requests, strict parameters, idempotent writes."""

from typing import Any

from rest_framework import viewsets
from rest_framework.request import Request
from rest_framework.views import APIView

from network.api.filters import refuse_empty_parameters, refuse_unknown_parameters
from network.api.idempotency import key_of, once
from network.api.serializers import StrictSerializer
from network.api.throttling import Counted


class NoBody(StrictSerializer):
    """The body of an action that takes none: absent, or an object without fields."""


class EndpointMixin(Counted):
    """What all views of the API do around their handlers.

    `bodiless` names the actions that take no body, beside every DELETE. `idempotent_by` is
    `"credentials"` where an answer must not be shown to others of the same owner. `in_parts` names
    the actions that commit by themselves, and more than once.
    """

    # Not OPTIONS: what an address takes is said by the schema, and other sites may not call it.
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]
    bodiless: tuple[str, ...] = ()
    idempotent: str | dict[str, str] = "honoured"
    idempotent_by: str = "owner"
    in_parts: tuple[str, ...] = ()
    query_parameters: tuple[str, ...] = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After the actor is known and allowed: look at what was sent besides a handler's body."""
        super().initial(request, *args, **kwargs)
        refuse_unknown_parameters(request, self)
        refuse_empty_parameters(request)
        if not takes_body(self, str(request.method)):
            # Who sends one means something by it that would not happen.
            NoBody(data=request.data).is_valid(raise_exception=True)
        if key := key_of(request, self):
            # dispatch() takes the handler from the instance right after this.
            method = str(request.method).lower()
            handler = getattr(self, method, self.http_method_not_allowed)
            in_parts = getattr(self, "action", None) in self.in_parts
            fresh = once(handler, request, key, by=self.idempotent_by, in_parts=in_parts)
            setattr(self, method, fresh)


def takes_body(view: APIView, method: str) -> bool:
    """Whether the view reads a body in what it is asked to do."""
    action = getattr(view, "action", None) or method.lower()
    return method != "DELETE" and action not in getattr(view, "bodiless", ())


class Endpoint(EndpointMixin):
    """A single address with its methods."""


class ResourceViewSet(EndpointMixin, viewsets.GenericViewSet[Any]):
    """A collection and its members; mix in what DRF has for list, retrieve and the rest."""
