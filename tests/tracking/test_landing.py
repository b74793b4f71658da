"""Where a click goes: pages chosen by weight, macros, parameters, and no way out for a visitor."""

import re
from collections import Counter
from datetime import UTC, datetime
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.deep_links import deep_link
from partners.vocabulary import MACROS, SUBS
from tracking.clicks.landing import choose, deep_landing, fallback, landing

AT = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
UTM = (("utm_source", "peraction"), ("utm_campaign", "{affiliate} & co"))
VALUES = {"click_id": "ID-1", "sub1": "a &b", "affiliate": "alice", "affiliate_id": "7"}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
nasty = st.sampled_from(
    [
        "&x=1",
        "#",
        "?",
        "/../",
        "//evil.example",
        "@evil.example",
        "\r\nA: b",
        "{click_id}",
        "%26",
        "\\",
    ]
)


# --- macros


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example", "https://shop.example/?click_id=ID-1"),
        ("https://shop.example/a?b=1#top", "https://shop.example/a?b=1&click_id=ID-1#top"),
        ("https://shop.example/{click_id}/x", "https://shop.example/ID-1/x"),
        ("https://shop.example/#{clickid}", "https://shop.example/#ID-1"),
        ("https://shop.example/?t={TRANSACTION_ID}", "https://shop.example/?t=ID-1"),
        (
            "https://shop.example/?c={click_id}&s={sub1}{sub2}",
            "https://shop.example/?c=ID-1&s=a%20%26b",
        ),
        (
            "https://shop.example/?c={click_id}&x={Nonsense}",
            "https://shop.example/?c=ID-1&x={Nonsense}",
        ),
        ("https://{sub1}.example/?c={click_id}", "https://{sub1}.example/?c=ID-1"),
        ("https://shop.example/ф б?c={tid}", "https://shop.example/%D1%84%20%D0%B1?c=ID-1"),
        (
            "https://shop.example/?c={tid}&a={affiliate}.{pid}",
            "https://shop.example/?c=ID-1&a=alice.7",
        ),
    ],
)
def test_macros_are_filled_in_behind_the_host(url, expected):
    assert landing(url, VALUES) == expected


@pytest.mark.parametrize("macro", MACROS)
def test_every_macro_says_its_value(macro):
    value = MACROS[macro]
    url = landing(f"https://shop.example/{{{macro}}}", {value: f"v-{value}"})
    assert url.startswith(f"https://shop.example/v-{value}")


def test_all_thirty_sub_ids_are_told():
    url = "https://shop.example/?c={click_id}&" + "&".join(f"{sub}={{{sub}}}" for sub in SUBS)
    values = {sub: f"value of {sub}" for sub in SUBS}
    told = landing(url, values | {"click_id": "x"})
    assert dict(parse_qsl(urlsplit(told).query)) == values | {"c": "x"}


def test_the_moment_of_the_click_is_told():
    url = landing("https://shop.example/{click_id}?t={timestamp}&d={date}&r={rand}", {}, at=AT)
    assert re.fullmatch(r"https://shop\.example/\?t=1795309323&d=2026-11-22&r=[0-9]{1,9}", url)


@pytest.mark.parametrize("name", ["ip", "user_agent", "ua", "referrer"])
def test_nobody_is_told_who_the_visitor_is(name):
    assert name not in MACROS
    assert landing(f"https://shop.example/{{{name}}}", {name: "secret"}).endswith(f"{{{name}}}")


def test_without_consent_no_click_id_is_passed():
    assert landing("https://shop.example/a", {"sub1": "x"}) == "https://shop.example/a"
    assert landing("https://shop.example/?c={click_id}&s={sub1}", {"sub1": "x"}).endswith("?c=&s=x")
    told = deep_landing("https://shop.example/p?c=1", "https://shop.example/?c={click_id}", {})
    assert told == "https://shop.example/p?c="


def test_a_fallback_is_told_nothing_that_it_does_not_ask_for():
    values = {"click_id": "ID-1", "affiliate": "alice"}
    assert fallback("https://out.example/?a={affiliate}", values) == "https://out.example/?a=alice"


# --- added parameters


@pytest.mark.parametrize(
    ("url", "query"),
    [
        (
            "https://shop.example/",
            "utm_source=peraction&utm_campaign=alice%20%26%20co&click_id=ID-1",
        ),
        (
            "https://shop.example/?utm_source=own&a=1#x",
            "utm_source=own&a=1&utm_campaign=alice%20%26%20co&click_id=ID-1",
        ),
        (
            "https://shop.example/{click_id}?utm%5Fcampaign=",
            "utm%5Fcampaign=&utm_source=peraction",
        ),
    ],
)
def test_an_address_gets_the_parameters_that_it_does_not_have(url, query):
    assert urlsplit(landing(url, VALUES, UTM)).query == query


def test_a_parameter_may_be_the_one_that_tells_the_click_id():
    url = landing("https://shop.example/", VALUES, (("ref", "{click_id}"),))
    assert url == "https://shop.example/?ref=ID-1"


