"""The Django configuration of the partners app."""

from django.apps import AppConfig
from django.core.checks import register

from partners import checks


class PartnersConfig(AppConfig):
    name = "partners"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        register(checks.margin_is_a_share)
