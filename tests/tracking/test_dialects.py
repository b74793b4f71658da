"""Links of other platforms, read as their own pages write them."""

import timeit
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.models import ExternalId
from partners.vocabulary import TEXT_MAX
from tests import factories
from tests.tracking.trackers import tell
from tracking.clicks.dialects import Foreign, read
from tracking.clicks.query import NUL
from tracking.models import Click

# A link as it is out there, and: whose it is, offer, affiliate, landing, what comes along.
LINKS = [
    ("/aff_c?offer_id=1001&aff_id=2002", "tune", "1001", "2002", "", {}),
    (
        "/aff_c?offer_id=7&aff_id=877&url_id=112&source=news&aff_sub=a&aff_sub2=b&aff_sub5=e",
        "tune", "7", "877", "112", {"source": "news", "sub1": "a", "sub2": "b", "sub5": "e"},
    ),
    (
        "/aff_c?offer_id=1001&aff_id=2002&aff_click_id=S-1&aff_unique1=u1&aff_unique5=u5",
        "tune", "1001", "2002", "", {"aff_click_id": "S-1", "sub6": "u1", "sub10": "u5"},
    ),
    (
        "/aff_c?offer_id=45&aff_id=1075&url=https%3A%2F%2Fshop.example%2Fa%3Fb%3D1",
        "tune", "45", "1075", "", {"deep_link": "https://shop.example/a?b=1"},
    ),
    ("/click?pid=5159&offer_id=131954", "affise", "131954", "5159", "", {}),
    (
        "/click?pid=5159&offer_id=131954&sub1=m&sub8=n&sub30=z&ref_id=1",
        "affise", "131954", "5159", "", {"sub1": "m", "sub8": "n", "sub30": "z"},
    ),
    (
        "/click?pid=5159&offer_id=131954&redirect=https://shop.example/skirts",
        "affise", "131954", "5159", "", {"deep_link": "https://shop.example/skirts"},
    ),
    (
        "/click?campaign_id=5509&pub_id=2&p1=CLICK&source=SUBPUB&gaid=G&idfa=I&app_name=A&",
        "trackier", "5509", "2", "", {"aff_click_id": "CLICK", "source": "SUBPUB"},
    ),
    (
        "/click?campaign_id=5509&pub_id=2&p2=b&p15=o&sub_source=x&url_id=3&url=https://s.example/",
        "trackier", "5509", "2", "3",
        {"sub2": "b", "sub15": "o", "sub_source": "x", "deep_link": "https://s.example/"},
    ),
    (
        "/click?o=16&a=1&aff_click_id=a3p22snfbg53shfgtekt3s",
        "scaleo", "16", "1", "", {"aff_click_id": "a3p22snfbg53shfgtekt3s"},
    ),
    (
        "/click?o=16&a=1&sub_id1=Google&sub_id2=Ads&aff_param1=p&aff_param5=q&link_id=39&c=314",
        "scaleo", "16", "1", "39",
        {"sub1": "Google", "sub2": "Ads", "sub6": "p", "sub10": "q"},
    ),
    (
        "/click?o=16&a=1&deep_link=https://brand.example/catalog/item/123",
        "scaleo", "16", "1", "", {"deep_link": "https://brand.example/catalog/item/123"},
    ),
    (
        "/?a=1&c=7&p=r&s1=sub&s5=five",
        "cake", "7", "1", "7", {"sub1": "sub", "sub5": "five"},
    ),
]  # fmt: skip


def read_link(link):
    path, _, query = link.partition("?")
    return read(path, query.encode())


@pytest.mark.parametrize(("link", "dialect", "offer", "affiliate", "landing", "params"), LINKS)
def test_a_documented_link_is_read_as_its_platform_reads_it(
    link, dialect, offer, affiliate, landing, params
):
    assert read_link(link) == Foreign(dialect, offer, affiliate, landing, params)


def test_a_documented_link_goes_to_its_offer_and_page_with_all_that_it_carries(fresh_db):
    ours = {}
    for _, dialect, offer, affiliate, landing, _ in LINKS:
        if (dialect, offer) not in ours:
            ours[dialect, offer] = factories.make_offer(deep_link_hosts=["*.example"])
            factories.make_external_id(ours[dialect, offer], offer, dialect)
        if (dialect, "of", affiliate) not in ours:
            ours[dialect, "of", affiliate] = factories.make_affiliate()
            factories.make_external_id(ours[dialect, "of", affiliate], affiliate, dialect)
        if landing:
            page = factories.make_landing(ours[dialect, offer])
            ours[dialect, offer, landing] = page
            factories.make_external_id(page, landing, dialect)

    async def story(visitor):
        return [(await visitor.get(link)).headers["location"] for link, *_ in LINKS]

    for link, where in zip(LINKS, tell(fresh_db.url, story), strict=True):
        _, dialect, offer, affiliate, landing, params = link
        click = Click.objects.get(destination=where)
        assert click.reason == "ok"
        assert click.offer_id == ours[dialect, offer].pk
        assert click.affiliate_id == ours[dialect, "of", affiliate].pk
        deep = params.get("deep_link")
        if landing and not deep:
            assert click.landing_id == ours[dialect, offer, landing].pk
        assert deep is None or where.startswith(deep)
        told = {"source": click.source, "sub_source": click.sub_source}
        told |= {f"sub{place}": sub for place, sub in enumerate(click.subs or [], 1)}
        told |= {"aff_click_id": click.aff_click_id, "deep_link": deep}
        assert {name: value for name, value in told.items() if value} == params


