"""The system checks of partners."""

import pytest

from partners.checks import margin_is_a_share


@pytest.mark.parametrize(("ppm", "faults"), [(0, 0), (1_000_000, 0), (1_000_001, 1)])
def test_the_network_keeps_at_most_all_of_the_revenue(settings, ppm, faults):
    settings.NETWORK_MARGIN_PPM = ppm
    assert len(margin_is_a_share(None)) == faults
