"""What becomes of a click, over the whole way from the request to its row."""

import asyncio
import re
from collections import Counter
from ipaddress import ip_network

import pytest

from network import clock
from partners import caps, link_keys, link_signature
from partners.models import CapWindow, Link
from tests import factories
from tests.tracking.trackers import tell
from tracking.clicks import ids
from tracking.models import Click

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)
GERMAN, FRENCH = "2.160.0.1", "90.0.0.1"


def visit(fresh_db, path="/c/abc123", *, peer="192.0.2.1", **headers):
    return tell(fresh_db.url, lambda visitor: visitor.get(path, peer=peer, **headers))


def visits(fresh_db, *paths, **headers):
    """One after the other, by ids too: those of one millisecond are in no order."""

    async def story(visitor):
        answers = []
        for path in paths:
            answers.append(await visitor.get(path, **headers))
            await asyncio.sleep(0.002)
        return answers

    return tell(fresh_db.url, story)


def make_link(**offer):
    return factories.make_link(factories.make_offer(**offer), code="abc123")


def test_a_click_tells_where_it_came_from_and_with_what(fresh_db):
    make_link()
    visit(
        fresh_db, peer=GERMAN, user_agent=CHROME, sec_fetch_mode="no-cors", sec_fetch_dest="image"
    )
    click = Click.objects.get()
    assert (click.country, click.device, click.os, click.browser) == (
        "DE",
        "desktop",
        "Windows",
        "Chrome",
    )
    assert click.marks == ["embedded"]


def test_a_bot_and_a_prefetch_are_marked_and_redirected(fresh_db):
    make_link()
    visit(
        fresh_db, user_agent="Googlebot/2.1 (+http://www.google.com/bot.html)", purpose="prefetch"
    )
    click = Click.objects.get()
    assert (click.reason, click.marks) == ("ok", ["bot", "prefetch"])


def test_targeting_names_the_reason_and_the_visitor_goes_to_the_fallback(fresh_db):
    make_link(
        targeting={"fact": "country", "in": ["DE"]}, fallback_url="https://out.example/?c={country}"
    )
    answer = visit(fresh_db, peer=FRENCH)
    assert answer.headers["location"] == "https://out.example/?c=FR"
    assert Click.objects.get().reason == "geo_country"
    assert visit(fresh_db, peer=GERMAN).headers["location"].startswith("https://shop.example/")


def test_rules_that_cannot_be_read_let_nobody_in(fresh_db):
    make_link(targeting={"fact": "shoe_size", "in": ["42"]})
    assert visit(fresh_db).status == 404
    assert Click.objects.get().reason == "targeting_broken"


def test_without_a_fallback_of_its_own_an_offer_has_the_networks(fresh_db, settings):
    settings.NETWORK_FALLBACK_URL = "https://network.example/"
    make_link(status="paused")
    answers = visits(fresh_db, "/c/abc123", "/c/nosuchlink")
    assert answers[0].headers["location"] == "https://network.example/"
    assert answers[1].status == 404


def test_a_deep_link_goes_to_a_listed_host_and_nowhere_else(fresh_db):
    make_link(deep_link_hosts=["shop.example"], fallback_url="https://out.example/")
    good, bad = visits(
        fresh_db,
        "/c/abc123?url=https%3A%2F%2Fshop.example%2Fshoes%3Fsize%3D42",
        "/c/abc123?url=https%3A%2F%2Fevil.example%2F",
    )
    assert good.headers["location"].startswith("https://shop.example/shoes?size=42&click_id=")
    assert bad.headers["location"] == "https://out.example/"
    assert Counter(Click.objects.values_list("reason", flat=True)) == {"ok": 1, "bad_deeplink": 1}


def test_landing_pages_share_the_visitors_and_a_link_may_ask_for_one(fresh_db):
    link = make_link(utm={"utm_source": "net", "utm_content": "{affiliate}"})
    pages = [
        factories.make_landing(link.offer, url=f"https://shop.example/{n}", weight=weight)
        for n, weight in (("a", 70), ("b", 30), ("c", 0))
    ]
    told = visits(fresh_db, *["/c/abc123"] * 200, f"/c/abc123?landing={pages[2].pk}")
    shares = Counter(re.search(r"example/(\w)", each.headers["location"])[1] for each in told[:200])
    assert 110 < shares["a"] < 170
    assert shares["c"] == 0
    assert told[200].headers["location"].startswith("https://shop.example/c?utm_source=net&")
    assert Click.objects.filter(landing_id=pages[2].pk).count() == 1


@pytest.mark.parametrize(
    ("mode", "reason", "marks"),
    [
        ("off", "ok", None),
        ("report_only", "ok", ["signature_missing"]),
        ("enforced", "signature_missing", None),
    ],
)
def test_unsigned_links_are_ignored_marked_or_refused(fresh_db, mode, reason, marks):
    make_link(link_signing=mode)
    visit(fresh_db, user_agent=CHROME)
    click = Click.objects.get()
    assert (click.reason, click.marks) == (reason, marks)


