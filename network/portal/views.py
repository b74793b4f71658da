"""The one page of the portal; what it shows, the browser asks the API for."""

import json
from typing import Any

from django.conf import settings
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.generic import TemplateView

Login = dict[str, str]


# The page's scripts read the token from the cookie, and no form would set it.
@method_decorator((ensure_csrf_cookie, never_cache), name="dispatch")
class Portal(TemplateView):
    """An empty page with the scripts that fill it."""

    template_name = "portal/index.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The demo log-ins as JSON, empty without a demo network."""
        logins = demo_logins()
        return super().get_context_data(demo=json.dumps(logins) if logins else "", **kwargs)


def demo_logins() -> list[Login]:
    """Role, e-mail and password of the demo network's people; nobody's outside MODE=demo."""
    if settings.MODE != "demo":
        return []
    try:
        demo = json.loads((settings.STATE_DIR / "demo.json").read_text())
    except FileNotFoundError:
        return []
    return [
        {field: login[field] for field in ("role", "email", "password")} for login in demo["logins"]
    ]
