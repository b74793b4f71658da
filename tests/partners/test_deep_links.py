"""Deep links: to the hosts of the offer and nowhere else, whatever they are dressed up as."""

import re
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partners.deep_links import deep_link, listed_host

HOSTS = frozenset({"shop.example", "*.wild.example", "xn--grn-ioa.example"})


def as_a_browser(url):
    """The host that browsers go to, by the URL Standard as far as it matters here."""
    url = url.strip("".join(map(chr, range(33))))
    url = re.sub("[\t\n\r]", "", url)
    scheme, _, rest = url.partition(":")
    assert scheme.lower() in ("http", "https")
    rest = rest.lstrip("/\\")
    authority = re.split(r"[/\\?#]", rest, maxsplit=1)[0]
    return authority.rpartition("@")[2].partition(":")[0].lower()


def is_listed(host):
    return host in HOSTS or host.endswith(".wild.example")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example", "https://shop.example/"),
        ("http://shop.example/a/b?c=d&e=f#g", "http://shop.example/a/b?c=d&e=f#g"),
        ("https://shop.example?c=d", "https://shop.example/?c=d"),
        ("https://shop.example#top", "https://shop.example/#top"),
        ("HTTPS://Shop.Example/Path", "https://shop.example/Path"),
        ("https://shop.example:443/", "https://shop.example:443/"),
        ("http://shop.example:80/", "http://shop.example:80/"),
        ("https://a.wild.example/", "https://a.wild.example/"),
        ("https://a.b.wild.example/", "https://a.b.wild.example/"),
        ("https://grün.example/", "https://xn--grn-ioa.example/"),
        ("https://GRÜN.example/", "https://xn--grn-ioa.example/"),
        ("https://ｓｈｏｐ。example/", "https://shop.example/"),
        ("https://shop.example/ф б?q=ю%20", "https://shop.example/%D1%84%20%D0%B1?q=%D1%8E%20"),
        ("https://shop.example/%0d%0aA:b", "https://shop.example/%0d%0aA:b"),
        ("https://shop.example//evil.example/", "https://shop.example//evil.example/"),
        ("https://shop.example/@evil.example", "https://shop.example/@evil.example"),
    ],
)
def test_an_address_on_a_listed_host_is_kept(url, expected):
    assert deep_link(url, HOSTS) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "//shop.example/",
        "/path",
        "https:shop.example",
        "https:/shop.example",
        "https:///shop.example",
        "https://",
        "https://?shop.example",
        "ftp://shop.example/",
        "javascript://shop.example/%0aalert(1)",
        "data:text/html,x",
        " https://shop.example/",
        "https://shop.example /",
        "https://shop.example\t/",
        "https://sh\nop.example/",
        "ht\ntps://shop.example/",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://shop.example/\x00",
        "https://shop.example/\x7f",
        "https://shop.example/\x85",
        "https://shop.example/\u2028",
        "https://shop.example/\ud800",
        "https:\\\\shop.example/",
        "https://shop.example\\@evil.example/",
        "https://evil.example\\.wild.example/",
        "https://me@shop.example/",
        "https://me:pw@shop.example/",
        "https://shop.example@evil.example/",
        "https://shop.example:@evil.example/",
        "https://shop.example:8080/",
        "https://shop.example:0443/",
        "https://shop.example:/",
        "https://shop.example:443:443/",
        "https://shop.example.",
        "https://shop.example..",
        "https://.shop.example/",
        "https://shop.example.evil.example/",
        "https://evilshop.example/",
        "https://www.shop.example/",
        "https://wild.example/",
        "https://.wild.example/",
        "https://evilwild.example/",
        "https://a..wild.example/",
        "https://*.wild.example/",
        "https://-a.wild.example/",
        "https://evil.example/.wild.example",
        "https://evil.example／.wild.example/",
        "https://evil.example？.wild.example/",
        "https://evil.example＃.wild.example/",
        "https://evil.example＠a.wild.example/",
        "https://evil.example%2f.wild.example/",
        "https://shop%2eexample/",
        "https://[shop.example]/",
        "https://[::1]/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://ѕhop.example/",  # a Cyrillic letter
        "https://shop.examрle/",
        "https://shoß.wild.example/",
        "https://a\u200db.wild.example/",
        "https://" + "ü" * 300 + ".wild.example/",
        "https://" + "a." * 130 + "wild.example/",
        "https://" + "a" * 64 + ".wild.example/",
        "https://shop.example/" + "x" * 2_000,
    ],
)
def test_whatever_could_lead_elsewhere_is_refused(url):
    assert deep_link(url, HOSTS) is None


def test_an_offer_without_hosts_has_no_deep_links():
    assert deep_link("https://shop.example/", ()) is None
    assert deep_link("https://shop.example/", ["shop.example"]) == "https://shop.example/"


pieces = st.sampled_from(
    [
        *("https", "http", "HTTP", ":", "/", "//", "///", "\\", "@", "?", "#", "&", ".", "..", "*"),
        *("shop.example", "a.wild.example", ".wild.example", "evil.example", "grün.example"),
        *(":443", ":80", ":1", "[", "]", "%2f", "%00", " ", "\t", "\n", "\r", "\0", "\u3002"),
        *(
            "／",
            "＠",
            "？",
            "％",
            "：",
            "\u2025",
            "\u00ad",
            "\u200b",
            "xn--",
            "-",
            "_",
            "0x7f",
            "ⓔ",
        ),
    ]
)
urls = st.lists(pieces | st.text(max_size=3), max_size=12).map("".join)
half_good = st.builds("{}{}".format, st.sampled_from(["https://", "http://"]), urls)


@given(urls | half_good)
@example("https://shop.example?@evil.example/")
@example("https://shop.example#@evil.example/")
@example("https://grün.example")
def test_where_it_leads_is_always_one_of_the_offers_hosts(url):
    found = deep_link(url, HOSTS)
    if found is None:
        return
    assert re.fullmatch(r"https?://[\x21-\x5b\x5d-\x7e]+", found)
    assert is_listed(as_a_browser(found))
    # Not `host`, which httpx writes in letters again.
    assert urlsplit(found).hostname == httpx.URL(found).raw_host.decode() == as_a_browser(found)
    assert urlsplit(found).port in (None, 80, 443)
    assert deep_link(found, HOSTS) == found


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Shop.Example", "shop.example"),
        ("*.shop.example", "*.shop.example"),
        ("*.GRÜN.example", "*.xn--grn-ioa.example"),
        ("shop.example.", None),
        ("*", None),
        ("*.", None),
        ("*.example", None),
        ("*.*.example", None),
        ("a*.shop.example", None),
        ("https://shop.example", None),
        ("shop.example/", None),
        ("shop.example:443", None),
        ("localhost", None),
        ("192.0.2.1", None),
        ("[::1]", None),
        ("straße.example", None),
        ("", None),
        ("shop.example\n", None),
    ],
)
def test_a_host_is_listed_as_it_is_looked_up(text, host):
    assert listed_host(text) == host