def test_a_signed_link_passes_until_it_expires(fresh_db, clock):
    link = make_link(link_signing="enforced")
    key, secret = link_keys.add(affiliate=link.affiliate)
    signed = _signed(link, key.key_id, secret)
    assert visit(fresh_db, signed).status == 302
    assert visit(fresh_db, signed.replace("sub1=a", "sub1=b")).status == 404
    clock.forward(hours=2)
    assert visit(fresh_db, signed).status == 404
    reasons = list(Click.objects.order_by("id").values_list("reason", flat=True))
    assert reasons == ["ok", "signature_invalid", "link_expired"]


def test_who_refuses_consent_gets_no_click_id_and_leaves_no_trace(fresh_db):
    make_link()
    refused, agreed = visits(fresh_db, "/c/abc123?cons=0", "/c/abc123?cons=1", user_agent=CHROME)
    assert refused.headers["location"] == "https://shop.example/landing"
    assert "click_id=" in agreed.headers["location"]
    first, second = Click.objects.order_by("id")
    assert (first.ip, first.visitor, first.marks) == ("192.0.2.0", None, ["consent_refused"])
    assert (second.ip, second.marks) == ("192.0.2.1", None)
    assert second.visitor is not None


def test_the_same_visitor_has_one_key_a_day_and_offer(fresh_db):
    make_link()
    factories.make_link(code="other1")
    visits(fresh_db, "/c/abc123", "/c/abc123", "/c/other1", user_agent=CHROME)
    visit(fresh_db, user_agent="Firefox")
    keys = list(Click.objects.order_by("id").values_list("visitor", flat=True))
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


# --- smart links


def test_a_smart_link_skips_offers_that_do_not_want_the_visitor(fresh_db):
    paused = factories.make_offer(status="paused")
    german = factories.make_offer(targeting={"fact": "country", "in": ["DE"]})
    anybody = factories.make_offer(landing_url="https://last.example/")
    smart = factories.make_smart_link(paused, german, anybody, strategy="priority")
    visit(fresh_db, f"/c/{smart.code}", peer=GERMAN)
    assert (
        visit(fresh_db, f"/c/{smart.code}", peer=FRENCH)
        .headers["location"]
        .startswith("https://last.example/?click_id=")
    )
    clicks = list(Click.objects.order_by("id"))
    assert [click.offer_id for click in clicks] == [german.pk, anybody.pk]
    assert {(click.smart_link_id, click.affiliate_id) for click in clicks} == {
        (smart.pk, smart.affiliate_id)
    }


def test_a_smart_links_click_bears_the_mark_of_the_offer_that_was_chosen_alone(fresh_db):
    watched = factories.make_offer(
        link_signing="report_only", targeting={"fact": "country", "in": ["DE"]}
    )
    smart = factories.make_smart_link(watched, factories.make_offer(), strategy="priority")
    visit(fresh_db, f"/c/{smart.code}", peer=GERMAN, user_agent=CHROME)
    visit(fresh_db, f"/c/{smart.code}", peer=FRENCH, user_agent=CHROME)
    marks = list(Click.objects.order_by("id").values_list("marks", flat=True))
    assert marks == [["signature_missing"], None]


def test_a_smart_link_that_nothing_is_left_for_says_so(fresh_db):
    smart = factories.make_smart_link(factories.make_offer(status="paused"))
    assert visit(fresh_db, f"/c/{smart.code}").status == 404
    click = Click.objects.get()
    assert (click.reason, click.affiliate_id) == ("smart_no_offer", smart.affiliate_id)


# --- links of other platforms


@pytest.mark.parametrize(
    ("dialect", "path"),
    [
        ("tune", "/aff_c?offer_id=77&aff_id=88&aff_sub=a&aff_sub2=b&aff_click_id=x&source=s"),
        ("affise", "/click?pid=88&offer_id=77&sub1=a&sub2=b"),
        ("trackier", "/click?campaign_id=77&pub_id=88&p1=x&p2=b&source=s"),
        ("scaleo", "/click?o=77&a=88&aff_click_id=x&sub_id1=a&sub_id2=b"),
        ("cake", "/?a=88&c=77&s1=a&s2=b"),
    ],
)
def test_a_link_of_another_platform_goes_to_the_offer_that_moved(fresh_db, dialect, path):
    offer = factories.make_offer(landing_url="https://moved.example/?s={sub2}")
    affiliate = factories.make_affiliate()
    factories.make_external_id(offer, "77", dialect)
    factories.make_external_id(affiliate, "88", dialect)
    answer = visit(fresh_db, path)
    click = Click.objects.get()
    assert answer.headers["location"] == f"https://moved.example/?s=b&click_id={ids.mint(click.id)}"
    assert (click.offer_id, click.affiliate_id, click.reason) == (offer.pk, affiliate.pk, "ok")
    assert (click.subs[1], click.link_code) == ("b", f"{dialect}:77:88")


