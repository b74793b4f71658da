"""The Django configuration of the tracking app."""

from django.apps import AppConfig
from django.core.checks import Tags, register

from tracking import checks


class TrackingConfig(AppConfig):
    name = "tracking"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        register(checks.places_can_be_looked_up, Tags.files)
        register(checks.vendor_fits_a_consent_string, Tags.security)
