"""`clicks`: what happened on the links, good or not, to those whose clicks they are."""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers

from network import clock
from network.api.filters import SCANNED_DAYS_MAX, IdFilter, StrictFilterSet, TrueOrFalse
from network.countries import COUNTRIES, UnknownCountry
from network.errors import default_message
from partners.actors import Actor
from partners.api.resources import Resource
from partners.facts import DEVICES
from partners.models import Role
from tracking.clicks import repeats
from tracking.clicks.decide import REASONS
from tracking.clicks.models import Click
from tracking.clicks.shapes import CLICK, ClickForAdvertiser, ClickForAffiliate, ClickForNetwork
from tracking.visible import visible


def _check_country(code: str) -> None:
    if code not in COUNTRIES:
        raise ValidationError(default_message(UnknownCountry), code=UnknownCountry.code)


class ClickFilter(StrictFilterSet):
    """Clicks by whose they are, by what became of them, and by time."""

    period = "ts"
    scanning = ("offer", "link", "reason", "country", "device", "repeat")

    affiliate = IdFilter("affiliate_id")
    offer = IdFilter("offer_id")
    link = IdFilter("link_id")
    reason = filters.ChoiceFilter(choices=[(reason, reason) for reason in REASONS])
    country = filters.CharFilter(validators=[_check_country])
    device = filters.ChoiceFilter(choices=[(device, device) for device in DEVICES])
    repeat = TrueOrFalse()


@extend_schema_view(list=extend_schema(responses=CLICK))
class ClickViews(mixins.ListModelMixin, Resource):
    """Every answered visit to a link, the latest first.

    Whatever is not `affiliate` is looked for row by row, in at most 31 days: with it goes `from`,
    and `to` unless it is now. To an advertiser, without a `from`, the last 31 days are shown.
    """

    queryset = Click.objects.all()
    serializer_class = ClickForNetwork
    filterset_class = ClickFilter
    # An id begins with the click's time, so this is the order of time, and the primary key has it.
    ordering = ("-id",)
    roles = tuple(Role)
    scope = {"list": "clicks:read"}

    def get_queryset(self) -> QuerySet[Click]:
        clicks = visible(Click.objects.annotate(repeat=repeats.is_repeat()), self.actor)
        if self.actor.role == Role.ADVERTISER and "from" not in self.request.query_params:
            # No index has an advertiser's: one with few clicks would have all days read.
            return clicks.filter(ts__gte=clock.now() - timedelta(days=SCANNED_DAYS_MAX))
        return clicks

    def serializer_for(self, actor: Actor) -> type[serializers.ModelSerializer[Click]]:
        if actor.sees_all:
            return ClickForNetwork
        return ClickForAffiliate if actor.role == Role.AFFILIATE else ClickForAdvertiser
