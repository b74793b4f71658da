"""The Django configuration of the kernel."""

from django.apps import AppConfig
from django.core.checks import Tags, register

from network import checks


class NetworkConfig(AppConfig):
    name = "network"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks; those of the database run when it is named."""
        register(checks.settings_fit_the_mode, Tags.security)
        register(checks.keys_are_long_enough, Tags.security)
        register(checks.owner_is_not_the_application, Tags.security)
        register(checks.application_owns_nothing, Tags.database)
        register(checks.pools_fit_the_server, Tags.database)
        register(checks.currencies_are_stored, Tags.database)
        # Commands run the checks; the web server, the tracker and the workers run none.
        checks.refuse_dangerous_settings()
