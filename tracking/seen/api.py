"""`page-events`: what the script told of one click, to those whose click it is."""

from typing import Final

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers

from network.errors import InvalidParameter, NotFound
from network.ids import uuid7_time
from partners.actors import Actor
from partners.api.resources import Resource
from partners.api.schema import by_role
from partners.models import Role
from tracking.clicks import ids
from tracking.clicks.models import Click
from tracking.seen.models import PageEvent
from tracking.visible import visible

_CLICK: Final = OpenApiParameter("click", required=True, description="A click's id, as links say.")


class PageEventForAffiliate(serializers.ModelSerializer[PageEvent]):
    """That something happened, and when; the advertiser's pages are its own business."""

    at = serializers.DateTimeField(source="ts", read_only=True)

    class Meta:
        model = PageEvent
        fields: tuple[str, ...] = ("id", "at", "name")
        read_only_fields: tuple[str, ...] = fields


class PageEventFull(PageEventForAffiliate):
    """What happened, when, and on which page."""

    class Meta(PageEventForAffiliate.Meta):
        fields = (*PageEventForAffiliate.Meta.fields, "path")
        read_only_fields = fields


PAGE_EVENT = by_role("PageEvent", PageEventFull, PageEventForAffiliate)


@extend_schema_view(list=extend_schema(parameters=[_CLICK], responses=PAGE_EVENT))
class PageEventViews(mixins.ListModelMixin, Resource):
    """What happened on the advertiser's pages after one click, the latest first.

    A browser has told it and nobody has signed it: it shows a way, and proves nothing.
    """

    queryset = PageEvent.objects.all()
    serializer_class = PageEventFull
    query_parameters = ("click",)
    ordering = ("-id",)
    roles = tuple(Role)
    scope = {"list": "clicks:read"}

    def get_queryset(self) -> QuerySet[PageEvent]:
        click_id = ids.read(self.request.query_params.get("click", ""))
        if click_id is None:
            raise InvalidParameter("Say whose events: `click` is a click's id.", pointer="?click")
        # With the time inside the id, the database looks at no day before the click's.
        at = uuid7_time(click_id)
        if not visible(Click.objects.all(), self.actor).filter(id=click_id, ts=at).exists():
            raise NotFound()
        return PageEvent.objects.filter(click_id=click_id, ts__gte=at)

    def serializer_for(self, actor: Actor) -> type[serializers.ModelSerializer[PageEvent]]:
        return PageEventForAffiliate if actor.role == Role.AFFILIATE else PageEventFull
