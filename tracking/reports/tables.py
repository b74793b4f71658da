"""A report's lines as records for JSON and as text for spreadsheets; who sees which money."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from network.money import money_object
from partners.models import Role
from tracking.reports.queries import DIMENSIONS, STATUSES, Line

_COUNTS: Final = ("impressions", "clicks", "valid_clicks", "unique_clicks")
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
        **_money(line, money),
    }


def as_csv(lines: Sequence[Line], group: Sequence[str], money: Sequence[str]) -> str:
    """The lines below a heading, money in `currency`; no text in it is a formula."""
    file = io.StringIO()
    keys = [name for key in group for name in (key, DIMENSIONS[key].label) if name]
    table = csv.DictWriter(file, [*keys, "currency", *_COUNTS, *STATUSES, *money])
    table.writeheader()
    for line in lines:
        counts = {name: getattr(line, name) for name in _COUNTS}
        row = _keys(line) | {"currency": line.currency} | counts | dict(line.conversions)
        amounts = {name: sum_ and sum_["amount"] for name, sum_ in _money(line, money).items()}
        table.writerow({name: _harmless(cell) for name, cell in row.items()} | amounts)
    return file.getvalue()


def _keys(line: Line) -> dict[str, Any]:
    """Each dimension's id or day, followed by its name."""
    keys: dict[str, Any] = {}
    for name, key in line.group.items():
        keys[name] = key
        if label := DIMENSIONS[name].label:
            keys[label] = line.names[name]
    return keys


def _money(line: Line, names: Sequence[str]) -> dict[str, dict[str, str] | None]:
    if line.currency is None:
        return dict.fromkeys(names)
    return {name: money_object(getattr(line, f"{name}_micros"), line.currency) for name in names}


def _harmless(cell: Any) -> Any:
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return cell
