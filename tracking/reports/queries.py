"""Impressions, clicks, conversions and money by offer, affiliate, goal and day, from the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from network.zones import midnight
from tracking.clicks.repeats import OF_VISITOR
from tracking.conversions.models import Conversion

STATUSES: Final = tuple(Conversion.Status.values)


class Dimension(NamedTuple):
    """What a report groups by, and its name if it has one.

    `label` is what the name is called in the answer; `kind` is int for an id, date for a day.
    """

    label: str = ""
    name: str = "NULL"
    join: str = ""
    kind: type[int] | type[date] = int


DIMENSIONS: Final[Mapping[str, Dimension]] = {
    "offer": Dimension("offer_name", "offer.name", "LEFT JOIN offer ON offer.id = facts.offer"),
    "affiliate": Dimension(
        "affiliate_name",
        "affiliate.name",
        "LEFT JOIN affiliate ON affiliate.id = facts.affiliate",
    ),
    "goal": Dimension("goal_code", "goal.code", "LEFT JOIN goal ON goal.id = facts.goal"),
    "day": Dimension(kind=date),
}

# The rows that are counted, and the time by which each kind has its day.
_TIMES: Final[Mapping[str, str]] = {
    "impression": "impression.ts",
    "click": "click.ts",
    "conversion": "conversion.received_at",
}
# Without a visitor key nobody can say that a click is a repeat.
_UNIQUE: Final = "(click.visitor IS NULL OR first_click.click_id IS NOT NULL)"
_OF_IMPRESSIONS: Final[Mapping[str, str]] = {"impressions": "count(*)"}
_OF_CLICKS: Final[Mapping[str, str]] = {
    "clicks": "count(*)",
    "valid_clicks": "count(*) FILTER (WHERE click.reason = 'ok')",
    "unique_clicks": f"count(*) FILTER (WHERE click.reason = 'ok' AND {_UNIQUE})",
}
_OF_CONVERSIONS: Final[Mapping[str, str]] = {
    status: f"count(*) FILTER (WHERE conversion.status = '{status}')" for status in STATUSES
} | {
    f"{prefix}{column}": f"coalesce(sum(conversion.{column})"
    f" FILTER (WHERE conversion.status = '{status}'), 0)"
    for prefix, status in (("", "approved"), ("pending_", "pending"))
    for column in ("revenue_micros", "commission_micros")
}
_MEASURES: Final = (*_OF_IMPRESSIONS, *_OF_CLICKS, *_OF_CONVERSIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: days from `first` to `last`, both whole and included, in a time zone.

    `only` are conditions that all hold, such as ("affiliate", 7); an id of None is nobody's.
    """

    group: Sequence[str]
    first: date
    last: date
    zone: ZoneInfo
    only: Sequence[tuple[str, int | None]] = ()

    @property
    def midnights(self) -> list[datetime]:
        """The instants at which the days begin, and the one at which the last of them ends."""
        days = (self.last - self.first).days + 2
        return [midnight(self.first + timedelta(days=day), self.zone) for day in range(days)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of a report. Money in micros of `currency`, which clicks without an offer lack.

    `group` holds the id or the day of each dimension, `names` what people call them. Test
    conversions are not counted; revenue and commission are what is approved, less reversals.
    Unique clicks are those valid ones that are known as a visitor's first of the day (UTC), and all
    that have no visitor key.
    """

    group: Mapping[str, int | date | None]
    names: Mapping[str, str | None]
    currency: str | None
    impressions: int
    clicks: int
    valid_clicks: int
    unique_clicks: int
    conversions: Mapping[str, int]
    revenue_micros: int
    commission_micros: int
    pending_revenue_micros: int
    pending_commission_micros: int


def lines(question: Question, *, limit: int) -> list[Line]:
    """The report, in the order of its groups; at most `limit` lines."""
    midnights = question.midnights
    params = {
        "midnights": midnights,
        "since": midnights[0],
        "until": midnights[-1],
        "limit": limit,
        **{f"only{number}": id for number, (_, id) in enumerate(question.only)},
    }
    with connection.cursor() as cursor:
        cursor.execute(_statement(question), params)
        return [_line(question, found) for found in cursor.fetchall()]


def _statement(question: Question) -> str:
    chosen = {name: DIMENSIONS[name] for name in question.group}
    groups = [f"facts.{name}" for name in chosen] + ["facts.currency"]
    names = [dimension.name for dimension in chosen.values()]
    sums = [f"sum(facts.{measure})" for measure in _MEASURES]
    keys = ", ".join([*groups, *(name for name in names if name != "NULL")])
    return f"""
        WITH facts ({", ".join([*chosen, "currency", *_MEASURES])}) AS (
            {_impressions(question)}
            UNION ALL {_clicks(question)}
            UNION ALL {_conversions(question)}
        )
        SELECT {", ".join([*groups, *names, *sums])}
        FROM facts {" ".join(dimension.join for dimension in chosen.values())}
        GROUP BY {keys}
        ORDER BY {", ".join(f"{group} NULLS FIRST" for group in groups)}
        LIMIT %(limit)s
    """


def _impressions(question: Question) -> str:
    joined = "LEFT JOIN offer ON offer.id = impression.offer_id"
    return _counted(question, "impression", _OF_IMPRESSIONS, "offer.currency", joined)


def _clicks(question: Question) -> str:
    # Joined by its id as well, a click finds no first click but itself. So no two rows have one
    # join key: by the visitor alone, all clicks without a key would be one bucket of a hash.
    joined = f"""
        LEFT JOIN offer ON offer.id = click.offer_id
        LEFT JOIN first_click ON {OF_VISITOR} AND first_click.click_id = click.id
            AND first_click.day >= (%(since)s AT TIME ZONE 'UTC')::date
            AND first_click.day <= (%(until)s AT TIME ZONE 'UTC')::date
    """
    return _counted(question, "click", _OF_CLICKS, "offer.currency", joined)


def _conversions(question: Question) -> str:
    return _counted(
        question, "conversion", _OF_CONVERSIONS, "conversion.currency", where="NOT is_test"
    )


def _counted(
    question: Question,
    table: str,
    own: Mapping[str, str],
    currency: str,
    joined: str = "",
    where: str = "true",
) -> str:
    """The rows of a table that are asked for, counted by group; what it does not count is 0."""
    columns = [*(_column(name, table) for name in question.group), currency]
    measures = [own.get(measure, "0") for measure in _MEASURES]
    time = _TIMES[table]
    return f"""
        SELECT {", ".join([*columns, *measures])}
        FROM {table} {joined}
        WHERE {time} >= %(since)s AND {time} < %(until)s AND {where} {_only(question, table)}
        GROUP BY {_positions(columns)}
    """


def _column(dimension: str, table: str) -> str:
    """What rows of a table are grouped by.

    Impressions and clicks belong to no goal: by goal they stand in a row without one, so that sums
    stay right. Days are numbered between bounds that Python computes, so that one zone database
    decides alone.
    """
    if dimension == "day":
        return f"width_bucket({_TIMES[table]}, %(midnights)s::timestamptz[])"
    if dimension == "goal" and table != "conversion":
        return "NULL::bigint"
    return f"{table}.{dimension}_id"


def _only(question: Question, table: str) -> str:
    return " ".join(
        f"AND {table}.{name}_id = %(only{number})s"
        for number, (name, _) in enumerate(question.only)
    )


def _positions(columns: Sequence[str]) -> str:
    return ", ".join(str(position) for position in range(1, len(columns) + 1))


def _line(question: Question, found: Sequence[Any]) -> Line:
    groups = len(question.group)
    measures = dict(zip(_MEASURES, map(int, found[2 * groups + 1 :]), strict=True))
    conversions = {status: measures.pop(status) for status in STATUSES}
    keys = dict(zip(question.group, found[:groups], strict=True))
    if "day" in keys:
        keys["day"] = question.first + timedelta(days=keys["day"] - 1)
    names = dict(zip(question.group, found[groups + 1 : 2 * groups + 1], strict=True))
    return Line(
        group=keys, names=names, currency=found[groups], conversions=conversions, **measures
    )
