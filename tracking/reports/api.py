"""`reports`: numbers by offer, affiliate, goal and day, as JSON or CSV."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from network import clock, zones
from network.api.parameters import day_parameter, id_parameter, parameter
from network.errors import BadInput, InvalidParameter, UnknownParameter
from partners.actors import Actor
from partners.api.resources import Resource
from partners.models import Role
from tracking.reports import queries, tables
from tracking.reports.queries import DIMENSIONS, Question
from tracking.reports.shapes import REPORT

DAYS: Final = 30
DAYS_MAX: Final = 1_100
LINES_MAX: Final = 50_000


class ReportTooLarge(BadInput):
    """The report has too many lines: ask for fewer days or groups."""

    code = "report_too_large"


class CsvRenderer(JSONRenderer):
    """Lets `format=csv` and `Accept: text/csv` through; the view writes the text."""

    media_type = "text/csv"
    format = "csv"


class Reports(Resource):
    """Impressions to money, straight from the rows; each role sees its own money."""

    renderer_classes = (JSONRenderer, CsvRenderer)
    pagination_class = None
    filter_backends = ()
    query_parameters = ("group", "from", "to", "tz", "offer", "affiliate", "advertiser", "format")
    roles = tuple(Role)
    scope = {"list": "reports:read"}

    @extend_schema(
        parameters=[
            OpenApiParameter("group", description=f"Of {', '.join(DIMENSIONS)}; by commas."),
            OpenApiParameter("from", OpenApiTypes.DATE, description="The first day."),
            OpenApiParameter("to", OpenApiTypes.DATE, description="The last day, included."),
            OpenApiParameter("tz", description="Whose days: an IANA time zone."),
            OpenApiParameter("offer", OpenApiTypes.INT64),
            OpenApiParameter("affiliate", OpenApiTypes.INT64),
            OpenApiParameter("advertiser", OpenApiTypes.INT64, description="Not for an affiliate."),
            OpenApiParameter("format", enum=["json", "csv"]),
        ],
        responses={
            (200, JSONRenderer.media_type): REPORT,
            (200, CsvRenderer.media_type): OpenApiTypes.STR,
        },
    )
    def list(self, request: Request) -> HttpResponse:
        """The report for the days asked for, by default the last 30.

        `unique_clicks` are the valid clicks less the repeats of a visitor's day (UTC); those of the
        last seconds are not among them yet.
        """
        now = clock.now()
        asked = question(request.query_params.dict(), self.actor)
        lines = queries.lines(asked, limit=LINES_MAX + 1)
        if len(lines) > LINES_MAX:
            raise ReportTooLarge()
        money = tables.money_of(self.actor.role)
        if request.accepted_renderer.format == CsvRenderer.format:
            return HttpResponse(
                tables.as_csv(lines, asked.group, money),
                content_type="text/csv; charset=utf-8",
                headers={"Content-Disposition": 'attachment; filename="report.csv"'},
            )
        return Response(
            {
                "group": asked.group,
                "from": asked.first,
                "to": asked.last,
                "tz": asked.zone.key,
                # Later clicks and decisions on earlier conversions are not in it.
                "complete_until": now,
                "results": [tables.as_record(line, money) for line in lines],
            }
        )


def question(said: dict[str, str], actor: Actor) -> Question:
    """What the parameters ask, of the actor's own rows; InvalidParameter names the faulty one.

    UnknownParameter where an affiliate asks by advertiser: it is not shown whose an offer is.
    """
    if actor.role == Role.AFFILIATE and "advertiser" in said:
        raise UnknownParameter(pointer="?advertiser")
    zone = parameter(said, "tz", _zone) or ZoneInfo(settings.NETWORK_TIME_ZONE)
    last = day_parameter(said, "to") or clock.now().astimezone(zone).date()
    first = day_parameter(said, "from") or last - timedelta(days=DAYS - 1)
    if not timedelta(0) <= last - first < timedelta(days=DAYS_MAX):
        raise InvalidParameter(f"A report covers 1 to {DAYS_MAX} days.", pointer="?from")
    asked = [(name, id_parameter(said, name)) for name in ("offer", "affiliate", "advertiser")]
    return Question(
        group=parameter(said, "group", _group) or (),
        first=first,
        last=last,
        zone=zone,
        only=[*_own(actor), *(pair for pair in asked if pair[1] is not None)],
    )


def _own(actor: Actor) -> Sequence[tuple[str, int | None]]:
    """The rows of the actor; those of nobody for a partner's role without a partner."""
    match actor.role:
        case Role.AFFILIATE:
            return [("affiliate", actor.affiliate_id)]
        case Role.ADVERTISER:
            return [("advertiser", actor.advertiser_id)]
        case _:
            return []


def _group(text: str) -> tuple[str, ...]:
    names = tuple(text.split(",")) if text else ()
    if set(names) - set(DIMENSIONS) or len(set(names)) < len(names):
        raise ValueError(f"Groups are {', '.join(DIMENSIONS)}, each at most once.")
    return names


def _zone(text: str) -> ZoneInfo:
    if text not in zones.names():
        raise ValueError("A zone is a name of the IANA database, such as Europe/Berlin.")
    return ZoneInfo(text)
