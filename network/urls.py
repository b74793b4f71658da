"""The URL map of the web server on one screen; the tracker has its own."""

from django.urls import include, path

from network import health
from network.api.description import SchemaView

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path(
        "api/v1/",
        include(
            [
                path("", include("partners.urls")),
                path("", include("tracking.urls")),
                path("", include("payouts.urls")),
                path("schema", SchemaView.as_view(), name="schema"),
            ]
        ),
    ),
    path("", include("network.portal.urls")),
]

handler400 = "network.api.problems.bad_request"
handler403 = "network.api.problems.permission_denied"
handler404 = "network.api.problems.page_not_found"
handler500 = "network.api.problems.server_error"
