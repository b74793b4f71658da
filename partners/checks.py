"""System checks of what partners read from the settings: `partners.E...` stop."""

from django.conf import settings
from django.core.checks import CheckMessage, Error

from network.money import PPM


def margin_is_a_share(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """The network keeps at most all of the revenue."""
    if 0 <= settings.NETWORK_MARGIN_PPM <= PPM:
        return []
    return [Error(f"NETWORK_MARGIN_PPM is beyond {PPM} parts per million", id="partners.E001")]
