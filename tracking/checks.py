"""System checks of what tracking reads from the settings: `tracking.E...` stop."""

from django.core.checks import CheckMessage, Error

from tracking.clicks.place import FileUnusable, atlas


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