def test_every_platform_whose_ids_can_be_moved_has_a_link():
    assert {dialect for _, dialect, *_ in LINKS} == set(ExternalId.Dialect.values)


@pytest.mark.parametrize(
    "link",
    [
        "/",
        "/click",
        "/aff_c?offer_id=1",
        "/aff_c?aff_id=1",
        "/aff_c?offer_id=&aff_id=1",
        "/aff_c?offer_id=%00&aff_id=1",
        "/aff_c?xoffer_id=1&aff_id=1",
        "/aff_c?pid=1&offer_id=1",
        "/aff_c?OFFER_ID=1&AFF_ID=1",
        "/aff_c?sub1=offer_id=1&x=aff_id=1",
        "/click?pid=1&campaign_id=1",
        "/click?o=1&pub_id=1",
        "/click?a=1&c=1",
        "/?o=1&a=1",
        "/aff_c/?offer_id=1&aff_id=1",
        "/AFF_C?offer_id=1&aff_id=1",
        "/c/abc?offer_id=1&aff_id=1",
    ],
)
def test_without_the_pair_of_ids_of_its_path_it_is_nobodys_link(link):
    assert read_link(link) is None


def test_the_pair_chooses_and_not_the_name_alone():
    assert read_link("/click?o=16&a=1&offer_id=9&pub_id=3").dialect == "scaleo"
    assert read_link("/click?campaign_id=1&pub_id=2&pid=3").dialect == "trackier"
    both = read_link("/click?campaign_id=1&pub_id=2&o=5&a=6&offer_id=3&pid=4")
    assert both == Foreign("affise", "3", "4", "", {})


def test_no_parameter_of_theirs_is_taken_for_an_id_of_ours():
    for link, *_ in LINKS:
        extra = f"{link}&landing=1&landing_id=2&offer=3&affiliate=4&link=5&key=6&sig=7"
        assert read_link(extra) == read_link(link)


def test_a_consent_that_somebody_adds_is_kept():
    for link, *_, params in LINKS:
        added = read_link(f"{link}&cons=0&gdpr=1&gdpr_consent=CPX").params
        assert added == params | {"cons": "0", "gdpr": "1", "gdpr_consent": "CPX"}


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"a%20b+c", "a b c"),
        (b"%00x%00", "x"),
        (b"%ff\xfe", "\ufffd\ufffd"),
        (b"first&aff_sub=second", "first"),
        (b"&aff_sub=second", "second"),
        ("ключ".encode(), "ключ"),
        (b"x" * 2000, "x" * TEXT_MAX),
        (b"{aff_sub}", "{aff_sub}"),
        (b"a=b", "a=b"),
    ],
)
def test_hostile_values_are_made_storable(raw, value):
    found = read("/aff_c", b"offer_id=1&aff_id=2&aff_sub=" + raw)
    assert found == Foreign("tune", "1", "2", "", {"sub1": value})


def test_an_address_that_is_too_long_stays_too_long():
    link = "/click?pid=1&offer_id=2&redirect=https://shop.example/" + "x" * 9_000
    assert len(read_link(link).params["deep_link"]) == 2_001


def test_of_an_id_that_comes_twice_the_first_counts():
    found = read_link("/aff_c?offer_id=1&aff_id=2&offer_id=3&aff_id=4")
    assert (found.offer, found.affiliate) == ("1", "2")


@given(
    st.sampled_from(["/", "/aff_c", "/click"]),
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "offer_id",
                    "aff_id",
                    "pid",
                    "campaign_id",
                    "pub_id",
                    "o",
                    "a",
                    "c",
                    "p1",
                    "s1",
                    "aff_sub",
                    "url_id",
                    "sub1",
                    "url",
                ]
            ),
            st.text(max_size=30) | st.just("%ff%00\x01") | st.just("x" * 3_000),
        ),
        max_size=12,
    ),
)
def test_whatever_comes_what_is_read_can_be_stored(path, pairs):
    raw = "&".join(f"{name}={value}" for name, value in pairs)
    found = read(path, raw.encode("utf-8", "surrogatepass"))
    if found is None:
        return
    assert found.offer
    assert found.affiliate
    for value in (found.offer, found.affiliate, found.landing, *found.params.values()):
        assert len(value) <= 2_001
        assert NUL not in value
    assert "offer" not in found.params
    assert "landing" not in found.params


def test_ten_sub_ids_are_read_sooner_than_the_library_takes_the_query_apart():
    subs = "&".join(f"sub{number}=value{number}" for number in range(1, 11))
    raw = f"pid=5159&offer_id=131954&{subs}".encode()

    def best_s(function):
        return min(timeit.repeat(function, number=500, repeat=9))

    assert best_s(lambda: read("/click", raw)) < best_s(lambda: parse_qsl(raw.decode()))
