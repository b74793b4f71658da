"""Where an address is, by the registries, by the operator's databases, by a list of ranges."""

import sys
from types import ModuleType

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from network.ranges import number
from tracking import checks
from tracking.clicks.place import NOWHERE, Atlas, FileUnusable, place

V4, V6 = "81.2.69.142", "2a02:2e0:3fe:1001:302::"


def database(path, records, ip_version=6):
    writer = MMDBWriter(ip_version, "Test", ipv4_compatible=ip_version == 6)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return str(path)


@pytest.fixture
def geo(tmp_path):
    records = {
        "81.2.69.0/24": {
            "country": {"iso_code": "GB"},
            "subdivisions": [{"iso_code": "ENG"}, {"iso_code": "LND"}],
        },
        "2a02:2e0::/32": {"country": {"iso_code": "DE"}, "subdivisions": []},
        "192.0.2.0/25": {"country_code": "FR"},
        "192.0.2.128/25": {"country": {"names": {"en": "nowhere"}}},
        "198.51.100.0/24": {"country": {"iso_code": "ZZ"}, "subdivisions": [{"iso_code": "X"}]},
        "203.0.113.0/24": {"country": ["GB"], "subdivisions": "ENG"},
    }
    return database(tmp_path / "geo.mmdb", records)


@pytest.mark.parametrize(("ip", "country"), [(V4, "GB"), (V6, "DE"), ("8.8.8.8", "US")])
def test_the_registries_know_the_country(ip, country):
    found = place(ip)
    assert (found.country, found.region, found.connection) == (country, "", "")
    assert found.ip_number == number(ip)


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "10.0.0.1", "fe80::1"])
def test_an_address_of_nobody_is_in_no_country(ip):
    assert place(ip).country == ""
    assert not place(ip).datacentre


@pytest.mark.parametrize("ip", [None, "", "rubbish", "1.2.3.4.5"])
def test_no_address_is_nowhere(ip):
    assert place(ip) == NOWHERE


@pytest.mark.parametrize(
    ("ip", "country", "region"),
    [
        (V4, "GB", "GB-ENG"),
        (V6, "DE", ""),
        ("192.0.2.1", "FR", ""),
        ("192.0.2.200", "", ""),
        ("198.51.100.1", "", ""),
        ("203.0.113.1", "", ""),
        ("8.8.8.8", "", ""),
    ],
)
def test_the_operators_database_says_country_and_region(geo, ip, country, region):
    found = Atlas(geo_mmdb=geo).place(ip)
    assert (found.country, found.region) == (country, region)


def test_the_settings_say_whom_to_ask(geo, settings):
    settings.GEO_MMDB = geo
    assert place(V4).region == "GB-ENG"
    settings.GEO_MMDB = ""
    assert place(V4).region == ""


def test_a_database_of_ipv4_knows_nothing_of_ipv6(tmp_path):
    path = database(tmp_path / "four.mmdb", {"81.2.69.0/24": {"country_code": "GB"}}, 4)
    known = Atlas(geo_mmdb=path)
    assert (known.place(V4).country, known.place(V6).country) == ("GB", "")


def test_the_kind_of_connection_is_said_in_our_words(tmp_path):
    records = {"81.2.69.0/24": {"connection_type": "Cellular"},
               "192.0.2.0/24": {"connection_type": "Cable/DSL"},
               "198.51.100.0/24": {"connection_type": "Pigeon"},
               "203.0.113.0/24": {"connection_type": {"a": 1}}}  # fmt: skip
    known = Atlas(connection_mmdb=database(tmp_path / "c.mmdb", records))
    ips = (V4, "192.0.2.1", "198.51.100.1", "203.0.113.1", V6)
    assert [known.place(ip).connection for ip in ips] == ["cellular", "cable_dsl", "", "", ""]


def test_data_centres_are_listed_one_range_a_line(tmp_path):
    path = tmp_path / "ranges"
    path.write_text("# ours\n\n203.0.113.0/24 # and a word\n2001:db8::/32\n198.51.100.7\n")
    known = Atlas(datacentre_ranges=str(path))
    ips = ("203.0.113.9", "2001:db8::1", "198.51.100.7", "198.51.100.8", "::1")
    assert [known.place(ip).datacentre for ip in ips] == [True, True, True, False, False]


def test_an_optional_package_may_know_more_of_them(monkeypatch):
    # Not installed here, so a stand-in with its interface says what it would.
    kinds = {"203.0.113.1": "hosting", "203.0.113.2": "tor", "203.0.113.3": "cdn"}
    package = ModuleType("iporigin")
    package.__spec__ = sys.__spec__
    package.dataset_info = dict
    package.classify = lambda ip: type("Origin", (), {"kind": kinds.get(ip, "unknown")})
    monkeypatch.setitem(sys.modules, "iporigin", package)
    known = Atlas()
    assert [known.place(ip).datacentre for ip in (*kinds, V4)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("setting", "content", "words"),
    [
        ("GEO_MMDB", "rubbish", "GEO_MMDB is no database"),
        ("CONNECTION_MMDB", "", "CONNECTION_MMDB is no database"),
        ("DATACENTRE_RANGES", "10.0.0.0/8\n10.0.0.1/8\n", "DATACENTRE_RANGES, line 2"),
    ],
)
def test_a_file_of_another_form_is_refused(settings, tmp_path, setting, content, words):
    path = tmp_path / "file"
    path.write_text(content)
    setattr(settings, setting, str(path))
    [found] = checks.places_can_be_looked_up(None)
    assert (found.id, words in found.msg) == ("tracking.E001", True)


@pytest.mark.parametrize("setting", ["GEO_MMDB", "CONNECTION_MMDB", "DATACENTRE_RANGES"])
def test_a_file_that_is_not_there_is_refused(tmp_path, setting):
    with pytest.raises(FileUnusable, match=setting):
        Atlas(**{setting.lower(): str(tmp_path / "nothing")})


def test_fit_files_and_a_fit_vendor_pass(settings, geo):
    settings.GEO_MMDB = geo
    assert checks.places_can_be_looked_up(None) == []
    assert checks.vendor_fits_a_consent_string(None) == []
    settings.TCF_VENDOR_ID = 70_000
    assert [each.id for each in checks.vendor_fits_a_consent_string(None)] == ["tracking.E002"]
