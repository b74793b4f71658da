"""`schema`: the OpenAPI document of the whole API, counted like every other answer."""

from drf_spectacular.views import SpectacularAPIView

from network.api.throttling import Counted


class SchemaView(Counted, SpectacularAPIView):
    """The description of the whole API, for everybody."""
