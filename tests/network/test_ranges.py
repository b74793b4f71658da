"""Addresses as numbers, and sets of them."""

from ipaddress import IPv4Network, IPv6Network, ip_address

import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.countries import COUNTRIES, EEA
from network.ranges import Ranges, network, number

v4 = st.builds(
    lambda bits, length: IPv4Network((bits, length), strict=False),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)
v6 = st.builds(
    lambda bits, length: IPv6Network((bits, length), strict=False),
    st.integers(0, 2**128 - 1) | st.integers(0, 2**50),
    st.integers(0, 128),
)


@given(st.lists(v4 | v6, max_size=20), st.ip_addresses() | v4.map(lambda each: each[-1]))
def test_an_address_is_in_the_set_when_it_is_in_one_of_the_ranges(networks, address):
    address = getattr(address, "ipv4_mapped", None) or address
    inside = any(
        address in each or (in_mapped(each) and as_mapped(address) in each) for each in networks
    )
    assert (number(str(address)) in Ranges(networks)) == inside


def in_mapped(each):
    return each.version == 6 and each.subnet_of(IPv6Network("::ffff:0:0/96"))


def as_mapped(address):
    return ip_address(f"::ffff:{address}") if address.version == 4 else address


def test_all_of_ipv6_is_not_ipv4():
    everything = Ranges([network("::/0")])
    assert number("2001:db8::1") in everything
    assert number("192.0.2.1") not in everything


def test_a_range_that_ends_with_the_place_of_ipv4_leaves_it_out():
    up_to_it = Ranges([network("::/80")])
    assert number("::1") in up_to_it
    assert all(number(ip) not in up_to_it for ip in ("0.0.0.0", "255.255.255.255", "::1:0:0:0"))


def test_ranges_that_overlap_or_touch_are_one():
    texts = ("10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8", "13.0.0.0/8")
    assert len(Ranges(map(network, texts))) == 2


@pytest.mark.parametrize("text", ["", "rubbish", "1.2.3", "1.2.3.4.5", "::g", "1.2.3.4\0", "é"])
def test_what_is_no_address_has_no_number(text):
    assert number(text) is None


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "fe80::%eth0/64", "10.0.0.0/33", "x/8"])
def test_what_is_no_range_is_refused(text):
    with pytest.raises(ValueError, match="."):
        network(text)


def test_the_countries_are_those_of_iso_and_kosovo():
    assert {each.alpha_2 for each in pycountry.countries} | {"XK"} == COUNTRIES
    assert len(EEA) == 30
    assert EEA < COUNTRIES
