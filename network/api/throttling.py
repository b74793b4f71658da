"""Request limits per actor, told in the headers of draft-ietf-httpapi-ratelimit-headers-11."""

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle

from network.api.actors import actor_of

if TYPE_CHECKING:
    # rest_framework.views imports the throttles of the settings: this module.
    from rest_framework.views import APIView

WINDOW_S: Final = 60


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of an actor's requests in the present window."""

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


class ActorThrottle(BaseThrottle):
    """API_RATE_PER_MINUTE requests in each minute of real time, per process or per shared cache."""

    quota: Quota | None = None

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Count the request; False once the limit is passed."""
        now_s = time.time()
        used = _count(f"requests:{actor_of(request)}:{int(now_s // WINDOW_S)}")
        limit: int = settings.API_RATE_PER_MINUTE
        quota = Quota(
            limit=limit,
            remaining=max(limit - used, 0),
            resets_in_s=math.ceil(WINDOW_S - now_s % WINDOW_S),
        )
        self.quota = quota
        # The base view puts the headers on whatever answer the request gets.
        view.quota = quota  # type: ignore[attr-defined]  # every view of ours is an EndpointMixin
        return used <= limit

    def wait(self) -> int | None:
        """The seconds until the next window, for Retry-After."""
        return self.quota.resets_in_s if self.quota else None


class RateThrottle(SimpleRateThrottle):
    """The framework's sliding window, for what is limited more tightly than the rest."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
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
