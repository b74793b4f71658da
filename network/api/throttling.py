"""Request limits, told in the headers of draft-ietf-httpapi-ratelimit-headers-11."""

import math
import time
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from network.api.actors import address_of, capacity_of

WINDOW_S: Final = 60


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of an actor's or address's requests in the present window."""

    limit: int
    remaining: int
    resets_in_s: int

    @property
    def headers(self) -> dict[str, str]:
        """The answer's headers."""
        return {
            "RateLimit-Policy": f'"default";q={self.limit};w={WINDOW_S}',
            "RateLimit": f'"default";r={self.remaining};t={self.resets_in_s}',
        }


class Counted(APIView):
    """API_RATE_PER_MINUTE requests in each minute of real time, per process or per shared cache.

    A request is its actor's as soon as that is known, even if the actor may not do this; with
    another key of one's own one is nobody else. Without valid credentials it is its address's,
    where nobody's good ones are refused for a neighbour's bad ones.
    """

    quota: Quota | None = None

    def perform_authentication(self, request: Request) -> None:
        """Know the actor, and count the request as theirs; Throttled once the limit is passed."""
        super().perform_authentication(request)
        self._count(request, by=capacity_of(request))

    def handle_exception(self, exc: Exception) -> Response:
        """The answer to what was raised; a request that was not counted yet is counted now."""
        if self.quota is None:
            try:
                self._count(self.request, by=address_of(self.request))
            except Throttled as beyond:
                exc = beyond
        return super().handle_exception(exc)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Add the quota to every answer, refusals and replays too."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.quota:
            for name, value in self.quota.headers.items():
                response[name] = value
        return response

    def _count(self, request: Request, *, by: str) -> None:
        now_s = time.time()
        used = _count(f"requests:{by}:{int(now_s // WINDOW_S)}")
        limit: int = settings.API_RATE_PER_MINUTE
        self.quota = Quota(
            limit=limit,
            remaining=max(limit - used, 0),
            resets_in_s=math.ceil(WINDOW_S - now_s % WINDOW_S),
        )
        if used > limit:
            self.throttled(request, self.quota.resets_in_s)


class RateThrottle(SimpleRateThrottle):
    """The framework's sliding window, for what is limited more tightly than the rest."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether the request is within the rate."""
        try:
            return super().allow_request(request, view)
        except RedisError:
            return True  # a cache that is away costs the limit, not the service


def _count(key: str) -> int:
    try:
        cache.add(key, 0, timeout=WINDOW_S)
        return cache.incr(key)
    except ValueError:
        return 1  # the entry was evicted between the two calls
    except RedisError:
        return 0  # a cache that is away costs the limit, not the service
