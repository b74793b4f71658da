"""Idempotency-Key: the same request twice is done once, and answered twice with the same bytes.

The answer is stored in the transaction of the work, so there is never one without the other. What
raised is rolled back with everything it did and is not stored: a retry then does the work for the
first time. That holds for a 500 too, which Stripe, whose work is not one transaction, has to keep.
Work in parts, each committed by itself, is the exception: its answer is stored after the last one,
and a retry of what broke off does it again, so twice must come to the same as once.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self

from django.db import connection, transaction
from django.http import HttpResponse, HttpResponseBase
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from network import clock
from network.api.actors import actor_of, capacity_of
from network.crypto import open_, seal
from network.errors import IdempotencyInFlight, IdempotencyKeyRequired, IdempotencyMismatch
from network.ids import uuid7
from network.models import IdempotencyRequest

KEPT_FOR: Final = timedelta(hours=24)
KEY_CHARACTERS_MAX: Final = 255
HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")

Handler = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """An owner's key and the hash of what it stands for."""

    actor: str
    key: str
    sha256: str

    @classmethod
    def of(cls, request: Request, key: str, *, by: str = "owner") -> Self:
        """Read the request; its hash covers method, path with query, and body."""
        path = request.get_full_path().encode()
        parts = (str(request.method).encode(), path, request.body)
        # Hashes of parts, so that no two requests are one text when joined.
        whole = b"".join(hashlib.sha256(part).digest() for part in parts)
        owner = capacity_of(request)
        if by == "credentials":
            owner = f"{actor_of(request)} for {owner}"
        return cls(owner, key, hashlib.sha256(whole).hexdigest())

    @contextmanager
    def held(self, *, in_parts: bool = False) -> Iterator[None]:
        """Hold the key meanwhile, in one transaction; IdempotencyInFlight where another holds it.

        The unique constraint alone would make the second request wait for the first. `in_parts` is
        without a transaction; should the connection be lost, the key is free.
        """
        name = hashlib.sha256(f"{self.actor}\0{self.key}".encode()).digest()
        number = int.from_bytes(name[:8], signed=True)
        if not in_parts:
            with transaction.atomic():
                self._lock("pg_try_advisory_xact_lock", number)
                yield
            return
        self._lock("pg_try_advisory_lock", number)
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [number])

    def _lock(self, function: str, number: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [number])
            if cursor.fetchone() != (True,):
                raise IdempotencyInFlight()

    def stored_answer(self) -> HttpResponse | None:
        """The first answer again, None for a new key; IdempotencyMismatch for another request."""
        stored = IdempotencyRequest.objects.filter(actor=self.actor, key=self.key).first()
        if stored is None:
            return None
        if stored.request_sha256 != self.sha256:
            raise IdempotencyMismatch()
        body = open_(stored.body_sealed, aad=_place(stored))
        return HttpResponse(body, status=stored.status, headers=stored.headers | {REPLAYED: "true"})

    def store(self, answer: HttpResponseBase) -> None:
        """Keep the answer for KEPT_FOR."""
        row = IdempotencyRequest(
            id=uuid7(),
            actor=self.actor,
            key=self.key,
            request_sha256=self.sha256,
            status=answer.status_code,
            headers=_headers(answer),
            created_at=clock.now(),
        )
        row.body_sealed = seal(_body(answer), aad=_place(row))
        row.save(force_insert=True)


def once(
    handler: Handler, request: Request, key: str, *, by: str = "owner", in_parts: bool = False
) -> Handler:
    """The view's handler, run in one transaction with the storing of its answer.

    The key is its owner's, whatever credentials come with it, or, `by="credentials"`, theirs alone.
    A handler that works `in_parts` is run outside a transaction, and its answer stored thereafter.
    """
    keyed = KeyedRequest.of(request, key, by=by)

    def handle(*args: Any, **kwargs: Any) -> HttpResponseBase:
        with keyed.held(in_parts=in_parts):
            if answer := keyed.stored_answer():
                return answer
            fresh = handler(*args, **kwargs)
            keyed.store(fresh)
            return fresh

    return handle


def key_of(request: Request, view: APIView) -> str | None:
    """The key of a write, None where there is none to honour; IdempotencyKeyRequired.

    A view says `idempotent = "required"`, `"honoured"` or `"ignored"`, or one of these for each
    action by name; what is not named is honoured.
    """
    policy = policy_of(view, str(request.method))
    key = request.headers.get(HEADER)
    if policy == "ignored" or (key is None and policy == "honoured"):
        return None
    if not key or len(key) > KEY_CHARACTERS_MAX or not key.isascii() or not key.isprintable():
        raise IdempotencyKeyRequired()
    return key


def policy_of(view: APIView, method: str) -> str:
    """Whether the key is required, honoured or ignored for what the view is asked to do."""
    if method in SAFE_METHODS:
        return "ignored"
    declared: str | dict[str, str] = getattr(view, "idempotent", "honoured")
    if isinstance(declared, str):
        return declared
    action = getattr(view, "action", None) or method.lower()
    return declared.get(action, "honoured")


def prune(before: timedelta = KEPT_FOR) -> int:
    """Forget the answers that are older; returns how many."""
    deleted, _ = IdempotencyRequest.objects.filter(created_at__lt=clock.now() - before).delete()
    return deleted


def _place(row: IdempotencyRequest) -> str:
    return f"idempotency_request/body/{row.id}"


def _headers(answer: HttpResponseBase) -> dict[str, str]:
    headers = {name: str(value) for name, value in answer.items()}
    if isinstance(answer, Response):
        headers["Content-Type"] = answer.content_type or JSONRenderer.media_type
    return headers


def _body(answer: HttpResponseBase) -> bytes:
    if isinstance(answer, Response):
        # The only renderer of the API: these are the bytes that the first caller gets.
        return bytes(JSONRenderer().render(answer.data))
    if isinstance(answer, HttpResponse):
        return answer.content
    raise TypeError("a streamed answer cannot be kept for an Idempotency-Key")
