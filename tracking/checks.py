"""System checks of what tracking reads from the settings: `tracking.E...` stop."""

from django.conf import settings
from django.core.checks import CheckMessage, Error

from tracking.clicks.place import FileUnusable, atlas

# The largest number that a consent string has room for.
TCF_VENDOR_MAX = 0xFFFF


def places_can_be_looked_up(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """The files that say where an address is are there, and in their formats."""
    try:
        atlas()
    except FileUnusable as error:
        return [
            Error(
                str(error),
                hint="Put the file there, or leave the setting empty and do without.",
                id="tracking.E001",
            )
        ]
    return []


def vendor_fits_a_consent_string(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """No string can speak of a vendor beyond sixteen bits."""
    if settings.TCF_VENDOR_ID <= TCF_VENDOR_MAX:
        return []
    return [Error(f"TCF_VENDOR_ID is beyond {TCF_VENDOR_MAX}", id="tracking.E002")]
