"""Every error that the code raises on purpose, with a stable code and an HTTP status.

PeractionError                  500  internal_error
├── BadInput                    422  invalid
│   ├── Malformed               400  malformed
│   ├── UnknownField            422  unknown_field
│   ├── DuplicateField          400  duplicate_field
│   ├── InvalidParameter        400  invalid_parameter
│   ├── UnknownParameter        400  unknown_parameter
│   ├── IdempotencyKeyRequired  400  idempotency_key_required
│   ├── IdempotencyMismatch     422  idempotency_mismatch
│   ├── RateInvalid             422  rate_invalid
│   ├── RateNotString           422  rate_must_be_string
│   ├── RateTooFine             422  rate_too_fine
│   └── MoneyError              422  money_invalid
│       ├── AmountInvalid       422  amount_invalid
│       ├── AmountTooFine       422  amount_too_fine
│       ├── AmountTooLarge      422  amount_too_large
│       ├── CurrencyMismatch    422  currency_mismatch
│       ├── Inexact             422  amount_inexact
│       ├── MoneyNotString      422  money_must_be_string
│       └── UnknownCurrency     422  unknown_currency
├── Unauthenticated             401  unauthenticated
├── Forbidden                   403  forbidden
├── NotFound                    404  not_found
├── Conflict                    409  conflict
│   ├── IdempotencyInFlight     409  idempotency_in_flight
│   ├── IllegalMove             409  illegal_move
│   └── NotEnoughRoom           409  no_room
├── MethodNotAllowed            405  method_not_allowed
├── NotAcceptable               406  not_acceptable
├── TooLarge                    413  too_large
├── UnsupportedMediaType        415  unsupported_media_type
├── RateLimited                 429  rate_limited
└── Unavailable                 503  unavailable

An app adds its own below the fitting branch: a subclass with a `code`, and a docstring that is
the default message. Plain Python: the redirect server and pure rules use these too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault in the input: where (a JSON pointer such as `/amount`), its code, in words."""

    pointer: str
    code: str
    detail: str


class PeractionError(Exception):
    """Something went wrong on our side."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = HTTPStatus.INTERNAL_SERVER_ERROR
    retry_after_s: ClassVar[int | None] = None

    def __init__(
        self,
        detail: str = "",
        *,
        pointer: str = "",
        errors: Sequence[FieldError] = (),
        members: Mapping[str, object] | None = None,
    ) -> None:
        """`pointer` names the one faulty field, `errors` several; `members` go into the body."""
        self.detail = detail or default_message(type(self))
        self.pointer = pointer
        self.members = dict(members or {})
        self.errors = tuple(errors)
        if pointer and not self.errors:
            self.errors = (FieldError(pointer, self.code, self.detail),)
        super().__init__(self.detail)

    @property
    def title(self) -> str:
        """The same words for every occurrence of the code."""
        return self.code.replace("_", " ").capitalize()


class BadInput(PeractionError):
    """The input is not valid."""

    code = "invalid"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Malformed(BadInput):
    """The input cannot be read."""

    code = "malformed"
    status = HTTPStatus.BAD_REQUEST


class UnknownField(BadInput):
    """The body has a field that nobody reads."""

    code = "unknown_field"


class DuplicateField(BadInput):
    """The body has a field twice, which leaves open what is meant."""

    code = "duplicate_field"
    status = HTTPStatus.BAD_REQUEST


class InvalidParameter(BadInput):
    """A query parameter has a value that cannot be read."""

    code = "invalid_parameter"
    status = HTTPStatus.BAD_REQUEST


class UnknownParameter(BadInput):
    """The query has a parameter that nobody reads."""

    code = "unknown_parameter"
    status = HTTPStatus.BAD_REQUEST


class IdempotencyKeyRequired(BadInput):
    """This call moves money: send an Idempotency-Key header of 1 to 255 printable characters."""

    code = "idempotency_key_required"
    status = HTTPStatus.BAD_REQUEST


class IdempotencyMismatch(BadInput):
    """This Idempotency-Key was used for another request."""

    code = "idempotency_mismatch"


class MoneyError(BadInput):
    """The amount is not valid."""

    code = "money_invalid"


class AmountInvalid(MoneyError):
    """An amount is digits with an optional minus and decimal point, such as "12.34"."""

    code = "amount_invalid"


class AmountTooFine(MoneyError):
    """The amount has more decimals than its currency."""

    code = "amount_too_fine"


class AmountTooLarge(MoneyError):
    """The amount is beyond what a bigint of micros holds."""

    code = "amount_too_large"


class CurrencyMismatch(MoneyError):
    """Two currencies never meet in one operation."""

    code = "currency_mismatch"


class Inexact(MoneyError):
    """The amount cannot be held exactly."""

    code = "amount_inexact"


class MoneyNotString(MoneyError):
    """Amounts are strings: a JSON number may lose digits on its way."""

    code = "money_must_be_string"


class UnknownCurrency(MoneyError):
    """The currency is not an active ISO 4217 code."""

    code = "unknown_currency"


class RateInvalid(BadInput):
    """A rate is a percentage such as "7.3333"."""

    code = "rate_invalid"


class RateNotString(BadInput):
    """A rate is a string: a JSON number may lose digits on its way."""

    code = "rate_must_be_string"


class RateTooFine(BadInput):
    """A rate has at most 4 decimals of a percent."""

    code = "rate_too_fine"


class Unauthenticated(PeractionError):
    """The request carries no valid credentials."""

    code = "unauthenticated"
    status = HTTPStatus.UNAUTHORIZED


class Forbidden(PeractionError):
    """The actor may not do this."""

    code = "forbidden"
    status = HTTPStatus.FORBIDDEN


class NotFound(PeractionError):
    """There is no such thing, or it belongs to another."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND


class Conflict(PeractionError):
    """The request does not fit the present state."""

    code = "conflict"
    status = HTTPStatus.CONFLICT


class IdempotencyInFlight(Conflict):
    """The first request with this Idempotency-Key is still running."""

    code = "idempotency_in_flight"
    retry_after_s = 1


class IllegalMove(Conflict):
    """The thing is not in a state from which this move is allowed."""

    # Of a thing with states the member `state` says which it is in, where that is known.
    code = "illegal_move"


class NotEnoughRoom(Conflict):
    """A cap or the advertiser's funds have no room for this."""

    code = "no_room"


class MethodNotAllowed(PeractionError):
    """This address does not take this method."""

    code = "method_not_allowed"
    status = HTTPStatus.METHOD_NOT_ALLOWED


class NotAcceptable(PeractionError):
    """The answer is JSON, which the Accept header rules out."""

    code = "not_acceptable"
    status = HTTPStatus.NOT_ACCEPTABLE


class UnsupportedMediaType(PeractionError):
    """The body has to be application/json."""

    code = "unsupported_media_type"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class TooLarge(PeractionError):
    """The request body is too large."""

    code = "too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class RateLimited(PeractionError):
    """Too many requests."""

    code = "rate_limited"
    status = HTTPStatus.TOO_MANY_REQUESTS


class Unavailable(PeractionError):
    """A part that this request needs is away; try again."""

    code = "unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after_s = 1


def document(error: PeractionError, *, instance: str, request_id: object) -> dict[str, object]:
    """The members of the RFC 9457 problem document; `instance` is the path that was asked for."""
    body: dict[str, object] = {
        "type": f"urn:problem-type:peraction:{error.code}",
        "title": error.title,
        "status": int(error.status),
        "detail": error.detail,
        "instance": instance,
        "code": error.code,
        "request_id": request_id,
    }
    if error.errors:
        body["errors"] = [
            {"pointer": fault.pointer, "code": fault.code, "detail": fault.detail}
            for fault in error.errors
        ]
    return body | error.members


def default_message(kind: type[PeractionError]) -> str:
    """The docstring of the class, on one line."""
    return " ".join((kind.__doc__ or kind.code).split())