@given(values=st.dictionaries(st.sampled_from(["sub1", "sub2", "source"]), texts | nasty))
def test_a_visitors_values_add_no_parameter_and_leave_the_host_alone(values):
    url = "https://shop.example/p/{sub1}/{sub2}?a={sub1}&b=x{source}#f={sub2}"
    utm = (("utm_content", "{source}"),)
    parts = urlsplit(landing(url, values | {"click_id": "ID-1"}, utm))
    one, two, source = (values.get(name, "") for name in ("sub1", "sub2", "source"))
    assert (parts.scheme, parts.netloc) == ("https", "shop.example")
    assert unquote(parts.path) == f"/p/{one}/{two}"
    assert parts.path.count("/") == 3
    assert parse_qsl(parts.query, keep_blank_values=True) == [
        ("a", one),
        ("b", f"x{source}"),
        ("utm_content", source),
        ("click_id", "ID-1"),
    ]
    assert unquote(parts.fragment) == f"f={two}"
    assert parts.geturl().isprintable()
    assert parts.geturl().isascii()


# --- deep links


PAGE = "https://shop.example/?cid={click_id}&from={affiliate}&lang=en"


@pytest.mark.parametrize(
    ("url", "page", "expected"),
    [
        (
            "https://shop.example/p/1?size=xl#top",
            PAGE,
            "https://shop.example/p/1?size=xl&cid=ID-1&from=alice#top",
        ),
        (
            "https://shop.example/p/1?cid=stolen&from=me&c%69d=twice",
            PAGE,
            "https://shop.example/p/1?cid=ID-1&from=alice",
        ),
        (
            "https://shop.example/p/1?s=mine&q=1",
            "https://shop.example/?s={sub1}&t={sub1}",
            "https://shop.example/p/1?s=mine&q=1&t=a%20%26b&click_id=ID-1",
        ),
        (
            "https://shop.example/p/1?click_id=stolen",
            "https://shop.example/{click_id}",
            "https://shop.example/p/1?click_id=ID-1",
        ),
        (
            "https://shop.example/{sub1}?q={sub1}",
            "https://shop.example/",
            "https://shop.example/{sub1}?q={sub1}&click_id=ID-1",
        ),
    ],
)
def test_a_deep_link_tells_the_shop_what_its_landing_page_would_be_told(url, page, expected):
    assert deep_landing(url, page, VALUES) == expected


@pytest.mark.parametrize(
    "forged",
    [
        "from=me",
        "FROM=me",
        "fr%6Fm=me",
        "from%20=me",
        "+from=me",
        "x=1;from=me",
        "from",
        "From;x=1",
    ],
)
def test_no_deep_link_says_who_it_comes_from(forged):
    url = deep_landing(f"https://shop.example/p?{forged}&size=xl", PAGE, VALUES)
    assert urlsplit(url).query == "size=xl&cid=ID-1&from=alice"


def test_a_deep_link_gets_the_parameters_that_it_does_not_have():
    url = deep_landing("https://shop.example/p?utm_source=mine", PAGE, VALUES, UTM)
    query = "utm_source=mine&cid=ID-1&from=alice&utm_campaign=alice%20%26%20co"
    assert urlsplit(url).query == query


@given(query=texts | nasty, values=st.dictionaries(st.sampled_from(["sub1", "affiliate"]), texts))
def test_a_deep_link_stays_where_it_leads_and_has_one_click_id(query, values):
    link = deep_link(f"https://shop.example/p?a=1&{query}", {"shop.example"})
    if link is None:
        return
    parts = urlsplit(deep_landing(link, PAGE, values | {"click_id": "ID-1"}, UTM))
    assert (parts.scheme, parts.netloc) == ("https", "shop.example")
    found = parse_qsl(parts.query, keep_blank_values=True)
    assert [value for name, value in found if name == "cid"] == ["ID-1"]
    assert not any(name == "click_id" for name, _ in found)


# --- rotation


PAGES = [(11, 300, "a"), (12, 100, "b"), (13, 0, "c")]


def test_visitors_are_shared_out_by_weight():
    rolls = [number / 4_000 for number in range(4_000)]
    found = Counter(choose(PAGES, roll) for roll in rolls)
    assert found == {PAGES[0]: 3_000, PAGES[1]: 1_000}


def test_the_ends_of_chance_meet_a_page_with_weight():
    for pages in (PAGES, PAGES[::-1]):
        assert choose(pages, 0.0)[1] > 0
        assert choose(pages, 1 - 2**-53)[1] > 0


@pytest.mark.parametrize(
    ("wanted", "id"), [("12", 12), ("13", 13), ("14", 11), ("x", 11), ("012", 11), ("", 11)]
)
def test_a_page_that_the_link_asks_for_wins_where_the_offer_has_it(wanted, id):
    assert choose(PAGES, 0.0, wanted)[0] == id


@pytest.mark.parametrize("pages", [[], [(1, 0, "a")]])
def test_without_any_weight_there_is_no_page(pages):
    assert choose(pages, 0.5) is None


@given(st.lists(st.integers(0, 1_000_000), min_size=1), st.floats(0, 1, exclude_max=True))
def test_a_page_without_weight_is_never_rolled(weights, roll):
    page = choose(list(enumerate(weights)), roll)
    assert (page is None) == (sum(weights) == 0)
    assert page is None or page[1] > 0
