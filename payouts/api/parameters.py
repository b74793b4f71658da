"""Query parameters that a view reads by itself."""

from datetime import date

from rest_framework.request import Request

from network.errors import FieldError, InvalidParameter
from payouts import bank

_ID_DIGITS_MAX = 18


def id_parameter(request: Request, name: str) -> int | None:
    """An id, None where it is not given; InvalidParameter."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _ID_DIGITS_MAX):
        raise invalid(name, "An id is a whole number.")
    return int(text)


def day_parameter(request: Request, name: str, default: date) -> date:
    """A day as 2026-11-30; InvalidParameter."""
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise invalid(name, "A day looks like 2026-11-30.") from None
    if not bank.FIRST_DAY <= day <= bank.LAST_DAY:
        raise invalid(name, bank.DayOutOfRange().detail)
    return day


def invalid(name: str, detail: str) -> InvalidParameter:
    """The refusal of one parameter."""
    return InvalidParameter(errors=[FieldError(f"?{name}", InvalidParameter.code, detail)])
