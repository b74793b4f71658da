"""What is kept of a visitor: by what was said, by the settings, by the country."""

import secrets
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracking.test_tcf import ALL, NOT_PURPOSE_ONE
from tracking.clicks.privacy import Consent, consent, opts_out, stored_ip, visitor_key

FULL, MINIMAL, REFUSED = Consent
SALT = secrets.token_bytes(32)
V4, V6 = "198.51.100.77", "2001:db8:1:2::77"


@pytest.fixture(autouse=True)
def as_delivered(settings):
    """The setting that nobody has touched."""
    settings.CONSENT_ABSENT = "minimal_in_eea"


def agreed(said="", country="US", *, gpc=False, **string):
    return consent(said, country, gpc=gpc, **string)


@pytest.mark.parametrize(
    ("said", "country", "gpc", "expected"),
    [
        ("1", "DE", False, FULL),
        ("0", "US", False, REFUSED),
        ("0", "DE", True, REFUSED),
        ("1", "DE", True, MINIMAL),
        ("", "DE", False, MINIMAL),
        ("", "NO", False, MINIMAL),
        ("", "", False, MINIMAL),
        ("", "US", False, FULL),
        ("", "US", True, MINIMAL),
        ("yes", "DE", False, MINIMAL),
        ("yes", "GB", False, FULL),
    ],
)
def test_the_strictest_word_counts(said, country, gpc, expected):
    assert agreed(said, country, gpc=gpc) == expected


@pytest.mark.parametrize(
    ("setting", "inside", "outside"),
    [("minimal_in_eea", MINIMAL, FULL), ("minimal", MINIMAL, MINIMAL), ("full", FULL, FULL)],
)
def test_where_nothing_is_said_the_setting_decides(settings, setting, inside, outside):
    settings.CONSENT_ABSENT = setting
    assert (agreed(country="FR"), agreed(country="US")) == (inside, outside)


@pytest.mark.parametrize(
    ("vendor", "string", "expected"),
    [
        (755, {"gdpr": "1", "gdpr_consent": ALL}, FULL),
        (755, {"gdpr_consent": ALL}, FULL),
        (901, {"gdpr": "1", "gdpr_consent": ALL}, REFUSED),
        (755, {"gdpr": "1", "gdpr_consent": NOT_PURPOSE_ONE}, REFUSED),
        (755, {"gdpr": "1", "gdpr_consent": "rubbish"}, REFUSED),
        (755, {"gdpr": "1"}, REFUSED),
        (755, {"gdpr": "0", "gdpr_consent": "rubbish"}, MINIMAL),
        (755, {"gdpr": "{gdpr}"}, MINIMAL),
        (0, {"gdpr": "1", "gdpr_consent": ALL}, MINIMAL),
        (0, {"gdpr": "1", "gdpr_consent": NOT_PURPOSE_ONE}, REFUSED),
    ],
)
def test_a_consent_string_agrees_for_a_vendor_and_refuses_for_all(
    settings, vendor, string, expected
):
    settings.TCF_VENDOR_ID = vendor
    assert agreed(country="DE", **string) == expected


def test_a_string_and_a_parameter_that_disagree_refuse(settings):
    settings.TCF_VENDOR_ID = 755
    assert agreed("1", gdpr_consent=NOT_PURPOSE_ONE) == REFUSED
    assert agreed("0", gdpr_consent=ALL) == REFUSED


def test_the_browsers_opt_out_is_one_header():
    assert opts_out({b"sec-gpc": b"1"})
    assert not opts_out({b"sec-gpc": b"0"})
    assert not opts_out({})


@pytest.mark.parametrize(
    ("policy", "full", "minimal"),
    [
        ("full", (V4, V6), ("198.51.100.0", "2001:db8:1::")),
        ("cut", ("198.51.100.0", "2001:db8:1::"), ("198.51.100.0", "2001:db8:1::")),
        ("none", (None, None), (None, None)),
    ],
)
def test_an_address_is_kept_as_the_setting_and_the_consent_allow(settings, policy, full, minimal):
    settings.CLICK_IP = policy
    assert tuple(stored_ip(ip, FULL, SALT) for ip in (V4, V6)) == full
    for less in (MINIMAL, REFUSED):
        assert tuple(stored_ip(ip, less, SALT) for ip in (V4, V6)) == minimal
    assert stored_ip(None, FULL, SALT) is None


@given(st.ip_addresses())
def test_a_cut_address_is_the_network_that_it_came_from(address):
    bits = 24 if address.version == 4 else 48
    network = ip_network((address, bits), strict=False)
    assert ip_address(stored_ip(str(address), MINIMAL)) == network.network_address


def test_a_hashed_address_is_the_same_for_a_salt_and_belongs_to_nobody(settings):
    settings.CLICK_IP = "hashed"
    kept = [stored_ip(ip, FULL, SALT) for ip in (V4, V6)]
    assert kept == [stored_ip(ip, FULL, SALT) for ip in (V4, V6)]
    assert all(ip_address(ip) in ip_network("fd00::/8") for ip in kept)
    # It tells visitors apart, which not everybody has agreed to.
    assert {stored_ip(V4, less, SALT) for less in (MINIMAL, REFUSED)} == {None}
    assert stored_ip(V4, FULL, secrets.token_bytes(32)) not in kept
    assert stored_ip(V4, FULL, None) is None


def test_one_visitor_has_one_key_for_as_long_as_the_salt_lasts():
    visit = (V4, "Mozilla/5.0", 5, 7)
    key = visitor_key(SALT, *visit)
    assert key == visitor_key(SALT, *visit)
    others = [(V6, "Mozilla/5.0", 5, 7), (V4, "Mozilla/5", 5, 7), (V4, "Mozilla/5.0", 6, 7),
              (V4, "Mozilla/5.0", 5, 8), (V4, "7\0Mozilla/5.0", 5, 7)]  # fmt: skip
    keys = {key, *(visitor_key(SALT, *other) for other in others)}
    assert len(keys | {visitor_key(b"other", *visit)}) == 7


def test_without_salt_or_address_nobody_has_a_key():
    assert visitor_key(None, V4, "x", 5, 7) is None
    assert visitor_key(SALT, None, "x", 5, 7) is None


@given(st.text(), st.integers(0, 2**63 - 1))
def test_a_key_fits_a_bigint(user_agent, offer_id):
    assert -(2**63) <= visitor_key(SALT, V4, user_agent, offer_id, 7) < 2**63