def test_ids_that_nobody_mapped_are_never_taken_for_ours(fresh_db):
    link = make_link()
    factories.make_external_id(link.offer, "77")
    paths = [
        f"/aff_c?offer_id={link.offer_id}&aff_id={link.affiliate_id}",
        f"/aff_c?offer_id=77&aff_id={link.affiliate_id}",
    ]
    assert [answer.status for answer in visits(fresh_db, *paths)] == [404, 404]
    reasons = list(Click.objects.order_by("id").values_list("reason", flat=True))
    assert reasons == ["offer_unknown", "affiliate_unknown"]


# --- caps


def test_a_cap_lets_exactly_its_number_in_and_names_itself_to_the_rest(fresh_db):
    link = make_link(fallback_url="https://full.example/")
    cap = factories.make_cap(link.offer, limit=30)

    async def story(visitor):
        return await asyncio.gather(*(visitor.get("/c/abc123") for _ in range(100)))

    told = Counter(each.headers["location"].partition("?")[0] for each in tell(fresh_db.url, story))
    assert told == {"https://shop.example/landing": 30, "https://full.example/": 70}
    assert Counter(Click.objects.values_list("reason", flat=True)) == {"ok": 30, "cap_offer": 70}
    assert CapWindow.objects.get(cap=cap).used == 30


def test_a_click_takes_a_place_in_each_of_its_caps_or_in_none(fresh_db):
    link = make_link()
    wide = factories.make_cap(link.offer, limit=50)
    narrow = factories.make_cap(link.offer, limit=2, scope="source")
    paths = [f"/c/abc123?source={source}" for source in "aaabbbc"]
    visits(fresh_db, *paths)
    assert Counter(Click.objects.values_list("reason", flat=True)) == {"ok": 5, "cap_source": 2}
    assert CapWindow.objects.get(cap=wide).used == 5
    counted = dict(CapWindow.objects.filter(cap=narrow).values_list("key", "used"))
    assert counted == {"a": 2, "b": 2, "c": 1}


def test_a_raised_cap_lets_the_next_visitor_in(fresh_db):
    link = make_link()
    cap = factories.make_cap(link.offer, limit=1)
    assert [each.status for each in visits(fresh_db, *["/c/abc123"] * 2)] == [302, 404]
    caps.change(cap, {"limit_count": 2})
    assert [each.status for each in visits(fresh_db, *["/c/abc123"] * 2)] == [302, 404]


def test_without_a_counter_in_reach_nobody_gets_into_a_cap(fresh_db, tmp_path):
    link = make_link(fallback_url="https://full.example/")
    factories.make_cap(link.offer, limit=1_000)
    factories.make_link(code="free01")

    async def story(visitor):
        recorder = visitor.tracker.recorder
        await recorder._drop(recorder._connection)
        return [await visitor.get(path) for path in ("/c/abc123", "/c/free01")]

    capped, free = tell(fresh_db.url, story, spool_dir=tmp_path / "spool")
    assert capped.headers["location"] == "https://full.example/"
    assert free.headers["location"].startswith("https://shop.example/landing")


# --- figures


def test_the_figures_count_clicks_by_outcome(fresh_db):
    make_link()

    async def story(visitor):
        before = _counted(await visitor.get("/metrics", peer="127.0.0.1"))
        await visitor.get("/c/abc123")
        await visitor.get("/c/nosuchlink")
        return before, _counted(await visitor.get("/metrics", peer="127.0.0.1"))

    before, after = tell(fresh_db.url, story)
    assert after["ok"] - before["ok"] == after["link_unknown"] - before["link_unknown"] == 1


def test_a_click_is_counted_once_while_postgresql_is_away(fresh_db):
    link = make_link()
    factories.make_cap(link.offer, limit=1_000)
    factories.make_link(code="free01")

    async def story(visitor):
        recorder = visitor.tracker.recorder
        before = _counted(await visitor.get("/metrics", peer="127.0.0.1"))
        await recorder._drop(recorder._connection)
        await asyncio.gather(*(visitor.get(path) for path in ("/c/abc123", "/c/free01")))
        return before, _counted(await visitor.get("/metrics", peer="127.0.0.1"))

    before, after = tell(fresh_db.url, story)
    assert after - before == {"ok": 1, "cap_unavailable": 1}


def test_strangers_do_not_see_the_figures(fresh_db):
    assert visit(fresh_db, "/metrics", peer="192.0.2.1").status == 404


def test_strangers_do_not_see_the_figures_through_a_proxy(fresh_db, settings):
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1/32")]

    async def story(visitor):
        return [
            (await visitor.get("/metrics", peer="127.0.0.1", **headers)).status
            for headers in ({}, {"x_forwarded_for": "192.0.2.1"})
        ]

    assert tell(fresh_db.url, story) == [200, 404]


def _counted(answer):
    found = re.findall(r'peraction_clicks_total\{outcome="(\w+)"\} ([\d.]+)', answer.body.decode())
    return Counter({outcome: int(float(number)) for outcome, number in found})


def _signed(link: Link, key_id: str, secret: str) -> str:
    path = f"/c/{link.code}"
    expires = int(clock.now().timestamp()) + 3600
    query = f"sub1=a&expires={expires}&key={key_id}".encode()
    return f"{path}?{query.decode()}&sig={link_signature.sign(secret.encode(), path, query)}"
