"""The tracker of `interim` for granian."""

from tests.tracking.interim import Tracker
from tracking import asgi

asgi.Tracker = Tracker  # type: ignore[misc]
app = asgi.App()
