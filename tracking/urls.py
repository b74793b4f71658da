"""The addresses of tracking below /api/v1/; those of the tracker are in `asgi.py`."""

from rest_framework.routers import SimpleRouter

from tracking.clicks.api import ClickViews
from tracking.conversions.api import ConversionViews
from tracking.postbacks.api import DeliveryViews, PostbackViews
from tracking.reports.api import Reports
from tracking.seen.api import PageEventViews

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("clicks", ClickViews)
router.register("page-events", PageEventViews)
router.register("conversions", ConversionViews)
router.register("postbacks", PostbackViews)
router.register("deliveries", DeliveryViews)
router.register("reports", Reports, basename="report")

urlpatterns = router.urls
