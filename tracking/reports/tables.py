"""A report's lines as records for JSON and as text for spreadsheets; who sees which money."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from network.money import format_micros
from partners.models import Role
from tracking.reports.queries import STATUSES, Line

_NAMED: Final[Mapping[str, str]] = {
    "offer": "offer_name",
    "affiliate": "affiliate_name",
    "goal": "goal_code",
}
_COUNTS: Final = ("clicks", "valid_clicks")
_REVENUE: Final = ("revenue", "pending_revenue")
_COMMISSION: Final = ("commission", "pending_commission")
_MONEY: Final[Mapping[Role, Sequence[str]]] = {
    Role.AFFILIATE: _COMMISSION,
    Role.ADVERTISER: _REVENUE,
    Role.OPERATOR: (*_REVENUE, *_COMMISSION),
    Role.FINANCE: (*_REVENUE, *_COMMISSION),
}
# A cell that begins so is a formula to a spreadsheet, whoever wrote it.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def money_of(role: Role) -> Sequence[str]:
    """The columns of money that a role may see."""
    return _MONEY[role]


def as_record(line: Line, money: Sequence[str]) -> dict[str, Any]:
    """A line for JSON; money is None for clicks of which no offer says the currency."""
    return {
        **_keys(line),
        "currency": line.currency,
        **{name: getattr(line, name) for name in _COUNTS},
        "conversions": dict(line.conversions),
        **{
            name: text and {"amount": text, "currency": line.currency}
            for name, text in _amounts(line, money).items()
        },
    }


def as_csv(lines: Sequence[Line], group: Sequence[str], money: Sequence[str]) -> str:
    """The lines below a heading, money in `currency`; no text in it is a formula."""
    file = io.StringIO()
    keys = [name for key in group for name in (key, _NAMED.get(key)) if name]
    table = csv.DictWriter(file, [*keys, "currency", *_COUNTS, *STATUSES, *money])
    table.writeheader()
    for line in lines:
        counts = {name: getattr(line, name) for name in _COUNTS}
        row = _keys(line) | {"currency": line.currency} | counts | dict(line.conversions)
        table.writerow(
            {name: _harmless(cell) for name, cell in row.items()} | _amounts(line, money)
        )
    return file.getvalue()


def _keys(line: Line) -> dict[str, Any]:
    """Each dimension's id or day, followed by its name."""
    keys: dict[str, Any] = {}
    for name, key in line.group.items():
        keys[name] = key
        if name in _NAMED:
            keys[_NAMED[name]] = line.names[name]
    return keys


def _amounts(line: Line, money: Sequence[str]) -> dict[str, str | None]:
    return {
        name: line.currency and format_micros(getattr(line, f"{name}_micros"), line.currency)
        for name in money
    }


def _harmless(cell: Any) -> Any:
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return cell
